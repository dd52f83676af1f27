"""AmodalIoU: how well completed masks agree with the amodal truth, under a named protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from c2fseg.evaluation.functional import (
    PROTOCOLS,
    RegionCounts,
    Score,
    get_protocol,
    occlusion_rate,
)
from c2fseg.evaluation.metrics.hypothesis_fields import hypothesis_field, hypothesis_masks
from c2fseg.evaluation.metrics.object_metric import ObjectMetric
from c2fseg.evaluation.metrics.sample_fields import (
    STAGES,
    check_protocols,
    check_ranges,
    check_shapes,
    frame_numbers,
    mask_field,
    prediction_entry,
    sample_name,
    truth_and_predictions,
    valid_frames,
)
from c2fseg.evaluation.metrics.score_table import (
    ObjectResult,
    ProtocolColumn,
    flatten,
    format_table,
    in_range,
    summarise_all,
)
from c2fseg.registry import METRICS


@METRICS.register_module()
class AmodalIoU(ObjectMetric[ObjectResult]):
    """Mean full and occluded IoU of amodal masks at image size.

    Every number is reported raw (the prediction P) and, where the protocol knows it, post (P
    united with the visible mask that the model was given), for the refined mask and, where the
    model writes one, the coarse mask; over all objects, over those with a hidden share in the
    range that the buckets span, and by bucket. Returned keys read
    ``'c2f-image/gt/refined/raw/mIoU_full'``: protocol, source of the visible masks, stage, form,
    value in [0, 1]. The tables that are logged, one for each protocol, are in percent.

    Where samples carry ``pred_hypotheses``, two stages more are scored: ``best_of_<n>``, the
    hypothesis whose full IoU is best, under each protocol and form (a choice that needs the truth:
    never report it as a plain number), and ``mean_of_<n>``, the mask of their mean probability,
    weighted by confidence.

    Objects are told apart by ``sample_id``: one that a sampler repeats to fill up a batch of
    processes is counted once. A clip of T frames is scored frame by frame and counts as one
    object: the mean of its frames, occluded IoU over its counted frames (``pcnet``: their sum).

    Required in each data sample: metainfo ``sample_id``; ``gt_masks`` (visible, amodal) and
    ``pred_masks`` (amodal; optionally coarse, visible and, for ``vita``, occluded: what a head of
    its own says of the hidden part), ``(T, H, W)``; ``input_masks`` (visible) when the visible
    masks are predicted. Optional metainfo: ``frame_valid`` (frames that are not padding),
    ``frame_indices`` (their numbers in the video), ``category``, ``category_id``, ``image_id``,
    ``annotation_id``.

    Args:
        protocol: Name of an evaluation protocol for images (default: ``c2f-image``); see
            ``docs/protocols.md``.
        visible_source: Where the model's visible masks come from: ``'gt'``, or
            ``'pred:<detector>'`` when they are predicted.
        occlusion_buckets: Ranges [low, high) of the hidden share 1 - |V| / |A|, ascending.
        occlusion_range: Score only objects with a hidden share in this [low, high).
        per_category: Whether to report each category too.
        out_file: Write all predictions to this JSON file. The entry of an object (for T > 1: of
            a frame) holds ``image_id``, ``annotation_id``, ``category_id``, ``segmentation``
            (amodal RLE at image size), ``visible_segmentation`` and ``coarse_segmentation``
            (``None`` where the model writes none), ``score`` (mean probability inside the
            predicted mask at crop size, 0 for an empty mask), ``iou_full``, ``iou_occ`` (first
            protocol, refined, raw; ``iou_occ`` is ``None`` where the protocol does not count the
            object), ``protocol`` and ``visible_source``;
            ``given_segmentation`` where the visible masks are predicted.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the protocol in the returned keys.
        protocols: Several names in place of ``protocol``: all are scored in one pass.

    Raises:
        ValueError: Unknown protocol, malformed source, buckets or file name; while scoring: a
            missing field, or masks of different sizes, with the sample named.

    Source: C2F-Seg, ICCV 2023, section 4; the other protocols name theirs in their files.
    """

    def __init__(
        self,
        protocol: str | None = None,
        visible_source: str = 'gt',
        occlusion_buckets: Sequence[tuple[float, float]] = ((0.05, 0.3), (0.3, 0.6), (0.6, 0.95)),
        occlusion_range: tuple[float, float] | None = None,
        per_category: bool = False,
        out_file: str | os.PathLike | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        protocols: Sequence[str] | None = None,
    ) -> None:
        self.protocols = check_protocols(
            'AmodalIoU', protocol, protocols, next(iter(PROTOCOLS)), get_protocol
        )
        super().__init__(visible_source, out_file, collect_device, prefix)
        self.occlusion_buckets = check_ranges(occlusion_buckets)
        self.occlusion_range = check_ranges([occlusion_range])[0] if occlusion_range else None
        self.per_category = per_category

    def summarise(self, results: list[ObjectResult]) -> dict[str, float]:
        """Averages over distinct objects and logs a table for each protocol.

        Args:
            results: One for each object.

        Returns:
            dict: ``'<protocol>/<source>/<stage>/<form>/<measure>'`` and the numbers of objects,
            each also with ``_hidden_<range>`` and, by option, ``_category_<name>``.

        Raises:
            ValueError: No object is left in ``occlusion_range``.
        """
        if self.occlusion_range is not None:
            results = [r for r in results if in_range(r.occlusion_rate, self.occlusion_range)]
        if not results:
            raise ValueError('No object to average: check the data set and occlusion_range.')
        values: dict[str, float] = {}
        tables = []
        for name in self.protocols:
            protocol = get_protocol(name)
            rows = summarise_all(results, name, self.occlusion_buckets, self.per_category)
            numbers = ('objects', 'occluded') if protocol.number_occluded else ('objects',)
            titles = [measure.title for measure in protocol.measures]
            tables.append(format_table(self._lines(name), rows, numbers, titles))
            start = f'{name}/{self.visible_source}'
            values |= {f'{start}/{key}': value for key, value in flatten(rows, protocol).items()}
        MMLogger.get_current_instance().info('\n' + '\n\n'.join(tables))
        return values

    def score_sample(self, sample: Mapping[str, Any]) -> ObjectResult:
        """Scores the valid frames of one object and encodes its predictions."""
        name = sample_name(sample)
        masks = self._collect_masks(sample, name)
        valid = valid_frames(sample, len(masks['amodal'])).tolist()
        frames, rates, entries = [], [], []
        for t in valid:
            regions = RegionCounts(**{key: mask[t] for key, mask in masks.items()})
            frames.append(self._score_frame(regions))
            rates.append(occlusion_rate(regions))
            if self.out_file is not None:
                entries.append(self._entry(sample, masks, t, frames[-1]))
        scores = _merge(frames)
        found = hypothesis_field(sample)
        if found is not None:
            scores |= self._score_hypotheses(masks, *hypothesis_masks(sample, found), valid)
        category = str(sample.get('category', sample.get('category_id', 'unknown')))
        return ObjectResult(name, category, float(np.mean(rates)), scores, entries)

    def _score_hypotheses(
        self,
        masks: Mapping[str, NDArray[np.bool_]],
        hypotheses: NDArray[np.bool_],
        mean: NDArray[np.bool_],
        valid: Sequence[int],
    ) -> dict[ProtocolColumn, Score]:
        """Scores the best of the hypotheses ``(n, T, H, W)`` and the mask of their mean."""
        truth = {key: masks[key] for key in ('amodal', 'visible', 'given') if key in masks}
        *several, mean_scores = (
            _merge(
                [
                    self._score_frame(
                        RegionCounts(refined=one[t], **{key: m[t] for key, m in truth.items()})
                    )
                    for t in valid
                ]
            )
            for one in (*hypotheses, mean)
        )
        scores: dict[ProtocolColumn, Score] = {}
        for column in mean_scores:
            protocol, _, form = column
            best = max((one[column] for one in several), key=lambda score: score.full)
            scores[protocol, f'best_of_{len(hypotheses)}', form] = best
            scores[protocol, f'mean_of_{len(hypotheses)}', form] = mean_scores[column]
        return scores

    def unlike_results(self) -> str:
        """Returns the message for objects whose results cannot stand in one table."""
        return (
            'Some objects have a coarse mask, or hypotheses, and some have none, so their means '
            'cannot stand in one table; let the model write them for all or for none.'
        )

    def _lines(self, protocol: str) -> list[str]:
        """Returns the lines above the table of a protocol."""
        lines = self.heading(protocol)
        if get_protocol(protocol).unit == 'pixel':
            lines.append('pixels of all objects pooled: big objects weigh more')
        if self.occlusion_range is not None:
            low, high = self.occlusion_range
            lines.append(f'only objects with a hidden share in [{low:g}, {high:g})')
        return lines

    def _collect_masks(self, sample: Mapping[str, Any], name: str) -> dict[str, NDArray[np.bool_]]:
        """Returns the masks that are scored, ``(T, H, W)`` bool each."""
        masks = truth_and_predictions(sample, self.visible_source, 'AmodalIoU')
        if self.visible_source != 'gt':
            masks['given'] = mask_field(sample, 'input_masks', 'visible', name)
        if 'vita' in self.protocols and 'occluded' in sample['pred_masks']:
            masks['occluded'] = mask_field(sample, 'pred_masks', 'occluded', name)
        check_shapes(masks, name)
        return masks

    def _score_frame(self, regions: RegionCounts) -> dict[ProtocolColumn, Score]:
        predicted = self.visible_source != 'gt'
        given = regions['given'] if predicted else regions['visible']
        scores: dict[ProtocolColumn, Score] = {}
        for name in self.protocols:
            protocol = get_protocol(name)
            for stage in STAGES:
                if stage not in regions:
                    continue
                own_head = stage == 'refined' and 'occluded' in regions
                hidden = regions['occluded'] if own_head else None
                forms = {'raw': regions[stage], 'post': regions[stage] | given}
                for form in protocol.forms:
                    score = protocol.score(regions, forms[form], predicted, hidden)
                    scores[name, stage, form] = score
        return scores

    def _entry(
        self,
        sample: Mapping[str, Any],
        masks: Mapping[str, NDArray[np.bool_]],
        t: int,
        scores: Mapping[ProtocolColumn, Score],
    ) -> dict[str, Any]:
        """Returns the entry of frame ``t`` in the prediction file."""
        protocol = self.protocols[0]
        raw = scores[protocol, 'refined', 'raw']
        entry = {
            **prediction_entry(sample, masks, t),
            'iou_full': raw.full,
            'iou_occ': raw.occluded if raw.counted > 0 else None,
            'protocol': protocol,
            'visible_source': self.visible_source,
        }
        if len(masks['amodal']) > 1:
            entry['frame'] = frame_numbers(sample, len(masks['amodal']))[t]
        return entry


def _merge(frames: Sequence[Mapping[ProtocolColumn, Score]]) -> dict[ProtocolColumn, Score]:
    """The scores of a clip by column, from those of its frames."""
    return {
        column: _one_score(column[0], [frame[column] for frame in frames]) for column in frames[0]
    }


def _one_score(protocol: str, frames: Sequence[Score]) -> Score:
    """One score for a clip; a single frame keeps its score as it is."""
    return frames[0] if len(frames) == 1 else get_protocol(protocol).merge(frames)
