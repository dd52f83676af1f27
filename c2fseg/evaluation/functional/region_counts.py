"""How many pixels lie in each combination of several masks, counted in one pass.

Every mask metric asks for the sizes of intersections, unions and differences of the same few masks.
With the masks packed into one code per pixel, a single histogram answers all of these questions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_MASKS = 8  # one bit each in an unsigned byte

Region = NDArray[np.bool_]
"""A set of mask combinations, ``(2 ** masks,)`` bool; combine with ``&``, ``|`` and ``~``."""


class RegionCounts:
    """Pixel counts of every combination of named binary masks of one shape.

    Args:
        **masks: Name to bool array (or 0/1 integers), all of one shape, 1 to 8 of them.

    Raises:
        ValueError: No mask, more than 8, masks of different shapes, or a mask that is not binary.

    Examples:
        >>> r = RegionCounts(pred=pred, amodal=amodal)
        >>> r.area(r['pred'] & r['amodal'])      # the intersection
        >>> r.area(r['pred'] & ~r['amodal'])     # false positives
    """

    def __init__(self, **masks: NDArray) -> None:
        if not 1 <= len(masks) <= MAX_MASKS:
            raise ValueError(f'RegionCounts takes 1 to {MAX_MASKS} masks, got {len(masks)}.')
        shapes = {name: np.shape(mask) for name, mask in masks.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f'The masks must have one shape, got {shapes}; bring them to the same image size.'
            )
        code = np.zeros(next(iter(shapes.values())), dtype=np.uint8)
        for bit, (name, mask) in enumerate(masks.items()):
            code |= _as_bits(name, mask) << np.uint8(bit)
        self._counts = _histogram(code, 1 << len(masks))
        combinations = np.arange(1 << len(masks))
        self._regions: dict[str, Region] = {
            name: (combinations >> bit & 1).astype(bool) for bit, name in enumerate(masks)
        }

    def __getitem__(self, name: str) -> Region:
        """Returns the region inside the mask ``name``."""
        return self._regions[name]

    def __contains__(self, name: str) -> bool:
        """Returns whether a mask of this name was given."""
        return name in self._regions

    def area(self, region: Region) -> int:
        """Returns the number of pixels in ``region``, which must not hold the empty combination."""
        assert not region[0], 'a region outside all masks depends on the size of the picture'
        return int(self._counts[region].sum())


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


def _histogram(code: NDArray[np.uint8], bins: int) -> NDArray[np.int64]:
    """Counts the codes inside the box that holds all nonzero ones (bin 0 is left incomplete)."""
    if code.ndim == 2:
        rows = np.flatnonzero(code.any(axis=1))
        if rows.size == 0:
            return np.zeros(bins, dtype=np.int64)
        code = code[rows[0] : rows[-1] + 1]
        columns = np.flatnonzero(code.any(axis=0))
        code = code[:, columns[0] : columns[-1] + 1]
    return np.bincount(code.ravel(), minlength=bins)
