"""What is looked at over all records of a data set: their files, and how much of them is hidden."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from .image_io import find_broken_images

SEGMENTATION_KEYS = ('visible_segmentations', 'amodal_segmentations', 'evaluable_segmentations')
# Edges and names of the shares in which an object may be hidden.
SHARE_EDGES = (0.05, 0.3, 0.6, 0.95)
# Arguments that say something about areas, with the values that ask for nothing.
AREA_ARGUMENTS = {
    'occlusion_range': None,
    'occluded_repeat': 1,
    'max_visible_outside': None,
    'min_visible_area': 1,
}
SHARE_NAMES = ('< 5 %', '5-30 %', '30-60 %', '60-95 %', '> 95 %')


class Notes:
    """What was odd about objects, counted by kind; each kind has one example.

    Attributes:
        counts: Number of objects by kind.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, kind: str, example: str) -> None:
        """Count one object.

        Args:
            kind: What is odd and what became of it.
            example: Where it was met.
        """
        self.counts[kind] += 1
        self._first.setdefault(kind, example)

    def log(self, ann_file: str) -> None:
        """Warn of each kind once.

        Args:
            ann_file: Whose objects they are.
        """
        for kind, number in self.counts.items():
            message = f'{ann_file}: {number} objects: {kind}; first: {self._first[kind]}'
            print_log(message, 'current', logging.WARNING)


def record_files(record: dict[str, Any]) -> list[str]:
    """List every picture that a record needs.

    Args:
        record: With ``img_paths`` and coded masks, some of which may lie in files.

    Returns:
        Paths of frames, then of masks, each once.
    """
    coded = [mask for key in SEGMENTATION_KEYS for mask in record.get(key, ())]
    masks = [mask['file'] for mask in coded if isinstance(mask, dict) and 'file' in mask]
    return list(dict.fromkeys([*record['img_paths'], *masks]))


def refuse_area_arguments(dataset: Any, hint: str) -> None:
    """Refuse arguments that need areas, for a data set whose masks lie in files of their own.

    Args:
        dataset: With the attributes that ``AREA_ARGUMENTS`` lists.
        hint: What gives it areas.

    Raises:
        ValueError: When one of them asks for something.
    """
    asked = [name for name, value in AREA_ARGUMENTS.items() if getattr(dataset, name) != value]
    if asked:
        raise ValueError(
            f'{type(dataset).__name__}: {asked} need the areas of masks that lie in files of '
            f'their own: leave these arguments out, or read all masks first{hint}'
        )


def find_whole_records(
    records: Iterable[dict[str, Any]], exif: str, ann_file: str, stop: bool
) -> np.ndarray:
    """Read every picture that records need.

    Args:
        records: Records with all their keys.
        exif: As in :func:`c2fseg.datasets.image_io.read_rgb`.
        ann_file: For messages.
        stop: Raise when a picture cannot be used; otherwise the log names all such pictures.

    Returns:
        Which records are whole, bool.

    Raises:
        OSError: When ``stop`` and a picture cannot be used; the message lists all of them.
    """
    sizes: dict[str, tuple[int, int]] = {}
    files = []
    for record in records:
        files.append(record_files(record))
        sizes |= dict.fromkeys(files[-1], (record['height'], record['width']))
    broken = find_broken_images(sizes, exif)
    whole = np.array([not any(path in broken for path in paths) for paths in files], bool)
    if broken:
        listing = '\n'.join(f'  {reason}' for reason in broken.values())
        message = f'{ann_file}: {len(broken)} of {len(sizes)} images cannot be used:\n{listing}'
        if stop:
            raise OSError(f"{message}\nMend them, or drop their objects with image_check='skip'.")
        message += f'\n{np.count_nonzero(~whole)} objects dropped'
        print_log(message, 'current', logging.WARNING)
    return whole


def group_by_picture(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bring the objects of a picture together, so that each is read once.

    Args:
        records: As a data set stores them; clips that do not name their pictures stay where they
            are.

    Returns:
        The records, those of a picture one after another, in the order of the first of each.
    """
    if not all('img_paths' in record for record in records):
        return records
    first: dict[tuple[str, ...], int] = {}
    places = [first.setdefault(tuple(r['img_paths']), len(first)) for r in records]
    return [records[place] for place in np.argsort(places, kind='stable')]


def report_occlusion(
    ann_file: str, records: Sequence[dict[str, Any]], knows_areas: bool = True
) -> None:
    """Log how many objects there are and how far they are hidden.

    Args:
        ann_file: Whose objects they are.
        records: With ``occlusion_rate``, nan where there are no amodal masks.
        knows_areas: False where the masks have not been read yet.
    """
    rates = [record['occlusion_rate'] for record in records]
    if not knows_areas:
        hidden = 'their masks are read when they are loaded'
    elif np.isnan(rates).any():
        hidden = 'without amodal masks'
    else:
        hidden = f'hidden: {describe_occlusion(rates)}'
    print_log(f'{ann_file}: {len(records)} objects, {hidden}', 'current', logging.INFO)


def describe_occlusion(rates: Sequence[float]) -> str:
    """Say in one line how many objects are hidden how far.

    Args:
        rates: Occlusion rate of each object.

    Returns:
        '< 5 % 40.0%, 5-30 % 20.0%, ...'.
    """
    counts = np.bincount(np.digitize(rates, SHARE_EDGES), minlength=len(SHARE_NAMES))
    shares = zip(SHARE_NAMES, counts)
    return ', '.join(f'{name} {count / len(rates):.1%}' for name, count in shares)
