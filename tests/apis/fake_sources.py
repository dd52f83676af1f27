"""Mask sources whose objects are known by hand."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence

import numpy as np

from c2fseg.mask_sources import BaseMaskSource, Picture, VisibleObject
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import encode_mask


@MASK_SOURCES.register_module()
class BrightSource(BaseMaskSource):
    """Pixels of value 255, row by row of the picture halves: one object for each half that has any.

    Args:
        batch_size: Pictures taken together.
        delay: Seconds for each picture.
        bad: A picture of this name cannot be looked at.
    """

    def __init__(self, batch_size: int = 1, delay: float = 0.0, bad: str = '') -> None:
        self.batch_size = batch_size
        self.bad = bad
        self._delay = delay
        self._calls: list[int] = []
        self._seen: list[weakref.ref] = []

    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The bright parts of the upper and of the lower half."""
        self._calls.append(len(pictures))
        found = []
        for picture in pictures:
            time.sleep(self._delay)
            self._seen.append(weakref.ref(picture.image))
            if self.bad and picture.name.endswith(self.bad):
                raise RuntimeError(f'cannot look at {picture.name}')
            bright = (picture.image == 255).all(axis=2)
            middle = len(bright) // 2
            halves = [np.zeros_like(bright), np.zeros_like(bright)]
            halves[0][:middle], halves[1][middle:] = bright[:middle], bright[middle:]
            found.append(
                [
                    VisibleObject(encode_mask(mask), 0.5 + 0.25 * number, {'category_id': number})
                    for number, mask in enumerate(halves)
                    if mask.any()
                ]
            )
        return found


class PromptedSource(BaseMaskSource):
    """The box itself, or the 5 x 5 px about the first click of each object."""

    prompts = ('boxes', 'points')

    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """One object for each prompt."""
        found = []
        for picture in pictures:
            boxes = picture.boxes
            if boxes is None:
                clicks = [one[0] for one in picture.points or []]
                boxes = [(x - 2, y - 2, x + 3, y + 3) for x, y, _ in clicks]
            objects = []
            for x1, y1, x2, y2 in np.asarray(boxes, int).reshape(-1, 4):
                mask = np.zeros(picture.image.shape[:2], bool)
                mask[y1:y2, x1:x2] = True
                objects.append(VisibleObject(encode_mask(mask)))
            found.append(objects)
        return found


def bright_picture(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (24, 32)):
    """A dark picture with bright boxes xyxy.

    Args:
        boxes: The boxes.
        size: (H, W).
    """
    image = np.full((*size, 3), 40, np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return image
