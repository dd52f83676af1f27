"""More variety from few photographs: crops turned and stretched, colours changed."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS

MASK_KEYS = ('crop_visible_mask', 'gt_crop_visible_mask', 'gt_crop_amodal_mask')
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601


@TRANSFORMS.register_module()
class WarpObject(BaseTransform):
    """Turn, scale and stretch the crops, all of them alike. For training only.

    An object whose visible part would leave the crop stays as it is.

    Required Keys: ``crop_visible_mask`` (T, h, w).

    Optional Keys: ``crop_img`` (T, h, w, 3), ``gt_crop_visible_mask``, ``gt_crop_amodal_mask``.

    Modified Keys: the above, where present.

    Added Keys: ``warped`` bool.

    Args:
        prob: Probability.
        max_angle: Most degrees, either way.
        scale: (least, most) factor, drawn uniformly in the logarithm.
        stretch: Most factor of width over height, and of height over width; at least 1.

    Raises:
        ValueError: When an argument is out of range.
    """

    def __init__(
        self,
        prob: float = 0.5,
        max_angle: float = 15.0,
        scale: tuple[float, float] = (0.8, 1.2),
        stretch: float = 1.25,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob is a probability, 0 to 1, got {prob}')
        if not 0 <= max_angle <= 180:
            raise ValueError(f'max_angle is 0 to 180 degrees, got {max_angle}')
        if not 0 < scale[0] <= scale[1]:
            raise ValueError(f'scale is (least, most), positive, got {scale}')
        if stretch < 1:
            raise ValueError(f'stretch is at least 1, got {stretch}')
        self.prob = prob
        self.max_angle = max_angle
        self.scale = scale
        self.stretch = stretch

    def transform(self, results: dict) -> dict:
        """Warp all frames together, or none.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results``, perhaps warped.
        """
        results['warped'] = False
        if np.random.rand() >= self.prob:
            return results
        h, w = results['crop_visible_mask'].shape[1:]
        matrix = self._draw_matrix(h, w)
        masks = {
            key: np.stack([_warp(mask, matrix, cv2.INTER_NEAREST) for mask in results[key]])
            for key in MASK_KEYS
            if key in results
        }
        seen = results['crop_visible_mask'].any(axis=(1, 2))
        if not masks['crop_visible_mask'].any(axis=(1, 2))[seen].all():
            return results
        results.update(masks)
        if 'crop_img' in results:
            frames = [_warp(frame, matrix, cv2.INTER_LINEAR) for frame in results['crop_img']]
            results['crop_img'] = np.stack(frames)
        results['warped'] = True
        return results

    def _draw_matrix(self, h: int, w: int) -> np.ndarray:
        """A turn about the centre of the crop with a scale for each direction, (2, 3)."""
        angle = np.random.uniform(-self.max_angle, self.max_angle)
        scale = np.exp(np.random.uniform(*np.log(self.scale)))
        root = np.exp(np.random.uniform(-1, 1) * np.log(self.stretch) / 2)
        matrix = cv2.getRotationMatrix2D((0, 0), angle, scale)[:, :2] @ np.diag([root, 1 / root])
        centre = np.array([(w - 1) / 2, (h - 1) / 2])
        return np.column_stack([matrix, centre - matrix @ centre])


@TRANSFORMS.register_module()
class JitterColours(BaseTransform):
    """Change brightness, contrast and saturation of the crops, all frames alike. For training only.

    Required Keys: ``crop_img`` uint8 (T, h, w, 3).

    Modified Keys: ``crop_img``.

    Added Keys: none.

    Args:
        brightness: Most share by which all values grow or shrink.
        contrast: The same for their distance from the mean of the crop.
        saturation: The same for their distance from grey.
        grey_prob: Probability that all colour is taken away.

    Raises:
        ValueError: When an argument is out of range.
    """

    def __init__(
        self,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.4,
        grey_prob: float = 0.1,
    ) -> None:
        arguments = {
            'brightness': brightness,
            'contrast': contrast,
            'saturation': saturation,
            'grey_prob': grey_prob,
        }
        for name, value in arguments.items():
            if not 0 <= value <= 1:
                raise ValueError(f'{name} is 0 to 1, got {value}')
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.grey_prob = grey_prob

    def transform(self, results: dict) -> dict:
        """Change the colours.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with other colours.
        """
        frames = results['crop_img'].astype(np.float32)
        grey = (frames @ GREY_WEIGHTS)[..., None]  # (T, h, w, 1)
        saturation = 1 + np.random.uniform(-self.saturation, self.saturation)
        if np.random.rand() < self.grey_prob:
            saturation = 0.0
        contrast = 1 + np.random.uniform(-self.contrast, self.contrast)
        brightness = 1 + np.random.uniform(-self.brightness, self.brightness)
        mean = float(grey.mean())
        frames = grey + saturation * (frames - grey)
        frames = brightness * (mean + contrast * (frames - mean))
        results['crop_img'] = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
        return results


def _warp(array: np.ndarray, matrix: np.ndarray, interpolation: int) -> np.ndarray:
    """Warp a picture or a mask; masks are zero beyond their border, pictures go on as they end."""
    border = cv2.BORDER_CONSTANT if array.ndim == 2 else cv2.BORDER_REPLICATE
    size = (array.shape[1], array.shape[0])
    return cv2.warpAffine(array, matrix, size, flags=interpolation, borderMode=border)
