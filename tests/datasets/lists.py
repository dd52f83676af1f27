"""Parts of the published lists and pickles, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from c2fseg.structures import decode_mask, encode_mask

H, W = 40, 60


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((H, W), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


def polygon(x0: int, y0: int, x1: int, y1: int) -> list[list[float]]:
    """Rasterised by pycocotools it fills the columns x0 to x1 - 1 and the rows y0 to y1 - 1."""
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def rle(*corners: int) -> dict[str, Any]:
    """As pickles hold it: the counts are bytes."""
    coded = encode_mask(rectangle(*corners))
    return {'size': coded['size'], 'counts': coded['counts'].encode()}


# (predicted, true visible, amodal) of what the pickles hold, x0 y0 x1 y1.
FIRST = ((11, 10, 21, 30), (10, 10, 20, 30), (10, 10, 30, 30))
SECOND = ((30, 5, 38, 15), (30, 5, 40, 15), (30, 5, 40, 15))


def record(corners: tuple, amodal: Callable = polygon, **extra: Any) -> dict[str, Any]:
    predicted, visible, whole = corners
    x0, y0, x1, y1 = predicted
    return {
        'pred_visible_mask': rle(*predicted),
        'pred_visible_mask_bbox': [x0 - 0.4, y0 + 0.3, float(x1 - x0), y1 - y0 + 0.5],
        'gt_visible_mask': rle(*visible),
        'gt_full_mask': amodal(*whole),
        **extra,
    }


def write_picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (W, H)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new('RGB', size, colour).save(path)


def masks_of(found: dict[str, Any], kind: str) -> np.ndarray:
    return decode_mask(found[f'{kind}_segmentations'][0], H, W)
