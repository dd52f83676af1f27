"""Hashes, the same on every machine and in every process: seeds of several numbers, files."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK_BYTES = 1 << 20


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


def hash_file(path: Path) -> str:
    """Hashes a file: the SHA-256 of a file's bytes, as hexadecimal digits.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
