"""AmodalPredictions: the prediction file of data without truth, and no score."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from c2fseg.evaluation.metrics.object_metric import ObjectMetric
from c2fseg.evaluation.metrics.sample_fields import (
    frame_numbers,
    mask_field,
    prediction_entry,
    sample_name,
    valid_frames,
)
from c2fseg.registry import METRICS


@dataclass
class WrittenObject:
    """What is kept of an object.

    Attributes:
        sample_id: Unique name of the object.
        scores: Empty: there are none.
        entries: Its entries of the prediction file, one for each valid frame.
    """

    sample_id: str
    scores: dict
    entries: list[dict]


@METRICS.register_module()
class AmodalPredictions(ObjectMetric[WrittenObject]):
    """Writes what the model predicts, where nobody knows the truth.

    The file is that of :class:`AmodalIoU` without what compares with the truth. Data sets that are
    read with ``inference=True`` have samples for it; ``gt_masks`` are not looked at.

    Required in each data sample: metainfo ``sample_id``; ``pred_masks`` (amodal, optionally coarse
    and visible) ``(T, H, W)``; ``pred_crop_masks`` (amodal). Optional metainfo: ``frame_valid``,
    ``frame_indices``, ``image_id``, ``annotation_id``, ``category_id``.

    Args:
        out_file: The JSON file.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the returned key.

    Raises:
        ValueError: ``out_file`` cannot name a JSON file, or a sample lacks a field.
    """

    def __init__(
        self,
        out_file: str | os.PathLike,
        collect_device: str = 'cpu',
        prefix: str | None = 'predictions',
    ) -> None:
        super().__init__('gt', out_file, collect_device, prefix)

    def score_sample(self, sample: Mapping[str, Any]) -> WrittenObject:
        """Encodes the predictions of one object; nothing is scored."""
        name = sample_name(sample)
        masks = {'refined': mask_field(sample, 'pred_masks', 'amodal', name)}
        if 'coarse' in sample['pred_masks']:
            masks['coarse'] = mask_field(sample, 'pred_masks', 'coarse', name)
        frames = len(masks['refined'])
        entries = []
        for t in valid_frames(sample, frames).tolist():
            entry = prediction_entry(sample, masks, t)
            if frames > 1:
                entry['frame'] = frame_numbers(sample, frames)[t]
            entries.append(entry)
        return WrittenObject(name, {}, entries)

    def summarise(self, results: list[WrittenObject]) -> dict[str, float]:
        """Counts the objects.

        Args:
            results: One for each object.

        Returns:
            dict: ``'objects'``, their number.
        """
        return {'objects': float(len(results))}
