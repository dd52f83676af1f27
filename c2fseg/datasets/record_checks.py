"""What is looked at over all records of a data set: their files, and how much of them is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .image_io import find_broken_images

SEGMENTATION_KEYS = ('visible_segmentations', 'amodal_segmentations', 'evaluable_segmentations')
# Edges and names of the shares in which an object may be hidden.
SHARE_EDGES = (0.05, 0.3, 0.6, 0.95)
SHARE_NAMES = ('< 5 %', '5-30 %', '30-60 %', '60-95 %', '> 95 %')


def record_files(record: dict[str, Any]) -> list[str]:
    """List every picture that a record needs.

    Args:
        record: With ``img_paths`` and coded masks, some of which may lie in files.

    Returns:
        Paths of frames, then of masks, each once.
    """
    coded = [mask for key in SEGMENTATION_KEYS for mask in record.get(key, ())]
    masks = [mask['file'] for mask in coded if isinstance(mask, dict) and 'file' in mask]
    return list(dict.fromkeys([*record['img_paths'], *masks]))


def find_broken_records(
    records: Iterable[dict[str, Any]], exif: str
) -> tuple[np.ndarray, dict[str, str], int]:
    """Read every picture that records need.

    Args:
        records: Records with all their keys.
        exif: As in :func:`c2fseg.datasets.image_io.read_rgb`.

    Returns:
        Which records are whole, bool; for each file that cannot be used, why; number of files.
    """
    sizes: dict[str, tuple[int, int]] = {}
    files = []
    for record in records:
        files.append(record_files(record))
        sizes |= dict.fromkeys(files[-1], (record['height'], record['width']))
    broken = find_broken_images(sizes, exif)
    whole = np.array([not any(path in broken for path in paths) for paths in files], bool)
    return whole, broken, len(sizes)


def describe_occlusion(rates: Sequence[float]) -> str:
    """Say in one line how many objects are hidden how far.

    Args:
        rates: Occlusion rate of each object.

    Returns:
        '< 5 % 40.0%, 5-30 % 20.0%, ...'.
    """
    counts = np.bincount(np.digitize(rates, SHARE_EDGES), minlength=len(SHARE_NAMES))
    shares = zip(SHARE_NAMES, counts)
    return ', '.join(f'{name} {count / len(rates):.1%}' for name, count in shares)
