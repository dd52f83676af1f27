"""Which annotated objects are whole: nothing in front of them, nothing of them out of the picture.

Ordinary instance annotations do not say who hides whom. What they show is used instead: an object
that the border cuts, that is in several pieces, or that others touch along much of its outline may
be hidden in part, and its visible mask cannot serve as its amodal one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class WholeObjectRules:
    """What an object must be like to count as whole.

    Attributes:
        border_margin: Pixels that must lie between it and every side of the picture. None also
            takes objects that the border cuts; their amodal mask is the part inside the picture.
        min_main_piece: Least share of its pixels in its largest connected piece.
        max_contact: Largest share of its outline along which other annotated objects lie.
        contact_reach: Width in pixels of the band around it in which others count as touching.
    """

    border_margin: int | None = 2
    min_main_piece: float = 0.95
    max_contact: float = 0.1
    contact_reach: int = 3

    def __post_init__(self) -> None:
        if self.border_margin is not None and self.border_margin < 0:
            raise ValueError(f'border_margin is 0 or more, or None, got {self.border_margin}')
        for name in ('min_main_piece', 'max_contact'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} is a share, 0 to 1, got {getattr(self, name)}')
        if self.contact_reach < 1:
            raise ValueError(f'contact_reach is at least 1 px, got {self.contact_reach}')


def touches_border(mask: np.ndarray, margin: int) -> bool:
    """Say whether an object comes nearer to the sides of the picture than ``margin`` pixels.

    Args:
        mask: (H, W), 0 outside the object.
        margin: Pixels that must be free at every side; 0 never touches.

    Returns:
        True where one of the outermost ``margin`` rows or columns holds a pixel of it.
    """
    if margin == 0:
        return False
    rim = (mask[:margin], mask[-margin:], mask[:, :margin], mask[:, -margin:])
    return any(bool(strip.any()) for strip in rim)


def main_piece_share(mask: np.ndarray) -> float:
    """Measure how much of an object its largest piece is.

    Args:
        mask: uint8 (H, W), 0 outside the object.

    Returns:
        Pixels of the largest 8-connected piece over all pixels; 0 for an empty mask.
    """
    total = int(np.count_nonzero(mask))
    if total == 0:
        return 0.0
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return float(statistics[1:, cv2.CC_STAT_AREA].max()) / total


def contact_share(mask: np.ndarray, others: np.ndarray, reach: int) -> float:
    """Measure along how much of its outline other objects lie.

    Args:
        mask: uint8 (H, W), 0 outside the object.
        others: (H, W), 0 where no other object is.
        reach: Width in pixels of the band around the object that is looked at.

    Returns:
        Share of the band that others cover; 0 where the object fills the picture.
    """
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    band = (cv2.dilate(mask, kernel) != 0) & (mask == 0)
    width = int(np.count_nonzero(band))
    return int(np.count_nonzero(band & (others != 0))) / width if width else 0.0
