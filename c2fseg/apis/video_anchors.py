"""The frames of a video whose masks are given, from which they are carried on to the others."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.apis.inputs import as_array
from c2fseg.apis.prompts import PicturePrompts, read_boxes, read_points
from c2fseg.apis.video_io import Video
from c2fseg.apis.video_mask_forms import open_masks
from c2fseg.apis.video_masks import FolderMasks, ObjectId, Report, TrackMasks, VideoMasks
from c2fseg.datasets.image_io import read_id_map
from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture
from c2fseg.structures import mask_area

ANCHOR_FORMS = (
    'an id map (H, W) of the first frame, a dict from the number of a frame to its id map or to a '
    'dict from object id to mask, id maps (T, H, W) of the first T frames, a PNG id map, a folder '
    'of some, or a JSON file'
)


class Anchors(ABC):
    """Masks of some frames.

    Attributes:
        frames: Numbers of the frames, ascending.
        info: What is known of the objects beside their masks, by id.
    """

    def __init__(self, frames: Sequence[int], info: Mapping[Any, dict[str, Any]]) -> None:
        self.frames = sorted(frames)
        self.info: dict[Any, dict[str, Any]] = dict(info)

    @abstractmethod
    def at(
        self, index: int, image: np.ndarray, where: str, report: Report
    ) -> dict[ObjectId, dict[str, Any]]:
        """RLE of the objects of a frame, see :meth:`VideoMasks.at`."""


class MaskAnchors(Anchors):
    """Masks that the user gave.

    Args:
        frames: Numbers of the frames.
        masks: Their masks.
    """

    def __init__(self, frames: Sequence[int], masks: VideoMasks) -> None:
        super().__init__(frames, masks.info)
        self.masks = masks

    def at(
        self, index: int, image: np.ndarray, where: str, report: Report
    ) -> dict[ObjectId, dict[str, Any]]:
        """See :class:`Anchors`."""
        return self.masks.at(index, (image.shape[0], image.shape[1]), where, report)


class PromptAnchors(Anchors):
    """Objects that the user pointed at: numbered from 1 on, by frame and in the order given.

    Args:
        prompts: What was said of each frame, by its number.
        source: Finds the objects.
    """

    def __init__(self, prompts: Mapping[int, PicturePrompts], source: BaseMaskSource) -> None:
        super().__init__(list(prompts), {})
        self.prompts, self.source = prompts, source
        self.starts = {}
        count = 1
        for frame in self.frames:
            self.starts[frame] = count
            count += len(_entries(prompts[frame]))

    def at(
        self, index: int, image: np.ndarray, where: str, report: Report
    ) -> dict[ObjectId, dict[str, Any]]:
        """See :class:`Anchors`."""
        prompts = self.prompts[index]
        picture = Picture(image, where, prompts.boxes, prompts.points)
        [objects] = self.source.find([picture])
        found: dict[ObjectId, dict[str, Any]] = {}
        for number, one in enumerate(objects, start=self.starts[index]):
            if not mask_area(one.mask, *image.shape[:2]):
                text = f'{where}: nothing was found for prompt {number}: draw a larger box'
                report(ValueError(text), number)
                continue
            found[number] = one.mask
            self.info[number] = {**one.info, 'visible_score': float(one.score)}
        return found


class _FrameMasks(VideoMasks):
    """Id maps, or dicts from object id to mask, by the number of their frame."""

    def __init__(self, frames: Mapping[int, Any]) -> None:
        super().__init__()
        self.frames = frames

    def _read(self, index: int) -> Any:
        return self.frames[index]


def mask_anchors(given: Any, video: Video) -> MaskAnchors:
    """Read the masks of some frames of a video.

    Args:
        given: See ``ANCHOR_FORMS``.
        video: The video.

    Returns:
        The anchors.

    Raises:
        FileNotFoundError, TypeError, ValueError, KeyError: Masks are missing or of another form.
    """
    given = as_array(given)
    if isinstance(given, np.ndarray) and given.ndim in (2, 3):
        given = dict(enumerate(given[None] if given.ndim == 2 else given))
    elif isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() == '.png':
        given = {0: read_id_map(os.fspath(given))}
    if isinstance(given, Mapping):
        _check_frames(given, video, 'visible_masks', ANCHOR_FORMS)
        return MaskAnchors(list(given), _FrameMasks(given))
    if isinstance(given, (str, os.PathLike)):
        given = open_masks(given, video, on_error='skip')
    if isinstance(given, TrackMasks):
        frames = list(given.frames)
    elif isinstance(given, FolderMasks):
        frames = [index for index, path in enumerate(given.paths) if path is not None]
    else:
        raise TypeError(
            f'visible_masks with propagate=True: expected {ANCHOR_FORMS}; got '
            f'{type(given).__name__}'
        )
    _check_frames(dict.fromkeys(frames), video, 'visible_masks', ANCHOR_FORMS)
    return MaskAnchors(frames, given)


def prompt_anchors(boxes: Any, points: Any, video: Video, source: BaseMaskSource) -> PromptAnchors:
    """Read the prompts of a video.

    Args:
        boxes: Boxes in the first frame, or a dict from the number of a frame to those in it.
        points: Clicks, likewise.
        video: The video.
        source: Finds the objects.

    Returns:
        The anchors.

    Raises:
        TypeError, ValueError: They are of another form, or differ in number.
    """
    by_frame = {}
    for kind, given in (('boxes', boxes), ('points', points)):
        by_frame[kind] = given if isinstance(given, Mapping) else {0: given}
        if given is not None:
            _check_frames(by_frame[kind], video, kind, f'{kind} by the number of their frame')
    prompts = {}
    for frame in sorted(set(by_frame['boxes']) | set(by_frame['points'])):
        box, point = (by_frame[kind].get(frame) for kind in ('boxes', 'points'))
        one = PicturePrompts(
            None if box is None else read_boxes(box),
            None if point is None else read_points(point, boxed=box is not None),
        )
        if one.boxes is not None and one.points is not None and len(one.boxes) != len(one.points):
            raise ValueError(
                f'Frame {frame} has {len(one.boxes)} boxes and the points of {len(one.points)} '
                'objects: given together, entry i of both is the same object'
            )
        if len(_entries(one)):
            prompts[frame] = one
    if not prompts:
        raise ValueError('boxes and points are empty: expected at least one object')
    return PromptAnchors(prompts, source)


def _entries(prompts: PicturePrompts) -> Sequence[Any]:
    if prompts.boxes is not None:
        return prompts.boxes
    return [] if prompts.points is None else prompts.points


def _check_frames(given: Mapping[Any, Any], video: Video, what: str, forms: str) -> None:
    if not given:
        raise ValueError(f'{what}: expected {forms}; got none')
    for frame in given:
        if isinstance(frame, bool) or not isinstance(frame, (int, np.integer)) or frame < 0:
            raise TypeError(f'{what}: expected {forms}; got {frame!r} for the number of a frame')
        if video.exact and video.num_frames is not None and frame >= video.num_frames:
            raise ValueError(
                f'{what} are given for frame {frame}, {video.name} has {video.num_frames} frames, '
                'numbered from 0'
            )
