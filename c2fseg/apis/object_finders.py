"""Where the objects of pictures come from: masks that the user gave, or a mask source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from c2fseg.apis.fingerprint import digest, file_digest
from c2fseg.apis.inputs import ImageSource, VisibleMasks
from c2fseg.apis.prompts import PicturePrompts, read_prompts
from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.mask_file import MaskEntry

HOW_TO_GIVE_MASKS = (
    'give visible_masks, boxes or points, or build AmodalInferencer(mask_source=...), which finds '
    'the objects'
)
# The sources of calls with prompts, where the inferencer was built without one.
PROMPT_SOURCES = {'boxes': 'BoxPromptSource', 'points': 'PointPromptSource'}


class ObjectFinder(ABC):
    """Finds the visible masks of the objects of pictures.

    Attributes:
        batch_size: Pictures that are best given together.
    """

    batch_size: int = 1

    @abstractmethod
    def find(self, positions: Sequence[int], images: Sequence[np.ndarray]) -> list[list[MaskEntry]]:
        """The objects of pictures, still coded.

        Args:
            positions: Their numbers among the pictures of the call.
            images: (H, W, 3) uint8 RGB each.

        Returns:
            The objects of each.

        Raises:
            KeyError, TypeError, ValueError: Masks or prompts do not fit a picture.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """What the objects depend on beside the pictures, as a short text."""


class GivenMasks(ObjectFinder):
    """Takes the masks that the user gave.

    Args:
        masks: The masks of all pictures.
    """

    def __init__(self, masks: VisibleMasks) -> None:
        self.masks = masks

    def find(self, positions: Sequence[int], images: Sequence[np.ndarray]) -> list[list[MaskEntry]]:
        """See :class:`ObjectFinder`."""
        return [self.masks.objects(position) for position in positions]

    def fingerprint(self) -> str:
        """See :class:`ObjectFinder`."""
        file = self.masks.file
        return f'given {digest(self.masks.entries) if file is None else file_digest(file.path)}'


class SourceMasks(ObjectFinder):
    """Asks a mask source.

    Args:
        source: The source.
        names: Names of the pictures.
        prompts: What the user said of each picture, None where nothing.
    """

    def __init__(
        self,
        source: BaseMaskSource,
        names: Sequence[str],
        prompts: Sequence[PicturePrompts] | None = None,
    ) -> None:
        self.source = source
        self.names = names
        self.prompts = prompts
        self.batch_size = source.batch_size

    def find(self, positions: Sequence[int], images: Sequence[np.ndarray]) -> list[list[MaskEntry]]:
        """See :class:`ObjectFinder`."""
        pictures = [self._picture(*pair) for pair in zip(positions, images, strict=True)]
        found = self.source.find(pictures)
        name = type(self.source).__name__
        if len(found) != len(pictures):
            raise ValueError(
                f'{name}.find gave {len(found)} lists of objects for {len(pictures)} pictures: '
                'expected one for each'
            )
        for picture, objects in zip(pictures, found):
            prompts = picture.points if picture.boxes is None else picture.boxes
            if prompts is not None and len(prompts) != len(objects):
                raise ValueError(
                    f'{name}.find gave {len(objects)} objects for {len(prompts)} prompts in '
                    f'{picture.name}: expected one for each'
                )
        return [[_entry(one) for one in objects] for objects in found]

    def fingerprint(self) -> str:
        """See :class:`ObjectFinder`."""
        return f'{type(self.source).__name__} {digest((self.source, self.prompts))}'

    def _picture(self, position: int, image: np.ndarray) -> Picture:
        picture = Picture(image, self.names[position])
        if self.prompts is not None:
            prompts = self.prompts[position]
            picture.boxes, picture.points = prompts.boxes, prompts.points
        return picture


def _entry(found: VisibleObject) -> MaskEntry:
    return MaskEntry(found.mask, info={**found.info, 'visible_score': float(found.score)})


def choose_finder(
    sources: Sequence[ImageSource],
    alone: bool,
    visible_masks: Any,
    boxes: Any,
    points: Any,
    mask_source: BaseMaskSource | None,
    build_source: Callable[[str], BaseMaskSource],
) -> ObjectFinder:
    """Choose where the objects of a call come from.

    Masks that are given with a call are taken as they are, also by an inferencer with a source.

    Args:
        sources: The pictures.
        alone: They are a single one given by itself.
        visible_masks, boxes, points: What the call gives, None where nothing.
        mask_source: The source of the inferencer.
        build_source: Builds a source of ``PROMPT_SOURCES``, for prompts without ``mask_source``.

    Returns:
        The finder.

    Raises:
        TypeError, ValueError: None or several ways are given, or the source does not take the
            prompts, or needs some.
    """
    given = [name for name, value in (('boxes', boxes), ('points', points)) if value is not None]
    if visible_masks is not None:
        if given:
            raise ValueError(
                f'visible_masks and {" and ".join(given)} are given: expected one of them, masks '
                'need no prompts'
            )
        return GivenMasks(VisibleMasks(visible_masks, sources, alone))
    source = choose_source(given, mask_source, build_source)
    names = [one.name for one in sources]
    return SourceMasks(source, names, read_prompts(boxes, points, names, alone))


def choose_source(
    given: Sequence[str],
    mask_source: BaseMaskSource | None,
    build_source: Callable[[str], BaseMaskSource],
) -> BaseMaskSource:
    """Choose the source of a call without masks.

    Args:
        given: The kinds of prompts that the call gives, of ``'boxes'`` and ``'points'``.
        mask_source: The source of the inferencer.
        build_source: See :func:`choose_finder`.

    Returns:
        The source.

    Raises:
        ValueError: There is none, or it does not take the prompts, or needs some.
    """
    if mask_source is None:
        if not given:
            raise ValueError(f'There are no masks to complete: {HOW_TO_GIVE_MASKS}')
        mask_source = build_source(PROMPT_SOURCES[given[0]])
    name = type(mask_source).__name__
    unread = [kind for kind in given if kind not in mask_source.prompts]
    if unread:
        takes = ' and '.join(mask_source.prompts)
        takes = f'takes {takes}' if takes else 'finds objects by itself'
        raise ValueError(
            f'{name} {takes}: leave {" and ".join(unread)} out, or take another source'
        )
    if mask_source.prompts and not given:
        raise ValueError(f'{name} needs {" or ".join(mask_source.prompts)} for each picture')
    return mask_source
