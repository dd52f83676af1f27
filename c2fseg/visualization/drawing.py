"""Drawing of one object on a picture: fills, hatching, solid and dashed outlines.

Every line has a dark casing under its colour, so that it is seen on dark and on light pictures.
All colours are RGB; all functions return a new array and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Color = tuple[int, int, int]

VISIBLE_COLOR: Color = (33, 150, 243)
HIDDEN_COLOR: Color = (255, 111, 0)
TRUTH_COLOR: Color = (57, 255, 20)
CASING_COLOR: Color = (0, 0, 0)
# Told apart by hue and by brightness; neighbours in the list differ most.
PALETTE: tuple[Color, ...] = (
    (33, 150, 243),
    (255, 111, 0),
    (216, 27, 96),
    (0, 191, 165),
    (255, 202, 40),
    (142, 36, 170),
    (124, 179, 66),
    (141, 110, 99),
    (92, 107, 192),
    (244, 81, 108),
)


@dataclass(frozen=True)
class DrawStyle:
    """How objects are drawn.

    Attributes:
        visible_color: RGB of the visible part.
        hidden_color: RGB of the hidden part and of the outline of the prediction.
        truth_color: RGB of the dashed outline of the truth.
        alpha: Opacity of the fill of the visible part, 0 to 1; the stripes of the hidden part are
            denser.
        tile: Side of a tile of a panel, px.
    """

    visible_color: Color = VISIBLE_COLOR
    hidden_color: Color = HIDDEN_COLOR
    truth_color: Color = TRUTH_COLOR
    alpha: float = 0.6
    tile: int = 224


DEFAULT_STYLE = DrawStyle()


def line_width(image_size: tuple[int, int]) -> int:
    """Width of an outline in px for a picture of this (H, W)."""
    return min(4, max(1, round(0.13 * min(image_size) ** 0.5)))


def check_mask(mask: np.ndarray, image: np.ndarray, name: str) -> np.ndarray:
    """Check that a mask fits its picture.

    Args:
        mask: (H, W), non-zero inside.
        image: (H, W, 3).
        name: What the mask is, for the message.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: The sizes differ.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f'The {name} mask has shape {mask.shape}, the picture {image.shape[:2]} (H, W): '
            'give masks at the size of the picture'
        )
    return mask.astype(bool)


def blend(image: np.ndarray, mask: np.ndarray, color: Sequence[int], alpha: float) -> np.ndarray:
    """Fill a mask with a translucent colour.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) bool.
        color: RGB.
        alpha: Share of the colour, 0 to 1.

    Returns:
        (H, W, 3) uint8; pixels inside are ``round((1 - alpha) * image + alpha * color)``.
    """
    out = image.copy()
    inside = image[mask].astype(np.float32) * (1 - alpha) + np.asarray(
        color, np.float32
    ) * np.float32(alpha)
    out[mask] = np.rint(inside).astype(np.uint8)
    return out


def hatch(image_size: tuple[int, int], period: int, width: int) -> np.ndarray:
    """Diagonal stripes.

    Args:
        image_size: (H, W).
        period: Distance of two stripes along a row, px.
        width: Width of a stripe along a row, px.

    Returns:
        (H, W) bool, true on the stripes.
    """
    rows, columns = np.ogrid[: image_size[0], : image_size[1]]
    return (rows + columns) % period < width


def _contours(mask: np.ndarray) -> list[np.ndarray]:
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [contour[:, 0] for contour in found]  # each (P, 2), neighbouring pixels


def draw_outline(
    image: np.ndarray,
    mask: np.ndarray,
    color: Sequence[int],
    width: int = 1,
    dashed: bool = False,
) -> np.ndarray:
    """Draw the border of a mask, holes included.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) bool.
        color: RGB.
        width: Line width in px; the casing is a pixel wider.
        dashed: Dashes in place of a solid line.

    Returns:
        (H, W, 3) uint8.
    """
    out = np.ascontiguousarray(image.copy())
    dash = 4 * width + 2
    pieces: list[np.ndarray] = []
    closed = not dashed
    for contour in _contours(mask):
        if dashed:
            # Round line ends eat into the gaps.
            starts = range(0, len(contour), dash + 3 * width + 4)
            pieces.extend(contour[start : start + dash] for start in starts)
        else:
            pieces.append(contour)
    for line_color, line in ((CASING_COLOR, width + 1), (tuple(int(c) for c in color), width)):
        cv2.polylines(out, pieces, closed, line_color, line, cv2.LINE_AA)
    return out


def draw_object(
    image: np.ndarray,
    visible: np.ndarray,
    amodal: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    style: DrawStyle = DEFAULT_STYLE,
    outline: bool = True,
) -> np.ndarray:
    """Draw one object: visible part filled, hidden part hatched, outlines.

    Args:
        image: (H, W, 3) uint8 RGB.
        visible: (H, W), the visible part.
        amodal: (H, W), the predicted whole object; what it adds to ``visible`` is the hidden part.
            None draws the visible part alone.
        truth: (H, W), the true whole object, drawn as a dashed outline.
        style: Colours and opacity.
        outline: Draw the solid outline of the drawn object.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    visible = check_mask(visible, image, 'visible')
    whole = visible if amodal is None else check_mask(amodal, image, 'amodal')
    width = line_width(image.shape[:2])
    hidden = whole & ~visible
    out = blend(image, visible, style.visible_color, style.alpha)
    out = blend(out, hidden, style.hidden_color, style.alpha * 0.6)
    stripes = hatch(image.shape[:2], period=6 * width + 2, width=2 * width)
    out = blend(out, hidden & stripes, style.hidden_color, min(1.0, style.alpha + 0.3))
    if outline:
        line_color = style.visible_color if amodal is None else style.hidden_color
        out = draw_outline(out, whole, line_color, width)
    if truth is not None:
        truth = check_mask(truth, image, 'truth')
        out = draw_outline(out, truth, style.truth_color, width, dashed=True)
    return out
