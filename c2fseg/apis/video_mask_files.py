"""Visible masks of a video from a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from c2fseg.apis.video_masks import ObjectId, TrackMasks

# Keys that name an object and hold its visible mask, in the order in which they are looked for.
OBJECT_KEYS = ('track_id', 'annotation_id', 'object_id', 'id')
MASK_KEYS = ('visible_segmentation', 'visible_mask', 'segmentation')
TRACK_KEYS = ('visible_segmentations', 'segmentations')
NOTE_KEYS = ('category_id', 'category')


def read_mask_tracks(path: str | os.PathLike, video_name: str) -> TrackMasks:
    """Read the visible masks of one video.

    Two kinds of file are known. A list of entries, one an object and frame, as in the library's own
    prediction files: ``frame`` (counted from 0), the object (``track_id`` or ``annotation_id``) and
    ``visible_segmentation`` or ``segmentation``; entries of several videos are told apart by
    ``image_id``, and where no entry has a ``frame``, ``image_id`` is its number. And a dict in the
    style of YouTube-VIS: ``videos``, and ``annotations`` whose ``segmentations`` list has one entry
    a frame, null where the object is absent.

    Args:
        path: The file.
        video_name: Path of the video: of several, the one whose file or folder is named so counts.

    Returns:
        The masks.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError, TypeError, KeyError: It is no such file, or knows no such video.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'No mask file or folder at {path}')
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not JSON: {error}') from error
    if isinstance(content, list):
        return _read_entries(str(path), content, video_name)
    if isinstance(content, dict) and 'annotations' in content and 'videos' in content:
        return _read_videos(str(path), content, video_name)
    kind = f'keys {", ".join(sorted(content))}' if isinstance(content, dict) else type(content)
    raise TypeError(
        f'{path}: expected a list of entries with frame, track_id and segmentation, or a dict with '
        f'videos and annotations; got {kind}'
    )


def _read_entries(path: str, entries: Sequence[Any], video_name: str) -> TrackMasks:
    """Read a list with one entry an object and frame."""
    for position, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            kind = type(entry).__name__
            raise TypeError(f'{path}, entry {position}: expected a dict, got {kind}')
    frame_key = 'frame' if any('frame' in entry for entry in entries) else 'image_id'
    videos = {str(entry.get('image_id')) for entry in entries} if frame_key == 'frame' else set()
    wanted = _choose(path, {video: [video] for video in videos}, video_name)
    tracks: dict[ObjectId, dict[int, Any]] = {}
    info: dict[ObjectId, dict[str, Any]] = {}
    for position, entry in enumerate(entries):
        if wanted is not None and str(entry.get('image_id')) != wanted:
            continue
        where = f'{path}, entry {position}'
        object_id = entry[_first_key(entry, OBJECT_KEYS, where)]
        frame = _frame_number(entry, frame_key, where)
        track = tracks.setdefault(object_id, {})
        if frame in track:
            raise ValueError(f'{where}: a second mask of object {object_id} in frame {frame}')
        mask_key = _first_key(entry, MASK_KEYS, where)
        if entry[mask_key] is None:
            raise ValueError(f'{where}: {mask_key} of object {object_id}, frame {frame} is null')
        track[frame] = entry[mask_key]
        info.setdefault(object_id, _notes(entry, {}))
    return TrackMasks(tracks, None, info)


def _read_videos(path: str, content: Mapping[str, Any], video_name: str) -> TrackMasks:
    """Read a file in the style of YouTube-VIS."""
    names: dict[str, list[str]] = {}
    for position, video in enumerate(content['videos']):
        video_id = str(video[_first_key(video, ('id',), f'{path}, video {position}')])
        frames = [str(name) for name in video.get('file_names') or ()]
        folders = [Path(name).parent.name for name in frames[:1]]
        names[video_id] = [video_id, *folders, *(str(video[k]) for k in ('name',) if k in video)]
    wanted = _choose(path, names, video_name)
    categories = {one.get('id'): one.get('name') for one in content.get('categories') or ()}
    tracks: dict[ObjectId, dict[int, Any]] = {}
    info: dict[ObjectId, dict[str, Any]] = {}
    lengths: dict[ObjectId, int] = {}
    for position, annotation in enumerate(content['annotations']):
        where = f'{path}, annotation {annotation.get("id", position)}'
        if str(annotation[_first_key(annotation, ('video_id',), where)]) != wanted:
            continue
        object_id = annotation[_first_key(annotation, ('id', 'track_id'), where)]
        masks = annotation[_first_key(annotation, TRACK_KEYS, where)]
        if not isinstance(masks, list):
            kind = type(masks).__name__
            raise TypeError(f'{where}: segmentations is a list with an entry a frame, got {kind}')
        if object_id in tracks:
            raise ValueError(f'{where}: a second annotation of this id')
        lengths[object_id] = len(masks)
        tracks[object_id] = dict(enumerate(masks))
        info[object_id] = _notes(annotation, categories)
    if len(set(lengths.values())) > 1:
        raise ValueError(f'{path}: objects of one video differ in their frames: {lengths}')
    return TrackMasks(tracks, next(iter(lengths.values()), None), info)


def _choose(path: str, names: Mapping[str, Sequence[str]], video_name: str) -> str | None:
    """Choose the video of a file by the name of the file or folder; one alone needs no name."""
    if len(names) <= 1:
        return next(iter(names), None)
    place = Path(video_name)
    called = {place.name, place.stem, place.parent.name}
    called |= {str(int(name)) for name in called if name.isdecimal()}
    for exact in ({place.name, place.stem}, called):
        found = [video for video, known in names.items() if exact & set(known)]
        if len(found) == 1:
            return found[0]
    raise KeyError(
        f'{path} holds {len(names)} videos ({", ".join(list(names)[:3])}, ...) and none, or more '
        f'than one, is called as {video_name}; rename the video, or give a file of its masks alone'
    )


def _frame_number(entry: Mapping[str, Any], key: str, where: str) -> int:
    value = entry[_first_key(entry, (key,), where)]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (isinstance(value, str) and value.isdecimal()):
        raise ValueError(f'{where}: {key} is the number of a frame from 0, got {value!r}')
    if int(value) < 0:
        raise ValueError(f'{where}: {key} is the number of a frame from 0, got {value}')
    return int(value)


def _first_key(holder: Any, keys: Sequence[str], where: str) -> str:
    if not isinstance(holder, Mapping):
        raise TypeError(f'{where}: expected a dict, got {type(holder).__name__}')
    for key in keys:
        if key in holder:
            return key
    raise KeyError(f'{where}: none of {", ".join(keys)}; found {", ".join(sorted(holder))}')


def _notes(holder: Mapping[str, Any], categories: Mapping[Any, Any]) -> dict[str, Any]:
    """What a file says of an object beside its masks."""
    notes = {key: holder[key] for key in NOTE_KEYS if holder.get(key) is not None}
    name = categories.get(holder.get('category_id'))
    return notes if name is None else {'category': name, **notes}
