"""Masks as annotation files hold them (RLE or polygons), and as arrays.

RLE is COCO's: column-major runs, ``size = [H, W]``; ``counts`` is a str (JSON), bytes or a list of
ints (uncompressed). Polygons are flat lists ``[x0, y0, x1, ...]``, merged as a union.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

# Rasterising a polygon takes time and memory by its length: beyond this it is not a drawing.
MAX_COORDINATE = 100_000


def to_rle(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """Bring a coded mask into compressed RLE, after checking it.

    Args:
        segmentation: RLE dict (three kinds of counts), list of polygons, one flat polygon, an
            empty list (an empty mask), or a mask array (H, W). Polygons of odd length or with
            fewer than three points are dropped, unless none is left.
        height: H of the image.
        width: W of the image.

    Returns:
        ``dict(size=[H, W], counts=bytes)``.

    Raises:
        TypeError: When it is none of these kinds.
        ValueError: When an RLE or array is not of the image's size, an RLE does not describe
            exactly H * W pixels, or no polygon is usable.
    """
    if isinstance(segmentation, np.ndarray) and segmentation.ndim == 2:
        _check_size(segmentation.shape, height, width)
        return coco_mask.encode(np.asfortranarray(segmentation != 0).view(np.uint8))
    if isinstance(segmentation, dict):
        return _checked_rle(segmentation, height, width)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str | bytes):
        return _rasterise(segmentation, height, width)
    raise TypeError(
        f'a mask is an RLE dict or a list of polygons, got {type(segmentation).__name__}'
    )


def decode_mask(
    segmentation: Any, height: int, width: int, out: np.ndarray | None = None
) -> np.ndarray:
    """Decode a coded mask.

    Args:
        segmentation: Any kind that :func:`to_rle` reads.
        height: H of the image.
        width: W of the image.
        out: Zeros, uint8 (H, W), to write the mask to; a new array when None.

    Returns:
        uint8 (H, W) of 0 and 1: ``out`` where it is given.

    Raises:
        TypeError, ValueError: As :func:`to_rle`.
    """
    if isinstance(segmentation, dict):
        runs, _ = _checked_runs(segmentation, height, width)
    else:
        runs = _read_runs(to_rle(segmentation, height, width)['counts'])
    mask = np.zeros((height, width), np.uint8) if out is None else out
    _fill(mask, runs)
    return mask


def _fill(mask: np.ndarray, runs: np.ndarray) -> None:
    """Write the runs of ones into zeros (H, W), looking at the columns between them alone."""
    ends = runs.cumsum()
    filled = np.flatnonzero(runs[1::2])
    if filled.size == 0:
        return
    height = mask.shape[0]
    left = int(ends[2 * filled[0]]) // height
    right = -(-int(ends[2 * filled[-1] + 1]) // height)
    ends = (ends - left * height).clip(0, (right - left) * height)
    values = (np.arange(ends.size) & 1).astype(np.uint8)
    columns = np.repeat(values, np.diff(ends, prepend=0)).reshape(right - left, height)
    mask[:, left:right] = cv2.transpose(columns)  # much faster than numpy's


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask as compressed RLE that JSON can hold.

    Args:
        mask: (H, W), every non-zero pixel counts.

    Returns:
        ``dict(size=[H, W], counts=str)``.

    Raises:
        ValueError: When ``mask`` is not two-dimensional.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f'encode_mask expects a mask (H, W), got shape {mask.shape}')
    rle = to_rle(mask, *mask.shape)
    return {'size': [int(side) for side in rle['size']], 'counts': rle['counts'].decode('ascii')}


def mask_area(segmentation: Any, height: int, width: int) -> int:
    """Count the pixels of a coded mask without decoding it.

    Args:
        segmentation: Any kind that :func:`to_rle` reads.
        height: H of the image.
        width: W of the image.

    Returns:
        Number of pixels.

    Raises:
        TypeError, ValueError: As :func:`to_rle`.
    """
    return int(coco_mask.area(to_rle(segmentation, height, width)))


def _check_size(size: Any, height: int, width: int) -> None:
    if list(size) != [height, width]:
        raise ValueError(
            f'mask of size [H, W] = {list(size)} in an image of size [{height}, {width}]'
        )


def _checked_rle(rle: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """Check an RLE's keys, size and number of pixels, and compress it."""
    runs, coded = _checked_runs(rle, height, width)
    if coded is not None:
        return {'size': [height, width], 'counts': coded}
    return coco_mask.frPyObjects({'size': [height, width], 'counts': runs.tolist()}, height, width)


def _checked_runs(rle: dict[str, Any], height: int, width: int) -> tuple[np.ndarray, bytes | None]:
    """Check an RLE: its runs, of zeros and ones in turn, and its bytes where it is compressed."""
    if 'size' not in rle or 'counts' not in rle:
        raise ValueError(f"an RLE needs the keys 'size' and 'counts', got {sorted(rle)}")
    _check_size(rle['size'], height, width)
    counts = rle['counts']
    coded = None
    if isinstance(counts, str | bytes):
        coded = counts.encode('ascii', 'replace') if isinstance(counts, str) else counts
        runs = _read_runs(coded)
    elif isinstance(counts, Sequence):
        runs = np.asarray(counts)
        if runs.size and runs.dtype.kind not in 'iu':
            raise TypeError('an uncompressed RLE counts in whole numbers')
    else:
        raise TypeError(f'RLE counts are str, bytes or a list, got {type(counts).__name__}')
    if (runs < 0).any() or int(runs.sum()) != height * width:
        raise ValueError(
            f'broken RLE: its runs cover {int(runs.sum())} pixels, '
            f'an image of size [{height}, {width}] has {height * width}'
        )
    return runs.astype(np.int64, copy=False), coded


def _read_runs(coded: bytes) -> np.ndarray:
    """Read the runs of a compressed RLE: pycocotools returns unset memory for a short one."""
    code = np.frombuffer(coded, dtype=np.uint8).astype(np.int64) - 48
    if code.size == 0:
        return np.zeros(0, dtype=np.int64)
    more = (code & 0x20) != 0
    if (code < 0).any() or (code > 63).any() or more[-1]:
        raise ValueError(f'broken RLE: {coded[:40]!r} is not a compressed run-length string')
    ends = np.flatnonzero(~more)
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > 7:
        raise ValueError('broken RLE: a run is longer than any image')
    starts = ends - lengths + 1
    position = np.arange(code.size) - np.repeat(starts, lengths)
    runs = np.add.reduceat((code & 0x1F) << (5 * position), starts)
    runs -= np.where(code[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    for start in (1, 2):  # from the fourth run on each is stored as a difference to two before
        runs[start::2] = np.cumsum(runs[start::2])
    return runs


def _rasterise(polygons: Sequence[Any], height: int, width: int) -> dict[str, Any]:
    """Rasterise polygons as pycocotools does and merge them."""
    if len(polygons) == 0:
        return coco_mask.encode(np.zeros((height, width), dtype=np.uint8, order='F'))
    if isinstance(polygons[0], int | float):
        polygons = [polygons]
    if any(not isinstance(p, Sequence) or isinstance(p, str | bytes) for p in polygons):
        kinds = sorted({type(p).__name__ for p in polygons})
        raise TypeError(f'a polygon is a flat list [x0, y0, x1, ...], got a list of {kinds}')
    usable = [list(p) for p in polygons if len(p) >= 6 and len(p) % 2 == 0]
    if not usable:
        raise ValueError(
            f'no usable polygon: each needs three points or more (an even count of 6 numbers or '
            f'more), got lengths {[len(p) for p in polygons]}'
        )
    for polygon in usable:
        try:
            values = np.asarray(polygon)
        except ValueError:
            values = np.empty(0, object)  # lists of different lengths
        if values.ndim != 1 or values.dtype.kind not in 'iuf':  # numpy would read '1' as 1
            raise TypeError(
                f'a polygon is a flat list of numbers [x0, y0, x1, ...], got {polygon[:8]} ...'
            )
        if not (np.isfinite(values).all() and (np.abs(values) < MAX_COORDINATE).all()):
            raise ValueError(f'a polygon has a coordinate that is no place: {polygon[:8]} ...')
    return coco_mask.merge(coco_mask.frPyObjects(usable, height, width))
