"""Hashes, the same on every machine and in every process: of numbers, masks and files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

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


def sample_name(visible: np.ndarray) -> str:
    """A name for an object that depends on its mask alone: the decoding is seeded with it.

    Args:
        visible: (H, W) or (T, H, W) of 0 and 1; a clip of one frame is named as a picture.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.blake2b(np.packbits(visible).tobytes(), digest_size=8)
    shape = visible.shape[1:] if len(visible) == 1 and visible.ndim == 3 else visible.shape
    digest.update(repr(shape).encode())
    return digest.hexdigest()
