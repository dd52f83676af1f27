"""Laying pictures out: text, resizing, tiles with captions, rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
BACKGROUND = (255, 255, 255)
TEXT_COLOR = (33, 33, 33)
CAPTION_HEIGHT = 22
GAP = 6


def write_text(
    image: np.ndarray,
    text: str,
    origin: tuple[int, int],
    max_width: int,
    scale: float = 0.45,
    color: Sequence[int] = TEXT_COLOR,
) -> None:
    """Write one line of text into an array, made smaller until it fits.

    Args:
        image: (H, W, 3) uint8, written to.
        text: ASCII text; other letters are shown as ``?``.
        origin: (x, y) of the left end of the base line, px.
        max_width: Room for the text, px.
        scale: Font scale to begin with.
        color: RGB.
    """
    text = text.encode('ascii', 'replace').decode()
    while scale > 0.2 and cv2.getTextSize(text, FONT, scale, 1)[0][0] > max_width:
        scale -= 0.02
    cv2.putText(image, text, origin, FONT, scale, tuple(color), 1, cv2.LINE_AA)


def resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (h, w[, 3]) to (width, height), smoothly in both directions."""
    shrinks = size[0] < array.shape[1]
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask; an enlarged border is rounded off, so that it shows no pixel steps."""
    soft = resize(np.asarray(mask).astype(np.float32), size)
    factor = size[0] / mask.shape[1]
    if factor > 1.5:
        soft = cv2.GaussianBlur(soft, (0, 0), 0.4 * factor)
    return soft >= 0.5


def fit_size(array: np.ndarray, tile: int) -> tuple[int, int]:
    """(width, height) with the aspect ratio of an array and a longer side of ``tile`` px."""
    factor = tile / max(array.shape[:2])
    return max(1, round(array.shape[1] * factor)), max(1, round(array.shape[0] * factor))


def captioned(tile_image: np.ndarray, caption: str, tile: int) -> np.ndarray:
    """Centre a picture in a square tile with its caption above."""
    out = np.full((tile + CAPTION_HEIGHT, tile, 3), BACKGROUND, np.uint8)
    height, width = tile_image.shape[:2]
    y, x = CAPTION_HEIGHT + (tile - height) // 2, (tile - width) // 2
    out[y : y + height, x : x + width] = tile_image
    write_text(out, caption, (2, CAPTION_HEIGHT - 7), tile - 4)
    return out


def join(images: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Join pictures of any size with a gap; axis 0 stacks, axis 1 lines up."""
    across = max(image.shape[1 - axis] for image in images)
    pieces = []
    for number, image in enumerate(images):
        if number:
            shape = [GAP, GAP, 3]
            shape[1 - axis] = across
            pieces.append(np.full(shape, BACKGROUND, np.uint8))
        shape = [*image.shape]
        shape[1 - axis] = across
        piece = np.full(shape, BACKGROUND, np.uint8)
        piece[: image.shape[0], : image.shape[1]] = image
        pieces.append(piece)
    return np.concatenate(pieces, axis)


def framed(image: np.ndarray) -> np.ndarray:
    """A picture with a border of the background's colour."""
    return cv2.copyMakeBorder(image, GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=BACKGROUND)


def wrap(cells: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Place pictures of one height in lines of ``width`` px, as words in a text."""
    lines: list[list[np.ndarray]] = [[]]
    for cell in cells:
        used = sum(one.shape[1] + GAP for one in lines[-1])
        if lines[-1] and used + cell.shape[1] > width:
            lines.append([])
        lines[-1].append(cell)
    inner = join([join(line, axis=1) for line in lines], axis=0)
    out = np.full((inner.shape[0], width, 3), BACKGROUND, np.uint8)
    out[:, : inner.shape[1]] = inner[:, :width]
    return out
