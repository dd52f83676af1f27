"""AmodalCalibration: how far the probabilities of hidden pixels can be believed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from c2fseg.evaluation.functional.calibration import (
    Calibration,
    add_calibrations,
    calibration_error,
    count_calibration,
    reliability,
)
from c2fseg.evaluation.metrics.hypothesis_fields import hypothesis_field, mean_crops
from c2fseg.evaluation.metrics.object_metric import ObjectMetric
from c2fseg.evaluation.metrics.prediction_file import check_prediction_path
from c2fseg.evaluation.metrics.sample_fields import (
    field_values,
    mask_field,
    sample_name,
    truth_and_predictions,
    valid_frames,
)
from c2fseg.registry import METRICS
from c2fseg.structures import paste_masks
from c2fseg.utils.atomic_backend import write_whole


@dataclass
class CalibrationResult:
    """The sums of one object, by where its probability comes from."""

    sample_id: str
    scores: dict[str, Calibration]
    entries: list[dict] = field(default_factory=list)


@METRICS.register_module()
class AmodalCalibration(ObjectMetric[CalibrationResult]):
    """Predicted probability against frequency, over the pixels that may be hidden.

    Counted are the pixels at image size inside the crop window and outside the visible mask that
    the model was given, of all objects pooled. Returned for ``single`` (the model's one answer)
    and, where samples carry several, ``hypotheses`` (their mean, weighted by confidence):
    ``'calibration/<name>/ece'``, ``.../ece_contested`` (without the first and the last bin) and
    ``.../brier``, in [0, 1].

    Required in each data sample: metainfo ``sample_id``, ``crop_boxes``; ``gt_masks`` (visible,
    amodal), ``pred_masks`` (amodal), ``pred_crop_masks`` (amodal); ``input_masks`` (visible) when
    the visible masks are predicted. Optional: ``pred_hypotheses``, ``frame_valid``.

    Args:
        bins: Bins of probability.
        visible_source: ``'gt'``, or ``'pred:<detector>'`` when the visible masks are predicted.
        out_file: JSON file for the curves, which ``plot_calibration.py`` draws.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the returned keys.

    Raises:
        ValueError: Malformed source or file name, fewer than two bins; while scoring: a missing
            field, with the sample named.
    """

    def __init__(
        self,
        bins: int = 10,
        visible_source: str = 'gt',
        out_file: str | os.PathLike | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(visible_source, None, collect_device, prefix)
        if bins < 2:
            raise ValueError(f'AmodalCalibration: at least two bins expected, got {bins}')
        self.bins = bins
        self.curve_file = None if out_file is None else check_prediction_path(out_file)

    def score_sample(self, sample: Mapping[str, Any]) -> CalibrationResult:
        """Counts the pixels of one object."""
        name = sample_name(sample)
        masks = truth_and_predictions(sample, self.visible_source, 'AmodalCalibration')
        given = masks['visible']
        if self.visible_source != 'gt':
            given = mask_field(sample, 'input_masks', 'visible', name)
        crops = {'single': torch.as_tensor(field_values(sample, 'pred_crop_masks', 'amodal', name))}
        several = hypothesis_field(sample)
        if several is not None:
            crops['hypotheses'] = mean_crops(several)
        frames = valid_frames(sample, len(given)).tolist()
        scores = {
            key: add_calibrations(
                [
                    self._count(crop[t], sample['crop_boxes'][t], masks['amodal'][t], given[t])
                    for t in frames
                ]
            )
            for key, crop in crops.items()
        }
        return CalibrationResult(name, scores)

    def summarise(self, results: list[CalibrationResult]) -> dict[str, float]:
        """Adds the objects up, logs the errors and writes the curves."""
        if not results:
            raise ValueError('No object to calibrate on: check the data set.')
        values, curves = {}, {}
        for key in results[0].scores:
            sums = add_calibrations([result.scores[key] for result in results])
            numbers = {
                'ece': calibration_error(sums),
                'ece_contested': calibration_error(sums, contested=True),
                'brier': sums.squared / max(int(sums.count.sum()), 1),
            }
            values.update({f'calibration/{key}/{name}': value for name, value in numbers.items()})
            # JSON has no NaN: a number over nothing is null.
            known = {name: None if value != value else value for name, value in numbers.items()}
            curves[key] = {'objects': len(results), **known, 'bins': reliability(sums)}
        logger = MMLogger.get_current_instance()
        logger.info('\n' + '\n'.join(f'{key}: {100 * v:.2f} %' for key, v in values.items()))
        if self.curve_file is not None:
            write_curves(self.curve_file, curves)
            logger.info(f'Calibration curves written to {self.curve_file}')
        return values

    def unlike_results(self) -> str:
        """Returns the message for objects whose results cannot be added."""
        return 'Some objects carry pred_hypotheses and some do not; predict all in one way.'

    def _count(
        self, crop: torch.Tensor, box: Any, amodal: NDArray[np.bool_], given: NDArray[np.bool_]
    ) -> Calibration:
        """Sums over one frame; ``crop`` (h, w), masks (H, W)."""
        pasted = paste_masks(crop[None].float().cpu(), np.asarray(box)[None], amodal.shape)[0]
        left, top, right, bottom = (max(0, int(side)) for side in box)
        window = np.zeros(amodal.shape, bool)
        window[top:bottom, left:right] = True
        counted = window & ~given
        return count_calibration(pasted.clamp(0, 1).numpy()[counted], amodal[counted], self.bins)


def write_curves(path: Path, curves: Mapping[str, Any]) -> None:
    """Writes the curves whole or not at all."""
    write_whole(path, (json.dumps(curves, indent=1, allow_nan=False) + '\n').encode())
