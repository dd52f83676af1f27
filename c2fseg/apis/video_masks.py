"""Visible masks of the objects of a video in many forms, read frame by frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.apis.call_helpers import INPUT_ERRORS, error_text
from c2fseg.apis.inputs import as_array, check_values
from c2fseg.datasets.image_io import read_id_map
from c2fseg.structures import to_rle

ObjectId = int | str
# What becomes of an error that concerns one mask: raised, or written down.
Report = Callable[[Exception, ObjectId | None], None]

MASK_FORMS = (
    'a folder of PNG id maps (0 is background), a JSON file of RLEs or polygons, an array of id '
    'maps (T, H, W), a dict from object id to (T, H, W), or an iterable with one id map, or one '
    'dict from object id to mask, for each frame'
)


class VideoMasks(ABC):
    """Visible masks by frame and object. Subclasses implement ``_read``.

    Args:
        num_frames: Frames that have masks or an entry that says there is none; None where absent
            frames are simply frames without a visible object.
        info: What is known of objects beside their masks, by object id.
    """

    def __init__(
        self, num_frames: int | None = None, info: Mapping[ObjectId, dict[str, Any]] | None = None
    ) -> None:
        self.num_frames = num_frames
        self.info = dict(info or {})

    def at(
        self, index: int, size: tuple[int, int], where: str, report: Report
    ) -> dict[ObjectId, dict[str, Any]]:
        """The objects with visible pixels in a frame; called for each frame in order.

        Args:
            index: Number of the frame.
            size: (H, W) of the frame.
            where: Names the frame in messages.
            report: Is given every error with the object that it concerns, None for all of the
                frame; what it concerns then counts as not visible.

        Returns:
            RLE by object id, empty masks left out.
        """
        try:
            given = as_array(self._read(index))
            if isinstance(given, np.ndarray):
                return split_id_map(given, size)
        except INPUT_ERRORS as error:
            report(type(error)(f'{where}: {error_text(error)}'), None)
            return {}
        if not isinstance(given, Mapping):
            kind = type(given).__name__
            report(TypeError(f'{where}: masks are {MASK_FORMS}; got {kind} for a frame'), None)
            return {}
        found = {}
        for key, coded in given.items():
            object_id = key if isinstance(key, str) else int(key)  # not numpy's
            if coded is None:
                continue
            try:
                coded = as_array(coded)
                if isinstance(coded, np.ndarray):
                    check_values(coded)
                rle = to_rle(coded, *size)
            except INPUT_ERRORS as error:
                text = f'{where}, object {object_id}: its visible mask cannot be used: '
                report(type(error)(text + error_text(error)), object_id)
                continue
            if is_filled(rle):
                found[object_id] = rle
        return found

    def beyond(self, count: int) -> int:
        """How many frames with masks come after the first ``count``."""
        return max(0, (self.num_frames or 0) - count)

    @abstractmethod
    def _read(self, index: int) -> Any:
        """The id map (H, W) of a frame, or a dict from object id to coded mask."""


class ListedMasks(VideoMasks):
    """Masks of the frames in a list, an array, or an iterable that is read along.

    Args:
        frames: One id map, or dict from object id to mask, for each frame.
    """

    def __init__(self, frames: Iterable[Any]) -> None:
        super().__init__(len(frames) if isinstance(frames, Sized) else None)
        self._frames = iter(frames)
        self._taken = 0

    def _read(self, index: int) -> Any:
        for given in self._frames:
            self._taken += 1
            return given
        raise ValueError(f'the masks end after {self._taken} frames; expected one for each frame')


class FolderMasks(VideoMasks):
    """PNG id maps, one for each frame.

    Args:
        folder: The folder, for messages.
        paths: A file for each frame, None where there is none.
    """

    def __init__(self, folder: str, paths: Sequence[str | None]) -> None:
        super().__init__(len(paths))
        self.folder = folder
        self.paths = list(paths)

    def _read(self, index: int) -> np.ndarray:
        path = self.paths[index] if index < len(self.paths) else None
        if path is None:
            raise FileNotFoundError(f'{self.folder} has no mask for it')
        return read_id_map(path)


class TrackMasks(VideoMasks):
    """Masks by object.

    Args:
        tracks: For each object id its coded masks by frame number.
        num_frames: See :class:`VideoMasks`.
        info: See :class:`VideoMasks`.
    """

    def __init__(
        self,
        tracks: Mapping[ObjectId, Mapping[int, Any]],
        num_frames: int | None = None,
        info: Mapping[ObjectId, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(num_frames, info)
        self.frames: dict[int, dict[ObjectId, Any]] = {}
        for object_id, track in tracks.items():
            for frame, coded in track.items():
                if coded is not None:
                    self.frames.setdefault(int(frame), {})[object_id] = coded

    def _read(self, index: int) -> Any:
        return self.frames.get(index, {})

    def beyond(self, count: int) -> int:
        """How many frames with masks come after the first ``count``."""
        return max(super().beyond(count), sum(frame >= count for frame in self.frames))


def split_id_map(id_map: np.ndarray, size: tuple[int, int]) -> dict[ObjectId, dict[str, Any]]:
    """Code the mask of each object of an id map.

    Args:
        id_map: (H, W), 0 is background.
        size: (H, W) of the frame.

    Returns:
        RLE by object id, in ascending order.

    Raises:
        ValueError: Another size, or negative ids.
        TypeError: Ids are no whole numbers.
    """
    if id_map.shape != size:
        raise ValueError(f'its id map has shape {id_map.shape}, the frame {size} (H, W)')
    if id_map.dtype.kind not in 'biu':
        raise TypeError(f'an id map holds whole numbers, got {id_map.dtype}')
    values = np.flatnonzero(np.bincount(id_map.ravel())) if _is_small(id_map) else np.unique(id_map)
    if len(values) and values[0] < 0:
        raise ValueError(f'object ids must not be negative, got {values[0]}')
    return {int(value): to_rle(id_map == value, *size) for value in values if value}


def is_filled(rle: Mapping[str, Any]) -> bool:
    """Whether a compressed RLE has a pixel: an empty one is a single run of zeros."""
    return bool(coco_mask.area(rle))


def _is_small(id_map: np.ndarray) -> bool:
    return id_map.dtype in (np.uint8, np.uint16)
