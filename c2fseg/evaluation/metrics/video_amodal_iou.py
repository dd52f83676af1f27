"""VideoAmodalIoU: how well the masks of an object in a clip agree with the amodal truth."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from c2fseg.evaluation.functional import (
    CLIP_PROTOCOLS,
    ClipRegionCounts,
    FrameScores,
    count_masks,
    get_clip_protocol,
    hidden_shares,
    make_case,
    predictions_by_form,
    read_rows,
    row_name,
    stability,
    true_motions,
)
from c2fseg.evaluation.metrics.clip_table import (
    FRAMES,
    ClipResult,
    ClipRow,
    flatten_clips,
    frame_rows,
    protocol_rows,
    stability_rows,
)
from c2fseg.evaluation.metrics.object_metric import ObjectMetric
from c2fseg.evaluation.metrics.sample_fields import (
    STAGES,
    check_protocols,
    check_ranges,
    check_shapes,
    frame_flags,
    frame_numbers,
    mask_field,
    plain,
    prediction_entry,
    sample_name,
    truth_and_predictions,
    valid_frames,
)
from c2fseg.evaluation.metrics.score_table import Column, ProtocolColumn, format_table
from c2fseg.registry import METRICS

STRICT = 'c2f-video-strict'  # what the rows that belong to no protocol are scored by
OTHERS = ('others', 'given_others')


@METRICS.register_module()
class VideoAmodalIoU(ObjectMetric[ClipResult]):
    """Mean full and occluded IoU of the amodal masks of clips at image size, and their stability.

    One sample is one track: an object in all frames of its clip. Every protocol is reported for
    the refined mask and, where the model writes one, the coarse mask; raw (the prediction P), and
    post where the data say which pixels other objects cover. Beside the protocols' own means
    over tracks stand: the pooled means over frames; the frames by hidden share and those in which
    the object is fully hidden; the stability from frame to frame, for the prediction and the
    truth.

    Returned keys read ``'c2f-video/gt/refined/raw/mIoU_full'``: protocol, source of the visible
    masks, stage, form, value in [0, 1]; ``pooled/mIoU_full`` is the mean over frames. What
    belongs to no protocol starts with ``frames``: ``'frames/gt/refined/raw/mIoU_occ_hidden_5-95'``,
    ``'.../hidden_frames/mIoU_full'``, ``'.../stability'``, ``'.../truth_stability'``. The numbers
    of tracks, frames and pairs are returned too. The table that is logged is in percent.

    Objects are told apart by ``sample_id``: one that a sampler repeats to fill up a batch of
    processes is counted once. Padding frames are neither scored nor written.

    Required in each data sample: metainfo ``sample_id``; ``gt_masks`` (visible, amodal; evaluable
    for post-processing and ``savos``) and ``pred_masks`` (amodal, optionally coarse and visible),
    ``(T, H, W)``; where the visible masks are predicted, for ``eoras`` and ``savos-kins-car``
    ``input_masks`` (visible; evaluable, 1 where no other predicted mask is, for post-processing
    and ``savos-kins-car``), which these take in place of the truth. Optional metainfo:
    ``frame_valid`` (frames that are not padding), ``frame_counted`` (frames that count, but where
    the masks alone decide; the valid ones), ``frame_indices`` (numbers of the frames in the
    video; 0 to T - 1), ``category_id``, ``image_id`` (video), ``annotation_id`` (object).

    Args:
        protocol: One name instead of ``protocols``.
        protocols: Names of evaluation protocols for clips (default: ``c2f-video``); see
            ``docs/protocols.md``.
        visible_source: Where the model's visible masks come from: ``'gt'``, or
            ``'pred:<detector>'`` when they are predicted.
        occlusion_buckets: Ranges [low, high) of a frame's hidden share 1 - |V| / |A|, ascending.
        rows_file: For ``savos``: CSV that lists the rows that are scored. ``None``: they are
            derived from the truth.
        out_file: Write all predictions to this JSON file. The entry of a frame of an object holds
            ``image_id``, ``annotation_id``, ``category_id``, ``frame`` (its number in the video),
            ``segmentation`` (amodal RLE at image size), ``visible_segmentation`` and
            ``coarse_segmentation`` (``None`` where the model writes none), ``score`` (mean
            probability inside the predicted mask at crop size, 0 for an empty mask),
            ``iou_full``, ``iou_occ`` (first protocol, refined, raw where the protocol knows raw
            numbers; ``iou_occ`` is ``None`` where the frame does not count), ``protocol`` and
            ``visible_source``; ``given_segmentation`` where the visible masks are predicted.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the returned keys.

    Raises:
        ValueError: Unknown protocol, malformed source, buckets or file name; while scoring: a
            missing field, or masks of different sizes, with the sample named; several samples of
            one track.
        FileNotFoundError: There is no ``rows_file``.

    Source: C2F-Seg, ICCV 2023, section 4; the other protocols name theirs in their files.
    """

    def __init__(
        self,
        protocol: str | None = None,
        protocols: Sequence[str] | None = None,
        visible_source: str = 'gt',
        occlusion_buckets: Sequence[tuple[float, float]] = ((0.05, 0.3), (0.3, 0.6), (0.6, 0.95)),
        rows_file: str | os.PathLike | None = None,
        out_file: str | os.PathLike | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        self.protocols = check_protocols(
            'VideoAmodalIoU', protocol, protocols, next(iter(CLIP_PROTOCOLS)), get_clip_protocol
        )
        super().__init__(visible_source, out_file, collect_device, prefix)
        self.occlusion_buckets = check_ranges(occlusion_buckets)
        if rows_file is not None and 'savos' not in self.protocols:
            raise ValueError(f"rows_file belongs to the protocol 'savos', got {self.protocols}.")
        self._rows = None if rows_file is None else read_rows(rows_file)

    def score_sample(self, sample: Mapping[str, Any]) -> ClipResult:
        """Scores the frames of one object that are not padding, and encodes its predictions."""
        name = sample_name(sample)
        masks = self._collect_masks(sample, name)
        num_frames = len(masks['amodal'])
        valid = valid_frames(sample, num_frames)
        counted = frame_flags(sample, 'frame_counted', np.ones(num_frames, bool))[valid]
        if len(valid) < num_frames:
            masks = {key: mask[valid] for key, mask in masks.items()}
        stages = [stage for stage in STAGES if stage in masks]
        asked = dict.fromkeys((*self.protocols, STRICT))
        chosen = {key: get_clip_protocol(key) for key in asked}
        regions = count_masks(masks, stages, chosen)
        video, annotation = (plain(sample.get(key)) for key in ('image_id', 'annotation_id'))
        frames = np.array(frame_numbers(sample, num_frames))[valid].tolist()
        track = row_name(video, annotation, 0)[:2]
        scores = {key: _score(regions, key, stages, counted) for key in chosen}
        own = {
            (key, *column): score for key in self.protocols for column, score in scores[key].items()
        }
        motions = true_motions(masks['amodal'])
        visible, amodal = (regions.areas(regions[key]) for key in ('visible', 'amodal'))
        result = ClipResult(
            sample_id=name,
            track=track,
            frames=frames,
            scores=self._take_rows(own, [(*track, frame) for frame in frames]),
            strict=scores[STRICT],
            shares=hidden_shares(regions),
            hidden=(visible == 0) & (amodal > 0),
            stability={stage: stability(masks[stage], motions) for stage in stages},
            truth_stability=stability(masks['amodal'], motions),
            sees_others=any(masks[key].any() for key in OTHERS if key in masks),
        )
        if self.out_file is not None:
            result.entries = self._entries(sample, valid, frames, result)
        return result

    def summarise(self, results: list[ClipResult]) -> dict[str, float]:
        """Averages over distinct objects and logs the table.

        Args:
            results: One for each object.

        Raises:
            ValueError: Several samples show one track, or there is nothing to average.
        """
        _check_tracks(results)
        columns = list(results[0].strict)
        lines = self.heading(', '.join(self.protocols))
        lines.append(f'{len(results)} tracks, {sum(len(r.frames) for r in results)} frames')
        sees_others = any(result.sees_others for result in results)
        if not sees_others:
            columns = [column for column in columns if column[1] == 'raw']
            lines.append('no other object is visible in gt_masks.evaluable: no post numbers')
        rows: list[ClipRow] = []
        extra: dict[str, float] = {}
        for protocol in self.protocols:
            own = protocol_rows(results, protocol, sees_others)
            rows += own
            extra |= self._left_out(protocol, results, own[0], lines)
            if any(len(set(item.counts.values())) > 1 for item in own):
                lines.append(
                    f'{protocol}: which frames count depends on the prediction; the numbers of '
                    'frames are those of the first column'
                )
        rows += frame_rows(results, self.occlusion_buckets, columns)
        rows += stability_rows(results)
        table = format_table(lines, [item.row for item in rows], ('number', 'for occ'))
        MMLogger.get_current_instance().info('\n' + table)
        extra[f'{FRAMES}/{self.visible_source}/frames'] = sum(len(r.frames) for r in results)
        return {**flatten_clips(rows, self.visible_source), **extra}

    def unlike_results(self) -> str:
        """Returns the message for tracks whose results cannot stand in one table."""
        return (
            'Some tracks have a coarse or an evaluable mask and some have none, so their means '
            'cannot stand in one table; write pred_masks.coarse and gt_masks.evaluable for all '
            'or for none.'
        )

    def _left_out(
        self, protocol: str, results: list[ClipResult], row: ClipRow, lines: list[str]
    ) -> dict[str, float]:
        """Returns how much of the data a protocol leaves out, and says it above the table."""
        averaging = get_clip_protocol(protocol).averaging
        if averaging == 'tracks':
            number = len(results) - row.row.objects
            what, key = 'tracks without a counted frame', 'tracks_left_out'
        elif protocol == 'savos' and self._rows is not None:
            scored = (r.scores['savos', 'refined', 'post'].counts_full.sum() for r in results)
            number = len(self._rows) - int(sum(scored))
            what, key = 'rows without a prediction', 'rows_without_prediction'
        else:
            return {}
        if number:
            lines.append(f'{protocol}: {number} {what} are left out of the means')
        return {f'{protocol}/{self.visible_source}/{key}': number}

    def _collect_masks(self, sample: Mapping[str, Any], name: str) -> dict[str, NDArray[np.bool_]]:
        """Returns the masks that are scored, ``(T, H, W)`` bool; ``others`` is not evaluable."""
        masks = truth_and_predictions(sample, self.visible_source, 'VideoAmodalIoU')
        chosen = [get_clip_protocol(protocol) for protocol in self.protocols]
        given = [item for item in chosen if item.source == 'given' and self.visible_source != 'gt']
        true = [item for item in chosen if item not in given]
        if 'evaluable' in sample['gt_masks'] or any(item.requires_others for item in true):
            masks['others'] = ~mask_field(sample, 'gt_masks', 'evaluable', name)
        if given:
            masks['given'] = mask_field(sample, 'input_masks', 'visible', name)
            known = 'evaluable' in sample['input_masks']
            if known or any(item.requires_others for item in given):
                masks['given_others'] = ~mask_field(sample, 'input_masks', 'evaluable', name)
        check_shapes(masks, name)
        return masks

    def _take_rows(
        self, scores: dict[ProtocolColumn, FrameScores], names: list
    ) -> dict[ProtocolColumn, FrameScores]:
        """Counts the rows of the list, where there is one, in place of those of the truth."""
        if self._rows is None:
            return scores
        listed = np.array([name in self._rows for name in names], dtype=bool)
        changed = {'counts_full': listed, 'counts_occluded': listed}
        return {
            column: score._replace(**changed) if column[0] == 'savos' else score
            for column, score in scores.items()
        }

    def _entries(
        self, sample: Mapping[str, Any], valid: NDArray, frames: list[int], result: ClipResult
    ) -> list[dict[str, Any]]:
        """Returns the entries of all frames in the prediction file."""
        protocol = self.protocols[0]
        form = 'post' if get_clip_protocol(protocol).always_post else 'raw'
        scores = result.scores[protocol, 'refined', form]
        masks = truth_and_predictions(sample, self.visible_source, 'VideoAmodalIoU')
        entries = []
        for number, t in enumerate(valid.tolist()):
            occluded = float(scores.occluded[number])
            entries.append(
                {
                    **prediction_entry(sample, masks, t),
                    'frame': frames[number],
                    'iou_full': float(scores.full[number]),
                    'iou_occ': occluded if scores.counts_occluded[number] else None,
                    'protocol': protocol,
                    'visible_source': self.visible_source,
                }
            )
        return entries


def _score(
    regions: ClipRegionCounts, name: str, stages: Sequence[str], counted: NDArray[np.bool_]
) -> dict[Column, FrameScores]:
    """Scores one object under one protocol, for each stage and form."""
    protocol = get_clip_protocol(name)
    scores = {}
    for stage in stages:
        case = make_case(regions, name, protocol, stage, counted)
        for form, region in predictions_by_form(case, protocol).items():
            scores[stage, form] = protocol.score(case, region)
    return scores


def _check_tracks(results: Sequence[ClipResult]) -> None:
    if not results:
        raise ValueError('No track to average: check the data set.')
    known = Counter(result.track for result in results if 'None' not in result.track)
    repeated = [track for track, number in known.items() if number > 1]
    if repeated:
        raise ValueError(
            f'{len(repeated)} tracks (image_id, annotation_id) come in several samples, for '
            f'example {repeated[0]}; evaluate each track as one clip.'
        )
