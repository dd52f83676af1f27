"""AmodalIoU: how well completed masks agree with the amodal truth, under a named protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from c2fseg.evaluation.functional import (
    ObjectScore,
    RegionCounts,
    get_protocol,
    mean_probability,
    occlusion_rate,
)
from c2fseg.evaluation.metrics.prediction_file import check_prediction_path, write_predictions
from c2fseg.evaluation.metrics.score_table import (
    Column,
    ObjectResult,
    flatten,
    format_table,
    in_range,
    summarise_all,
)
from c2fseg.registry import METRICS
from c2fseg.structures import encode_mask

THRESHOLD = 0.5
STAGES = {'refined': 'amodal', 'coarse': 'coarse'}  # name in tables -> field of pred_masks


@METRICS.register_module()
class AmodalIoU(BaseMetric):
    """Mean full and occluded IoU of amodal masks at image size.

    Every number is reported raw (the prediction P) and post (P united with the visible mask that
    the model was given), for the refined mask and, where the model writes one, the coarse mask;
    over all objects, over those with a hidden share in the range that the buckets span, and by
    bucket. Returned keys read ``'c2f-image/gt/refined/raw/mIoU_full'``: protocol, source of the
    visible masks, stage, form, value in [0, 1]. The table that is logged is in percent.

    Objects are told apart by ``sample_id``: one that a sampler repeats to fill up a batch of
    processes is counted once. A clip of T frames is scored frame by frame and counts as one
    object: the mean of its frames, occluded IoU over its counted frames.

    Required in each data sample: metainfo ``sample_id``; ``gt_masks`` (visible, amodal) and
    ``pred_masks`` (amodal, optionally coarse and visible), ``(T, H, W)``; ``input_masks``
    (visible) when the visible masks are predicted. Optional metainfo: ``frame_valid`` (frames
    that are not padding), ``category``, ``category_id``, ``image_id``, ``annotation_id``.

    Args:
        protocol: Name of the evaluation protocol; see ``docs/protocols.md``.
        visible_source: Where the model's visible masks come from: ``'gt'``, or
            ``'pred:<detector>'`` when they are predicted.
        occlusion_buckets: Ranges [low, high) of the hidden share 1 - |V| / |A|, ascending.
        occlusion_range: Score only objects with a hidden share in this [low, high).
        per_category: Whether to report each category too.
        out_file: Write all predictions to this JSON file. The entry of an object (for T > 1: of
            a frame) holds ``image_id``, ``annotation_id``, ``category_id``, ``segmentation``
            (amodal RLE at image size), ``visible_segmentation`` and ``coarse_segmentation``
            (``None`` where the model writes none), ``score`` (mean probability inside the
            predicted mask at crop size, 0 for an empty mask), ``iou_full``, ``iou_occ`` (refined,
            raw; ``iou_occ`` is ``None`` where the protocol does not count the object),
            ``protocol`` and ``visible_source``.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the protocol in the returned keys.

    Raises:
        ValueError: Unknown protocol, malformed source, buckets or file name; while scoring: a
            missing field, or masks of different sizes, with the sample named.

    Source: C2F-Seg, ICCV 2023, section 4.
    """

    def __init__(
        self,
        protocol: str = 'c2f-image',
        visible_source: str = 'gt',
        occlusion_buckets: Sequence[tuple[float, float]] = ((0.05, 0.3), (0.3, 0.6), (0.6, 0.95)),
        occlusion_range: tuple[float, float] | None = None,
        per_category: bool = False,
        out_file: str | os.PathLike | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        self._score = get_protocol(protocol)
        self.protocol = protocol
        self.visible_source = _check_source(visible_source)
        parts = [prefix] if prefix else []
        super().__init__(collect_device, '/'.join([*parts, protocol, visible_source]))
        self.occlusion_buckets = _check_ranges(occlusion_buckets)
        self.occlusion_range = _check_ranges([occlusion_range])[0] if occlusion_range else None
        self.per_category = per_category
        self.out_file = check_prediction_path(out_file) if out_file is not None else None
        self._expected: int | None = None
        self._ann_file: str | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Scores a batch.

        Args:
            data_batch: Not looked at; the samples hold the truth and the prediction.
            data_samples: ``AmodalDataSample.to_dict()`` of each object.
        """
        for sample in data_samples:
            self._ann_file = sample.get('ann_file', self._ann_file)
            self.results.append(self._score_sample(sample))

    def evaluate(self, size: int) -> dict:
        """Gathers the results of all processes, drops repeated objects and averages.

        Args:
            size: Number of objects in the data set; it must be met exactly.
        """
        self._expected = size
        # Results are cut off at the size that is passed on, and the padding need not be at the
        # end: gather everything, and let the names of the objects decide.
        gathered = torch.tensor([len(self.results)])
        all_reduce(gathered)
        return super().evaluate(int(gathered))

    def compute_metrics(self, results: list[ObjectResult]) -> dict[str, float]:
        """Averages the results of all processes (called on the first one only).

        Args:
            results: What :meth:`process` kept, in any order, with repeated objects.

        Returns:
            dict: ``'<stage>/<form>/mIoU_full'``, ``mIoU_occ`` and the numbers of objects, each
            also with ``_hidden_<range>`` and, by option, ``_category_<name>``.

        Raises:
            ValueError: The distinct objects are not as many as the data set holds, only some of
                them have a coarse mask, or none is left in ``occlusion_range``.
        """
        unique = list({result.sample_id: result for result in reversed(results)}.values())[::-1]
        if self._expected is not None and len(unique) != self._expected:
            raise ValueError(
                f'{len(unique)} objects with distinct sample_id were scored, but the data set has '
                f'{self._expected}. Give every object a sample_id of its own, list none twice '
                'in a data set that is evaluated, and evaluate all of it.'
            )
        if len({frozenset(result.scores) for result in unique}) > 1:
            raise ValueError(
                'Some objects have a coarse mask and some have none, so their means cannot stand '
                'in one table; let the model write pred_masks.coarse for all or for none.'
            )
        if self.out_file is not None:
            write_predictions(self.out_file, [e for result in unique for e in result.entries])
            MMLogger.get_current_instance().info(f'Predictions written to {self.out_file}')
        if self.occlusion_range is not None:
            unique = [r for r in unique if in_range(r.occlusion_rate, self.occlusion_range)]
        if not unique:
            raise ValueError('No object to average: check the data set and occlusion_range.')
        rows = summarise_all(unique, self.occlusion_buckets, self.per_category)
        table = format_table(self._heading(), rows)
        MMLogger.get_current_instance().info('\n' + table)
        return flatten(rows)

    def _heading(self) -> list[str]:
        meta = self.dataset_meta or {}
        split = self._ann_file or meta.get('ann_file') or 'not named by the data set'
        source = 'ground truth' if self.visible_source == 'gt' else 'predicted'
        lines = [
            f'protocol {self.protocol} | IoU in % at image size | split {split}',
            f'visible masks given to the model: {self.visible_source} ({source})',
        ]
        if self.occlusion_range is not None:
            low, high = self.occlusion_range
            lines.append(f'only objects with a hidden share in [{low:g}, {high:g})')
        return lines

    def _score_sample(self, sample: Mapping[str, Any]) -> ObjectResult:
        """Scores the valid frames of one object and encodes its predictions."""
        if 'sample_id' not in sample:
            raise ValueError('A data sample has no sample_id; add it to the packed meta_keys.')
        name = str(sample['sample_id'])
        masks = self._collect_masks(sample, name)
        num_frames = len(masks['amodal'])
        valid = np.asarray(sample.get('frame_valid', np.ones(num_frames, bool)), dtype=bool)
        frames, rates, entries = [], [], []
        for t in np.flatnonzero(valid).tolist():
            regions = RegionCounts(**{key: mask[t] for key, mask in masks.items()})
            frames.append(self._score_frame(regions))
            rates.append(occlusion_rate(regions))
            if self.out_file is not None:
                entries.append(self._entry(sample, masks, t, frames[-1]))
        if not frames:
            raise ValueError(f'Sample {name!r} has no valid frame.')
        scores = {column: _mean_frames([f[column] for f in frames]) for column in frames[0]}
        category = str(sample.get('category', sample.get('category_id', 'unknown')))
        return ObjectResult(name, category, float(np.mean(rates)), scores, entries)

    def _collect_masks(self, sample: Mapping[str, Any], name: str) -> dict[str, NDArray[np.bool_]]:
        """Returns the masks that are scored, ``(T, H, W)`` bool each."""
        has_input = sample.get('input_masks') is not None
        if self.visible_source == 'gt' and has_input:
            raise ValueError(
                f'Sample {name!r} carries input_masks, so the model was not given the true '
                "visible mask; set visible_source='pred:<detector>' in AmodalIoU."
            )
        masks = {
            'amodal': _field(sample, 'gt_masks', 'amodal', name),
            'visible': _field(sample, 'gt_masks', 'visible', name),
            'refined': _field(sample, 'pred_masks', 'amodal', name),
        }
        if 'coarse' in sample['pred_masks']:
            masks['coarse'] = _field(sample, 'pred_masks', 'coarse', name)
        if self.visible_source != 'gt':
            masks['given'] = _field(sample, 'input_masks', 'visible', name)
        shapes = {key: mask.shape for key, mask in masks.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f'Sample {name!r}: the masks must have one shape (T, H, W), got {shapes}.'
            )
        return masks

    def _score_frame(self, regions: RegionCounts) -> dict[Column, ObjectScore]:
        predicted = self.visible_source != 'gt'
        given = regions['given'] if predicted else regions['visible']
        scores = {}
        for stage in STAGES:
            if stage in regions:
                raw = regions[stage]
                scores[stage, 'raw'] = self._score(regions, raw, predicted)
                scores[stage, 'post'] = self._score(regions, raw | given, predicted)
        return scores

    def _entry(
        self,
        sample: Mapping[str, Any],
        masks: Mapping[str, NDArray[np.bool_]],
        t: int,
        scores: Mapping[Column, ObjectScore],
    ) -> dict[str, Any]:
        """Returns the entry of frame ``t`` in the prediction file."""
        raw = scores['refined', 'raw']
        has_visible = 'visible' in sample['pred_masks']
        visible = _field(sample, 'pred_masks', 'visible', 'sample')[t] if has_visible else None
        coarse = masks['coarse'][t] if 'coarse' in masks else None
        entry = {
            'image_id': _plain(sample.get('image_id')),
            'annotation_id': _plain(sample.get('annotation_id')),
            'category_id': _plain(sample.get('category_id')),
            'segmentation': encode_mask(masks['refined'][t]),
            'visible_segmentation': None if visible is None else encode_mask(visible),
            'coarse_segmentation': None if coarse is None else encode_mask(coarse),
            'score': mean_probability(
                _field_values(sample, 'pred_crop_masks', 'amodal', 'sample')[t]
            ),
            'iou_full': raw.full,
            'iou_occ': raw.occluded if raw.counted > 0 else None,
            'protocol': self.protocol,
            'visible_source': self.visible_source,
        }
        if len(masks['amodal']) > 1:
            entry['frame'] = t
        return entry


def _field_values(sample: Mapping[str, Any], group: str, key: str, name: str) -> Any:
    masks = sample.get(group)
    if masks is None or key not in masks:
        found = 'nothing' if masks is None else sorted(k for k in masks)
        raise ValueError(f'Sample {name!r} has no {group}.{key} to evaluate; {group}: {found}.')
    return masks[key]


def _field(sample: Mapping[str, Any], group: str, key: str, name: str) -> NDArray[np.bool_]:
    """Returns a mask as bool ``(T, H, W)``; it is made binary before it leaves its device."""
    value = _field_values(sample, group, key, name)
    if isinstance(value, torch.Tensor):
        value = value if value.dtype == torch.bool else value > THRESHOLD
        return value.cpu().numpy()
    return value if value.dtype == np.bool_ else value > THRESHOLD


def _mean_frames(frames: Sequence[ObjectScore]) -> ObjectScore:
    """One score for a clip; a single frame keeps its score as it is."""
    if len(frames) == 1:
        return frames[0]
    counted = sum(frame.counted for frame in frames)
    full = sum(frame.full for frame in frames) / len(frames)
    if counted <= 0:
        return ObjectScore(full, 0.0, 0)
    return ObjectScore(full, sum(frame.occluded for frame in frames) / counted, 1)


def _plain(value: Any) -> Any:
    """Turns a numpy scalar into the Python number that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def _check_source(source: str) -> str:
    if source != 'gt' and not (source.startswith('pred:') and len(source) > len('pred:')):
        raise ValueError(f"visible_source must be 'gt' or 'pred:<detector>', got {source!r}.")
    return source


def _check_ranges(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    checked = []
    for bounds in ranges:
        if len(bounds) != 2 or not bounds[0] < bounds[1]:
            raise ValueError(f'A range of hidden shares is (low, high) with low < high: {bounds}.')
        checked.append((float(bounds[0]), float(bounds[1])))
    if checked != sorted(checked):
        raise ValueError(f'The ranges of hidden shares must be in ascending order: {checked}.')
    return checked
