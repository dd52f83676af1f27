"""COCOA as C2F-Seg's released lists name it."""

from __future__ import annotations

import re
from typing import Any

from c2fseg.registry import DATASETS
from c2fseg.utils.data_errors import DataIndexError

from .flavours import COCO_VISIBLE
from .list_files import ListLine, unknown_form, whole_number
from .published_lists import Given, Predicted, PublishedListDataset

# Paths were written on Linux or Windows.
SEPARATORS = re.compile(r'[/\\]')


@DATASETS.register_module()
class COCOAListDataset(PublishedListDataset):
    """COCOA as the released lists name it.

    ================= ======================================================================
    line               meaning
    ================= ======================================================================
    ``ann,path``       given mask: annotation at place ``ann``, counted from 0, of all in the
                       ``_with_classes`` file; of the path only the file's name counts
    ``name,img,pos``   predicted mask: ``pickle['<name>_<img>'][pos]``
    ================= ======================================================================

    ``window_boxes`` of given masks are the **amodal** boxes of the annotation file, which leak the
    truth, as the published loader crops; use ``CropObject(box_from='visible')`` for anything else.

    Args:
        ann_file: The list.
        image_template: Name of the picture of image ``img``, for predicted masks.
        **kwargs: Arguments of :class:`PublishedListDataset`; ``annotation_file`` is the
            ``_with_classes`` file.

    Raises:
        FileNotFoundError, IndexError, KeyError, TypeError, ValueError: See
            :class:`PublishedListDataset`.

    Source: C2F-Seg, ICCV 2023, released data.
    """

    ANNOTATIONS = 'the _with_classes file of the split'
    FLAVOUR = COCO_VISIBLE
    BOX = 'bbox'
    NEEDED = ('segmentation', 'bbox')
    FORMS = 'ann,path or name,img,pos'

    def __init__(
        self, ann_file: str, image_template: str = 'COCO_val2014_{:012d}.jpg', **kwargs: Any
    ) -> None:
        self.image_template = image_template
        super().__init__(ann_file=ann_file, **kwargs)

    def read_predicted(self, line: ListLine) -> Predicted | None:
        """Read ``name,img,pos``; see :meth:`PublishedListDataset.read_predicted`."""
        fields = line.text.split(',')
        if len(fields) == 2 and all(fields):
            return None
        if len(fields) != 3 or not fields[0]:
            raise unknown_form(line, self.FORMS)
        detector, image, place = fields
        number = whole_number(image, 'the image', line)
        position = whole_number(place, 'the position', line)
        file_name = self.image_template.format(number)
        name = f'{detector}_{position}'
        return Predicted(f'{detector}_{image}', position, number, name, file_name)

    def read_given(self, line: ListLine) -> Given:
        """Read ``ann,path``; see :meth:`PublishedListDataset.read_given`."""
        place, path = line.text.split(',')
        number = whole_number(place, 'the place of the annotation', line)
        annotations = self.annotations(line)
        if number >= len(annotations):
            raise DataIndexError(
                f'{line.where}: {self.annotation_file} has {len(annotations)} annotations, none at '
                f'place {number}'
            )
        annotation = annotations[number]
        self.check_annotation(annotation, line)
        file_name = SEPARATORS.split(path)[-1]
        expected = SEPARATORS.split(self._read['images'][annotation['image_id']]['file_name'])[-1]
        if file_name != expected:
            raise ValueError(
                f'{line.where}: annotation {number} of {self.annotation_file} lies in {expected}, '
                f'the list says {file_name}: list and annotation file of one split belong together'
            )
        amodal = annotation['segmentation']
        visible = annotation.get('visible_mask', amodal)
        return Given(annotation, file_name, visible, amodal, annotation['bbox'])
