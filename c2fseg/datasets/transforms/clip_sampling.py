"""From a track of any length to a clip of a fixed number of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS

from .loading import origin

MODES = ('random', 'start', 'centre')
FRAME_KEYS = ('img_paths', 'frame_valid', 'frame_counted', 'frame_indices')
CODED_MASKS = '_segmentations'


@TRANSFORMS.register_module()
class SampleClip(BaseTransform):
    """Choose the frames of a clip, before anything is read.

    A track that is shorter than the clip is filled up at its end by copies of its last frame that
    are neither valid nor counted. Wherever the track has a counted frame, so does the clip: an
    interval or a start without one is passed over. It draws from numpy's global generator.

    Required Keys: ``img_paths``, ``frame_valid``, ``frame_counted``, ``frame_indices``, all of
    length T.

    Optional Keys: all that end in ``_segmentations``, of length T.

    Modified Keys: all of these, to length ``num_frames``.

    Added Keys: none.

    Args:
        num_frames: T of the clip.
        mode: Where the clip lies in the track: 'random', 'start' or 'centre' (the latter two are
            moved no further than to the nearest clip with a counted frame).
        interval: (smallest, largest) step from frame to frame. 'random' draws it, the other modes
            take the smallest. A track too short for it gets a smaller one, down to 1.
        hold_last: Take ``num_frames - 1`` frames and fill up with a copy of the last, as the
            published clips of Fishbowl are.

    Raises:
        ValueError: When an argument is wrong, or the keys of a track differ in length.

    Source: C2F-Seg, ICCV 2023, reference implementation (``hold_last``).
    """

    def __init__(
        self,
        num_frames: int,
        mode: str = 'random',
        interval: tuple[int, int] = (1, 1),
        hold_last: bool = False,
    ) -> None:
        fewest = 2 if hold_last else 1
        if num_frames < fewest:
            raise ValueError(f'num_frames is at least {fewest}, got {num_frames}')
        if mode not in MODES:
            raise ValueError(f'mode is one of {MODES}, got {mode!r}')
        if len(interval) != 2 or not 1 <= interval[0] <= interval[1]:
            raise ValueError(f'interval is (low, high) with 1 <= low <= high, got {interval}')
        self.num_frames = num_frames
        self.mode = mode
        self.interval = tuple(interval)
        self.hold_last = hold_last

    def transform(self, results: dict) -> dict:
        """Choose the frames.

        Args:
            results: The record of an object.

        Returns:
            ``results`` with keys of length ``num_frames``.
        """
        keys = [key for key in results if key in FRAME_KEYS or key.endswith(CODED_MASKS)]
        lengths = {key: len(results[key]) for key in keys}
        if len(set(lengths.values())) != 1 or not lengths[keys[0]]:
            raise ValueError(
                f'{origin(results)}: expected one entry per frame in each key, got {lengths}'
            )
        frames = self._choose(np.asarray(results['frame_counted'], bool))
        padding = self.num_frames - len(frames)
        frames = np.pad(frames, (0, padding), mode='edge')
        for key in keys:
            results[key] = _take(results[key], frames)
        for key in ('frame_valid', 'frame_counted'):
            results[key] = results[key] & (np.arange(self.num_frames) < self.num_frames - padding)
        return results

    def _choose(self, counted: np.ndarray) -> np.ndarray:
        """Give the numbers of the frames taken, at most ``num_frames``, without copies."""
        wanted = self.num_frames - 1 if self.hold_last else self.num_frames
        number = min(wanted, len(counted))
        low, high = self.interval
        interval = np.random.randint(low, high + 1) if self.mode == 'random' else low
        steps = np.arange(number)
        for step in range(interval, 0, -1):
            starts = np.arange(len(counted) - (number - 1) * step)
            clips = starts[:, None] + step * steps  # (starts, number)
            good = clips[counted[clips].any(axis=1)]
            if len(good):
                return good[self._place(good[:, 0], starts)]
        return clips[self._place(starts, starts)]  # the track has no counted frame at all

    def _place(self, starts: np.ndarray, all_starts: np.ndarray) -> int:
        if self.mode == 'random':
            return np.random.randint(len(starts))
        aim = all_starts[(len(all_starts) - 1) // 2] if self.mode == 'centre' else 0
        return int(np.abs(starts - aim).argmin())


def _take(values: Any, frames: np.ndarray) -> Any:
    if isinstance(values, np.ndarray):
        return values[frames]
    return [values[frame] for frame in frames]
