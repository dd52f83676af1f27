"""What all amodal data sets share: one item is one object over T frames.

A data set only turns its annotation file into a list of records; checking, filtering, repeating
and seeding happen here.
"""

from __future__ import annotations

import logging
import os.path as osp
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log
from pycocotools import mask as coco_mask

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import to_rle

from . import transforms
from .image_io import find_broken_images
from .sample_draw import SampleDraw

IMAGE_CHECKS = (None, 'stop', 'skip')
# An object of which more than this share is hidden counts as occluded.
OCCLUDED_RATE = 0.05
# Rasterised outlines of V and A differ by a pixel here and there: that is not worth a word.
OUTSIDE_NOTE_RATE = 0.01
SEGMENTATION_KEYS = ('visible_segmentations', 'amodal_segmentations', 'evaluable_segmentations')
# Arguments that say something about areas, with the values that ask for nothing.
AREA_ARGUMENTS = {
    'occlusion_range': None,
    'occluded_repeat': 1,
    'max_visible_outside': None,
    'min_visible_area': 1,
}


class BaseAmodalDataset(BaseDataset):
    """Objects with a visible mask V and an amodal mask A.

    Subclasses implement ``load_data_list`` and give each object to :meth:`make_record`. A record
    goes through the pipeline with the keys ``img_paths``, ``height``, ``width``,
    ``visible_segmentations``, ``amodal_segmentations`` and, where it is known which pixels show
    another object, ``evaluable_segmentations`` (T coded masks of each), ``image_id``,
    ``annotation_id``, ``category_id``, ``category``, ``sample_id``, ``occlusion_rate``,
    ``ann_file``; (T,) arrays ``frame_valid`` (real frame, no padding copy), ``frame_counted`` (it
    counts in video scores), ``frame_indices`` (its number in the video).

    A coded mask is what :func:`c2fseg.structures.to_rle` reads, or ``dict(file=path, values=(v,
    ...))``: the pixels of a single-channel PNG that have one of these values. Where masks lie in
    such files, their areas are unknown at the start (``knows_areas`` is False and
    ``occlusion_rate`` nan), and the arguments that need them are refused.

    Real files hold objects without a visible or an amodal pixel, and objects whose V sticks out of
    A. They are counted and named once in the log; the arguments say what becomes of them.

    Args:
        ann_file: Annotation file, relative to ``data_root``.
        data_root: Folder that ``ann_file`` and ``data_prefix`` start from.
        data_prefix: ``img``: folder of the pictures.
        pipeline: Transforms.
        occlusion_range: Keep objects with lo <= 1 - |V| / |A| < hi only; None keeps all.
        min_visible_area: Drop objects with fewer visible pixels (summed over frames), at least 1.
        max_visible_outside: Drop objects with more than this share of |A| as visible pixels outside
            A; None keeps them.
        occluded_repeat: In training, list an object that is more than 5 % hidden that many times.
        invalid_masks: What a mask that cannot be read does: 'stop' raises, 'skip' drops its object
            and counts it.
        strict: Raise instead of dropping: empty V, empty A, V outside A by over 1 % of \\|A\\|.
        image_check: Read every image file before the run: 'stop' raises with a list of all broken
            ones, 'skip' drops their objects and names them, None does not look.
        indices: Keep the first n objects, or those at these positions, after all filters.
        serialize_data: Hold the records as bytes that worker processes share.
        test_mode: Validation or test: no object may be listed twice.
        lazy_init: Do not read the annotation file yet.

    Raises:
        FileNotFoundError: When the annotation file is missing.
        KeyError, TypeError, ValueError: When it is wrong; the message names file and annotation.
        OSError: When ``image_check='stop'`` finds broken images.
    """

    METAINFO: dict[str, Any] = {}
    # Whether records have an occlusion rate. A subclass that sets False does so before __init__.
    knows_areas: bool = True
    areas_hint: str = ''

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: dict[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        occlusion_range: tuple[float, float] | None = None,
        min_visible_area: int = 1,
        max_visible_outside: float | None = None,
        occluded_repeat: int = 1,
        invalid_masks: str = 'stop',
        strict: bool = False,
        image_check: str | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
    ) -> None:
        if min_visible_area < 1:
            raise ValueError(f'min_visible_area is at least 1, got {min_visible_area}')
        if occluded_repeat < 1 or (test_mode and occluded_repeat > 1):
            raise ValueError(
                f'occluded_repeat is at least 1, and 1 with test_mode=True (an object listed twice '
                f'would count twice), got {occluded_repeat}'
            )
        if invalid_masks not in ('stop', 'skip'):
            raise ValueError(f"invalid_masks is 'stop' or 'skip', got {invalid_masks!r}")
        if image_check not in IMAGE_CHECKS:
            raise ValueError(f'image_check is one of {IMAGE_CHECKS}, got {image_check!r}')
        self.occlusion_range = occlusion_range
        self.min_visible_area = min_visible_area
        self.max_visible_outside = max_visible_outside
        self.occluded_repeat = occluded_repeat
        self.invalid_masks = invalid_masks
        self.strict = strict
        self.image_check = image_check
        self._order: np.ndarray | None = None
        self._dropped: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        if not self.knows_areas:
            self._refuse_area_arguments()
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix={'img': ''} if data_prefix is None else data_prefix,
            indices=indices,
            serialize_data=serialize_data,
            # Built here, so that the names resolve whatever the default scope is.
            pipeline=[TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline],
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    def _refuse_area_arguments(self) -> None:
        asked = [name for name, default in AREA_ARGUMENTS.items() if getattr(self, name) != default]
        if asked:
            raise ValueError(
                f'{type(self).__name__}: {asked} need the areas of the masks, which are unknown '
                f'before the mask files are read: leave these arguments out{self.areas_hint}'
            )

    # ---------------------------------------------------------------- records

    def make_record(
        self,
        *,
        file_names: Sequence[str],
        height: int,
        width: int,
        visible: Sequence[Any],
        amodal: Sequence[Any],
        image_id: Any,
        annotation_id: Any,
        category_id: int,
        category: str,
        evaluable: Sequence[Any] | None = None,
        frame_valid: Sequence[bool] | None = None,
        frame_counted: Sequence[bool] | None = None,
        frame_indices: Sequence[int] | None = None,
    ) -> dict[str, Any] | None:
        """Check one object's masks and build its record.

        Args:
            file_names: T picture files, relative to ``data_prefix['img']``.
            height: H of the pictures.
            width: W of the pictures.
            visible: T coded visible masks.
            amodal: T coded amodal masks.
            image_id: Id of the picture or video.
            annotation_id: Id of the object.
            category_id: Id of its class.
            category: Name of its class.
            evaluable: T coded masks, 1 where no other object is visible; none when None.
            frame_valid: Which of the T frames are real, all when None.
            frame_counted: Which of them count in video scores, the real ones when None.
            frame_indices: Their numbers in the video, 0 to T - 1 when None.

        Returns:
            The record, or None when a rule drops the object.

        Raises:
            KeyError, TypeError, ValueError: When a mask is wrong; names file and annotation.
        """
        where = f'annotation {annotation_id} of {self.ann_file}'
        try:
            visible_rles = [to_rle(mask, height, width) for mask in visible]
            amodal_rles = [to_rle(mask, height, width) for mask in amodal]
            evaluable_rles = [to_rle(mask, height, width) for mask in evaluable or ()]
        except (TypeError, ValueError) as error:
            if self.invalid_masks == 'skip':
                self.note('unreadable mask, dropped', f'{where}: {error}')
                return None
            raise type(error)(f'{where}: {error}') from error
        visible_area = int(sum(coco_mask.area(rle) for rle in visible_rles))
        amodal_area = int(sum(coco_mask.area(rle) for rle in amodal_rles))
        overlap = sum(
            int(coco_mask.area(coco_mask.merge([v, a], intersect=True)))
            for v, a in zip(visible_rles, amodal_rles)
        )
        if not self._keep(where, visible_area, amodal_area, visible_area - overlap):
            return None
        frames = len(visible_rles)
        valid = np.ones(frames, bool) if frame_valid is None else np.asarray(frame_valid, bool)
        counted = valid.copy() if frame_counted is None else np.asarray(frame_counted, bool)
        numbers = np.arange(frames) if frame_indices is None else np.asarray(frame_indices)
        record = {
            'img_paths': [osp.join(self.data_prefix['img'], name) for name in file_names],
            'height': height,
            'width': width,
            'visible_segmentations': visible_rles,
            'amodal_segmentations': amodal_rles,
            'image_id': image_id,
            'annotation_id': annotation_id,
            'category_id': category_id,
            'category': category,
            'sample_id': f'{image_id}_{annotation_id}',
            'frame_valid': valid,
            'frame_counted': counted,
            'frame_indices': numbers,
            'occlusion_rate': 1.0 - visible_area / amodal_area,
            'ann_file': self.ann_file,
        }
        if evaluable is not None:
            record['evaluable_segmentations'] = evaluable_rles
        return record

    def expand_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give the record that an entry of ``load_data_list`` stands for.

        Subclasses whose records are large keep something smaller there, with ``occlusion_rate``,
        and override this.

        Args:
            record: Entry as stored.

        Returns:
            The record with all its keys.
        """
        return record

    def note(self, kind: str, example: str) -> None:
        """Count something odd; the log names each kind once, with its first example.

        Args:
            kind: What it is and what became of it.
            example: Where it was met.
        """
        self._dropped[kind] += 1
        self._examples.setdefault(kind, example)

    def _odd(self, kind: str, outcome: str, where: str) -> None:
        if self.strict:
            raise ValueError(f'{where}: {kind} (strict=True)')
        self.note(f'{kind}, {outcome}', where)

    def _keep(self, where: str, visible: int, amodal: int, outside: int) -> bool:
        """Apply the rules on areas: True keeps the object."""
        if amodal == 0:
            self._odd('empty amodal mask', 'dropped', where)
            return False
        if visible == 0:
            self._odd('empty visible mask', 'dropped', where)
            return False
        if visible < self.min_visible_area:
            self.note(f'fewer than {self.min_visible_area} visible pixels, dropped', where)
            return False
        if self.max_visible_outside is not None and outside > self.max_visible_outside * amodal:
            self._odd('visible mask sticks out of the amodal mask', 'dropped', where)
            return False
        if outside > OUTSIDE_NOTE_RATE * amodal:
            self._odd('visible mask sticks out of the amodal mask', 'kept', where)
        return True

    # ---------------------------------------------------------------- reading

    def full_init(self) -> None:
        """Read, filter and store all records, once.

        Raises:
            FileNotFoundError: When the annotation file is missing.
            ValueError: When no object is left.
        """
        if self._fully_initialized:
            return
        if not osp.isfile(self.ann_file):
            raise FileNotFoundError(
                f'{type(self).__name__}: annotation file not found: {self.ann_file} '
                f'(data_root={self.data_root!r})'
            )
        self._dropped.clear()
        super().full_init()
        if self.occluded_repeat > 1:
            self._order = self._repeated_order()

    def filter_data(self) -> list[dict]:
        """Keep what the arguments ask for, and report once what was dropped.

        Returns:
            The records left.

        Raises:
            OSError: When ``image_check='stop'`` finds broken images.
            ValueError: When nothing is left.
        """
        records = self.data_list
        if self.occlusion_range is not None:
            low, high = self.occlusion_range
            records = [r for r in records if low <= r['occlusion_rate'] < high]
        if self.image_check is not None:
            records = self._without_broken_images(records)
        for kind, number in self._dropped.items():
            print_log(
                f'{self.ann_file}: {number} objects: {kind}; first: {self._examples[kind]}',
                'current',
                logging.WARNING,
            )
        if not records:
            raise ValueError(
                f'{self.ann_file}: no object is left (read {len(self.data_list)}, '
                f'occlusion_range={self.occlusion_range}, dropped before: {dict(self._dropped)})'
            )
        self._report_occlusion(records)
        return records

    def _report_occlusion(self, records: list[dict]) -> None:
        if not self.knows_areas:
            message = f'{self.ann_file}: {len(records)} objects, masks in files of their own'
            print_log(message, 'current', logging.INFO)
            return
        rates = np.array([r['occlusion_rate'] for r in records])
        edges = (OCCLUDED_RATE, 0.3, 0.6, 0.95)
        counts = np.bincount(np.digitize(rates, edges), minlength=len(edges) + 1)
        shares = ', '.join(
            f'{name} {count / len(rates):.1%}'
            for name, count in zip(('< 5 %', '5-30 %', '30-60 %', '60-95 %', '> 95 %'), counts)
        )
        print_log(
            f'{self.ann_file}: {len(rates)} objects, hidden: {shares}', 'current', logging.INFO
        )

    def _without_broken_images(self, records: list[dict]) -> list[dict]:
        files = [_files(self.expand_record(record)) for record in records]
        sizes = {path: size for paths, size in files for path in paths}
        loaders = [t for t in self.pipeline.transforms if isinstance(t, transforms.LoadFrames)]
        broken = find_broken_images(sizes, loaders[0].exif if loaders else 'apply')
        if not broken:
            return records
        listing = '\n'.join(f'  {reason}' for reason in broken.values())
        message = (
            f'{self.ann_file}: {len(broken)} of {len(sizes)} images cannot be used:\n{listing}'
        )
        if self.image_check == 'stop':
            raise OSError(f"{message}\nMend them, or drop their objects with image_check='skip'.")
        kept = [r for r, (paths, _) in zip(records, files) if not any(p in broken for p in paths)]
        print_log(
            f'{message}\n{len(records) - len(kept)} objects dropped', 'current', logging.WARNING
        )
        return kept

    def _repeated_order(self) -> np.ndarray:
        """Positions of all records, those of occluded objects ``occluded_repeat`` times."""
        number = super().__len__()
        rates = [super(BaseAmodalDataset, self).get_data_info(i)['occlusion_rate']
                 for i in range(number)]  # fmt: skip
        times = np.where(np.array(rates) > OCCLUDED_RATE, self.occluded_repeat, 1)
        return np.repeat(np.arange(number), times)

    # ---------------------------------------------------------------- access

    @force_full_init
    def __len__(self) -> int:
        return super().__len__() if self._order is None else len(self._order)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Give the record at a position, repeats counted.

        Args:
            idx: Position, 0 to ``len(self) - 1``; negative positions count from the end.

        Returns:
            A copy of the record.

        Raises:
            IndexError: When there is no such position.
        """
        length = len(self)
        if not -length <= idx < length:
            raise IndexError(f'position {idx} in a data set of {length} objects')
        idx = idx % length
        position = idx if self._order is None else int(self._order[idx])
        stored = super().get_data_info(position)
        sample_idx = stored.pop('sample_idx')
        return self.expand_record(stored) | {'sample_idx': sample_idx}

    def __getitem__(self, idx: int | SampleDraw) -> dict:
        """Run one object through the pipeline.

        Args:
            idx: Position, or a :class:`SampleDraw`, whose seed is then given to numpy's global
                generator first.

        Returns:
            What the pipeline returns.
        """
        if isinstance(idx, SampleDraw):
            np.random.seed(idx.seed % 2**32)  # noqa: NPY002 - what mmcv transforms draw from
            idx = idx.index
        return super().__getitem__(idx)


def _files(record: dict[str, Any]) -> tuple[list[str], tuple[int, int]]:
    """Every picture that a record needs, mask files included, and the size that they should be."""
    coded = [m for key in SEGMENTATION_KEYS for m in record.get(key, ())]
    masks = {mask['file']: None for mask in coded if isinstance(mask, dict) and 'file' in mask}
    return [*record['img_paths'], *masks], (record['height'], record['width'])
