"""Putting a cut-out into a picture so that no seam gives it away."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .cut_outs import CutOut

# Width in pixels around a pasted object in which the colours of its surroundings are measured.
SURROUNDINGS = 12


def paste_in_front(
    image: np.ndarray,
    cut: CutOut,
    left: int,
    top: int,
    feather: float = 1.0,
    colour_match: float = 0.0,
) -> np.ndarray:
    """Put an object into a picture, in front of everything.

    Args:
        image: uint8 (H, W, 3), changed in place.
        cut: The object.
        left, top: Where its first column and row come to lie; what leaves the picture is cut off.
        feather: Standard deviation in pixels of the soft edge, 0 for a hard one.
        colour_match: How far its mean colour moves to that of its surroundings, 0 to 1.

    Returns:
        uint8 (H, W): 1 where the object is what one sees, its share in the mixture over one half.
    """
    return _paste(image, cut, left, top, feather, colour_match, lambda alpha, window: alpha)


def paste_behind(
    image: np.ndarray,
    cut: CutOut,
    left: int,
    top: int,
    front: np.ndarray,
    feather: float = 1.0,
    colour_match: float = 0.0,
) -> np.ndarray:
    """Put an object into a picture, behind another one.

    Args:
        image: uint8 (H, W, 3), changed in place.
        cut: The object.
        left, top: As in :func:`paste_in_front`.
        front: (H, W), 0 outside the object that stays in front.
        feather: As in :func:`paste_in_front`; the edge of what is in front is softened alike.
        colour_match: As in :func:`paste_in_front`.

    Returns:
        uint8 (H, W): 1 where the pasted object is what one sees.
    """

    def hide(alpha: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
        return alpha * (1.0 - _soften((front[window] != 0).astype(np.float32), feather))

    seen = _paste(image, cut, left, top, feather, colour_match, hide)
    seen[front != 0] = 0
    return seen


def _paste(
    image: np.ndarray,
    cut: CutOut,
    left: int,
    top: int,
    feather: float,
    colour_match: float,
    adapt: Callable[[np.ndarray, tuple[slice, slice]], np.ndarray],
) -> np.ndarray:
    """Mix a cut-out into a picture by its soft mask, which ``adapt`` may change first."""
    height, width = image.shape[:2]
    h, w = cut.mask.shape
    seen = np.zeros((height, width), np.uint8)
    rows = slice(max(0, top), min(height, top + h))
    columns = slice(max(0, left), min(width, left + w))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return seen
    window = rows, columns
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    alpha = adapt(_soften(cut.mask.astype(np.float32), feather)[own], window)
    pixels = cut.image[own].astype(np.float32)
    if colour_match > 0:
        pixels += colour_match * _colour_gap(image, cut, own, window)
    mixed = image[window] * (1.0 - alpha[..., None]) + pixels * alpha[..., None]
    image[window] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    seen[window] = alpha > 0.5
    return seen


def _soften(mask: np.ndarray, feather: float) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), feather) if feather > 0 else mask


def _colour_gap(
    image: np.ndarray, cut: CutOut, own: tuple[slice, slice], window: tuple[slice, slice]
) -> np.ndarray:
    """Mean colour of the surroundings less that of the object, float32 (3,)."""
    inside = cut.mask[own] != 0
    if not inside.any():
        return np.zeros(3, np.float32)
    rows, columns = (slice(max(0, s.start - SURROUNDINGS), s.stop + SURROUNDINGS) for s in window)
    around = image[rows, columns].reshape(-1, 3).mean(axis=0)
    return (around - cut.image[own][inside].mean(axis=0)).astype(np.float32)
