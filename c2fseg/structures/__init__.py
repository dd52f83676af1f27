"""What travels between pipeline, model and metric: samples, boxes, crops and coded masks."""

from .amodal_data_sample import AmodalDataSample
from .boxes import crop_window, masks_to_boxes
from .crops import crop_and_resize, paste_masks
from .mask_coding import decode_mask, encode_mask, mask_area, to_rle
from .track_windows import track_windows

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
