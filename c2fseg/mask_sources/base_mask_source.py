"""What every mask source takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Picture:
    """A picture in which objects are looked for, with what the user said of them.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        name: Its path, or a name such as ``'image_3'``.
        boxes: (M, 4) float xyxy px, one box an object; None where the user drew none.
        points: M arrays (P, 3) float, the clicks of one object: x, y in px, and 1 on the object or
            0 beside it; None where the user clicked nothing. With boxes too, entry i of both is
            the same object.
    """

    image: np.ndarray
    name: str = ''
    boxes: np.ndarray | None = None
    points: list[np.ndarray] | None = None


@dataclass
class VisibleObject:
    """An object that a source found.

    Attributes:
        mask: RLE of its visible mask, at the size of the picture.
        score: Confidence in [0, 1].
        info: What else is known: ``category_id``, ``category``, ``annotation_id``.
    """

    mask: dict[str, Any]
    score: float = 1.0
    info: dict[str, Any] = field(default_factory=dict)


class BaseMaskSource(ABC):
    """Finds the visible masks of objects.

    A source is built by :data:`c2fseg.registry.MASK_SOURCES` and given to
    :class:`c2fseg.apis.AmodalInferencer` as ``mask_source``.

    Attributes:
        prompts: What the user has to give for each picture, a subset of ``('boxes', 'points')``;
            empty where the source finds objects by itself.
        batch_size: Pictures that the source sees at once.
    """

    prompts: tuple[str, ...] = ()
    batch_size: int = 1

    @abstractmethod
    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The objects of pictures.

        Args:
            pictures: At most ``batch_size`` are looked at together; more are taken in batches.

        Returns:
            For each picture its objects. A source with ``prompts`` gives one object for each
            prompt, in their order; its mask may be empty.

        Raises:
            ValueError: The source needs a prompt and a picture has none, or a prompt is wrong.
        """
