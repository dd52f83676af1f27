"""MaskLinker: from the objects of single frames to tracks that keep their id."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.mask_sources.base_mask_source import VisibleObject
from c2fseg.registry import TASK_UTILS
from c2fseg.structures import decode_mask, encode_mask
from c2fseg.tracking.colours import colour_histogram
from c2fseg.tracking.flow import DenseFlow, warp
from c2fseg.tracking.overlaps import assign, overlap_matrix

MOTIONS = ('flow', 'velocity', 'none')
# The share of the newest frame in the colours of a track.
RENEWAL = 0.2
# What is said of a track as a whole; a number that a source gives each detection is not.
TRACK_KEYS = ('category_id', 'category')

FrameObjects = tuple[np.ndarray, list[VisibleObject]]
FrameTracks = tuple[np.ndarray, dict[int, VisibleObject]]


@dataclass
class _Track:
    """An object over the frames so far.

    Attributes:
        kind: Its category.
        mask: RLE of its last mask.
        expected: RLE of where it is expected next.
        centre: (2,) y, x of its last mask.
        info: Its category.
        colours: Histogram of its colours, the mean over its frames, later ones counting more.
        velocity: (2,) px a frame.
        last: Number of the frame that it was last seen in.
        count: Frames that it was seen in.
        score: Sum of the scores there.
        number: Its id, None until a frame with it is handed out.
        ended: It was away for too long.
    """

    kind: tuple[Any, ...]
    mask: dict[str, Any]
    expected: dict[str, Any]
    centre: np.ndarray
    last: int
    info: dict[str, Any]
    colours: np.ndarray
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    count: int = 0
    score: float = 0.0
    number: int | None = None
    ended: bool = False


@TASK_UTILS.register_module()
class MaskLinker:
    """Links the objects that a mask source finds in each frame to tracks.

    A track is expected where its last mask has moved to; the objects of the next frame are assigned
    to tracks so that the sum of their IoUs is largest (Hungarian method). Of those left over, near
    ones of like colours are assigned in the same way: thin slivers that hardly overlap, and objects
    that come back from behind another. The rest begins new tracks, under ids never used before. A
    track depends on the frames so far, and on nothing that comes in batches.

    Args:
        min_iou: Below this IoU of expected and found mask, an object does not continue a track.
        max_gap: Frames that a track may be away; it ends when it is away for longer.
        min_length: Tracks that are seen in fewer frames are dropped. Above 1, frames are handed out
            when this is decided, at most ``(min_length - 1) * (max_gap + 1)`` frames later.
        same_category: A track keeps to objects of one category.
        motion: How a mask moves to the next frame: ``'flow'``, by optical flow while it is seen and
            at its last velocity while it is away; ``'velocity'``, always at its last velocity;
            ``'none'``, not at all.
        min_similarity: Tracks and objects that are left over continue each other by their colours:
            from this Bhattacharyya coefficient of their histograms on; above 1, never.
        reach: How far apart their centres may lie then, in sides of the object (square root of its
            area), times the square root of the frames between.

    Raises:
        ValueError: A number is out of range, or there is no such motion.
    """

    def __init__(
        self,
        min_iou: float = 0.3,
        max_gap: int = 8,
        min_length: int = 1,
        same_category: bool = True,
        motion: str = 'flow',
        min_similarity: float = 0.6,
        reach: float = 2.0,
    ) -> None:
        if not 0 < min_iou <= 1:
            raise ValueError(f'min_iou of MaskLinker lies in (0, 1], got {min_iou!r}')
        if max_gap < 0:
            raise ValueError(f'max_gap of MaskLinker is a number of frames from 0, got {max_gap!r}')
        if min_length < 1:
            raise ValueError(f'min_length of MaskLinker is 1 frame or more, got {min_length!r}')
        if motion not in MOTIONS:
            raise ValueError(f'motion of MaskLinker is one of {MOTIONS}, got {motion!r}')
        self.min_iou = min_iou
        self.max_gap = max_gap
        self.min_length = min_length
        self.same_category = same_category
        if min_similarity <= 0 or reach < 0:
            raise ValueError(
                'min_similarity of MaskLinker is positive and reach 0 or more, got '
                f'{min_similarity!r} and {reach!r}'
            )
        self.motion = motion
        self.min_similarity = min_similarity
        self.reach = reach

    def link(self, frames: Iterable[FrameObjects]) -> LinkedFrames:
        """Link the objects of a video.

        Args:
            frames: For each frame its picture (H, W, 3) uint8 RGB and its objects; read once, no
                faster than needed.

        Returns:
            The frames with their tracks, to be iterated once.
        """
        return LinkedFrames(self, frames)


class LinkedFrames:
    """The frames of a video, in order, with the tracks that are seen in them.

    Args:
        linker: How objects are linked.
        frames: See :meth:`MaskLinker.link`.

    Attributes:
        info: What is known of each track by now, by id: its category, where the source names one,
            and ``visible_score``, the mean score of its objects so far.
    """

    def __init__(self, linker: MaskLinker, frames: Iterable[FrameObjects]) -> None:
        self.linker = linker
        self.frames = frames
        self.info: dict[int, dict[str, Any]] = {}
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._flow = DenseFlow() if linker.motion == 'flow' else None
        self._before: np.ndarray | None = None

    def __iter__(self) -> Iterator[FrameTracks]:
        """Link frame after frame.

        Yields:
            The picture, and its objects by track id.
        """
        held: deque[tuple[np.ndarray, list[tuple[_Track, VisibleObject]]]] = deque()
        for index, (image, objects) in enumerate(self.frames):
            held.append((image, self._update(index, image, objects)))
            while held and all(self._is_decided(track) for track, _ in held[0][1]):
                yield self._hand_out(*held.popleft())
        while held:
            yield self._hand_out(*held.popleft())

    def _is_decided(self, track: _Track) -> bool:
        return track.ended or track.count >= self.linker.min_length

    def _hand_out(
        self, image: np.ndarray, pairs: list[tuple[_Track, VisibleObject]]
    ) -> FrameTracks:
        """Give ids to the tracks of a frame that last."""
        found = {}
        for track, one in pairs:
            if track.count < self.linker.min_length:
                continue
            if track.number is None:
                self._numbers += 1
                track.number = self._numbers
            self.info[track.number] = {**track.info, 'visible_score': track.score / track.count}
            found[track.number] = one
        return image, found

    def _update(
        self, index: int, image: np.ndarray, objects: list[VisibleObject]
    ) -> list[tuple[_Track, VisibleObject]]:
        """Take the next frame; returns its objects with their tracks, in the order given."""
        size = image.shape[0], image.shape[1]
        objects = [one for one in objects if coco_mask.area(one.mask)]
        self._move(index, image, size)
        overlap = overlap_matrix(
            [track.expected for track in self._tracks], [one.mask for one in objects]
        )
        for row, track in enumerate(self._tracks):
            overlap[row, [not self._may_be(track, one) for one in objects]] = 0
        colours = [colour_histogram(image, decode_mask(one.mask, *size)) for one in objects]
        chosen = {column: row for row, column in assign(overlap, self.linker.min_iou)}
        likeness = self._likeness(index, objects, colours, chosen)
        chosen |= {column: row for row, column in assign(likeness, self.linker.min_similarity)}
        pairs = []
        for column, one in enumerate(objects):
            centre = _centre(one.mask, size)
            if column in chosen:
                track = self._tracks[chosen[column]]
                track.velocity = (centre - track.centre) / (index - track.last)
            else:
                info = {key: one.info[key] for key in TRACK_KEYS if key in one.info}
                track = _Track(_kind(one), one.mask, one.mask, centre, index, info, colours[column])
                self._tracks.append(track)
            track.colours = (1 - RENEWAL) * track.colours + RENEWAL * colours[column]
            track.mask = track.expected = one.mask
            track.centre, track.last = centre, index
            track.count += 1
            track.score += float(one.score)
            pairs.append((track, one))
        for track in self._tracks:
            track.ended = index - track.last > self.linker.max_gap
        self._tracks = [track for track in self._tracks if not track.ended]
        return pairs

    def _may_be(self, track: _Track, one: VisibleObject) -> bool:
        return not self.linker.same_category or track.kind == _kind(one)

    def _likeness(
        self,
        index: int,
        objects: list[VisibleObject],
        colours: list[np.ndarray],
        chosen: dict[int, int],
    ) -> np.ndarray:
        """Likeness in colour of the tracks and objects that are left over, 0 beyond reach."""
        likeness = np.zeros((len(self._tracks), len(objects)))
        for row, track in enumerate(self._tracks):
            steps = index - track.last
            for column, one in enumerate(objects):
                taken = column in chosen or row in chosen.values()
                if taken or not self._may_be(track, one):
                    continue
                way = _centre(one.mask, track.mask['size']) - track.centre
                side = max(coco_mask.area(one.mask), coco_mask.area(track.mask)) ** 0.5
                far = min(np.linalg.norm(way), np.linalg.norm(way - track.velocity * steps))
                if far <= self.linker.reach * side * steps**0.5:
                    likeness[row, column] = np.sqrt(track.colours * colours[column]).sum()
        return likeness

    def _move(self, index: int, image: np.ndarray, size: tuple[int, int]) -> None:
        """Bring the masks of all tracks to where they are expected in the next frame."""
        seen = [track for track in self._tracks if track.last == index - 1]
        away = [track for track in self._tracks if track.last < index - 1]
        if self._flow is not None and self._before is not None and seen:
            flow = self._flow(image, self._before)
            for track in seen:
                moved = warp(decode_mask(track.mask, *size), flow)
                track.expected = encode_mask(moved >= 0.5)
        elif self.linker.motion == 'velocity':
            away = self._tracks
        if self.linker.motion != 'none':
            for track in away:
                track.expected = _shift(track, index, size)
        self._before = image if self._flow is not None else None


def _shift(track: _Track, index: int, size: tuple[int, int]) -> dict[str, Any]:
    """Move the last mask of a track along its velocity, in whole pixels."""
    mask = decode_mask(track.mask, *size).astype(bool)
    places = np.argwhere(mask)
    wanted = track.centre + track.velocity * (index - track.last)
    places = places + np.rint(wanted - track.centre).astype(int)
    inside = ((places >= 0) & (places < size)).all(axis=1)
    moved = np.zeros(size, bool)
    moved[tuple(places[inside].T)] = True
    # What has left the picture altogether keeps its last mask: it may come back at the border.
    return encode_mask(moved) if inside.any() else track.mask


def _centre(rle: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    return np.argwhere(decode_mask(rle, *size)).mean(0)


def _kind(one: VisibleObject) -> tuple[Any, ...]:
    return tuple(one.info.get(key) for key in TRACK_KEYS)
