"""What all amodal data sets share: one item is one object over T frames.

A data set only turns its annotation file into a list of records; checking, filtering, repeating
and seeding happen here.
"""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init

from c2fseg.registry import TRANSFORMS
from c2fseg.utils.data_errors import data_errors

from . import transforms
from .record_checks import (
    Notes,
    find_whole_records,
    group_by_picture,
    refuse_area_arguments,
    report_occlusion,
)
from .record_masks import MaskAreas, frame_arrays, mask_areas, to_rles
from .sample_draw import SampleDraw
from .visible_mask_file import open_visible_masks

IMAGE_CHECKS = (None, 'stop', 'skip')
# An object of which more than this share is hidden counts as occluded.
OCCLUDED_RATE = 0.05
# Rasterised outlines of V and A differ by a pixel here and there: that is not worth a word.
OUTSIDE_NOTE_RATE = 0.01


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
    such files, areas may be unknown at the start (``knows_areas`` False, ``occlusion_rate`` nan);
    the arguments that need them are then refused.

    Objects without a visible or an amodal pixel and those whose V sticks out of A are counted and
    named once in the log; the arguments say what becomes of them.

    Args:
        ann_file: Annotation file, relative to ``data_root``.
        data_root: Folder that ``ann_file`` and ``data_prefix`` start from.
        data_prefix: ``img``: folder of the pictures.
        pipeline: Transforms.
        occlusion_range: Keep objects with lo <= 1 - |V| / |A| < hi only; None keeps all.
        min_visible_area: Drop objects with fewer visible pixels (summed over frames), at least 1.
        max_visible_outside: Drop objects with more visible pixels outside A than this share of A.
        occluded_repeat: In training, list an object that is more than 5 % hidden that many times.
        invalid_masks: What a mask that cannot be read does: 'stop' raises, 'skip' drops its object
            and counts it.
        strict: Raise instead of dropping: empty V, empty A, V outside A by over 1 % of \\|A\\|.
        image_check: Read every image file before the run: 'stop' raises with a list of all broken
            ones, 'skip' drops their objects and names them, None does not look.
        visible_mask_file: COCO results JSON of a detector, relative to ``data_root``, whose masks
            the model is given as visible masks (key ``input_segmentations``).
        visible_match_iou, visible_min_score, visible_match_category, unmatched: How they are
            matched with objects; see ``visible_mask_file.VisibleMaskFile``.
        indices: Keep the first n objects, or those at these positions, after all filters.
        serialize_data: Hold the records as bytes that worker processes share.
        test_mode: Validation or test: no object may be listed twice, and objects of a picture come
            one after another, in the order of the first of each; otherwise the file's order stays.
        lazy_init: Do not read the annotation file yet.

    Raises:
        FileNotFoundError: When the annotation file is missing.
        KeyError, TypeError, ValueError: When it is wrong; the message names file and annotation.
        OSError: When ``image_check='stop'`` finds broken images.
    """

    METAINFO: dict[str, Any] = {}
    # Whether records have an occlusion rate (said before __init__), and what gives them one.
    knows_areas: bool = True
    areas_hint: str = ''
    # (H, W) of every image that the annotation file names; ``load_data_list`` fills it.
    image_sizes: Mapping[Any, tuple[int, int]] = {}

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
        visible_mask_file: str | None = None,
        visible_match_iou: float = 0.5,
        visible_min_score: float = 0.0,
        visible_match_category: bool = False,
        unmatched: str = 'drop',
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
        rules = (visible_match_iou, visible_min_score, visible_match_category, unmatched)
        self.visible_masks = open_visible_masks(visible_mask_file, data_root, rules)
        self._order: np.ndarray | None = None
        self.notes = Notes()
        if not self.knows_areas:
            refuse_area_arguments(self, self.areas_hint)
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
        where: str | None = None,
    ) -> dict[str, Any] | None:
        """Check one object's masks and build its record.

        Args:
            file_names: T picture files, relative to ``data_prefix['img']``.
            height, width: H and W of the pictures.
            visible: T coded visible masks.
            amodal: T coded amodal masks.
            image_id: Id of the picture or video.
            annotation_id: Id of the object.
            category_id, category: Id and name of its class.
            evaluable: T coded masks, 1 where no other object is visible.
            frame_valid: Which frames are real, all when None.
            frame_counted: Which of them count in video scores, the real ones when None.
            frame_indices: Their numbers in the video, 0 to T - 1 when None.
            where: What messages call it; annotation and file when None.

        Returns:
            The record, or None when a rule drops the object.

        Raises:
            KeyError, TypeError, ValueError: When a mask is wrong; names file and annotation.
        """
        where = where or f'annotation {annotation_id} of {self.ann_file}'
        kinds = (visible, amodal, evaluable or ())
        coded = self._read_masks(where, kinds, (height, width), frame_indices)
        if coded is None:
            return None
        visible_rles, amodal_rles, evaluable_rles = coded
        areas = mask_areas(visible_rles, amodal_rles)
        if not self._keep(where, areas):
            return None
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
            **frame_arrays(len(visible_rles), frame_valid, frame_counted, frame_indices),
            'occlusion_rate': areas.occlusion_rate,
            'ann_file': self.ann_file,
        }
        if evaluable is not None:
            record['evaluable_segmentations'] = evaluable_rles
        return record

    def _read_masks(
        self, where: str, kinds: Sequence, size: tuple[int, int], frames: Sequence[int] | None
    ) -> list[list[dict[str, Any]]] | None:
        """RLEs of each kind of mask; None where one is unreadable and such objects are dropped."""
        try:
            return [to_rles(masks, *size, frames) for masks in kinds]
        except (TypeError, ValueError) as error:
            if self.invalid_masks != 'skip':
                raise type(error)(f'{where}: {error}') from error
            self.note('unreadable mask, dropped', f'{where}: {error}')
            return None

    def expand_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give the record that an entry of ``load_data_list`` stands for.

        Subclasses that keep something smaller there, with ``occlusion_rate``, override this.

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
        self.notes.add(kind, example)

    def _odd(self, kind: str, outcome: str, where: str) -> None:
        if self.strict:
            raise ValueError(f'{where}: {kind} (strict=True)')
        self.note(f'{kind}, {outcome}', where)

    def _keep(self, where: str, areas: MaskAreas) -> bool:
        """Apply the rules on areas: True keeps the object."""
        if areas.amodal == 0:
            self._odd('empty amodal mask', 'dropped', where)
            return False
        if areas.visible == 0:
            self._odd('empty visible mask', 'dropped', where)
            return False
        if areas.visible < self.min_visible_area:
            self.note(f'fewer than {self.min_visible_area} visible pixels, dropped', where)
            return False
        share = areas.outside / areas.amodal
        if self.max_visible_outside is not None and share > self.max_visible_outside:
            self._odd('visible mask sticks out of the amodal mask', 'dropped', where)
            return False
        if share > OUTSIDE_NOTE_RATE:
            self._odd('visible mask sticks out of the amodal mask', 'kept', where)
        return True

    # ---------------------------------------------------------------- reading

    def annotation_files(self) -> list[str]:
        """List the files that have to be there."""
        return [self.ann_file]

    def full_init(self) -> None:
        """Read, filter and store all records, once.

        Raises:
            FileNotFoundError: When the annotation file is missing.
            ValueError: When no object is left.
        """
        if self._fully_initialized:
            return
        for name in self.annotation_files():
            if not osp.isfile(name):
                raise FileNotFoundError(
                    f'{type(self).__name__}: annotation file not found: {name} '
                    f'(data_root={self.data_root!r})'
                )
        self.notes = Notes()
        with data_errors():
            super().full_init()
        for transform in self.pipeline.transforms:
            # Those that read files of their own do it now, not in every worker process.
            if hasattr(transform, 'full_init'):
                transform.full_init()
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
        if self.visible_masks is not None:
            records = self.visible_masks.apply(records, self.image_sizes, self.note)
        if self.occlusion_range is not None:
            low, high = self.occlusion_range
            records = [r for r in records if low <= r['occlusion_rate'] < high]
        if self.image_check is not None:
            records = self._without_broken_images(records)
        self.notes.log(self.ann_file)
        if not records:
            raise ValueError(
                f'{self.ann_file}: no object is left (read {len(self.data_list)}, occlusion_range='
                f'{self.occlusion_range}, dropped before: {dict(self.notes.counts)})'
            )
        report_occlusion(self.ann_file, records, self.knows_areas)
        return group_by_picture(records) if self.test_mode else records

    def _without_broken_images(self, records: list[dict]) -> list[dict]:
        readers = (t for t in self.pipeline.transforms if isinstance(t, transforms.LoadFrames))
        exif = next((reader.exif for reader in readers), 'apply')
        expanded = map(self.expand_record, records)
        whole = find_whole_records(expanded, exif, self.ann_file, self.image_check == 'stop')
        return [record for record, is_whole in zip(records, whole) if is_whole]

    def _repeated_order(self) -> np.ndarray:
        """Positions of all records, those of occluded objects ``occluded_repeat`` times."""
        number = super().__len__()
        stored = (super(BaseAmodalDataset, self).get_data_info(i) for i in range(number))
        rates = np.array([record['occlusion_rate'] for record in stored])
        times = np.where(rates > OCCLUDED_RATE, self.occluded_repeat, 1)
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
        position = idx % length if self._order is None else int(self._order[idx % length])
        stored = super().get_data_info(position)
        return self.expand_record(stored) | {'sample_idx': stored['sample_idx']}

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
