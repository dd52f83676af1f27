"""Completions that need no learning: the rows every table of results should start with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from numpy.typing import NDArray

from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample


def fill_convex_hull(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns all pixels whose centre lies in the convex hull of the pixel centres of a mask.

    It is exact in whole numbers (drawing the polygon would round its edges to the grid, and the
    hull of a hull would grow): the hull of a rectangle is the rectangle.

    Args:
        mask: ``(H, W)`` uint8 of 0 and 1. An empty mask stays empty.

    Returns:
        numpy.ndarray: ``(H, W)`` uint8 of 0 and 1.
    """
    filled = np.zeros_like(mask)
    points = cv2.findNonZero(np.ascontiguousarray(mask))
    if points is None:
        return filled
    corners = cv2.convexHull(points)
    turn = -1 if cv2.contourArea(corners, oriented=True) < 0 else 1
    left, top, width, height = cv2.boundingRect(corners)
    x = np.arange(left, left + width)[None, :]
    y = np.arange(top, top + height)[:, None]
    inside = np.ones((height, width), dtype=bool)
    corners = corners[:, 0].astype(np.int64)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0)):
        # Which side of the edge a pixel lies on. A single pixel or a line has no inside: there,
        # both directions of the edge leave the pixels on it.
        inside &= turn * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) >= 0
    filled[top : top + height, left : left + width] = inside
    return filled


def _copy(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return mask


METHODS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    'visible': _copy,
    'convex_hull': fill_convex_hull,
}


@MODELS.register_module()
class TrivialPredictor(BaseModel):
    """Completes an object with its visible mask, or with the convex hull of that.

    It runs through the same Runner, pipeline and metric as a trained model, and has no parameters.
    It works on the visible mask at image size, so that nothing is lost by cropping and pasting;
    the pipeline hands it over with ``PackAmodalInputs(pack_full_visible=True)``.

    Args:
        method: ``'visible'`` or ``'convex_hull'``.

    Raises:
        ValueError: Unknown method.
    """

    def __init__(self, method: str) -> None:
        super().__init__()
        if method not in METHODS:
            raise ValueError(f'method must be one of {sorted(METHODS)}, got {method!r}.')
        self.method = method
        self._complete = METHODS[method]

    def forward(
        self,
        inputs: dict[str, Any],
        data_samples: list[AmodalDataSample] | None = None,
        mode: str = 'predict',
    ) -> list[AmodalDataSample]:
        """Completes the objects of a batch.

        Args:
            inputs: ``visible_mask``: crops ``(T, 1, h, w)``, and ``full_visible_mask``: masks at
                image size ``(T, 1, H, W)``; a list or a stack of N each.
            data_samples: Where the predictions are written to.
            mode: Only ``'predict'``: there is nothing to train.

        Returns:
            list: The samples with ``pred_masks`` (amodal, visible), bool ``(T, H, W)``, and
            ``pred_crop_masks`` (amodal, visible), 0 or 1, ``(T, h, w)``.

        Raises:
            ValueError: Another mode, no samples, or no mask at image size.
        """
        if mode != 'predict':
            raise ValueError(
                f"TrivialPredictor has nothing to train; mode must be 'predict': {mode}"
            )
        if data_samples is None:
            raise ValueError('TrivialPredictor writes its masks into data_samples, got None.')
        if 'full_visible_mask' not in inputs:
            raise ValueError(
                'TrivialPredictor needs the visible mask at image size; set '
                'pack_full_visible=True in PackAmodalInputs of this pipeline.'
            )
        masks = zip(inputs['full_visible_mask'], inputs['visible_mask'], data_samples, strict=True)
        for full, crop, sample in masks:
            pasted, amodal = self._complete_frames(full)
            sample.pred_masks = PixelData(visible=pasted.bool(), amodal=amodal.bool())
            pasted, amodal = self._complete_frames(crop)
            sample.pred_crop_masks = PixelData(visible=pasted.float(), amodal=amodal.float())
        return data_samples

    def _complete_frames(self, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the masks and their completions, uint8 ``(T, H, W)`` each."""
        binary = (masks[:, 0] > 0.5).to(torch.uint8)  # (T, H, W)
        frames = [self._complete(frame) for frame in binary.cpu().numpy()]
        return binary, torch.from_numpy(np.stack(frames)).to(binary.device)
