"""Prediction files of several methods: the objects that they share, and which of them to draw."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.datasets.transforms import LoadFrames
from c2fseg.evaluation.scoring.joining import Joined, join
from c2fseg.evaluation.scoring.predictions import Prediction, read_predictions
from c2fseg.evaluation.scoring.truth import ObjectInfo, Truth
from c2fseg.structures import decode_mask
from c2fseg.utils.slow_progress import track_if_slow
from c2fseg.visualization.clip_panels import spread_frames
from c2fseg.visualization.comparison import ComparedClip, ComparedFrame


class ComparedObjects:
    """The objects of a data set that every one of several methods has predictions for.

    Args:
        truth: The objects.
        files: The prediction file of each method by its name, in the order of the panels.

    Attributes:
        shared: Places of the objects that all methods have; of clips those of which all methods
            have a frame in common.

    Raises:
        FileNotFoundError: A file is missing.
        TypeError, ValueError: A file is no list of predictions for this truth; no object is
            shared.
    """

    def __init__(self, truth: Truth, files: Mapping[str, str | os.PathLike]) -> None:
        self.truth = truth
        self.methods: dict[str, Joined] = {}
        for name, path in files.items():
            predictions = read_predictions(path, truth.image_sizes, truth.clips)
            self.methods[name] = join(truth, predictions)
        self.shared = [item.position for item in truth.objects if self._frames(item.position)]
        if not self.shared:
            counts = ', '.join(
                f'{name} {len(truth.objects) - len(joined.missing)}'
                for name, joined in self.methods.items()
            )
            raise ValueError(
                f'No object of {truth.ann_file} has predictions of all methods (objects with '
                f'predictions: {counts}); give files of the same split.'
            )
        self._load = LoadFrames()

    def _frames(self, position: int) -> list[Any]:
        """Frames of an object that all methods have a prediction for; ``[None]`` in a picture."""
        first, *others = (joined.objects[position] for joined in self.methods.values())
        return [frame for frame in first if all(frame in other for other in others)]

    def choose_ids(self, ids: Sequence[str]) -> list[int]:
        """Finds objects by their annotation id.

        Args:
            ids: Annotation ids; in clips, where several videos may have an object of one id, also
                ``<video>:<annotation id>``.

        Returns:
            Places of the objects, in the order of ``ids``.

        Raises:
            ValueError: An id belongs to no object, to several, or to one that a method lacks.
        """
        chosen = []
        for name in ids:
            found = [item for item in self.truth.objects if name in _names(item)]
            if len(found) != 1:
                several = ', '.join(_names(item)[1] for item in found[:4])
                raise ValueError(
                    f'Id {name} belongs to several objects: give one of {several} ...'
                    if found
                    else f'Id {name} belongs to no object of {self.truth.ann_file}; its first is '
                    f'{self.truth.objects[0].annotation_id}.'
                )
            position = found[0].position
            if not self._frames(position):
                lacking = [n for n, joined in self.methods.items() if not joined.objects[position]]
                raise ValueError(
                    f'Object {name} has no predictions of {", ".join(lacking) or "one frame"} to '
                    'compare: choose another.'
                )
            chosen.append(position)
        return chosen

    def choose_randomly(self, number: int, seed: int) -> list[int]:
        """Draws shared objects.

        Args:
            number: How many at most.
            seed: The same seed gives the same objects.

        Returns:
            Places of the objects, ascending.
        """
        drawn = np.random.default_rng(seed).permutation(self.shared)[:number]
        return sorted(int(position) for position in drawn)

    def choose_by_disagreement(self, number: int) -> list[int]:
        """Finds the shared objects on which the methods differ most.

        Args:
            number: How many at most.

        Returns:
            Places of the objects, the largest disagreement first; of equal ones the earlier.

        Raises:
            ValueError: There is only one method.
        """
        if len(self.methods) < 2:
            raise ValueError('Disagreement needs two methods or more: give another NAME=FILE.')
        values = [
            self.disagreement(position)
            for position in track_if_slow(self.shared, len(self.shared), 'comparing methods')
        ]
        order = np.argsort(-np.array(values), kind='stable')[:number]
        return [self.shared[place] for place in order.tolist()]

    def disagreement(self, position: int) -> float:
        """Mean of 1 - IoU over all pairs of methods, and over the shared frames of a clip.

        Args:
            position: Place of the object.
        """
        frames = self._frames(position)
        values = [
            1 - _iou(first.objects[position][frame], second.objects[position][frame])
            for frame in frames
            for first, second in combinations(self.methods.values(), 2)
        ]
        return float(np.mean(values))

    def picture(self, position: int) -> ComparedFrame:
        """Reads what is drawn of an object in a picture.

        Args:
            position: Place of the object.

        Raises:
            FileNotFoundError: The picture is missing.
            OSError, ValueError: It is damaged, or of another size than its annotations say.
        """
        record = self._load.transform(dict(self.truth.record(position)))
        size = record['height'], record['width']
        amodal, visible = (decode_mask(m, *size) > 0 for m in self.truth.coded_masks(position))
        methods: dict[str, np.ndarray | None] = {
            name: decode_mask(joined.objects[position][None].amodal, *size) > 0
            for name, joined in self.methods.items()
        }
        title = self._title(position)
        return ComparedFrame(np.asarray(record['img'][0]), visible, amodal, methods, title)

    def clip(self, position: int, max_frames: int) -> ComparedClip:
        """Reads what is drawn of an object in a clip: frames evenly spread over the shared ones.

        Args:
            position: Place of the object.
            max_frames: Most frames.

        Raises:
            FileNotFoundError: A frame is missing.
            OSError, ValueError: It is damaged, or of another size than its annotations say.
            ValueError: The predictions are of frames that the clip does not have.
        """
        record, masks = self.truth.clip_masks(position)
        places = {int(number): t for t, number in enumerate(record['frame_indices'])}
        shared = sorted(frame for frame in self._frames(position) if frame in places)
        if not shared:
            raise ValueError(
                f'{self._title(position)}: its predictions are of none of the frames '
                f'{min(places)} to {max(places)} of the clip.'
            )
        size = record['height'], record['width']
        frames = []
        for number in spread_frames(shared, max_frames):
            t = places[number]
            one = {**record, 'img_paths': [record['img_paths'][t]]}
            methods: dict[str, np.ndarray | None] = {
                name: decode_mask(joined.objects[position][number].amodal, *size) > 0
                for name, joined in self.methods.items()
            }
            image = np.asarray(self._load.transform(one)['img'][0])
            truth, visible = masks['amodal'][t], masks['visible'][t]
            frames.append(ComparedFrame(image, visible, truth, methods, f'frame {number}'))
        return ComparedClip(frames, self._title(position))

    def _title(self, position: int) -> str:
        item = self.truth.objects[position]
        return f'{_names(item)[1]} {item.category or ""}'.strip()


def _names(item: ObjectInfo) -> tuple[str, str]:
    """What an object may be called: its id alone, and with its image or video before it."""
    return str(item.annotation_id), f'{item.image_id}:{item.annotation_id}'


def _iou(first: Prediction, second: Prediction) -> float:
    """IoU of two predicted masks, 1 where both are empty."""
    if not coco_mask.area(first.amodal) and not coco_mask.area(second.amodal):
        return 1.0
    return float(coco_mask.iou([first.amodal], [second.amodal], [0])[0, 0])
