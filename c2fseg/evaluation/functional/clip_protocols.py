"""The protocols for clips by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.c2f_video import (
    paste_visible,
    score_c2f_video,
    score_c2f_video_strict,
)
from c2fseg.evaluation.functional.frame_scores import ClipScoreFunction, Flags, FrameScores
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts
from c2fseg.evaluation.functional.savos import score_savos


class ClipProtocol(NamedTuple):
    """A named way to score clips.

    Attributes:
        score: Scores the frames of one object.
        always_post: Whether the protocol knows no raw numbers.
    """

    score: ClipScoreFunction
    always_post: bool = False


CLIP_PROTOCOLS: dict[str, ClipProtocol] = {
    'c2f-video': ClipProtocol(score_c2f_video),
    'c2f-video-strict': ClipProtocol(score_c2f_video_strict),
    'savos': ClipProtocol(score_savos, always_post=True),
}
"""The evaluation protocols for clips by name. Numbers of two protocols are never comparable."""


def get_clip_protocol(name: str) -> ClipProtocol:
    """Returns the protocol ``name``.

    Raises:
        ValueError: There is no protocol of this name; the message lists those that exist.
    """
    if name not in CLIP_PROTOCOLS:
        raise ValueError(
            f'Unknown evaluation protocol {name!r} for clips; available: '
            f'{", ".join(sorted(CLIP_PROTOCOLS))}.'
        )
    return CLIP_PROTOCOLS[name]


def clip_iou(
    prediction: NDArray,
    amodal: NDArray,
    visible: NDArray,
    evaluable: NDArray | None = None,
    counted: Flags | None = None,
    protocol: str = 'c2f-video',
    post: bool = False,
) -> FrameScores:
    """Scores the binary predictions of one object in T frames.

    Args:
        prediction: P, ``(T, H, W)`` bool or 0/1.
        amodal: A, ``(T, H, W)``.
        visible: V, the true visible masks, ``(T, H, W)``.
        evaluable: L, 1 where no other object is visible, ``(T, H, W)``; needed by ``post`` and by
            the protocol ``savos``.
        counted: c_t, ``(T,)`` bool; ``None``: every frame.
        protocol: A name in :data:`CLIP_PROTOCOLS`.
        post: Score P where another object is visible and V elsewhere, instead of P.

    Returns:
        FrameScores: The scores of all frames and which of them count.

    Raises:
        ValueError: Unknown protocol; masks of different shapes or not binary; no ``evaluable``
            where it is needed; ``counted`` of another length.
    """
    chosen = get_clip_protocol(protocol)
    if evaluable is None and (post or chosen.always_post):
        raise ValueError(f'Post-processing and {protocol!r} need evaluable masks; give them.')
    context = {} if evaluable is None else {'others': np.asarray(evaluable) == 0}
    masks = {'prediction': prediction, 'amodal': amodal, 'visible': visible}
    regions = ClipRegionCounts(masks, context)
    frames = np.ones(len(amodal), bool) if counted is None else np.asarray(counted, dtype=bool)
    if frames.shape != (len(amodal),):
        raise ValueError(f'counted must be ({len(amodal)},), got shape {frames.shape}.')
    region = regions['prediction']
    return chosen.score(regions, paste_visible(regions, region) if post else region, frames)
