"""From the image to the window around the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import masks_to_boxes
from c2fseg.utils.cropping import INTERPOLATIONS, crop_frames
from c2fseg.utils.windows import TRACK_SCALES, object_windows

from .loading import origin

MASK_KEYS = {
    'visible_mask': 'crop_visible_mask',
    'gt_visible_mask': 'gt_crop_visible_mask',
    'gt_amodal_mask': 'gt_crop_amodal_mask',
}
# What the window is laid around: the mask that the model is given, the one it is to find, or boxes.
BOX_SOURCES = {'visible': 'visible_mask', 'amodal': 'gt_amodal_mask', 'record': 'window_boxes'}


@TRANSFORMS.register_module()
class CropObject(BaseTransform):
    """Cut the window around the visible mask out of image and masks, and resize it.

    Where the window lies is read from ``visible_mask`` alone, unless ``box_from`` says otherwise. A
    frame of a clip without such a pixel takes a window between those of its neighbours; see
    :func:`track_windows`.

    Required Keys: ``visible_mask`` (T, H, W).

    Optional Keys: ``img`` (T, H, W, 3), ``gt_visible_mask``, ``gt_amodal_mask`` (T, H, W);
    ``window_boxes`` (T, 4) xyxy for ``box_from='record'``.

    Modified Keys: none.

    Added Keys: ``crop_visible_mask``, ``gt_crop_visible_mask``, ``gt_crop_amodal_mask`` uint8
    (T, h, w), ``crop_img`` (T, h, w, 3), each where its source is there; ``crop_boxes`` int64
    (T, 4) xyxy in pixels with exclusive ends, ``crop_size`` (h, w), ``ori_shape`` (H, W).

    Args:
        crop_size: (h, w), or one number for both.
        enlarge: Factor on the box of the visible mask, or (low, high) to draw it uniformly.
        square: Take the longer side of the box in both directions, which keeps the aspect ratio
            wherever the window lies inside the image.
        clip: Cut the window to the image; otherwise what lies outside is zero. Only for
            ``track_scale=None``.
        image_interpolation: 'bilinear', 'area' or 'nearest'.
        mask_interpolation: The same; masks stay binary.
        track_scale: What keeps an object of a clip at one scale. None: nothing, each frame has its
            own window. 'centre': all windows have the size of the largest, height and width taken
            apart, each around its own box; they may leave the image. 'corner': each frame's own
            window, cut to the image, is scaled as the largest height and width ask for and lies in
            the upper left of its crop; the rest is zero. ``crop_boxes`` holds the whole crop then.
        box_from: 'visible'; 'amodal' lays the window around ``gt_amodal_mask``, which **leaks the
            truth**: the place and size of the crop tell how far the object reaches. Only to repeat
            published numbers that were reached in this way. 'record' takes the boxes that the
            record has (of a detector, in the published lists; see ``published_lists.py``).

    Raises:
        KeyError: When what ``box_from`` names is not there.
        ValueError: When no frame of it has a pixel or extent, or an argument is wrong.

    Source: C2F-Seg, ICCV 2023, implementation details, and reference implementation ('corner').
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        enlarge: float | Sequence[float] = 2.0,
        square: bool = False,
        clip: bool = True,
        image_interpolation: str = 'bilinear',
        mask_interpolation: str = 'nearest',
        track_scale: str | None = None,
        box_from: str = 'visible',
    ) -> None:
        if box_from not in BOX_SOURCES:
            raise ValueError(f'box_from is one of {sorted(BOX_SOURCES)}, got {box_from!r}')
        for name in (image_interpolation, mask_interpolation):
            if name not in INTERPOLATIONS:
                raise ValueError(f'interpolation is one of {INTERPOLATIONS}, got {name!r}')
        if track_scale not in TRACK_SCALES:
            raise ValueError(f'track_scale is one of {TRACK_SCALES}, got {track_scale!r}')
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
        self.track_scale = track_scale
        self.box_from = box_from

    def transform(self, results: dict) -> dict:
        """Cut and resize.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the crops and where they were cut.
        """
        own, windows = self._windows(results)
        for source, target in MASK_KEYS.items():
            if source in results:
                results[target] = crop_frames(
                    results[source], own, windows, self.crop_size, self.mask_interpolation, True
                )
        if 'img' in results:
            results['crop_img'] = crop_frames(
                results['img'], own, windows, self.crop_size, self.image_interpolation, False
            )
        results['crop_boxes'] = windows
        results['crop_size'] = self.crop_size
        results['ori_shape'] = tuple(results['visible_mask'].shape[1:])
        return results

    def _windows(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        """Give what is cut out of each frame, and the window whose upper left part it fills."""
        key = BOX_SOURCES[self.box_from]
        if key not in results:
            raise KeyError(
                f'{origin(results)}: no {key} for CropObject(box_from={self.box_from!r})'
            )
        boxes = results[key] if self.box_from == 'record' else masks_to_boxes(results[key])
        if not np.any(boxes):
            raise ValueError(
                f'{origin(results)}: its {self.box_from} mask is empty, nothing to crop'
            )
        low, high = self.enlarge
        factor = low if low == high else np.random.uniform(low, high)
        size = results['visible_mask'].shape[1:]
        return object_windows(boxes, factor, size, self.square, self.clip, self.track_scale)
