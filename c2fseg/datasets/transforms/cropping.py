"""From the image to the window around the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import crop_and_resize, crop_window, masks_to_boxes
from c2fseg.structures.crops import INTERPOLATIONS

from .loading import origin

MASK_KEYS = {
    'visible_mask': 'crop_visible_mask',
    'gt_visible_mask': 'gt_crop_visible_mask',
    'gt_amodal_mask': 'gt_crop_amodal_mask',
}


@TRANSFORMS.register_module()
class CropObject(BaseTransform):
    """Cut the window around the visible mask out of image and masks, and resize it.

    A frame without a visible pixel takes the window of the nearest frame that has one, the earlier
    of two.

    Required Keys: ``visible_mask`` (T, H, W).

    Optional Keys: ``img`` (T, H, W, 3), ``gt_visible_mask``, ``gt_amodal_mask`` (T, H, W).

    Modified Keys: none.

    Added Keys: ``crop_visible_mask``, ``gt_crop_visible_mask``, ``gt_crop_amodal_mask`` uint8
    (T, h, w), ``crop_img`` (T, h, w, 3), each where its source is there; ``crop_boxes`` int64
    (T, 4) xyxy in pixels with exclusive ends, ``crop_size`` (h, w), ``ori_shape`` (H, W).

    Args:
        crop_size: (h, w), or one number for both.
        enlarge: Factor on the box of the visible mask, or (low, high) to draw it uniformly.
        square: Take the longer side of the box in both directions, which keeps the aspect ratio
            wherever the window lies inside the image.
        clip: Cut the window to the image; otherwise what lies outside is zero.
        image_interpolation: 'bilinear', 'area' or 'nearest'.
        mask_interpolation: The same; masks stay binary.

    Raises:
        ValueError: When no frame has a visible pixel, or an argument is wrong.

    Source: C2F-Seg, ICCV 2023, implementation details.
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        enlarge: float | Sequence[float] = 2.0,
        square: bool = False,
        clip: bool = True,
        image_interpolation: str = 'bilinear',
        mask_interpolation: str = 'nearest',
    ) -> None:
        for name in (image_interpolation, mask_interpolation):
            if name not in INTERPOLATIONS:
                raise ValueError(f'interpolation is one of {INTERPOLATIONS}, got {name!r}')
        bounds = (enlarge, enlarge) if isinstance(enlarge, int | float) else tuple(enlarge)
        if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1]:
            raise ValueError(f'enlarge is a positive number or (low, high), got {enlarge}')
        h, w = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size
        self.crop_size = (int(h), int(w))
        self.enlarge = (float(bounds[0]), float(bounds[1]))
        self.square = square
        self.clip = clip
        self.image_interpolation = image_interpolation
        self.mask_interpolation = mask_interpolation

    def transform(self, results: dict) -> dict:
        """Cut and resize.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the crops and where they were cut.
        """
        masks = results['visible_mask']
        windows = self._windows(masks, results)
        for source, target in MASK_KEYS.items():
            if source in results:
                results[target] = np.stack(
                    [self._crop_mask(m, box) for m, box in zip(results[source], windows)]
                )
        if 'img' in results:
            results['crop_img'] = np.stack(
                [
                    crop_and_resize(frame, box, self.crop_size, self.image_interpolation)
                    for frame, box in zip(results['img'], windows)
                ]
            )
        results['crop_boxes'] = windows
        results['crop_size'] = self.crop_size
        results['ori_shape'] = tuple(masks.shape[1:])
        return results

    def _windows(self, masks: np.ndarray, results: dict) -> np.ndarray:
        boxes = masks_to_boxes(masks)
        filled = np.flatnonzero(boxes[:, 2] > boxes[:, 0])
        if len(filled) == 0:
            raise ValueError(f'{origin(results)}: its visible mask is empty, nothing to crop')
        low, high = self.enlarge
        factor = low if low == high else np.random.uniform(low, high)
        windows = []
        for frame in range(len(masks)):
            nearest = filled[np.abs(filled - frame).argmin()]
            windows.append(
                crop_window(boxes[nearest], factor, masks.shape[1:], self.square, self.clip)
            )
        return np.stack(windows)

    def _crop_mask(self, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
        crop = crop_and_resize(mask != 0, box, self.crop_size, self.mask_interpolation)
        return crop.astype(np.uint8)
