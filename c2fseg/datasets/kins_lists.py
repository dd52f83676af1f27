"""KINS as C2F-Seg's released lists name it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from c2fseg.registry import DATASETS
from c2fseg.utils.data_errors import DataIndexError

from .coco_file import index_by_id, require
from .flavours import KINS_2020
from .list_files import ListLine, unknown_form, whole_number
from .published_lists import Given, Predicted, PublishedListDataset


@DATASETS.register_module()
class KINSListDataset(PublishedListDataset):
    """KINS as the released lists name it.

    ======================== ===========================================================
    line                      meaning
    ======================== ===========================================================
    ``img_pos_cat``           given mask: annotation ``pos`` of those of image ``img`` in
                              the KINS 2020 file, counted from 0
    ``aisformer,img,pos``     predicted mask: ``pickle['aisformer_<img>'][pos]``
    ``img_pos``               predicted mask: ``pickle[img][pos]`` (the intersection set)
    ======================== ===========================================================

    Numbers of images are those of the KINS 2020 file (``annotation_file``) for given masks and
    those of the KINS v1 file (``image_file``) for predicted ones.

    Args:
        ann_file: The list.
        image_file: The KINS v1 annotation file of the split, relative to ``data_root``, for the
            names of the pictures; needed where the list has objects with predicted masks.
        **kwargs: Arguments of :class:`PublishedListDataset`; ``annotation_file`` is the KINS 2020
            file.

    Raises:
        FileNotFoundError, IndexError, KeyError, TypeError, ValueError: See
            :class:`PublishedListDataset`.

    Source: C2F-Seg, ICCV 2023, released data.
    """

    ANNOTATIONS = 'the KINS 2020 file of the split'
    FLAVOUR = KINS_2020
    BOX = 'i_bbox'
    NEEDED = ('a_segm', 'i_segm', 'i_bbox')
    FORMS = 'img_pos_cat, name,img,pos or img_pos'

    def __init__(self, ann_file: str, image_file: str | None = None, **kwargs: Any) -> None:
        self.image_file = image_file
        super().__init__(ann_file=ann_file, **kwargs)

    def read_predicted(self, line: ListLine) -> Predicted | None:
        """Read ``name,img,pos`` or ``img_pos``; see :meth:`PublishedListDataset.read_predicted`."""
        if ',' in line.text:
            fields = line.text.split(',')
            if len(fields) != 3 or not fields[0]:
                raise unknown_form(line, self.FORMS)
            detector, image, place = fields
        else:
            fields = line.text.split('_')
            if len(fields) == 3:
                return None
            if len(fields) != 2:
                raise unknown_form(line, self.FORMS)
            detector, (image, place) = '', fields
        number = whole_number(image, 'the image', line)
        position = whole_number(place, 'the position', line)
        key = f'{detector}_{image}' if detector else image
        name = f'{detector}_{position}' if detector else position
        return Predicted(key, position, number, name, self._file_name(number, line))

    def _file_name(self, number: int, line: ListLine) -> str:
        if 'file_names' not in self._read:
            if self.image_file is None:
                raise ValueError(
                    f'{line.where}: {line.text!r} has a predicted visible mask: give image_file, '
                    f'the KINS v1 file of the split, which names the pictures of its images'
                )
            path, content = self.read_beside(self.image_file, 'KINS v1 file', ('images',))
            images = index_by_id(content['images'], 'image', ('id', 'file_name'), path)
            self._read['file_names'] = {key: image['file_name'] for key, image in images.items()}
        if number not in self._read['file_names']:
            raise KeyError(f'{line.where}: {self.image_file} has no image {number}')
        return self._read['file_names'][number]

    def read_given(self, line: ListLine) -> Given:
        """Read ``img_pos_cat``; see :meth:`PublishedListDataset.read_given`."""
        image, place, category = (
            whole_number(field, name, line)
            for field, name in zip(
                line.text.split('_'), ('the image', 'the position', 'the category')
            )
        )
        annotations = self.annotations(line)
        if 'by_image' not in self._read:
            self._read['by_image'] = by_image = defaultdict(list)
            for annotation in annotations:
                require(annotation, 'an annotation', ('image_id',), str(self.annotation_file))
                by_image[annotation['image_id']].append(annotation)
        mine = self._read['by_image'].get(image, [])
        if place >= len(mine):
            raise DataIndexError(
                f'{line.where}: image {image} of {self.annotation_file} has {len(mine)} '
                f'annotations, none at position {place}'
            )
        annotation = mine[place]
        self.check_annotation(annotation, line)
        if annotation['category_id'] != category:
            self.note('category of the list is not that of the annotation', line.where)
        return Given(
            annotation,
            self._read['images'][image]['file_name'],
            annotation['i_segm'],
            annotation['a_segm'],
            annotation['i_bbox'],
        )
