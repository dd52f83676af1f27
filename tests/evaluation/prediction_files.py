"""Ground truth and prediction files for the tests of scoring: bars in images of one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import PixelData

from c2fseg.datasets.transforms import LoadAmodalMasks
from c2fseg.evaluation.scoring import Truth
from c2fseg.models.segmentors.trivial_predictor import fill_convex_hull
from c2fseg.structures import AmodalDataSample, encode_mask

HEIGHT, WIDTH = 2, 100
CATEGORIES = {1: 'car', 2: 'dog'}


def bar(start: int, end: int) -> np.ndarray:
    """Pixels [start, end) of the first line."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[0, start:end] = 1
    return mask


def coded(start: int, end: int) -> dict[str, Any]:
    """A bar as RLE."""
    return encode_mask(bar(start, end))


def annotation(number: int, start: int, end: int, seen: int, image: int = 1, category: int = 1):
    """An object [start, end) of which [start, seen) is visible."""
    return {
        'id': number,
        'image_id': image,
        'category_id': category,
        'segmentation': coded(start, end),
        'visible_mask': coded(start, seen),
    }


def entry(start: int, end: int, image: int = 1, **extra: Any) -> dict[str, Any]:
    """A prediction [start, end)."""
    return {'image_id': image, 'segmentation': coded(start, end), **extra}


def write_truth(folder: Path, annotations: list[dict], images: int = 3) -> Path:
    """A custom annotation file of images 1, 2, ..."""
    content = {
        'images': [
            {'id': number, 'file_name': f'{number}.png', 'width': WIDTH, 'height': HEIGHT}
            for number in range(1, images + 1)
        ],
        'categories': [{'id': number, 'name': name} for number, name in CATEGORIES.items()],
        'annotations': annotations,
    }
    path = folder / 'truth.json'
    path.write_text(json.dumps(content))
    return path


def write_predictions(folder: Path, entries: Any, name: str = 'predictions.json') -> Path:
    """A prediction file."""
    path = folder / name
    path.write_text(json.dumps(entries))
    return path


def sample_of(truth: Truth, position: int, given: bool = False) -> dict[str, Any]:
    """An object as a metric of ours receives it, completed by its convex hull.

    Args:
        truth: The ground truth.
        position: Place of the object.
        given: Let a predicted visible mask be the input: V moved by a pixel.
    """
    record = LoadAmodalMasks().transform(truth.record(position))
    visible = record['gt_visible_mask']
    given_visible = np.roll(visible, 1, axis=2) if given else visible
    hull = np.stack([fill_convex_hull(frame) for frame in given_visible])
    keys = ('sample_id', 'image_id', 'annotation_id', 'category_id', 'category', 'ann_file')
    keys += ('frame_valid', 'frame_counted', 'frame_indices')
    sample = AmodalDataSample(metainfo={key: record[key] for key in keys})
    masks = {'visible': visible, 'amodal': record['gt_amodal_mask']}
    if 'evaluable_mask' in record:
        masks['evaluable'] = record['evaluable_mask']
    sample.gt_masks = PixelData(**{k: torch.from_numpy(m > 0) for k, m in masks.items()})
    sample.pred_masks = PixelData(
        visible=torch.from_numpy(visible > 0), amodal=torch.from_numpy(hull > 0)
    )
    certain = 0.6 + 0.001 * position
    sample.pred_crop_masks = PixelData(amodal=torch.where(torch.from_numpy(hull > 0), certain, 0.1))
    if given:
        sample.input_masks = PixelData(visible=torch.from_numpy(given_visible > 0))
    return sample.to_dict()
