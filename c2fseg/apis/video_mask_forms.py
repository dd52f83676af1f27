"""What users give as the visible masks of a video, brought into one form."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.apis.frame_files import frame_numbers, list_frames
from c2fseg.apis.inputs import as_array
from c2fseg.apis.video_io import Video
from c2fseg.apis.video_mask_files import read_mask_tracks
from c2fseg.apis.video_masks import (
    MASK_FORMS,
    FolderMasks,
    ListedMasks,
    ObjectId,
    TrackMasks,
    VideoMasks,
)

# Id maps of the MOVi families, which lie in one folder with the frames and the amodal masks.
MOVI_MASKS = re.compile(r'segmentation_full_\d+\.png')
# By how many frames masks and video may differ when only a header tells the length of the video.
HEADER_SLACK = 2


def open_masks(given: Any, video: Video, on_error: str = 'raise') -> VideoMasks:
    """Find out in what form the visible masks of a video were given.

    Args:
        given: See ``MASK_FORMS``. Of a folder with files ``segmentation_full_00000.png`` (MOVi)
            only those are masks. The files of a folder belong to the frames of the same name, or
            number at the end of the name, or else, when there are as many, are taken in order.
        video: The video.
        on_error: ``'skip'``: frames of a folder without a mask are reported when their turn comes.

    Returns:
        The masks.

    Raises:
        FileNotFoundError: There is no such file, or frames have no mask.
        TypeError, ValueError, KeyError: They are in another form, or not those of this video.
    """
    given = as_array(given)
    if isinstance(given, VideoMasks):
        masks = given
    elif isinstance(given, (str, os.PathLike)):
        masks = _open_path(Path(given).expanduser(), video, on_error)
    elif isinstance(given, Mapping):
        masks = _open_tracks(given)
    elif isinstance(given, np.ndarray) and given.ndim != 3:
        raise ValueError(f'visible_masks: expected id maps (T, H, W), got shape {given.shape}')
    elif isinstance(given, Iterable):
        masks = ListedMasks(given)
    else:
        raise TypeError(f'visible_masks: expected {MASK_FORMS}; got {type(given).__name__}')
    _check_length(masks, video)
    return masks


def _open_path(path: Path, video: Video, on_error: str) -> VideoMasks:
    if path.is_dir():
        files = [name for name in list_frames(path, MOVI_MASKS) if name.lower().endswith('.png')]
        if not files:
            raise FileNotFoundError(f'No PNG in the mask folder {path}; expected {MASK_FORMS}')
        return FolderMasks(str(path), _pair(str(path), files, video, on_error))
    return read_mask_tracks(path, video.name)


def _open_tracks(given: Mapping[ObjectId, Any]) -> TrackMasks:
    """Bring a dict from object id to masks into tracks."""
    tracks: dict[ObjectId, Mapping[int, Any]] = {}
    lengths: dict[ObjectId, int] = {}
    for object_id, masks in given.items():
        masks = as_array(masks)
        if isinstance(masks, Mapping) and 'counts' not in masks:
            tracks[object_id] = masks
            continue
        flat = isinstance(masks, np.ndarray) and masks.ndim != 3
        if flat or not isinstance(masks, (np.ndarray, Sequence)) or isinstance(masks, str):
            what = f'shape {masks.shape}' if flat else type(masks).__name__
            raise TypeError(
                f'visible_masks of object {object_id}: expected masks (T, H, W), a list of T masks '
                f'or RLEs (None where absent), or a dict from frame to mask; got {what}'
            )
        lengths[object_id] = len(masks)
        tracks[object_id] = dict(enumerate(masks))
    if len(set(lengths.values())) > 1:
        raise ValueError(f'visible_masks: objects have different numbers of frames: {lengths}')
    whole = bool(lengths) and len(lengths) == len(tracks)
    return TrackMasks(tracks, next(iter(lengths.values())) if whole else None)


def _pair(folder: str, files: list[str], video: Video, on_error: str) -> list[str | None]:
    """Find the mask file of each frame."""
    if video.frame_names is None:
        return list(files)
    stems = [Path(name).stem for name in video.frame_names]
    found = [Path(name).stem for name in files]
    named = dict(zip(found, files))
    if all(stem in named for stem in stems):
        return [named[stem] for stem in stems]
    wanted, numbers = frame_numbers(stems), frame_numbers(found)
    numbered = {} if wanted is None or numbers is None else dict(zip(numbers, files))
    if wanted is not None and all(number in numbered for number in wanted):
        return [numbered[number] for number in wanted]
    shared = sum(number in numbered for number in wanted or ()) if numbered else 0
    if len(files) == video.num_frames and (not shared or (_run_on(numbers) and _run_on(wanted))):
        return list(files)
    paired = [numbered.get(number) for number in wanted or [-1] * len(stems)]
    missing = [index for index, path in enumerate(paired) if path is None]
    if on_error == 'skip' and len(missing) < len(stems):
        return paired
    raise FileNotFoundError(
        f'{folder} has no mask for {video.frame_name(missing[0])} of {video.name}: '
        f'{len(missing)} of {len(stems)} frames have none among {len(files)} PNGs; expected one '
        'for each frame, of the same name or number, or as many in the same order'
    )


def _run_on(numbers: Sequence[int] | None) -> bool:
    """Whether numbers are consecutive."""
    return numbers is not None and bool((np.diff(numbers) == 1).all())


def _check_length(masks: VideoMasks, video: Video) -> None:
    """Compare the lengths, as far as they are known before the first frame is read."""
    expected = video.num_frames
    if expected is None or (isinstance(masks, FolderMasks) and video.frame_names is not None):
        return  # not known, or paired by name
    slack = 0 if video.exact else HEADER_SLACK
    missing = 0 if masks.num_frames is None else expected - masks.num_frames
    if missing > slack:
        raise ValueError(
            f'The visible masks end after {masks.num_frames} frames, {video.name} has {expected}: '
            'expected one mask frame for each frame'
        )
    if masks.beyond(expected) > slack:
        raise ValueError(
            f'The visible masks go on for {masks.beyond(expected)} frames after the end of '
            f'{video.name}, which has {expected}: expected masks of this video'
        )
