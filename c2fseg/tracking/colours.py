"""The colours of an object as a few numbers."""

from __future__ import annotations

import cv2
import numpy as np

# Lightness changes with the light: it gets fewer bins than the two colour axes.
BINS = (4, 8, 8)


def colour_histogram(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Histogram of an object's colours in the CIELAB space.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, not empty.

    Returns:
        (256,) float32 that sums to 1.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    counts = cv2.calcHist([lab], [0, 1, 2], mask, BINS, [0, 256] * 3).ravel()
    return counts / counts.sum()
