"""The frames of a video with the visible masks of their objects: given, found, or carried on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from c2fseg.apis.video_io import Video
from c2fseg.apis.video_masks import ObjectId, Report, VideoMasks
from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.tracking import MaskLinker

# (picture (H, W, 3) uint8 RGB, RLE of the visible mask by object id)
MaskedFrame = tuple[np.ndarray, dict[ObjectId, dict[str, Any]]]
# Gives the report of a frame by its number.
Reports = Callable[[int], Report]


class MaskedFrames(ABC):
    """The frames of a video in order, each with its visible masks; iterated once.

    Attributes:
        info: What is known of the objects beside their masks, by id; may grow on the way.
        notes: What the user should know afterwards.
    """

    def __init__(self) -> None:
        self.info: dict[Any, dict[str, Any]] = {}
        self.notes: list[str] = []

    @abstractmethod
    def __iter__(self) -> Iterator[MaskedFrame]:
        """Read frame after frame."""

    def beyond(self, count: int) -> int:
        """How many frames with given masks come after the first ``count``."""
        return 0


class GivenFrames(MaskedFrames):
    """Masks that are given for each frame.

    Args:
        video: The video.
        masks: Its masks.
        reports: Take errors, by frame.
    """

    def __init__(self, video: Video, masks: VideoMasks, reports: Reports) -> None:
        super().__init__()
        self.video, self.masks, self.reports = video, masks, reports
        self.info = masks.info

    def __iter__(self) -> Iterator[MaskedFrame]:
        """Read frames and masks side by side."""
        for index, image in enumerate(self.video):
            where = f'{self.video.frame_name(index)} of {self.video.name}'
            yield image, self.masks.at(index, image.shape[:2], where, self.reports(index))

    def beyond(self, count: int) -> int:
        """See :class:`MaskedFrames`."""
        return self.masks.beyond(count)


class FoundFrames(MaskedFrames):
    """Objects that a mask source finds in each frame, linked to tracks.

    Args:
        video: The video.
        source: Finds objects by itself; sees ``source.batch_size`` frames at once.
        linker: Links them.
    """

    def __init__(self, video: Video, source: BaseMaskSource, linker: MaskLinker) -> None:
        super().__init__()
        self.video, self.source = video, source
        self.linked = linker.link(self._find())
        self.info = self.linked.info

    def __iter__(self) -> Iterator[MaskedFrame]:
        """Find and link frame after frame."""
        for image, tracks in self.linked:
            yield image, {number: one.mask for number, one in tracks.items()}

    def _find(self) -> Iterator[tuple[np.ndarray, list[VisibleObject]]]:
        frames = enumerate(self.video)
        while batch := list(islice(frames, max(1, self.source.batch_size))):
            names = [f'{self.video.name}, {self.video.frame_name(index)}' for index, _ in batch]
            pictures = [Picture(image, name) for (_, image), name in zip(batch, names)]
            found = self.source.find(pictures)
            if len(found) != len(batch):
                raise ValueError(
                    f'{type(self.source).__name__}.find gave {len(found)} lists of objects for '
                    f'{len(batch)} frames: expected one for each'
                )
            for place in range(len(batch)):
                yield batch[place][1], found[place]
