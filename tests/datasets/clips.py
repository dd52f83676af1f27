"""Records and loaded clips for tests of transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (48, 64)
SCALES = (None, 'centre', 'corner')
LISTS = ('img_paths', 'visible_segmentations', 'amodal_segmentations', 'evaluable_segmentations')
# (x, y, radius) of a ball in four frames.
MOVING = ((10, 10, 7), (25, 20, 9), (40, 24, 12), (60, 40, 8))


def track(length: int, counted: list[int] | None = None) -> dict[str, Any]:
    """A record whose every entry tells its frame; frame t is number 100 + t of its video."""
    flags = np.ones(length, bool)
    if counted is not None:
        flags = np.isin(np.arange(length), counted)
    return {
        **{key: [f'{key} {t}' for t in range(length)] for key in LISTS},
        'frame_valid': np.ones(length, bool),
        'frame_counted': flags,
        'frame_indices': 100 + np.arange(length),
        'height': SIZE[0],
        'width': SIZE[1],
        'image_id': 'v',
        'annotation_id': 4,
        'category_id': 1,
        'category': 'fish',
        'sample_id': 'v_4',
        'ann_file': 'list.txt',
        'occlusion_rate': float('nan'),
    }


def frames_of(results: dict) -> list[int]:
    """The frames that a clip is made of, after a look that all keys agree on them."""
    frames = (results['frame_indices'] - 100).tolist()
    for key in LISTS:
        assert results[key] == [f'{key} {t}' for t in frames]
    return frames


def ball(x: int, y: int, radius: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    if radius:
        cv2.circle(mask, (x, y), radius, 1, -1)
    return mask


def clip(*balls: tuple[int, int, int], hidden: tuple[int, ...] = ()) -> dict[str, Any]:
    """A loaded clip of a ball, in some frames fully hidden, before a coloured noise."""
    amodal = np.stack([ball(*each) for each in balls])
    visible = amodal.copy()
    visible[list(hidden)] = 0
    rng = np.random.default_rng(0)
    results = track(len(balls))
    for key in LISTS[1:]:
        del results[key]
    return results | {
        'occlusion_rate': 0.5,
        'visible_mask': visible,
        'gt_visible_mask': visible.copy(),
        'gt_amodal_mask': amodal,
        'img': rng.integers(1, 255, (len(balls), *SIZE, 3), dtype=np.uint8),
    }


def id_map(frame: int) -> np.ndarray:
    """Object 1 walks to the right, object 300 stands still before it."""
    ids = np.zeros(SIZE, np.uint16)
    ids[10:20, 5 * frame : 5 * frame + 10] = 1
    ids[12:30, 14:20] = 300
    return ids


def references(folder: Path, frames: int = 3) -> dict[str, Any]:
    """A record of object 1 on id maps of 16 bits (visible) and of 8 bits (amodal)."""
    results = track(frames)
    for t in range(frames):
        amodal = np.zeros(SIZE, np.uint8)
        amodal[10:20, 5 * t : 5 * t + 10] = 7
        for name, array in {'full': id_map(t), 'amodal': amodal, 'picture': amodal}.items():
            cv2.imwrite(str(folder / f'{name}_{t}.png'), array)
    full, own, picture = (
        [str(folder / f'{name}_{t}.png') for t in range(frames)]
        for name in ('full', 'amodal', 'picture')
    )
    return results | {
        'img_paths': picture,
        'visible_segmentations': [{'file': path, 'values': (1,)} for path in full],
        'amodal_segmentations': [{'file': path, 'values': (7,)} for path in own],
        'evaluable_segmentations': [{'file': path, 'values': (0, 1)} for path in full],
    }
