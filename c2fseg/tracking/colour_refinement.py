"""A roughly known mask, fitted to the colours of the picture along its border."""

from __future__ import annotations

import cv2
import numpy as np

# GrabCut fits five colours to each side.
FEWEST_PIXELS = 30


class ColourRefinement:
    """GrabCut (OpenCV) in a band along the border of a mask.

    Pixels deep inside the mask belong to the object, those far outside do not; those of the band
    go to the side whose colours they have. The same input gives the same mask.

    Args:
        band: Half the width of the band, as a share of the square root of the mask's area.
        rounds: Rounds of fitting colours and cutting.
        max_side: Larger windows are made smaller, to this side in px, so that the time does not
            follow the size of the picture.

    Raises:
        ValueError: A number is not positive.

    Source: Rother et al., "GrabCut", SIGGRAPH 2004.
    """

    def __init__(self, band: float = 0.25, rounds: int = 1, max_side: int = 320) -> None:
        for name, value in (('band', band), ('rounds', rounds), ('max_side', max_side)):
            if value <= 0:
                raise ValueError(f'{name} of ColourRefinement is a positive number, got {value!r}')
        self.band = band
        self.rounds = rounds
        self.max_side = max_side

    def __call__(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Fit a mask.

        Args:
            image: (H, W, 3) uint8 RGB.
            mask: (H, W) bool.

        Returns:
            (H, W) bool; the mask as it was where it is too small to know its colours.
        """
        area = np.count_nonzero(mask)
        if area < FEWEST_PIXELS:
            return mask
        radius = max(2, round(self.band * area**0.5))
        window = _window(mask, 3 * radius)
        picture, part = image[window], mask[window].astype(np.uint8)
        scale = min(1.0, self.max_side / max(part.shape))
        if scale < 1:
            size = [max(1, round(scale * side)) for side in part.shape[::-1]]
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            part = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
            radius = max(2, round(scale * radius))
        cut = self._cut(picture, part, radius)
        if scale < 1:
            size = mask[window].shape[::-1]
            cut = cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR)
        fitted = np.zeros_like(mask)
        fitted[window] = cut > 0.5
        return fitted

    def _cut(self, picture: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
        """Fit a mask (h, w) uint8 in its window; returns float32."""
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        labels = np.full(mask.shape, cv2.GC_BGD, np.uint8)
        labels[cv2.dilate(mask, disc) > 0] = cv2.GC_PR_BGD
        labels[mask > 0] = cv2.GC_PR_FGD
        labels[cv2.erode(mask, disc, borderValue=1) > 0] = cv2.GC_FGD
        outside = np.isin(labels, (cv2.GC_BGD, cv2.GC_PR_BGD))
        if min(np.count_nonzero(outside), np.count_nonzero(~outside)) < FEWEST_PIXELS:
            return mask.astype(np.float32)
        cv2.setRNGSeed(0)  # it starts from random clusters
        models = np.zeros((2, 1, 65), np.float64)
        picture = np.ascontiguousarray(picture)
        mode = cv2.GC_INIT_WITH_MASK
        cv2.grabCut(picture, labels, None, models[0], models[1], self.rounds, mode)
        return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The box of a mask, enlarged by a margin and cut to the picture."""
    slices = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis))
        slices.append(slice(max(0, places[0] - margin), places[-1] + 1 + margin))
    return slices[0], slices[1]
