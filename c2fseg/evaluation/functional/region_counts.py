"""How many pixels lie in each combination of several masks, counted in one pass.

Every mask metric asks for the sizes of intersections, unions and differences of the same few masks.
With the masks packed into one code per pixel, a single histogram answers all of these questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType

import numpy as np
from numpy.typing import NDArray

MAX_MASKS = 12  # one bit each; the counts of all combinations take 2 ** masks numbers

Code = NDArray[np.unsignedinteger]
"""One bit for each mask in each pixel."""

Region = NDArray[np.bool_]
"""A set of mask combinations, ``(2 ** masks,)`` bool; combine with ``&``, ``|`` and ``~``."""

_Box = tuple[EllipsisType | slice, ...]


class _NamedRegions:
    """The regions of named masks, one bit each."""

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self._combinations = np.arange(1 << len(names))
        self._regions: dict[str, Region] = {
            name: (self._combinations >> bit & 1).astype(bool) for bit, name in enumerate(names)
        }

    def __getitem__(self, name: str) -> Region:
        """Returns the region inside the mask ``name``."""
        return self._regions[name]

    def get(self, name: str) -> Region | None:
        """Returns the region inside the mask ``name``, or None where no such mask was given."""
        return self._regions.get(name)

    def __contains__(self, name: str) -> bool:
        """Returns whether a mask of this name was given."""
        return name in self._regions


class RegionCounts(_NamedRegions):
    """Pixel counts of every combination of named binary masks of one shape.

    Args:
        **masks: Name to bool array (or 0/1 integers), all of one shape, 1 to 12 of them.

    Raises:
        ValueError: No mask, more than 12, masks of different shapes, or a mask that is not binary.

    Examples:
        >>> r = RegionCounts(pred=pred, amodal=amodal)
        >>> r.area(r['pred'] & r['amodal'])      # the intersection
        >>> r.area(r['pred'] & ~r['amodal'])     # false positives
    """

    def __init__(self, **masks: NDArray) -> None:
        _check_masks(masks)
        super().__init__(masks)
        bits = {name: _as_bits(name, mask) for name, mask in masks.items()}
        box = _common_box(list(bits.values()))
        # Pixels outside all masks are not asked for, so bin 0 may be incomplete.
        self._counts = _histogram(_pack(bits, box), 1 << len(masks))

    def area(self, region: Region) -> int:
        """Returns the number of pixels in ``region``, which must not hold the empty combination."""
        assert not region[0], 'a region outside all masks depends on the size of the picture'
        return int(self._counts @ region)


class ClipRegionCounts(_NamedRegions):
    """Pixel counts of every combination of named binary masks, for each frame of a clip.

    Args:
        masks: Name to bool array (or 0/1 integers), ``(T, H, W)`` all of them.
        context: More masks of this shape that divide regions but make none alone: pixels that
            lie in no mask of ``masks`` are not looked at. At most 12 masks in all.

    Raises:
        ValueError: No mask, more than 12, masks of different shapes, masks that are not
            ``(T, H, W)``, or a mask that is not binary.
    """

    def __init__(
        self, masks: Mapping[str, NDArray], context: Mapping[str, NDArray] | None = None
    ) -> None:
        every = {**masks, **(context or {})}
        check_clip_masks(every)
        super().__init__(every)
        bits = {name: _as_bits(name, mask) for name, mask in every.items()}
        code = _pack(bits, _common_box([bits[name] for name in masks]))
        counts = [_histogram(frame, 1 << len(every)) for frame in code]
        self._counts = np.array(counts, dtype=np.int64).reshape(len(code), 1 << len(every))
        self._in_no_mask = self._combinations & ((1 << len(masks)) - 1) == 0

    def areas(self, region: Region) -> NDArray[np.int64]:
        """Returns the number of pixels in ``region`` for each frame, ``(T,)``.

        The region must lie inside the masks; what only ``context`` covers is not counted.
        """
        assert not region[self._in_no_mask].any(), 'a region must lie inside the masks'
        return self._counts[:, region].sum(axis=1)


def check_clip_masks(masks: Mapping[str, NDArray]) -> None:
    """Checks that the masks of a clip can be counted together.

    Raises:
        ValueError: No mask, more than 12, or masks that are not all ``(T, H, W)`` of one shape.
    """
    _check_masks(masks)
    shape = np.shape(next(iter(masks.values())))
    if len(shape) != 3:
        raise ValueError(f'The masks of a clip must be (T, H, W), got shape {shape}.')


def _check_masks(masks: Mapping[str, NDArray]) -> None:
    if not 1 <= len(masks) <= MAX_MASKS:
        raise ValueError(f'RegionCounts takes 1 to {MAX_MASKS} masks, got {len(masks)}.')
    shapes = {name: np.shape(mask) for name, mask in masks.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f'The masks must have one shape, got {shapes}; bring them to the same image size.'
        )


def _pack(bits: Mapping[str, NDArray[np.uint8]], box: _Box) -> Code:
    """Returns the code of each pixel inside the box."""
    dtype = np.uint8 if len(bits) <= 8 else np.uint16
    parts = [mask[box] for mask in bits.values()]
    code = np.zeros(parts[0].shape, dtype=dtype)
    for bit, part in enumerate(parts):
        code |= part.astype(dtype, copy=False) << dtype(bit)
    return code


def _as_bits(name: str, mask: NDArray) -> NDArray[np.uint8]:
    mask = np.asarray(mask)
    if mask.dtype == np.bool_:
        return mask.view(np.uint8)
    if mask.dtype.kind in 'iu' and (mask.size == 0 or (mask.min() >= 0 and mask.max() <= 1)):
        return mask.astype(np.uint8)
    raise ValueError(
        f'The mask {name!r} must be bool or integers 0 and 1, got dtype {mask.dtype}; '
        'threshold probabilities first.'
    )


def _histogram(code: Code, bins: int) -> NDArray[np.int64]:
    """Counts the codes."""
    return np.bincount(code.ravel(), minlength=bins)


def _common_box(masks: list[NDArray[np.uint8]]) -> _Box:
    """Returns the index of the box that holds all pixels of all masks, in all leading axes."""
    shape = masks[0].shape
    if len(shape) < 2:
        return (Ellipsis,)
    covered = np.zeros(shape[-2:], np.uint8)
    for mask in masks:
        covered |= (
            mask if mask.ndim == 2 else np.bitwise_or.reduce(mask, axis=tuple(range(mask.ndim - 2)))
        )
    return Ellipsis, *_filled_box(covered)


def _filled_box(code: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Returns the rows and columns of the box around the nonzero pixels of ``(H, W)``."""
    filled = code.view(np.bool_)  # bits are 0 and 1; bool is searched several times as fast
    rows = np.flatnonzero(filled.any(axis=1))
    if rows.size == 0:
        return slice(0), slice(0)
    columns = np.flatnonzero(filled[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
