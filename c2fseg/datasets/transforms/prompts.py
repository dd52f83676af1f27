"""Training a model on prompts: clicks and boxes as a user would give them, and their crops."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import crop_and_resize, masks_to_boxes
from c2fseg.structures.prompts import draw_prompts, square_window

from .loading import origin
from .packing import crop_tensor, new_sample

KINDS = ('box', 'points', 'both')
META_KEYS = (
    'sample_id',
    'image_id',
    'annotation_id',
    'img_paths',
    'ori_shape',
    'crop_boxes',
    'crop_size',
    'prompt_kind',
    'visible_share',
)


@TRANSFORMS.register_module()
class SimulatePrompt(BaseTransform):
    """Draw what a user might give for an object, and the window that would be looked at.

    A box is the tight one with each side moved. Clicks on the object lie anywhere on its visible
    part, half of them rather in its middle; a click beside it lies on what hides it, where
    something does, else near it. With a box the window lies about the box; with clicks alone the
    size of the object is not known, so its side is drawn between that of a part of the object and
    that of the picture.

    Required Keys: ``gt_visible_mask`` (1, H, W), ``sample_id``.

    Optional Keys: ``gt_amodal_mask`` (1, H, W), to know what hides the object.

    Modified Keys: none.

    Added Keys: ``prompt_kind``; ``prompt_box`` float (4,) xyxy px, or None; ``prompt_points`` float
    (P, 3): x, y, 1 or 0; ``crop_boxes`` int64 (1, 4).

    Args:
        kinds: How often each kind comes: ``box``, ``points`` or ``both``.
        box_jitter: Most by which a side of the box is moved, as a share of its length.
        enlarge: (least, most) side of the window as a multiple of the longer side of the box.
        click_scale: Least side of the window of clicks, as a multiple of the object's longer side.
        max_clicks: Most clicks on the object.
        negative_prob: Probability of one click beside it, where there are clicks.
        deterministic: Draw from ``sample_id`` and not from numpy's global generator, for
            validation: the same prompt in every pass.

    Raises:
        ValueError: When an argument is out of range, or a clip comes in.
    """

    def __init__(
        self,
        kinds: Mapping[str, float],
        box_jitter: float = 0.08,
        enlarge: tuple[float, float] = (1.2, 1.9),
        click_scale: float = 0.7,
        max_clicks: int = 3,
        negative_prob: float = 0.3,
        deterministic: bool = False,
    ) -> None:
        if not kinds or set(kinds) - set(KINDS) or min(kinds.values()) <= 0:
            raise ValueError(f'kinds gives positive shares of {KINDS}, got {dict(kinds)}')
        if not 0 <= box_jitter < 0.5:
            raise ValueError(f'box_jitter is a share below one half, got {box_jitter}')
        if not 0 < enlarge[0] <= enlarge[1]:
            raise ValueError(f'enlarge is (least, most), positive, got {enlarge}')
        if not click_scale > 0 or max_clicks < 1:
            raise ValueError(
                f'click_scale is positive and max_clicks at least 1, got {click_scale}, '
                f'{max_clicks}'
            )
        if not 0 <= negative_prob <= 1:
            raise ValueError(f'negative_prob is a probability, got {negative_prob}')
        self.kinds = dict(kinds)
        self.box_jitter = box_jitter
        self.enlarge = tuple(enlarge)
        self.click_scale = click_scale
        self.max_clicks = max_clicks
        self.negative_prob = negative_prob
        self.deterministic = deterministic

    def transform(self, results: dict) -> dict:
        """Draw a prompt.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the prompt and its window.
        """
        masks = results['gt_visible_mask']
        if len(masks) != 1:
            raise ValueError(f'{origin(results)}: SimulatePrompt takes pictures, no clips')
        rng: Any = np.random
        if self.deterministic:
            rng = np.random.RandomState(zlib.crc32(results['sample_id'].encode()))
        shares = np.array(list(self.kinds.values()), float)
        kind = list(self.kinds)[rng.choice(len(shares), p=shares / shares.sum())]
        tight = masks_to_boxes(masks[0]).astype(float)
        results['prompt_kind'] = kind
        results['prompt_box'] = None if kind == 'points' else self._draw_box(rng, tight)
        results['prompt_points'] = (
            np.zeros((0, 3)) if kind == 'box' else self._draw_clicks(rng, results, tight)
        )
        results['crop_boxes'] = self._draw_window(rng, results, tight)[None]
        return results

    def _draw_box(self, rng: Any, tight: np.ndarray) -> np.ndarray:
        width, height = tight[2:] - tight[:2]
        shift = rng.uniform(-self.box_jitter, self.box_jitter, 4)
        return tight + shift * [width, height, width, height]

    def _draw_clicks(self, rng: Any, results: dict, tight: np.ndarray) -> np.ndarray:
        visible = results['gt_visible_mask'][0]
        x0, y0, x1, y1 = tight.astype(int)
        inside = np.pad(visible[y0:y1, x0:x1], 1)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        clicks = []
        # One click is what most users give.
        more = self.max_clicks > 1 and rng.rand() < 0.3
        for _ in range(rng.randint(2, self.max_clicks + 1) if more else 1):
            weights = depth if rng.rand() < 0.5 else (depth > 0).astype(float)
            x, y = _draw_pixel(rng, weights)
            clicks.append((x0 + x, y0 + y, 1.0))
        if rng.rand() < self.negative_prob:
            beside = self._draw_beside(rng, results, tight)
            clicks += [beside] if beside is not None else []
        return np.array(clicks, float)

    def _draw_beside(
        self, rng: Any, results: dict, tight: np.ndarray
    ) -> tuple[float, float, float] | None:
        """A click on what hides the object, or beside it; None where it fills its surroundings."""
        visible = results['gt_visible_mask'][0]
        amodal = results.get('gt_amodal_mask')
        side = max(tight[2:] - tight[:2])
        x0, y0 = np.maximum(np.floor(tight[:2] - side / 2), 0).astype(int)
        x1, y1 = np.ceil(tight[2:] + side / 2).astype(int)
        free = visible[y0:y1, x0:x1] == 0
        if amodal is not None and rng.rand() < 0.7:
            hidden = free & (amodal[0, y0:y1, x0:x1] != 0)
            free = hidden if hidden.any() else free
        if not free.any():
            return None
        x, y = _draw_pixel(rng, free.astype(float))
        return x0 + x, y0 + y, 0.0

    def _draw_window(self, rng: Any, results: dict, tight: np.ndarray) -> np.ndarray:
        size = results['gt_visible_mask'].shape[1:]
        box = results['prompt_box']
        if box is not None:
            side = max(box[2:] - box[:2]) * rng.uniform(*self.enlarge)
            return square_window((box[:2] + box[2:]) / 2, side, size)
        clicks = results['prompt_points']
        low, high = _extent(clicks[clicks[:, 2] == 1])
        least = self.click_scale * max(tight[2:] - tight[:2])
        most = max(*size, least)
        side = np.exp(rng.uniform(np.log(least), np.log(most)))
        return square_window((low + high) / 2, max(side, 1.5 * max(high - low)), size)


@TRANSFORMS.register_module()
class CropPrompt(BaseTransform):
    """Cut the window of a prompt out of picture and mask, and draw the prompt as maps of the crop.

    Required Keys: ``img`` (1, H, W, 3), ``gt_visible_mask`` (1, H, W), ``crop_boxes`` (1, 4),
    ``prompt_box``, ``prompt_points``.

    Added Keys: ``crop_img`` (1, h, w, 3), ``gt_crop_visible_mask`` uint8 (1, h, w), ``crop_prompt``
    float32 (1, h, w, 2), see :func:`draw_prompts`; ``visible_share``, the share of the object that
    the window holds; ``crop_size`` (h, w), ``ori_shape`` (H, W).

    Args:
        crop_size: (h, w), or one number for both.
    """

    def __init__(self, crop_size: int | tuple[int, int]) -> None:
        h, w = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size
        self.crop_size = (int(h), int(w))

    def transform(self, results: dict) -> dict:
        """Cut and draw.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the crops.
        """
        window = results['crop_boxes'][0]
        visible = results['gt_visible_mask'][0]
        crop = crop_and_resize(results['img'][0], window, self.crop_size)
        mask = crop_and_resize((visible != 0).astype(np.uint8), window, self.crop_size, 'nearest')
        maps = draw_prompts(results['prompt_box'], results['prompt_points'], window, self.crop_size)
        x0, y0 = np.maximum(window[:2], 0)
        held = np.count_nonzero(visible[y0 : window[3], x0 : window[2]])
        results['crop_img'] = crop[None]
        results['gt_crop_visible_mask'] = mask[None]
        results['crop_prompt'] = maps[None]
        results['visible_share'] = held / np.count_nonzero(visible)
        results['crop_size'] = self.crop_size
        results['ori_shape'] = visible.shape
        return results


@TRANSFORMS.register_module()
class PackPromptInputs(BaseTransform):
    """Pack crops and prompts for :class:`PromptSegmentor`.

    Required Keys: ``crop_img`` (T, h, w, 3), ``crop_prompt`` (T, h, w, 2),
    ``gt_crop_visible_mask`` (T, h, w), and ``meta_keys``.

    Added Keys: ``inputs`` = ``img`` uint8 (T, 3, h, w) and ``prompt`` float32 (T, 2, h, w);
    ``data_samples`` with ``gt_crop_masks.visible`` float32 (T, h, w). Nothing else is returned.

    Args:
        meta_keys: What goes into the sample's meta information.

    Raises:
        KeyError: When a meta key is missing.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict[str, Any]:
        """Pack.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``inputs`` and ``data_samples``.
        """
        sample = new_sample(results, self.meta_keys)
        sample.gt_crop_masks = PixelData(visible=crop_tensor(results['gt_crop_visible_mask']))
        inputs = {
            'img': _channels_first(results['crop_img']),
            'prompt': _channels_first(results['crop_prompt']),
        }
        return {'inputs': inputs, 'data_samples': sample}


def _channels_first(array: np.ndarray) -> torch.Tensor:
    """(T, h, w, C) to (T, C, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def _draw_pixel(rng: Any, weights: np.ndarray) -> tuple[int, int]:
    """Draw (x, y) with a probability proportional to the weights (H, W)."""
    total = np.cumsum(weights, dtype=float)
    place = int(np.searchsorted(total, rng.rand() * total[-1], side='right'))
    y, x = divmod(min(place, weights.size - 1), weights.shape[1])
    return x, y


def _extent(clicks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest (x, y) of the pixels of clicks, ends exclusive."""
    pixels = np.floor(clicks[:, :2])
    return pixels.min(axis=0), pixels.max(axis=0) + 1
