"""Seeds made of several numbers, the same on every machine and in every process."""

from __future__ import annotations

import hashlib


def hash_numbers(*numbers: int, bits: int = 32) -> int:
    """Mixes integers into one unsigned number that looks random.

    Args:
        numbers: Any integers that fit into 64 bits; their order counts.
        bits: Size of the result, a multiple of 8 up to 64.

    Returns:
        An integer in ``[0, 2 ** bits)``.
    """
    data = b''.join(int(number).to_bytes(9, 'little', signed=True) for number in numbers)
    return int.from_bytes(hashlib.blake2b(data, digest_size=bits // 8).digest(), 'little')
