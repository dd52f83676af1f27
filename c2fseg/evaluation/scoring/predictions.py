"""The prediction files that can be scored: ours (``--out``), and COCO results of any system."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from c2fseg.datasets.coco_file import is_box
from c2fseg.evaluation.functional.coco_objects import Rle
from c2fseg.structures import to_rle
from c2fseg.utils.json_stream import iterate_json_list

ImageSizes = Mapping[Any, tuple[int, int]]
"""Id of an image, or of a video, -> (H, W)."""


class Prediction(NamedTuple):
    """One entry of a prediction file, its masks checked and coded.

    Attributes:
        number: Its place in the file, from 0.
        image_id: Id of its image; of its video for clips.
        annotation_id: Id of the object that it completes; ``None`` where the file names none.
        category_id: Its class; ``None`` where the file names none.
        frame: Number of its frame in the video; ``None`` for images.
        amodal: The predicted whole object.
        visible: The visible mask that comes with it, ``None`` where there is none.
        given: The visible mask that the model was given, where the file has it
            (``given_segmentation``).
        score: How certain it is; ``None`` where the file has none.
        box: Its amodal box [x, y, w, h]; ``None`` where the file has none.
        visible_source: ``'gt'`` or ``'pred:<detector>'``; ``None`` where the file does not say.
    """

    number: int
    image_id: Any
    annotation_id: Any
    category_id: Any
    frame: int | None
    amodal: Rle
    visible: Rle | None
    given: Rle | None
    score: float | None
    box: tuple[float, float, float, float] | None
    visible_source: str | None

    @property
    def name(self) -> str:
        """What messages call it."""
        frame = '' if self.frame is None else f', frame {self.frame}'
        return f'entry {self.number} (image {self.image_id}{frame})'


def read_predictions(
    path: str | os.PathLike, sizes: ImageSizes, clips: bool = False
) -> list[Prediction]:
    """Reads a prediction file; only coded masks are kept.

    An entry needs ``image_id`` and ``segmentation`` (the amodal mask: RLE of any kind, or
    polygons), for clips ``annotation_id`` and ``frame`` too. It may have ``annotation_id``,
    ``category_id``, ``visible_segmentation``, ``given_segmentation``, ``score``, ``bbox`` (amodal)
    and ``visible_source``; other keys are not read.

    Args:
        path: A JSON list.
        sizes: (H, W) of every image (video) of the ground truth.
        clips: Whether the ground truth is clips.

    Returns:
        The entries, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError, ValueError: It is no such list, or an entry is wrong: a key is missing, an image
            is unknown, a mask cannot be read or has another size than its image, a score is no
            finite number, or an object (and frame) is predicted twice. The entry is named.
    """
    predictions = []
    seen: dict[tuple, int] = {}
    for number, entry in enumerate(iterate_json_list(path, 'reading predictions')):
        where = f'entry {number} of {path}'
        prediction = _read_entry(entry, number, where, sizes, clips)
        if prediction.annotation_id is not None:
            key = prediction.image_id, prediction.annotation_id, prediction.frame
            if key in seen:
                raise ValueError(
                    f'{where} and entry {seen[key]} both predict object '
                    f'{prediction.annotation_id!r} of image {prediction.image_id!r}'
                    + (f' in frame {prediction.frame}' if clips else '')
                    + '; keep one of them.'
                )
            seen[key] = number
        predictions.append(prediction)
    if not predictions:
        raise ValueError(f'{path} holds no prediction.')
    return predictions


def _read_entry(entry: Any, number: int, where: str, sizes: ImageSizes, clips: bool) -> Prediction:
    if not isinstance(entry, dict):
        raise TypeError(f'{where}: expected a dict, got {type(entry).__name__}.')
    needed = ('image_id', 'segmentation', *(('annotation_id', 'frame') if clips else ()))
    missing = [key for key in needed if entry.get(key) is None]
    if missing:
        raise ValueError(f'{where} has no {" and no ".join(missing)}; found {sorted(entry)}.')
    size = sizes.get(_id(entry, 'image_id', where))
    if size is None:
        known = ', '.join(repr(one) for one in list(sizes)[:3])
        raise ValueError(
            f'{where}: the ground truth has no image {entry["image_id"]!r} (its images are '
            f'{known}, ...); score predictions against the split they were made for.'
        )
    source = entry.get('visible_source')
    if source is not None and source != 'gt' and not str(source).startswith('pred:'):
        raise ValueError(f"{where}: visible_source is 'gt' or 'pred:<detector>', got {source!r}.")
    return Prediction(
        number,
        entry['image_id'],
        _id(entry, 'annotation_id', where),
        _id(entry, 'category_id', where),
        _frame(entry, where, clips),
        _mask(entry, 'segmentation', size, where),
        _optional_mask(entry, 'visible_segmentation', size, where),
        _optional_mask(entry, 'given_segmentation', size, where),
        _score(entry, where),
        _box(entry, where),
        source,
    )


def _id(entry: dict[str, Any], key: str, where: str) -> Any:
    value = entry.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
        raise TypeError(f'{where}: {key} is a number or a text, got {value!r}.')
    return value


def _frame(entry: dict[str, Any], where: str, clips: bool) -> int | None:
    frame = entry.get('frame')
    if not clips:
        if frame is not None:
            raise ValueError(
                f'{where} is of a clip (it has a frame), but the ground truth is of images: give '
                "the clips' own list or track file."
            )
        return None
    if isinstance(frame, bool) or not isinstance(frame, int):
        raise TypeError(f'{where}: frame is the number of a frame, got {frame!r}.')
    return frame


def _mask(entry: dict[str, Any], key: str, size: tuple[int, int], where: str) -> Rle:
    try:
        return to_rle(entry[key], *size)
    except (TypeError, ValueError) as error:
        raise type(error)(f'{where} (image {entry["image_id"]!r}), {key}: {error}') from error


def _optional_mask(
    entry: dict[str, Any], key: str, size: tuple[int, int], where: str
) -> Rle | None:
    return None if entry.get(key) is None else _mask(entry, key, size, where)


def _score(entry: dict[str, Any], where: str) -> float | None:
    score = entry.get('score')
    if score is None:
        return None
    number = isinstance(score, int | float) and not isinstance(score, bool)
    if not number or not math.isfinite(score):
        raise ValueError(f'{where}: score is a finite number, got {score!r}.')
    return float(score)


def _box(entry: dict[str, Any], where: str) -> tuple[float, float, float, float] | None:
    box = entry.get('bbox')
    if box is None:
        return None
    if not is_box(box):
        raise ValueError(
            f'{where}: bbox is [x, y, width, height] with sides of 0 or more, got {box!r}.'
        )
    x, y, width, height = map(float, box)
    return x, y, width, height
