"""What makes training inputs vary. All of it draws from numpy's global generator."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS

CROP_KEYS = (
    'crop_img',
    'crop_prompt',
    'crop_visible_mask',
    'gt_crop_visible_mask',
    'gt_crop_amodal_mask',
)


def _check_probability(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f'{name} is a probability, 0 to 1, got {value}')


@TRANSFORMS.register_module()
class PerturbVisibleMask(BaseTransform):
    """Spoil the visible mask that the model sees, as a detector would.

    One of three things happens: a Gaussian blur cut at one half, rounds of dilation or of erosion,
    or nothing. A result without any pixel is given up for the unspoiled mask. An empty mask (a
    frame that hides the object) stays empty.

    Required Keys: ``crop_visible_mask`` (T, h, w).

    Modified Keys: ``crop_visible_mask``.

    Added Keys: none.

    Args:
        blur_prob: Probability of the blur.
        morph_prob: Probability of dilation or erosion.
        dilate_prob: Probability that it is dilation.
        extra_blur_prob: Probability that a round of dilation or erosion is followed by the blur.
        morph_rounds: (fewest, most) rounds.
        kernel_sides: (smallest, largest) side in pixels of the square kernel of a round; the
            defaults suit crops of 256 px.
        blur_side: Side in pixels of the blur's window, odd.
        blur_sigma: Standard deviation in pixels of the blur.

    Raises:
        ValueError: When an argument is out of range.

    Source: C2F-Seg, ICCV 2023, reference implementation (training noise on the visible mask).
    """

    def __init__(
        self,
        blur_prob: float = 0.2,
        morph_prob: float = 0.4,
        dilate_prob: float = 0.55,
        extra_blur_prob: float = 0.1,
        morph_rounds: tuple[int, int] = (1, 4),
        kernel_sides: tuple[int, int] = (5, 13),
        blur_side: int = 35,
        blur_sigma: float = 11.0,
    ) -> None:
        _check_probability(
            blur_prob=blur_prob,
            morph_prob=morph_prob,
            dilate_prob=dilate_prob,
            extra_blur_prob=extra_blur_prob,
        )
        if blur_prob + morph_prob > 1 + 1e-9:
            raise ValueError(f'blur_prob + morph_prob exceed 1: {blur_prob} + {morph_prob}')
        for name, (low, high) in {'morph_rounds': morph_rounds, 'sides': kernel_sides}.items():
            if not 1 <= low <= high:
                raise ValueError(f'{name} is (low, high) with 1 <= low <= high, got {(low, high)}')
        if blur_side % 2 == 0 or blur_side < 1 or blur_sigma <= 0:
            raise ValueError(f'blur_side is odd, blur_sigma positive: {blur_side}, {blur_sigma}')
        self.blur_prob = blur_prob
        self.morph_prob = morph_prob
        self.dilate_prob = dilate_prob
        self.extra_blur_prob = extra_blur_prob
        self.morph_rounds = morph_rounds
        self.kernel_sides = kernel_sides
        self.blur_side = blur_side
        self.blur_sigma = blur_sigma

    def transform(self, results: dict) -> dict:
        """Spoil the mask of every frame by a draw of its own.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with another ``crop_visible_mask``.
        """
        results['crop_visible_mask'] = np.stack(
            [self._perturb(mask) for mask in results['crop_visible_mask']]
        )
        return results

    def _perturb(self, mask: np.ndarray) -> np.ndarray:
        draw = np.random.rand()
        if draw < self.blur_prob:
            spoiled = self._blur(mask)
        elif draw < self.blur_prob + self.morph_prob:
            spoiled = self._morph(mask)
        else:
            return mask
        return spoiled if spoiled.any() else mask

    def _blur(self, mask: np.ndarray) -> np.ndarray:
        side = (self.blur_side, self.blur_side)
        soft = cv2.GaussianBlur(mask.astype(np.float32), side, self.blur_sigma)
        return (soft > 0.5).astype(np.uint8)

    def _morph(self, mask: np.ndarray) -> np.ndarray:
        dilate = np.random.rand() < self.dilate_prob
        operation = cv2.dilate if dilate else cv2.erode
        for _ in range(np.random.randint(self.morph_rounds[0], self.morph_rounds[1] + 1)):
            side = np.random.randint(self.kernel_sides[0], self.kernel_sides[1] + 1)
            mask = operation(mask, np.ones((side, side), np.uint8))
            if np.random.rand() < self.extra_blur_prob:
                mask = self._blur(mask)
        return mask


@TRANSFORMS.register_module()
class FlipObject(BaseTransform):
    """Mirror the crops from left to right. For training only: the window in the image stays.

    Required Keys: none.

    Optional Keys: ``crop_img``, ``crop_prompt``, ``crop_visible_mask``, ``gt_crop_visible_mask``,
    ``gt_crop_amodal_mask``.

    Modified Keys: the above, where present.

    Added Keys: ``flipped`` bool.

    Args:
        prob: Probability.

    Raises:
        ValueError: When ``prob`` is no probability.
    """

    def __init__(self, prob: float = 0.5) -> None:
        _check_probability(prob=prob)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Mirror all frames together, or none.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results``, perhaps mirrored.
        """
        results['flipped'] = bool(np.random.rand() < self.prob)
        if results['flipped']:
            for key in CROP_KEYS:
                if key in results:
                    results[key] = np.ascontiguousarray(results[key][:, :, ::-1])
        return results


@TRANSFORMS.register_module()
class ChooseMaskTarget(BaseTransform):
    """Choose which mask the tokenizer learns to rebuild.

    A frame in which the chosen mask is empty takes the other one: an object that is hidden still
    has its amodal mask. A frame in which both are (the object is out of view) stays empty.

    Required Keys: ``gt_crop_visible_mask``, ``gt_crop_amodal_mask`` (T, h, w).

    Modified Keys: none.

    Added Keys: ``target_mask`` uint8 (T, h, w).

    Args:
        visible_prob: Probability of the visible mask; 0 trains on amodal masks only, as published.

    Raises:
        ValueError: When ``visible_prob`` is no probability.
    """

    def __init__(self, visible_prob: float = 0.0) -> None:
        _check_probability(visible_prob=visible_prob)
        self.visible_prob = visible_prob

    def transform(self, results: dict) -> dict:
        """Choose one mask for all frames.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with ``target_mask``.
        """
        visible = np.random.rand() < self.visible_prob
        keys = ('gt_crop_visible_mask', 'gt_crop_amodal_mask')
        chosen, other = (results[key] for key in (keys if visible else keys[::-1]))
        filled = chosen.any(axis=(1, 2), keepdims=True)  # (T, 1, 1)
        results['target_mask'] = np.where(filled, chosen, other)
        return results
