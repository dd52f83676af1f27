"""MOViD-A, and whatever else lies on disk in its way (the built-in clips, for one).

One folder per video with numbered PNG files and a ``metadata.json``; a list file names the objects.
The masks stay in their files until an object is loaded.
"""

from __future__ import annotations

import json
import logging
import os
import os.path as osp
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log

from c2fseg.registry import DATASETS
from c2fseg.utils.slow_progress import track_if_slow

from .base_amodal_dataset import BaseAmodalDataset
from .image_io import check_size, read_id_map
from .record_masks import MaskAreas

FRAME_NAME = 'rgba_full_{frame:05d}.png'
VISIBLE_NAME = 'segmentation_full_{frame:05d}.png'
AMODAL_NAME = 'segmentation_{obj}_{frame:05d}.png'
METADATA_NAME = 'metadata.json'
# A video's own name may hold underscores: the two numbers are taken from the right.
LINE = re.compile(r'(?P<video>.+)_(?P<obj>\d+)_(?P<value>\d+)')
LARGEST_VALUE = 65535  # of a 16-bit PNG
BACKGROUND = 0
UNNAMED_CATEGORY = 'object'
READERS = 8


class ListedObject(NamedTuple):
    """A line of the list file.

    Attributes:
        line: Its number in the file, from 1, for messages.
        video: Folder of the video.
        obj: Index of the object in the video's ``instances``.
        value: Its value in the id maps.
    """

    line: int
    video: str
    obj: int
    value: int


class VideoInfo(NamedTuple):
    """What the metadata of one video say about its listed objects.

    Attributes:
        num_frames: T.
        height: H.
        width: W.
        objects: For each object index the frames with a visible pixel, and its category.
        areas: For each object index its pixels, where they were counted.
        missing: Why the video cannot be used, None when it can.
    """

    num_frames: int
    height: int
    width: int
    objects: dict[int, tuple[list[int], str]]
    areas: dict[int, MaskAreas]
    missing: str | None = None


@DATASETS.register_module()
class MOViDADataset(BaseAmodalDataset):
    """MOViD-A: one item is one object over all frames of its video.

    ``<prefix>/<video>/`` holds ``rgba_full_%05d.png``, ``segmentation_full_%05d.png`` (ids of what
    is visible), ``segmentation_<obj>_%05d.png`` (where a pixel has the object's value, the object
    is, hidden or not) and ``metadata.json`` = ``{metadata: {num_frames, height, width}, instances:
    [{bboxes, bbox_frames}]}``. An instance may have a ``category``. V is the visible id map at the
    object's value; the evaluable pixels L are background and own ones. Frames in ``bbox_frames``
    count in video scores. Boxes are checked and not used.

    ``occlusion_rate`` is nan until an object is loaded, and the arguments of the base class that
    need areas are refused, unless ``read_masks`` is set.

    Args:
        ann_file: List of objects, lines ``video_obj_value``.
        num_frames: Take no more than that many frames from the start of each video; all when None.
        broken_frames: What a video with missing files does ('stop' raises, 'skip' drops its objects
            and names it); with ``read_masks``, damaged masks as well.
        read_masks: Read all masks at the start, to know areas and occlusion rates; objects without
            a visible or an amodal pixel, such as those of a value that is in no mask, are then
            dropped and counted.
        **kwargs: Arguments of :class:`BaseAmodalDataset`; ``data_prefix['img']`` is the folder of
            the videos.

    Raises:
        FileNotFoundError: When the list, a video's metadata or one of its frames is missing.
        KeyError, TypeError, ValueError: When the list or the metadata are wrong; the message names
            file and line or object.

    Source: C2F-Seg, ICCV 2023 (the data set's release).
    """

    areas_hint = ' (read_masks=True)'

    def __init__(
        self,
        ann_file: str,
        num_frames: int | None = None,
        broken_frames: str = 'stop',
        read_masks: bool = False,
        **kwargs: Any,
    ) -> None:
        if num_frames is not None and num_frames < 1:
            raise ValueError(f'num_frames is at least 1, or None for all, got {num_frames}')
        if broken_frames not in ('stop', 'skip'):
            raise ValueError(f"broken_frames is 'stop' or 'skip', got {broken_frames!r}")
        self.num_frames = num_frames
        self.broken_frames = broken_frames
        self.knows_areas = read_masks
        super().__init__(ann_file=ann_file, **kwargs)

    # ---------------------------------------------------------------- reading

    def load_data_list(self) -> list[dict]:
        """Read the list and the metadata of its videos.

        Returns:
            One compact record per object that is visible in some frame, in the order of the list.

        Raises:
            FileNotFoundError, KeyError, TypeError, ValueError: When something is wrong; see the
                class.
        """
        listed = self._read_list()
        wanted: dict[str, list[ListedObject]] = {}
        for entry in listed:
            wanted.setdefault(entry.video, []).append(entry)
        with ThreadPoolExecutor(READERS) as pool:
            found = pool.map(self._read_video, wanted.values())
            read = track_if_slow(found, len(wanted), 'reading metadata of videos')
            videos = dict(zip(wanted, read))
        self._report_missing(videos, wanted)
        classes = sorted({name for v in videos.values() for _, name in v.objects.values()})
        self._metainfo['classes'] = tuple(classes)
        self._metainfo['category_ids'] = tuple(range(len(classes)))
        self._metainfo['ann_file'] = self.ann_file
        records = []
        for entry in listed:
            video = videos[entry.video]
            if video.missing is None and self._is_kept(entry, video):
                records.append(self._compact_record(entry, video, classes))
        return records

    def _is_kept(self, entry: ListedObject, video: VideoInfo) -> bool:
        where = f'object {entry.obj} of video {entry.video}, line {entry.line} of {self.ann_file}'
        if not video.objects[entry.obj][0]:
            self._odd('never visible (empty bbox_frames)', 'dropped', where)
            return False
        return not self.knows_areas or self._keep(where, video.areas[entry.obj])

    def _compact_record(
        self, entry: ListedObject, video: VideoInfo, classes: list[str]
    ) -> dict[str, Any]:
        frames, category = video.objects[entry.obj]
        areas = video.areas.get(entry.obj)
        return {
            'video': entry.video,
            'obj': entry.obj,
            'value': entry.value,
            'size': (video.num_frames, video.height, video.width),
            'counted': bytes(frames) if video.num_frames <= 256 else frames,
            'category_id': classes.index(category),
            'category': category,
            'occlusion_rate': float('nan') if areas is None else areas.occlusion_rate,
        }

    def _read_list(self) -> list[ListedObject]:
        with open(self.ann_file, encoding='utf-8') as file:
            lines = [line.strip() for line in file]
        seen: dict[tuple[str, int], int] = {}
        listed = []
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            match = LINE.fullmatch(line)
            if match is None or not 0 < int(match['value']) <= LARGEST_VALUE:
                raise ValueError(
                    f'line {number} of {self.ann_file}: expected video_obj_value with a value of '
                    f'1 to {LARGEST_VALUE}, got {line!r}'
                )
            entry = ListedObject(number, match['video'], int(match['obj']), int(match['value']))
            first = seen.setdefault((entry.video, entry.obj), number)
            if first != number:
                raise ValueError(
                    f'line {number} of {self.ann_file}: object {entry.obj} of video '
                    f'{entry.video!r} is listed before, in line {first}'
                )
            listed.append(entry)
        return listed

    def _read_video(self, listed: list[ListedObject]) -> VideoInfo:
        """Read one video's metadata and look whether its files are there."""
        folder = osp.join(self.data_prefix['img'], listed[0].video)
        try:
            info = self._read_metadata(osp.join(folder, METADATA_NAME), listed)
            self._find_files(folder, info)
            if self.knows_areas:
                info = info._replace(areas=self._count_pixels(folder, info, listed))
        except OSError as error:
            if self.broken_frames == 'skip':
                return VideoInfo(0, 0, 0, {}, {}, str(error))
            raise
        return info

    def _read_metadata(self, path: str, listed: list[ListedObject]) -> VideoInfo:
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'{type(self).__name__}: {path} not found, line {listed[0].line} of '
                f'{self.ann_file} names its video'
            )
        with open(path, encoding='utf-8') as file:
            try:
                content = json.load(file)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{path} is not JSON: {error}') from error
        _require(content, path, ('metadata', 'instances'))
        _require(content['metadata'], f'{path}: metadata', ('num_frames', 'height', 'width'))
        num_frames, height, width = (
            _positive(content['metadata'][key], f'{path}: {key}')
            for key in ('num_frames', 'height', 'width')
        )
        instances = content['instances']
        if not isinstance(instances, list):
            raise TypeError(f'{path}: instances is a list, got {type(instances).__name__}')
        kept = num_frames if self.num_frames is None else min(num_frames, self.num_frames)
        objects = {}
        for entry in listed:
            if entry.obj >= len(instances):
                raise ValueError(
                    f'line {entry.line} of {self.ann_file}: object {entry.obj} is listed, '
                    f'{path} has {len(instances)} instances'
                )
            where = f'{path}: instance {entry.obj}'
            frames, category = _read_instance(instances[entry.obj], where, num_frames)
            objects[entry.obj] = ([frame for frame in frames if frame < kept], category)
        return VideoInfo(kept, height, width, objects, {})

    def _find_files(self, folder: str, info: VideoInfo) -> None:
        """Every frame and every mask of the listed objects has to be there."""
        there = set(os.listdir(folder))
        for frame in range(info.num_frames):
            names = [FRAME_NAME.format(frame=frame), VISIBLE_NAME.format(frame=frame)]
            names += [AMODAL_NAME.format(obj=obj, frame=frame) for obj in info.objects]
            for name in names:
                if name not in there:
                    raise FileNotFoundError(
                        f'{type(self).__name__}: {osp.join(folder, name)} not found, '
                        f'{METADATA_NAME} promises frames 0 to {info.num_frames - 1}; mend the '
                        f"video, or drop its objects with broken_frames='skip'"
                    )

    def _count_pixels(
        self, folder: str, info: VideoInfo, listed: list[ListedObject]
    ) -> dict[int, MaskAreas]:
        """Count the pixels of a video's listed objects."""
        sums = {entry.obj: np.zeros(3, np.int64) for entry in listed}
        for frame in range(info.num_frames):
            visible_ids = self._read_ids(folder, VISIBLE_NAME.format(frame=frame), info)
            for entry in listed:
                name = AMODAL_NAME.format(obj=entry.obj, frame=frame)
                amodal = self._read_ids(folder, name, info) == entry.value
                visible = visible_ids == entry.value
                parts = (visible, amodal, visible & ~amodal)
                sums[entry.obj] += [np.count_nonzero(part) for part in parts]
        return {obj: MaskAreas(*map(int, parts)) for obj, parts in sums.items()}

    def _read_ids(self, folder: str, name: str, info: VideoInfo) -> np.ndarray:
        path = osp.join(folder, name)
        ids = read_id_map(path)
        check_size(path, ids, info.height, info.width)
        return ids

    def _report_missing(
        self, videos: dict[str, VideoInfo], wanted: dict[str, list[ListedObject]]
    ) -> None:
        gone = {name: video.missing for name, video in videos.items() if video.missing is not None}
        if not gone:
            return
        number = sum(len(wanted[name]) for name in gone)
        listing = '\n'.join(f'  {reason}' for reason in gone.values())
        message = (
            f'{self.ann_file}: {len(gone)} of {len(videos)} videos cannot be used, {number} '
            f'objects dropped:\n{listing}'
        )
        print_log(message, 'current', logging.WARNING)

    # ---------------------------------------------------------------- access

    def expand_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Name the files of an object's frames and masks.

        Args:
            record: Entry of :meth:`load_data_list`.

        Returns:
            The record with all the keys of :class:`BaseAmodalDataset`.
        """
        video, obj, value = record['video'], record['obj'], record['value']
        num_frames, height, width = record['size']
        folder = osp.join(self.data_prefix['img'], video)
        frames = range(num_frames)
        visible = [osp.join(folder, VISIBLE_NAME.format(frame=t)) for t in frames]
        amodal = [osp.join(folder, AMODAL_NAME.format(obj=obj, frame=t)) for t in frames]
        counted = np.zeros(num_frames, bool)
        counted[list(record['counted'])] = True
        return {
            'img_paths': [osp.join(folder, FRAME_NAME.format(frame=t)) for t in frames],
            'height': height,
            'width': width,
            'visible_segmentations': _references(visible, (value,)),
            'amodal_segmentations': _references(amodal, (value,)),
            'evaluable_segmentations': _references(visible, (BACKGROUND, value)),
            'image_id': video,
            'annotation_id': obj,
            'category_id': record['category_id'],
            'category': record['category'],
            'sample_id': f'{video}_{obj}',
            'frame_valid': np.ones(num_frames, bool),
            'frame_counted': counted,
            'frame_indices': np.arange(num_frames),
            'occlusion_rate': record['occlusion_rate'],
            'ann_file': self.ann_file,
        }


def _references(paths: Iterable[str], values: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{'file': path, 'values': values} for path in paths]


def _require(entry: Any, where: str, keys: tuple[str, ...]) -> None:
    if not isinstance(entry, dict):
        raise TypeError(f'{where}: expected a dict, got {type(entry).__name__}')
    for key in keys:
        if key not in entry:
            raise KeyError(f'{where}: key {key!r} is missing, found {sorted(entry)}')


def _positive(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f'{where} is a whole number of 1 or more, got {value!r}')
    return value


def _read_instance(instance: Any, where: str, num_frames: int) -> tuple[list[int], str]:
    """Check one instance: the frames in which it is visible, and its category."""
    _require(instance, where, ('bboxes', 'bbox_frames'))
    boxes, frames = instance['bboxes'], instance['bbox_frames']
    for key, values in {'bboxes': boxes, 'bbox_frames': frames}.items():
        if not isinstance(values, list):
            raise TypeError(f'{where}: {key} is a list, got {type(values).__name__}')
    if len(boxes) != len(frames):
        raise ValueError(
            f'{where}: bboxes and bbox_frames are of one length, got {len(boxes)} and {len(frames)}'
        )
    for box in boxes:
        numbers = isinstance(box, list) and all(isinstance(side, int | float) for side in box)
        if not numbers or len(box) != 4 or box[2] < box[0] or box[3] < box[1]:
            raise ValueError(
                f'{where}: a box is [row_min, col_min, row_max, col_max] with sides of 0 or more, '
                f'got {box}'
            )
    for frame in frames:
        if not isinstance(frame, int) or not 0 <= frame < num_frames:
            raise ValueError(
                f'{where}: bbox_frames are numbers of 0 to {num_frames - 1}, got {frame!r}'
            )
    if len(set(frames)) != len(frames):
        raise ValueError(f'{where}: bbox_frames name a frame twice: {frames}')
    category = instance.get('category')
    if category is not None and not isinstance(category, str):
        raise TypeError(f'{where}: category is a name, got {category!r}')
    return frames, category or UNNAMED_CATEGORY
