"""AmodalCocoMetric: completed objects as detections, by COCO's average precision and recall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from c2fseg.evaluation.functional import mean_probability
from c2fseg.evaluation.functional.amodal_ar import (
    MAX_PROPOSALS,
    RECALL,
    average_recall,
    check_recall,
)
from c2fseg.evaluation.functional.coco_ap import COCO_MODES, MASKS, average_precision
from c2fseg.evaluation.functional.coco_objects import Detection, Rle, TruthObject, stated_share
from c2fseg.evaluation.metrics.object_metric import ObjectMetric
from c2fseg.evaluation.metrics.sample_fields import (
    STAGES,
    check_protocols,
    check_shapes,
    field_values,
    mask_field,
    plain,
    sample_name,
    truth_and_predictions,
    valid_frames,
)
from c2fseg.registry import METRICS
from c2fseg.structures import to_rle

STATED = ('coco-amodal-vrsp', RECALL)  # they take shares as the annotation file states them


@dataclass
class DetectionResult:
    """What the metric keeps of one object.

    Attributes:
        sample_id: Unique name of the object.
        annotation_id: Its id in the annotation file.
        truth: The true object.
        scores: The detection by stage (``'refined'``, ``'coarse'``).
        entries: No prediction file is written.
    """

    sample_id: str
    annotation_id: Any
    truth: TruthObject
    scores: dict[str, Detection]
    entries: list[dict] = field(default_factory=list)


@METRICS.register_module()
class AmodalCocoMetric(ObjectMetric[DetectionResult]):
    """COCO's AP and AR of completed objects in images, on amodal, visible and occluded masks.

    Every object of the data set is one true object, and its completion one detection, so this
    says how good the masks are, never whether a detector finds the objects. To score all
    detections of a detector, write them with ``tools/test.py --out`` and give the file to
    ``tools/analysis_tools/evaluate_predictions.py``.

    Returned keys read ``'coco-amodal/gt/refined/amodal/AP'``: mode, source of the visible masks,
    stage, what is compared (``amodal``, ``visible``, ``occluded``, ``box``), value in [0, 1]; NaN
    where no object asks for it. The table that is logged is in percent. ``amodal-ar`` gives
    ``'amodal-ar/gt/refined/amodal/AR@10_heavy'``.

    Required in each data sample: metainfo ``sample_id``, ``image_id``, ``category_id``;
    ``gt_masks`` (visible, amodal), ``pred_masks`` (amodal; optionally coarse; visible, without
    which there is no visible and occluded AP) of one frame; ``pred_crop_masks`` (amodal) unless
    the metainfo has ``score``. The score of an object is that ``score``, else the mean probability
    inside its predicted mask at crop size. ``coco-amodal-vrsp`` and ``amodal-ar`` take visible
    shares as the annotation file states them (its name from the data set or metainfo
    ``ann_file``; metainfo ``annotation_id``).

    Args:
        protocol: One name instead of ``protocols``.
        protocols: ``'coco-amodal'`` (default), ``'coco-amodal-aistron'``, ``'coco-amodal-vrsp'``,
            ``'coco-amodal-hidden'``, ``'amodal-ar'``; see ``docs/protocols.md``.
        visible_source: Where the model's visible masks come from: ``'gt'``, or
            ``'pred:<detector>'`` when they are predicted.
        regions: For ``amodal-ar``: ``'things'``, ``'stuff'`` or ``'both'``.
        max_proposals: For ``amodal-ar``: numbers of proposals of an image, ascending.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the returned keys.

    Raises:
        ValueError: Unknown mode, malformed source or arguments; while scoring: a missing field, a
            clip, or masks of different sizes, with the sample named.
    """

    def __init__(
        self,
        protocol: str | None = None,
        protocols: Sequence[str] | None = None,
        visible_source: str = 'gt',
        regions: str = 'things',
        max_proposals: Sequence[int] = MAX_PROPOSALS,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        self.protocols = check_protocols(
            'AmodalCocoMetric', protocol, protocols, next(iter(COCO_MODES)), _check_mode
        )
        check_recall('amodal', regions, max_proposals)
        super().__init__(visible_source, None, collect_device, prefix)
        self.regions = regions
        self.max_proposals = tuple(max_proposals)

    def score_sample(self, sample: Mapping[str, Any]) -> DetectionResult:
        """Keeps the masks of an object, coded."""
        name = sample_name(sample)
        for key in ('image_id', 'category_id'):
            if sample.get(key) is None:
                raise ValueError(f'Sample {name!r} has no {key}; add it to the packed meta_keys.')
        masks = truth_and_predictions(sample, self.visible_source, 'AmodalCocoMetric')
        if 'visible' in sample['pred_masks']:
            masks['found'] = mask_field(sample, 'pred_masks', 'visible', name)
        check_shapes(masks, name)
        if len(masks['amodal']) != 1 or len(valid_frames(sample, 1)) != 1:
            raise ValueError(
                f'Sample {name!r} is a clip of {len(masks["amodal"])} frames; average precision '
                'is for images.'
            )
        coded = {key: _code(mask[0]) for key, mask in masks.items()}
        where = plain(sample['image_id']), plain(sample['category_id'])
        score = sample.get('score')
        if score is None:
            score = mean_probability(field_values(sample, 'pred_crop_masks', 'amodal', name)[0])
        detections = {
            stage: Detection(*where, float(score), coded[stage], coded.get('found'))
            for stage in STAGES
            if stage in coded
        }
        truth = TruthObject(*where, coded['amodal'], coded['visible'])
        return DetectionResult(name, plain(sample.get('annotation_id')), truth, detections)

    def summarise(self, results: list[DetectionResult]) -> dict[str, float]:
        """Averages and logs a table for each mode.

        Args:
            results: One for each object.

        Raises:
            ValueError: What the mode itself refuses.
            FileNotFoundError, KeyError: The annotation file that states shares is not there, or
                holds other objects.
        """
        stated = self._stated_truths(results) if any(p in STATED for p in self.protocols) else []
        values: dict[str, float] = {}
        tables = []
        for protocol in self.protocols:
            truths = stated if protocol in STATED else [result.truth for result in results]
            rows: dict[str, dict[str, float]] = {}
            for stage in results[0].scores:
                detections = [result.scores[stage] for result in results]
                for what, numbers in self._numbers(protocol, truths, detections).items():
                    rows[f'{stage}/{what}'] = numbers
            start = f'{protocol}/{self.visible_source}'
            for row, numbers in rows.items():
                values |= {f'{start}/{row}/{key}': value for key, value in numbers.items()}
            values[f'{start}/objects'] = len(truths)
            tables.append(self._table(protocol, rows, len(truths)))
        MMLogger.get_current_instance().info('\n' + '\n\n'.join(tables))
        return values

    def _numbers(
        self, protocol: str, truths: Sequence[TruthObject], detections: Sequence[Detection]
    ) -> dict[str, dict[str, float]]:
        """Returns the numbers of each kind of mask."""
        if protocol == RECALL:
            return {
                mask: average_recall(
                    truths, detections, mask, self.regions, self.max_proposals
                ).values
                for mask in ('amodal', 'visible')
            }
        bare = any(found.visible is None for found in detections)
        kinds = [kind for kind in MASKS if not (bare and kind in ('visible', 'occluded'))]
        return {
            kind: average_precision(truths, detections, protocol, kind).values for kind in kinds
        }

    def _stated_truths(self, results: Sequence[DetectionResult]) -> list[TruthObject]:
        """Returns the true objects with what their annotation file states."""
        # The data sets draw on this package: it may not import them while it is being imported.
        from c2fseg.evaluation.annotations import read_annotations

        ann_file = self._ann_file or (self.dataset_meta or {}).get('ann_file')
        if ann_file is None:
            raise ValueError(
                f'{" and ".join(STATED)} take shares from the annotation file, and neither the '
                'data set nor a sample names it; add ann_file to the packed meta_keys.'
            )
        annotations = read_annotations(ann_file)
        truths = []
        for result in results:
            if result.annotation_id not in annotations:
                raise KeyError(
                    f'{ann_file} has no annotation {result.annotation_id!r} '
                    f'(sample {result.sample_id!r})'
                )
            entry = annotations[result.annotation_id]
            share = stated_share(entry, result.truth.visible)
            stuff = bool(entry.get('isStuff', 0))
            truths.append(result.truth._replace(stated_share=share, stuff=stuff))
        return truths

    def _table(self, protocol: str, rows: dict[str, dict[str, float]], objects: int) -> str:
        first = next(iter(rows.values()))
        head = ['', *first]
        body = [[row, *(_percent(numbers[key]) for key in first)] for row, numbers in rows.items()]
        widths = [max(len(line[place]) for line in [head, *body]) for place in range(len(head))]
        lines = [
            '  '.join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths))
            )
            for line in [head, *body]
        ]
        heading = self.heading(protocol, 'in %')
        return '\n'.join([*heading, f'{objects} objects', *lines])


def _check_mode(name: str) -> Any:
    if name not in COCO_MODES and name != RECALL:
        raise ValueError(
            f'Unknown mode {name!r} of AmodalCocoMetric; available: '
            f'{", ".join([*COCO_MODES, RECALL])}.'
        )


def _code(mask: NDArray[np.bool_]) -> Rle:
    return to_rle(mask, *mask.shape)


def _percent(value: float) -> str:
    return '-' if math.isnan(value) else f'{100 * value:.2f}'
