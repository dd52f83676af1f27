"""COCOResultsSource: visible masks that another system wrote into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.mask_file import MaskFile
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import to_rle


@MASK_SOURCES.register_module()
class COCOResultsSource(BaseMaskSource):
    """Takes the objects of a JSON file, found by the name of the picture.

    Args:
        path: A COCO result list, or any other file that :class:`MaskFile` reads.
        score_threshold: Objects with a lower score are left out; those without a score stay.

    Raises:
        FileNotFoundError, ValueError, TypeError, KeyError: The file is missing or wrong, or the
            threshold is not in [0, 1].
    """

    def __init__(self, path: str | os.PathLike, score_threshold: float = 0.0) -> None:
        if not isinstance(score_threshold, Real) or not 0 <= score_threshold <= 1:
            raise ValueError(f'score_threshold must be in [0, 1], got {score_threshold!r}')
        self.file = MaskFile(path)
        self.score_threshold = float(score_threshold)

    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The objects that the file has for each picture.

        A result list does not name pictures in which nothing was found: there a picture that it
        does not know has no object.

        Args:
            pictures: The pictures.

        Returns:
            Their objects in the order of the file.

        Raises:
            KeyError: A file that lists its pictures does not know one.
            ValueError, TypeError: A mask is broken, or of another size than the picture.
        """
        return [self._find(picture) for picture in pictures]

    def _find(self, picture: Picture) -> list[VisibleObject]:
        if not self.file.lists_pictures and not self.file.knows(picture.name):
            return []
        found = []
        for entry in self.file.find(picture.name):
            info = dict(entry.info)
            score = float(info.pop('visible_score', 1.0))
            if score < self.score_threshold:
                continue
            try:
                mask = to_rle(entry.visible, *picture.image.shape[:2])
            except (TypeError, ValueError) as error:
                where = f'{self.file.path}, object {len(found)} of {picture.name}'
                raise type(error)(f'{where}: its mask cannot be used: {error}') from error
            found.append(VisibleObject(mask, score, info))
        return found
