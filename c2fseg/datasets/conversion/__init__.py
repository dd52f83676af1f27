"""From the formats that others write to the custom COCO-amodal format."""

from .coco_amodal_writer import CocoAmodalWriter, json_rle
from .convert_source import Conversion, RegionRules, convert_source
from .labelme import (
    LabelmeMistake,
    LabelmeObject,
    LabelmePicture,
    read_labelme_file,
    read_labelme_folder,
)
from .source_objects import (
    Finding,
    SourceFile,
    SourceImage,
    SourceObject,
    box_meaning,
    source_masks,
)
from .source_pictures import complete_image, locate_picture
from .source_reader import merge_sources, read_source

__all__ = [
    'CocoAmodalWriter',
    'Conversion',
    'Finding',
    'LabelmeMistake',
    'LabelmeObject',
    'LabelmePicture',
    'RegionRules',
    'SourceFile',
    'SourceImage',
    'SourceObject',
    'box_meaning',
    'complete_image',
    'convert_source',
    'json_rle',
    'locate_picture',
    'merge_sources',
    'read_labelme_file',
    'read_labelme_folder',
    'read_source',
    'source_masks',
]
