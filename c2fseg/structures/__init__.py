"""What travels between pipeline, model and metric: samples, boxes, crops and coded masks."""

from c2fseg.utils.cropping import crop_and_resize
from c2fseg.utils.windows import crop_window, track_windows

from .amodal_data_sample import AmodalDataSample
from .boxes import masks_to_boxes
from .crops import paste_masks
from .mask_coding import decode_mask, encode_mask, mask_area, to_rle

__all__ = [
    'AmodalDataSample',
    'crop_and_resize',
    'crop_window',
    'decode_mask',
    'encode_mask',
    'mask_area',
    'masks_to_boxes',
    'paste_masks',
    'to_rle',
    'track_windows',
]
