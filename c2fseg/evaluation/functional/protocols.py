"""The evaluation protocols by name, and how to score one object under any of them.

A protocol has a file of its own with formula and source; it is added here, in one line. Numbers of
two protocols are never comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.c2f_image import C2F_IMAGE, C2F_IMAGE_STRICT
from c2fseg.evaluation.functional.c2f_video import C2F_VIDEO, C2F_VIDEO_STRICT
from c2fseg.evaluation.functional.clip_protocol import (
    ClipProtocol,
    count_masks,
    make_case,
    predictions_by_form,
)
from c2fseg.evaluation.functional.diffusion_vas import DIFFUSION_VAS
from c2fseg.evaluation.functional.eoras import EORAS
from c2fseg.evaluation.functional.frame_scores import (
    Flags,
    FrameScores,
    Means,
    Place,
    mean_over_tracks,
    means_by_video_frame,
    pooled_means,
    track_means,
)
from c2fseg.evaluation.functional.image_protocol import (
    ImageProtocol,
    Score,
    fraction,
    measure_terms,
)
from c2fseg.evaluation.functional.pcnet import PCNET
from c2fseg.evaluation.functional.region_counts import RegionCounts
from c2fseg.evaluation.functional.savos import SAVOS
from c2fseg.evaluation.functional.savos_kins_car import SAVOS_KINS_CAR
from c2fseg.evaluation.functional.vita import VITA

PROTOCOLS: dict[str, ImageProtocol] = {
    'c2f-image': C2F_IMAGE,
    'c2f-image-strict': C2F_IMAGE_STRICT,
    'pcnet': PCNET,
    'vita': VITA,
}
"""The protocols for images by name."""

CLIP_PROTOCOLS: dict[str, ClipProtocol] = {
    'c2f-video': C2F_VIDEO,
    'c2f-video-strict': C2F_VIDEO_STRICT,
    'diffusion-vas': DIFFUSION_VAS,
    'eoras': EORAS,
    'savos': SAVOS,
    'savos-kins-car': SAVOS_KINS_CAR,
}
"""The protocols for clips by name."""


def get_protocol(name: str) -> ImageProtocol:
    """Returns the protocol for images ``name``.

    Raises:
        ValueError: There is no protocol of this name; the message lists those that exist.
    """
    if name in CLIP_PROTOCOLS:
        raise ValueError(
            f'The protocol {name!r} is one for clips: use VideoAmodalIoU (or clip_iou) for it; '
            f'those for images are {", ".join(PROTOCOLS)}.'
        )
    if name not in PROTOCOLS:
        raise ValueError(
            f'Unknown evaluation protocol {name!r}; available: {", ".join(PROTOCOLS)}.'
        )
    return PROTOCOLS[name]


def get_clip_protocol(name: str) -> ClipProtocol:
    """Returns the protocol for clips ``name``.

    Raises:
        ValueError: There is no protocol of this name; the message lists those that exist.
    """
    if name in PROTOCOLS:
        raise ValueError(
            f'The protocol {name!r} is one for images: use AmodalIoU (or amodal_iou) for it; '
            f'those for clips are {", ".join(CLIP_PROTOCOLS)}.'
        )
    if name not in CLIP_PROTOCOLS:
        raise ValueError(
            f'Unknown evaluation protocol {name!r} for clips; available: '
            f'{", ".join(CLIP_PROTOCOLS)}.'
        )
    return CLIP_PROTOCOLS[name]


def amodal_iou(
    prediction: NDArray,
    amodal: NDArray,
    visible: NDArray,
    given_visible: NDArray | None = None,
    protocol: str = 'c2f-image',
    post: bool = False,
    occluded: NDArray | None = None,
) -> Score:
    """Scores one binary prediction of one object.

    Args:
        prediction: P, ``(H, W)`` bool or 0/1.
        amodal: A, ``(H, W)``.
        visible: V, the true visible mask, ``(H, W)``.
        given_visible: The visible mask that the model was given, if it is a predicted one;
            ``None`` means that it was V.
        protocol: A name in :data:`PROTOCOLS`.
        post: Score P united with the given visible mask instead of P.
        occluded: What a head of its own predicts of the occluded part, ``(H, W)``, for the
            protocol ``vita``; ``None``: P without V.

    Returns:
        The protocol's score; every one has ``full``, ``occluded`` and ``counted``. What averages
        them is :func:`protocol_means`.

    Raises:
        ValueError: Unknown protocol; masks of different shapes or not binary; ``post`` or
            ``occluded`` for a protocol that knows no such thing.
    """
    chosen = get_protocol(protocol)
    if post and 'post' not in chosen.forms:
        raise ValueError(f'The protocol {protocol!r} knows no post-processing; leave post out.')
    if occluded is not None and protocol != 'vita':
        raise ValueError(f"Only 'vita' scores a mask of the occluded part, not {protocol!r}.")
    predicted = given_visible is not None
    given = given_visible if given_visible is not None else visible
    masks = {'prediction': prediction, 'amodal': amodal, 'visible': visible, 'given': given}
    regions = RegionCounts(**masks, **({} if occluded is None else {'occluded': occluded}))
    region = regions['prediction'] | regions['given'] if post else regions['prediction']
    hidden = None if occluded is None else regions['occluded']
    return chosen.score(regions, region, predicted, hidden)


def protocol_means(protocol: str, scores: Iterable[Score]) -> dict[str, float]:
    """Averages the scores of objects as their protocol does.

    Args:
        protocol: A name in :data:`PROTOCOLS`.
        scores: What :func:`amodal_iou` returned for each object under it.

    Returns:
        dict: Key of each measure (``'mIoU_full'``, ...) to its value in [0, 1]; NaN over nothing.
    """
    scores = list(scores)
    return {
        measure.key: fraction(measure, measure_terms(measure, scores))
        for measure in get_protocol(protocol).measures
    }


def clip_iou(
    prediction: NDArray,
    amodal: NDArray,
    visible: NDArray,
    evaluable: NDArray | None = None,
    counted: Flags | None = None,
    protocol: str = 'c2f-video',
    post: bool = False,
    given_visible: NDArray | None = None,
    given_evaluable: NDArray | None = None,
) -> FrameScores:
    """Scores the binary predictions of one object in T frames.

    Args:
        prediction: P, ``(T, H, W)`` bool or 0/1.
        amodal: A, ``(T, H, W)``.
        visible: V, the true visible masks, ``(T, H, W)``.
        evaluable: L, 1 where no other object is visible, ``(T, H, W)``; needed by ``post`` (but
            of ``diffusion-vas``) and by the protocols ``savos`` and ``savos-kins-car``.
        counted: c_t, ``(T,)`` bool; ``None``: every frame.
        protocol: A name in :data:`CLIP_PROTOCOLS`.
        post: Score the post-processed prediction instead of P. Protocols that know no raw
            numbers always do.
        given_visible: The visible masks that the model was given, if they are predicted ones;
            ``None`` means that it was V. ``eoras`` and ``savos-kins-car`` take it for V.
        given_evaluable: 1 where no other of these predicted masks is; needed in place of
            ``evaluable`` by the same protocols where ``given_visible`` is there.

    Returns:
        FrameScores: The scores of all frames and which of them count.

    Raises:
        ValueError: Unknown protocol; masks of different shapes or not binary; no ``evaluable``
            where it is needed; ``counted`` of another length.
    """
    chosen = get_clip_protocol(protocol)
    masks = {'prediction': prediction, 'amodal': amodal, 'visible': visible}
    if given_visible is not None:
        masks['given'] = given_visible
    for name, mask in (('others', evaluable), ('given_others', given_evaluable)):
        if mask is not None:
            masks[name] = np.asarray(mask) == 0
    regions = count_masks(masks, ['prediction'], {protocol: chosen})
    case = make_case(regions, protocol, chosen, 'prediction', _counted_frames(counted, len(amodal)))
    form = 'post' if post or chosen.always_post else 'raw'
    forms = predictions_by_form(case, chosen)
    if form not in forms:
        name = 'given_evaluable' if chosen.source == 'given' and 'given' in masks else 'evaluable'
        raise ValueError(f'Post-processing and {protocol!r} need evaluable masks; give {name}.')
    return chosen.score(case, forms[form])


def _counted_frames(counted: Flags | None, number: int) -> Flags:
    frames = np.ones(number, bool) if counted is None else np.asarray(counted, dtype=bool)
    if frames.shape != (number,):
        raise ValueError(f'counted must be ({number},), got shape {frames.shape}.')
    return frames


def clip_means(
    protocol: str,
    scores: Sequence[FrameScores],
    places: Sequence[Sequence[Place]] | None = None,
) -> Means:
    """Averages the scores of objects in clips as their protocol does.

    Args:
        protocol: A name in :data:`CLIP_PROTOCOLS`.
        scores: What :func:`clip_iou` returned for each object under it.
        places: (video, frame) of each frame of each object, for the protocols that average the
            objects of a frame first (``savos``, ``savos-kins-car``).

    Returns:
        tuple: (full, occluded, how many tracks or frames went into the first, into the second).

    Raises:
        ValueError: No ``places`` where they are needed.
    """
    averaging = get_clip_protocol(protocol).averaging
    if averaging == 'tracks':
        return mean_over_tracks(track_means(score) for score in scores)
    if averaging == 'frames':
        return pooled_means(scores)
    if places is None:
        raise ValueError(f'{protocol!r} averages by video and frame: give the places.')
    return means_by_video_frame(scores, places)
