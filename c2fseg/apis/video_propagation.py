"""Masks of some frames, carried on to all others, forward and backward in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from c2fseg.apis.video_anchors import Anchors
from c2fseg.apis.video_io import Video
from c2fseg.apis.video_masks import ObjectId
from c2fseg.apis.video_streams import MaskedFrame, MaskedFrames, Reports
from c2fseg.structures import decode_mask, to_rle
from c2fseg.tracking import MaskPropagator

# Frames that are read at once on the way back.
CHUNK = 16

Coded = dict[ObjectId, dict[str, Any]]


class PropagatedFrames(MaskedFrames):
    """An object gets, in every frame, the mask carried there from its nearest given frame.

    Of two at the same distance the earlier counts. Before the first frame of the stream, all masks
    that come from later frames are carried back, and kept as RLE. A stream that can be read once
    only has no way back: an object then begins at its first given frame.

    Args:
        video: The video.
        anchors: The masks of some frames.
        propagator: Carries masks on by a frame.
        reports: Take errors, by frame.

    Raises:
        ValueError: The video ends before a given frame.
    """

    def __init__(
        self, video: Video, anchors: Anchors, propagator: MaskPropagator, reports: Reports
    ) -> None:
        super().__init__()
        self.video, self.anchors = video, anchors
        self.propagator, self.reports = propagator, reports
        self.info = anchors.info
        self._given: dict[int, Coded] = {}
        self._from_later: dict[int, Coded] = {}
        last = self.anchors.frames[-1]
        if last > 0:
            self._go_back(last)

    def __iter__(self) -> Iterator[MaskedFrame]:
        """Carry masks forward, frame after frame."""
        before: np.ndarray | None = None
        masks: dict[ObjectId, np.ndarray] = {}
        for index, image in enumerate(self.video):
            size = image.shape[0], image.shape[1]
            if before is not None:
                masks = self.propagator.step(before, image, masks)
            fixed = {**self._from_later.pop(index, {}), **self._read_anchor(index, image)}
            masks |= {one: decode_mask(rle, *size).astype(bool) for one, rle in fixed.items()}
            coded = {one: to_rle(mask, *size) for one, mask in masks.items() if mask.any()}
            yield image, {**coded, **fixed}
            before = image

    def beyond(self, count: int) -> int:
        """See :class:`MaskedFrames`."""
        return sum(frame >= count for frame in self.anchors.frames)

    def _read_anchor(self, index: int, image: np.ndarray) -> Coded:
        """The masks that are given for a frame; each frame is asked for once."""
        if index not in self.anchors.frames:
            return {}
        if index not in self._given:
            where = f'{self.video.frame_name(index)} of {self.video.name}'
            found = self.anchors.at(index, image, where, self.reports(index))
            self._given[index] = found
            for one in found:
                notes = self.info.setdefault(one, {})
                notes['given_frames'] = [*notes.get('given_frames', []), index]
        return self._given[index]

    def _go_back(self, last: int) -> None:
        """Carry masks from later frames to those before, down to half the way to earlier ones."""
        for frame in self.anchors.frames:
            part = self.video.part(frame, frame + 1)
            if part is None:
                self.notes.append(
                    f'{self.video.name} is a stream that is read once: masks were not carried back '
                    'from given frames'
                )
                return
            if not part:
                raise ValueError(
                    f'A mask is given for frame {frame}, and {self.video.name} ends before it: '
                    'expected numbers of frames from 0'
                )
            self._read_anchor(frame, part[0])
        masks: dict[ObjectId, np.ndarray] = {}
        later: np.ndarray | None = None
        for index, image in self._backward(last):
            if later is not None:
                masks = self.propagator.step(later, image, masks)
            size = image.shape[0], image.shape[1]
            masks = {one: mask for one, mask in masks.items() if self._is_nearer(one, index)}
            self._from_later[index] = {one: to_rle(mask, *size) for one, mask in masks.items()}
            for one, rle in self._given.get(index, {}).items():
                masks[one] = decode_mask(rle, *size).astype(bool)
            later = image

    def _is_nearer(self, object_id: ObjectId, index: int) -> bool:
        """Whether the next given frame of an object is nearer than the one before."""
        frames = self.info[object_id]['given_frames']
        before = [index - frame for frame in frames if frame <= index]
        after = [frame - index for frame in frames if frame > index]
        return bool(after) and (not before or min(after) < min(before))

    def _backward(self, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Read the frames from a given one back to the first."""
        for stop in range(last + 1, 0, -CHUNK):
            start = max(0, stop - CHUNK)
            part = self.video.part(start, stop) or []
            yield from zip(range(start + len(part) - 1, start - 1, -1), reversed(part))
