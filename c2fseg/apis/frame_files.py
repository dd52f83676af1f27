"""Files of frames in a folder: their order, their numbers, and one that is missing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from c2fseg.apis.inputs import IMAGE_SUFFIXES

# Frames of the MOVi families, which lie in one folder with their masks and depth maps.
MOVI_FRAME = re.compile(r'rgba_full_\d+\.png')


def list_frames(folder: str | os.PathLike, special: re.Pattern[str] | None = None) -> list[str]:
    """List the pictures of a folder in the order of the numbers in their names.

    Args:
        folder: The folder.
        special: Where files fit this pattern, they are the only ones listed.

    Returns:
        Paths.
    """
    names = [n for n in os.listdir(folder) if not n.startswith('.')]
    names = [n for n in names if n.lower().endswith(IMAGE_SUFFIXES)]
    chosen = [n for n in names if special is not None and special.fullmatch(n)]
    return [os.path.join(folder, name) for name in sorted(chosen or names, key=natural_key)]


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame_9`` comes before ``frame_10``."""
    parts = re.split(r'(\d+)', name)
    return [(0, int(part), '') if part.isdecimal() else (1, 0, part) for part in parts if part]


def frame_numbers(stems: Sequence[str]) -> list[int] | None:
    """The last number in each name, None unless every name has one and no two have the same."""
    found = [re.findall(r'\d+', stem) for stem in stems]
    numbers = [int(digits[-1]) for digits in found if digits]
    return numbers if len(numbers) == len(stems) == len(set(numbers)) else None


def find_gap(stems: Sequence[str]) -> tuple[int, str | None, int]:
    """Find a missing frame in names that are numbered evenly but for it.

    Returns:
        Frames before the gap, the gap in words, and how many frames the numbers announce.
    """
    numbers = frame_numbers(stems)
    if numbers is None or len(numbers) < 3:
        return len(stems), None, len(stems)
    steps = np.diff(numbers)
    step, times = Counter(steps.tolist()).most_common(1)[0]
    wrong = np.flatnonzero(steps != step)
    # Frames picked here and there have no usual step, and nothing is missing between them.
    if not len(wrong) or 2 * times <= len(steps) or (steps[wrong] % step).any():
        return len(stems), None, len(stems)
    at = int(wrong[0])
    missing = numbers[at] + step
    gap = f'number {missing} is missing between {stems[at]} and {stems[at + 1]}'
    return at + 1, gap, int((numbers[-1] - numbers[0]) // step) + 1
