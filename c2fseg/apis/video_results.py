"""What is kept and told of the objects of a video: records by frame, small beside the pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from c2fseg.apis.video_masks import ObjectId
from c2fseg.structures import decode_mask, encode_mask, masks_to_boxes

# An object in a frame: it has visible pixels; it has none, but has some in other frames of the
# window, so that it was completed; or it has none in any window that covers the frame.
STATES = ('visible', 'hidden', 'unseen')
KINDS = ('visible', 'amodal', 'coarse')


@dataclass
class Track:
    """An object over the frames of a video.

    Attributes:
        object_id: Its id in the masks.
        number: How many objects came before it; gives its colour.
        info: What the masks say of it beside its pixels.
        records: By frame number, those of frames where it is not unseen.
    """

    object_id: ObjectId
    number: int
    info: dict[str, Any] = field(default_factory=dict)
    records: dict[int, dict[str, Any]] = field(default_factory=dict)


def frame_record(
    visible: np.ndarray, masks: dict[str, np.ndarray], score: float, post_process: bool
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Make the record of an object in a frame.

    Args:
        visible: (H, W) bool, the visible mask that was given.
        masks: Predicted ``amodal`` and, where there is one, ``coarse``, (H, W) bool.
        score: Mean probability inside the amodal mask.
        post_process: Add the visible part to the predicted masks.

    Returns:
        The record, and the masks ``visible``, ``amodal`` and ``coarse``.
    """
    found = {'visible': visible, **masks}
    if post_process:
        found = {name: mask | visible for name, mask in found.items()}
    seen = np.count_nonzero(visible)
    whole = np.count_nonzero(found['amodal'] | visible)
    record: dict[str, Any] = {
        'state': 'visible' if seen else 'hidden',
        'score': score,
        'box': masks_to_boxes(found['amodal']).tolist(),
        'occlusion_rate': float(1 - seen / whole) if whole else None,
    }
    record.update({f'{name}_rle': encode_mask(mask) for name, mask in found.items()})
    return record, found


def file_entry(track: Track, video: str, frame: int) -> dict[str, Any]:
    """The entry of an object and frame in a mask file, in the form of a prediction file.

    Args:
        track: The object.
        video: Name of the video.
        frame: Number of the frame, one that has a record.

    Returns:
        What JSON can hold.
    """
    record = track.records[frame]
    return {
        'image_id': video,
        'annotation_id': track.object_id,
        'category_id': track.info.get('category_id'),
        'frame': frame,
        'state': record['state'],
        'segmentation': record['amodal_rle'],
        'visible_segmentation': record['visible_rle'],
        'coarse_segmentation': record.get('coarse_rle'),
        'score': record['score'],
        'occlusion_rate': record['occlusion_rate'],
    }


def track_result(
    track: Track, num_frames: int, size: tuple[int, int], return_arrays: bool
) -> dict[str, Any]:
    """Collect the result of an object: lists with an entry for every frame of the video.

    Args:
        track: The object.
        num_frames: Frames of the video.
        size: (H, W).
        return_arrays: Include the masks as arrays (num_frames, H, W) bool.

    Returns:
        See :meth:`AmodalInferencer.complete_video`.
    """
    empty = encode_mask(np.zeros(size, bool))
    unseen = {
        'state': 'unseen',
        'score': 0.0,
        'box': [0, 0, 0, 0],
        'occlusion_rate': None,
    }
    kinds = [name for name in KINDS if any(f'{name}_rle' in r for r in track.records.values())]
    rows = [track.records.get(frame, unseen) for frame in range(num_frames)]
    result: dict[str, Any] = {'object_id': track.object_id, **track.info}
    result['frames'] = sorted(track.records)
    result['states'] = [row['state'] for row in rows]
    result['scores'] = [row['score'] for row in rows]
    result['boxes'] = [row['box'] for row in rows]
    result['occlusion_rates'] = [row['occlusion_rate'] for row in rows]
    for kind in kinds:
        rles = [row.get(f'{kind}_rle', empty) for row in rows]
        result[f'{kind}_rles'] = rles
        if return_arrays:
            arrays = np.zeros((num_frames, *size), bool)
            for frame in track.records:
                arrays[frame] = decode_mask(rles[frame], *size)
            result[f'{kind}_masks'] = arrays
    return result


def track_order(object_id: ObjectId) -> tuple[bool, int, str]:
    """Sort key of objects: numbers first, ascending, then names."""
    named = isinstance(object_id, str)
    return named, 0 if named else int(object_id), str(object_id)
