"""Visible masks of a detector in place of the annotated ones.

A detector's results (COCO results JSON) are matched with the true visible masks, image by image;
the mask of the match is what the model is given, and the truth stays the truth.
"""

from __future__ import annotations

import logging
import os.path as osp
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log
from pycocotools import mask as coco_mask

from c2fseg.structures import to_rle
from c2fseg.utils.matching import best_pairs
from c2fseg.utils.slow_progress import track_if_slow

from .flavours import read_json

UNMATCHED = ('drop', 'keep_gt', 'stop')


class Detection(NamedTuple):
    """One entry of a results file.

    Attributes:
        rle: Its mask.
        score: Its confidence.
        category_id: Its class, None where the file has none.
    """

    rle: dict[str, Any]
    score: float
    category_id: Any


class VisibleMaskFile:
    """Gives objects the visible masks of a results file.

    Masks are matched in each image apart: of all pairs of an object and a detection, the one with
    the largest IoU is taken, then the largest among what is left, down to ``match_iou``; so neither
    serves twice. Of equal pairs the detection with the higher score comes first, then that which
    stands first in the file. True visible masks do not overlap, so with a threshold above one half
    no other assignment has a larger sum.

    Args:
        path: A JSON list of ``{"image_id", "segmentation", "score", "category_id"}``; the last two
            are needed only where an argument asks for them. The segmentation is a RLE (any kind of
            counts) or polygons.
        match_iou: Smallest IoU of a match, more than 0 and up to 1.
        min_score: Detections below it are left aside.
        match_category: Match objects with detections of their own ``category_id`` only.
        unmatched: What becomes of an object without a match: 'drop' leaves it out and counts it,
            'keep_gt' gives it its true visible mask, 'stop' raises.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        path: str,
        match_iou: float = 0.5,
        min_score: float = 0.0,
        match_category: bool = False,
        unmatched: str = 'drop',
    ) -> None:
        if not 0 < match_iou <= 1:
            raise ValueError(f'visible_match_iou lies above 0 and up to 1, got {match_iou}')
        if unmatched not in UNMATCHED:
            raise ValueError(f'unmatched is one of {UNMATCHED}, got {unmatched!r}')
        self.path = path
        self.match_iou = match_iou
        self.min_score = min_score
        self.match_category = match_category
        self.unmatched = unmatched

    def apply(
        self,
        records: Sequence[dict[str, Any]],
        image_sizes: Mapping[Any, tuple[int, int]],
        note: Callable[[str, str], None],
    ) -> list[dict[str, Any]]:
        """Give every record the key ``input_segmentations``, or drop it.

        Args:
            records: Records of pictures, with ``visible_segmentations`` of one mask.
            image_sizes: (H, W) of every image that the annotation file knows.
            note: Counts what is dropped: kind, example.

        Returns:
            Those that are left, in their order; the others are copies, the input is not changed.

        Raises:
            FileNotFoundError: There is no such file.
            KeyError, TypeError, ValueError: The file is wrong (it names an entry), holds nothing
                that can be used, or an object has no match and ``unmatched='stop'``.
        """
        places = defaultdict(list)
        for place, record in enumerate(records):
            if len(record.get('visible_segmentations', ())) != 1:
                raise ValueError(
                    f'visible_mask_file={self.path!r}: expected objects of single pictures whose '
                    f'masks lie in the annotation file, got {sorted(record)}'
                )
            places[record['image_id']].append(place)
        found = self.read(image_sizes)
        chosen: dict[int, Detection] = {}
        overlaps = []
        for image_id, mine in track_if_slow(places.items(), len(places), 'matching masks'):
            detections = found.get(image_id, [])
            for place, detection, iou in self._match([records[p] for p in mine], detections):
                chosen[mine[place]] = detections[detection]
                overlaps.append(iou)
        self._report(records, chosen, overlaps, sum(map(len, found.values())))
        kept = (self._with_input(r, chosen.get(p), note) for p, r in enumerate(records))
        return [record for record in kept if record is not None]

    def _with_input(
        self, record: dict[str, Any], match: Detection | None, note: Callable[[str, str], None]
    ) -> dict[str, Any] | None:
        if match is not None:
            return {**record, 'input_segmentations': [match.rle]}
        if self.unmatched == 'keep_gt':
            return {**record, 'input_segmentations': list(record['visible_segmentations'])}
        where = f'annotation {record["annotation_id"]} of image {record["image_id"]}'
        note(f'no mask in {self.path} with IoU >= {self.match_iou:g}, dropped', where)
        return None

    def _report(
        self,
        records: Sequence[dict[str, Any]],
        chosen: Mapping[int, Detection],
        overlaps: Sequence[float],
        number: int,
    ) -> None:
        free = [record for place, record in enumerate(records) if place not in chosen]
        if free and self.unmatched == 'stop':
            raise ValueError(
                f'{self.path}: {len(free)} of {len(records)} objects have no mask with IoU >= '
                f"{self.match_iou:g} (unmatched='stop'), the first is annotation "
                f'{free[0]["annotation_id"]} of image {free[0]["image_id"]}'
            )
        mean = f', mean IoU {np.mean(overlaps):.3f}' if overlaps else ''
        print_log(
            f'{self.path}: {len(chosen)} of {len(records)} objects matched (IoU >= '
            f'{self.match_iou:g}{mean}), {number - len(chosen)} of {number} masks not used',
            'current',
            logging.INFO,
        )

    # ---------------------------------------------------------------- matching

    def _match(
        self, records: Sequence[dict[str, Any]], detections: Sequence[Detection]
    ) -> list[tuple[int, int, float]]:
        """Give (place of the object, place of the detection, IoU) of each match."""
        if not detections:
            return []
        # Of equal pairs that of the higher score comes first, then that which stands first.
        scores = np.array([detection.score for detection in detections])
        order = np.argsort(-scores, kind='stable').tolist()
        found = [detections[place] for place in order]
        truths = [record['visible_segmentations'][0] for record in records]
        overlap = coco_mask.iou([d.rle for d in found], truths, [0] * len(truths))
        if self.match_category:
            mine = [str(record['category_id']) for record in records]
            overlap = overlap * (np.array([[str(d.category_id)] for d in found]) == mine)
        pairs = best_pairs(overlap, self.match_iou)
        return [(item, order[row], float(overlap[row, item])) for row, item in pairs]

    # ---------------------------------------------------------------- reading

    def read(self, image_sizes: Mapping[Any, tuple[int, int]]) -> dict[Any, list[Detection]]:
        """Read, check and sort all detections by image.

        Args:
            image_sizes: (H, W) of every image that there is.

        Returns:
            Detections by image, in the order of the file.

        Raises:
            FileNotFoundError: There is no such file.
            KeyError, TypeError, ValueError: It is wrong (names an entry), or holds no mask.
        """
        entries = self._read_json()
        unknown = [
            (number, entry.get('image_id'))
            for number, entry in enumerate(entries)
            if isinstance(entry, dict) and not _is_key(entry.get('image_id'), image_sizes)
        ]
        found = defaultdict(list)
        for number, entry in enumerate(track_if_slow(entries, len(entries), 'reading masks')):
            where = f'entry {number} of {self.path}'
            self._require(entry, where)
            if unknown and unknown[0][0] == number:
                raise ValueError(
                    f'{where}: no image of the annotation file has the image_id '
                    f'{unknown[0][1]!r} (nor for {len(unknown) - 1} entries more; its ids are like '
                    f'{next(iter(image_sizes), None)!r}): results and annotations of one split '
                    f'belong together'
                )
            score = entry.get('score', 1.0)
            if isinstance(score, bool) or not isinstance(score, int | float) or score != score:
                raise TypeError(f'{where}: score is a number, got {score!r}')
            if score < self.min_score:
                continue
            try:
                rle = to_rle(entry['segmentation'], *image_sizes[entry['image_id']])
            except (TypeError, ValueError) as error:
                message = f'{where} (image {entry["image_id"]}): {error}'
                raise type(error)(message) from error
            detection = Detection(rle, float(score), entry.get('category_id'))
            found[entry['image_id']].append(detection)
        if not found:
            raise ValueError(
                f'{self.path} holds no mask'
                + (f' with a score of {self.min_score:g} or more' if entries else '')
                + ': give the results of a detector on this split'
            )
        return found

    def _read_json(self) -> list[Any]:
        if not osp.isfile(self.path):
            raise FileNotFoundError(f'visible_mask_file not found: {self.path}')
        entries = read_json(self.path)
        if not isinstance(entries, list):
            whole = isinstance(entries, dict) and 'annotations' in entries
            kind = 'an annotation file' if whole else f'a {type(entries).__name__}'
            raise TypeError(
                f'{self.path}: expected COCO results, a list of {{image_id, category_id, '
                f'segmentation, score}}, got {kind}'
            )
        return entries

    def _require(self, entry: Any, where: str) -> None:
        if not isinstance(entry, dict):
            raise TypeError(f'{where}: expected a dict, got {type(entry).__name__}')
        keys = ['image_id', 'segmentation']
        keys += ['category_id'] if self.match_category else []
        keys += ['score'] if self.min_score > 0 else []
        for key in keys:
            if key not in entry:
                raise KeyError(f'{where}: key {key!r} is missing, found {sorted(entry)}')


def _is_key(value: Any, known: Mapping[Any, Any]) -> bool:
    return isinstance(value, int | str) and value in known


def open_visible_masks(
    path: str | None, data_root: str, matching: tuple[float, float, bool, str]
) -> VisibleMaskFile | None:
    """Make what the arguments of a data set ask for.

    Args:
        path: The results file, relative to ``data_root``; None gives None.
        data_root: The data set's folder.
        matching: ``match_iou``, ``min_score``, ``match_category``, ``unmatched`` of
            :class:`VisibleMaskFile`.

    Returns:
        The file, not read yet.

    Raises:
        ValueError: An argument is out of range, or says how to match although there is no file.
    """
    if path is not None:
        return VisibleMaskFile(osp.join(data_root, path), *matching)
    if matching != (0.5, 0.0, False, 'drop'):
        raise ValueError(
            'visible_match_iou, visible_min_score, visible_match_category and unmatched say how '
            'the masks of visible_mask_file are matched: give that file, or leave them out'
        )
    return None
