"""Fishbowl: tracks of fish, as SaVos prepared them.

The published pickle is read without running anything it names; its JSON form, made once by
``tools/dataset_converters/pickle_to_json.py``, gives the same records.
"""

from __future__ import annotations

import json
import os.path as osp
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from c2fseg.registry import DATASETS
from c2fseg.utils.safe_pickle import load_plain_pickle
from c2fseg.utils.slow_progress import track_if_slow

from .base_amodal_dataset import BaseAmodalDataset

FRAME_NAME = '{frame:05d}.png'
TRACK = re.compile(r'(?P<video>.+)_(?P<obj>\d+)')
CATEGORY = 'fish'


class MaskKeys(NamedTuple):
    """The keys of a frame's masks.

    Attributes:
        visible: The visible mask.
        amodal: The full mask.
        evaluable: 1 where no other fish is visible.
    """

    visible: str = 'VM'
    amodal: str = 'FM'
    evaluable: str = 'loss_mask_weight'


KEYS = MaskKeys()


@DATASETS.register_module()
class FishbowlDataset(BaseAmodalDataset):
    """Fishbowl: one item is one track, a fish over consecutive frames of its video.

    The annotation file is ``{'<video>_<fish>': {t: {FM, VM, loss_mask_weight, ...}}}``, each mask a
    list of one RLE; other keys (boxes, rates, species) are not read. Frame t of a video is
    ``<prefix>/<video>/<t as %05d>.png``. All frames of a track count in video scores.

    Args:
        ann_file: The published pickle (``.pkl``, ``.pickle``) or its JSON form (``.json``).
        frame_size: (H, W) that every mask must have.
        pickle_encoding: How text that Python 2 wrote into the pickle is decoded.
        **kwargs: Arguments of :class:`BaseAmodalDataset`; ``data_prefix['img']`` is the folder of
            the videos.

    Raises:
        FileNotFoundError: When the annotation file is missing.
        KeyError, TypeError, ValueError: When it is wrong, has gaps in a track's frames, or holds
            more than data; the message names file, track and frame.

    Source: Yao et al., Self-supervised Amodal Video Object Segmentation, NeurIPS 2022 (the data);
        C2F-Seg, ICCV 2023.
    """

    def __init__(
        self,
        ann_file: str,
        frame_size: tuple[int, int] = (320, 480),
        pickle_encoding: str = 'latin1',
        **kwargs: Any,
    ) -> None:
        self.frame_size = (int(frame_size[0]), int(frame_size[1]))
        self.pickle_encoding = pickle_encoding
        super().__init__(ann_file=ann_file, **kwargs)

    # ---------------------------------------------------------------- reading

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Returns:
            One compact record per track that the rules keep, in the order of the file.

        Raises:
            KeyError, TypeError, ValueError: When the file is wrong; see the class.
        """
        content = self._read_file()
        self._metainfo['classes'] = (CATEGORY,)
        self._metainfo['category_ids'] = (0,)
        self._metainfo['ann_file'] = self.ann_file
        records = []
        seen: dict[tuple[str, int], str] = {}
        for key in track_if_slow(list(content), len(content), 'checking tracks'):
            match = TRACK.fullmatch(key) if isinstance(key, str) else None
            if match is None:
                raise ValueError(f'{self.ann_file}: a key is video_fish, got {key!r}')
            video, obj = match['video'], int(match['obj'])
            first = seen.setdefault((video, obj), key)
            if first != key:
                raise ValueError(f'{self.ann_file}: {key!r} and {first!r} are the same track')
            # Taken out, so that a large file does not lie in memory twice.
            record = self._read_track(video, obj, content.pop(key))
            if record is not None:
                records.append(record)
        return records

    def _read_file(self) -> dict[Any, Any]:
        if self.ann_file.endswith('.json'):
            with open(self.ann_file, encoding='utf-8') as file:
                try:
                    content = json.load(file)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f'{self.ann_file} is not JSON: {error}') from error
        elif self.ann_file.endswith(('.pkl', '.pickle')):
            content = load_plain_pickle(self.ann_file, self.pickle_encoding)
        else:
            raise ValueError(
                f'{self.ann_file}: expected a file that ends in .pkl, .pickle or .json'
            )
        if not isinstance(content, dict):
            raise TypeError(f'{self.ann_file}: expected a dict, got {type(content).__name__}')
        return content

    def _read_track(self, video: str, obj: int, track: Any) -> dict[str, Any] | None:
        """Check one track and keep what is needed of it."""
        where = f'track {video}_{obj} of {self.ann_file}'
        frames = self._read_frames(track, where)
        record = self.make_record(
            file_names=[osp.join(video, FRAME_NAME.format(frame=t)) for t in frames],
            height=self.frame_size[0],
            width=self.frame_size[1],
            visible=[_only_mask(f, KEYS.visible, where, t) for t, f in frames.items()],
            amodal=[_only_mask(f, KEYS.amodal, where, t) for t, f in frames.items()],
            evaluable=[_only_mask(f, KEYS.evaluable, where, t) for t, f in frames.items()],
            image_id=video,
            annotation_id=obj,
            category_id=0,
            category=CATEGORY,
            frame_indices=list(frames),
            where=where,
        )
        if record is None:
            return None
        return {
            'video': video,
            'obj': obj,
            'start': next(iter(frames)),
            'visible': _counts(record['visible_segmentations']),
            'amodal': _counts(record['amodal_segmentations']),
            'evaluable': _counts(record['evaluable_segmentations']),
            'occlusion_rate': record['occlusion_rate'],
        }

    def _read_frames(self, track: Any, where: str) -> dict[int, Any]:
        """The frames of a track in their order, without gaps."""
        if not isinstance(track, Mapping):
            raise TypeError(f'{where}: a track is a dict, got {type(track).__name__}')
        if not track:
            raise ValueError(f'{where}: a track has a frame or more, got none')
        numbers = {_frame_number(key, where): key for key in track}
        first, last = min(numbers), max(numbers)
        if len(numbers) != len(track):
            raise ValueError(f'{where}: two frames have the same number, of {len(track)} frames')
        if last - first + 1 != len(numbers):
            gap = next(number for number in range(first, last) if number not in numbers)
            raise ValueError(
                f'{where}: frames follow one another, got {len(numbers)} of {first} to {last}, '
                f'the first that is missing is {gap}'
            )
        return {number: track[numbers[number]] for number in sorted(numbers)}

    # ---------------------------------------------------------------- access

    def expand_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give a track all the keys that the pipeline knows.

        Args:
            record: Entry of :meth:`load_data_list`.

        Returns:
            The record with all the keys of :class:`BaseAmodalDataset`.
        """
        video, obj, start = record['video'], record['obj'], record['start']
        frames = range(start, start + len(record['visible']))
        height, width = self.frame_size
        folder = osp.join(self.data_prefix['img'], video)
        masks = {
            f'{kind}_segmentations': [
                {'size': [height, width], 'counts': counts} for counts in record[kind]
            ]
            for kind in ('visible', 'amodal', 'evaluable')
        }
        return {
            'img_paths': [osp.join(folder, FRAME_NAME.format(frame=t)) for t in frames],
            'height': height,
            'width': width,
            **masks,
            'image_id': video,
            'annotation_id': obj,
            'category_id': 0,
            'category': CATEGORY,
            'sample_id': f'{video}_{obj}',
            'frame_valid': np.ones(len(frames), bool),
            'frame_counted': np.ones(len(frames), bool),
            'frame_indices': np.array(frames),
            'occlusion_rate': record['occlusion_rate'],
            'ann_file': self.ann_file,
        }


def _frame_number(key: Any, where: str) -> int:
    """A frame's number: JSON has made it text."""
    if isinstance(key, str) and key.isdecimal():
        return int(key)
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and key >= 0:
        return int(key)
    raise ValueError(f'{where}: a frame is a whole number of 0 or more, got {key!r}')


def _only_mask(frame: Any, key: str, where: str, number: int) -> Any:
    """The one mask of a list of one."""
    if not isinstance(frame, Mapping):
        raise TypeError(f'{where}, frame {number}: expected a dict, got {type(frame).__name__}')
    if key not in frame:
        raise KeyError(f'{where}, frame {number}: key {key!r} is missing, found {sorted(frame)}')
    masks = frame[key]
    if not isinstance(masks, list | tuple):
        raise TypeError(
            f'{where}, frame {number}: {key} is a list of one RLE, got {type(masks).__name__}'
        )
    if len(masks) != 1 or not isinstance(masks[0], dict):
        raise ValueError(f'{where}, frame {number}: {key} is a list of one RLE, got {masks!r:.80}')
    return masks[0]


def _counts(rles: list[dict[str, Any]]) -> tuple[bytes, ...]:
    return tuple(rle['counts'] for rle in rles)
