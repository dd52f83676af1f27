"""Mask sources for what a user clicks or draws a box around, with the model that ships."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.prompt_predictor import PromptPredictor
from c2fseg.mask_sources.prompt_requests import PromptRequest, read_requests
from c2fseg.registry import MASK_SOURCES


class _PromptSource(BaseMaskSource):
    """Finds what the user points at.

    Attributes:
        needed: What each picture must have.
    """

    needed: tuple[str, ...] = ()

    def __init__(
        self,
        weights: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        batch_size: int = 8,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size is at least 1 picture, got {batch_size}')
        self.batch_size = batch_size
        self.predictor = PromptPredictor(weights, device)

    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The visible masks of the objects of pictures; see :class:`BaseMaskSource`."""
        results = []
        for start in range(0, len(pictures), self.batch_size):
            batch = pictures[start : start + self.batch_size]
            requests = [read_requests(picture, self.needed) for picture in batch]
            flat: list[PromptRequest] = [one for several in requests for one in several]
            found = iter(self.predictor.find(flat))
            results += [[next(found) for _ in several] for several in requests]
        return results


@MASK_SOURCES.register_module()
class BoxPromptSource(_PromptSource):
    """The visible mask of the object in a box, one for each box of a picture.

    Clicks that come with a box (on the object, or beside it on what is not to be taken) are shown
    to the model, too.

    Args:
        weights: Checkpoint of ``configs/prompt_general.py`` or ``configs/prompt_shapes.py``; None
            takes the weights that ship.
        device: Where the model runs; None takes the GPU when there is one.
        batch_size: Pictures that are looked at together.

    Raises:
        CheckpointError: The weights cannot be used.
        ValueError: ``batch_size`` is below 1, or this machine has no such device.
    """

    prompts = ('boxes', 'points')
    needed = ('boxes',)


@MASK_SOURCES.register_module()
class PointPromptSource(_PromptSource):
    """The visible mask of a clicked object: one for each entry of a picture's ``points``.

    The click alone does not tell how large the object is; see :class:`PromptPredictor`. Boxes that
    come with the clicks are used.

    Args:
        weights: Checkpoint of ``configs/prompt_general.py`` or ``configs/prompt_shapes.py``; None
            takes the weights that ship.
        device: Where the model runs; None takes the GPU when there is one.
        batch_size: Pictures that are looked at together.

    Raises:
        CheckpointError: The weights cannot be used.
        ValueError: ``batch_size`` is below 1, or this machine has no such device.
    """

    prompts = ('boxes', 'points')
    needed = ('points',)
