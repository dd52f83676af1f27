"""Dense optical flow between two pictures, and masks that go along with it."""

from __future__ import annotations

import cv2
import numpy as np

PRESETS = {
    'ultrafast': cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    'fast': cv2.DISOPTICAL_FLOW_PRESET_FAST,
    'medium': cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# The method compares patches of 8 px on a pyramid: smaller pictures have no flow.
SMALLEST_SIDE = 16


class DenseFlow:
    """DIS optical flow (OpenCV), between pictures of one size.

    Args:
        preset: ``'ultrafast'``, ``'fast'`` or ``'medium'``: from quick to exact.

    Raises:
        ValueError: There is no such preset.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016.
    """

    def __init__(self, preset: str = 'medium') -> None:
        if preset not in PRESETS:
            raise ValueError(f'preset is one of {", ".join(PRESETS)}, got {preset!r}')
        self._flow = cv2.DISOpticalFlow.create(PRESETS[preset])

    def __call__(self, picture: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Where the pixels of a picture are found in another one.

        Args:
            picture: (H, W, 3) uint8 RGB.
            other: The same.

        Returns:
            (H, W, 2) float32: pixel (x, y) of ``picture`` shows what lies at (x + dx, y + dy) of
            ``other``. Zero in pictures with a side below 16 px, which are too small to compare.
        """
        if min(picture.shape[:2]) < SMALLEST_SIDE:
            return np.zeros((*picture.shape[:2], 2), np.float32)
        grey = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (picture, other)]
        return self._flow.calc(*grey, None)


def warp(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Bring values of the picture that the flow leads to into the one that it starts from.

    Args:
        values: (H, W) or (H, W, C) float32, such as a mask; 0 beyond its borders.
        flow: (H, W, 2), see :class:`DenseFlow`.

    Returns:
        Of the same shape, float32, interpolated linearly.
    """
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return cv2.remap(
        np.ascontiguousarray(values, np.float32),
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
