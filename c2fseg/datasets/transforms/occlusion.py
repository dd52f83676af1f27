"""Hidden objects made of whole ones: real occluders out of pictures are pasted over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import DATASETS, TRANSFORMS

from ..occlusion_synthesis import (
    CutOut,
    Placement,
    cut_out,
    draw_placement,
    paste_behind,
    paste_in_front,
    turn_cut_out,
)
from .loading import origin

# Draws until an occluder from another picture must have come up.
MAX_DRAWS = 100
# Share of the object that a thing put behind it would hide in front of it.
BEHIND_SHARE = 0.3


def _check_range(name: str, bounds: tuple[float, float], low: float, high: float) -> None:
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high:
        raise ValueError(f'{name} is (from, to) between {low:g} and {high:g}, got {bounds}')


@TRANSFORMS.register_module()
class SynthesizedOcclusion(BaseTransform):
    """Hide part of a whole object behind objects cut out of pictures; the truth is known.

    What the object looks like as a whole stays its amodal mask; what is left of it becomes its
    visible mask. Occluders are turned, scaled to a plausible size beside the object and placed so
    that they hide a share of it that is drawn first; seams are softened. Now and then something is
    put behind the object as well, so that a seam alone does not tell what is hidden. All of it is
    drawn from numpy's global generator: fresh occlusions in every pass, the same for the same seed.

    Required Keys: ``img`` (1, H, W, 3), ``visible_mask``, ``gt_visible_mask``, ``gt_amodal_mask``
    (1, H, W), ``img_paths``, ``annotation_id``.

    Modified Keys: ``img``, ``visible_mask``, ``gt_visible_mask``, ``occlusion_rate``.

    Added Keys: none.

    Args:
        occluders: A data set of objects to paste, or its config; its pipeline loads pictures and
            masks (``LoadFrames``, ``LoadAmodalMasks``) and nothing else.
        same_picture_prob: Probability that an occluder is another object of the same picture, where
            there is one: under the same light, often of the same kind, so that it does not look
            foreign. All others come from other pictures.
        prob: Probability that the object is hidden at all.
        hidden_range: (least, most) share of the object to hide, drawn uniformly. An occluder that
            would take it beyond the most is left out.
        max_occluders: Most occluders of one object; their number is drawn uniformly.
        relative_size: (smallest, largest) ratio of the root of the occluder's area to that of the
            object, drawn uniformly in the logarithm.
        max_scale: Largest factor by which an occluder is enlarged.
        max_angle: Most degrees by which it is turned.
        floating_weight: See :func:`draw_placement`.
        behind_prob: Probability that something is put behind the object.
        feather: (least, most) standard deviation in pixels of the soft seam.
        colour_match: (least, most) share by which an occluder takes on the colour around it.

    Raises:
        ValueError: When an argument is out of range, a clip comes in, or all occluders lie in the
            object's own picture.
    """

    def __init__(
        self,
        occluders: Any,
        same_picture_prob: float = 0.0,
        prob: float = 0.9,
        hidden_range: tuple[float, float] = (0.05, 0.7),
        max_occluders: int = 2,
        relative_size: tuple[float, float] = (0.5, 2.0),
        max_scale: float = 3.0,
        max_angle: float = 15.0,
        floating_weight: float = 0.3,
        behind_prob: float = 0.3,
        feather: tuple[float, float] = (0.5, 1.2),
        colour_match: tuple[float, float] = (0.0, 0.4),
    ) -> None:
        _check_range('hidden_range', hidden_range, 0, 1)
        _check_range('relative_size', relative_size, 0.01, 100)
        _check_range('feather', feather, 0, 10)
        _check_range('colour_match', colour_match, 0, 1)
        for name, value in (
            ('same_picture_prob', same_picture_prob),
            ('prob', prob),
            ('behind_prob', behind_prob),
            ('floating_weight', floating_weight),
        ):
            _check_range(name, (value, value), 0, 1)
        _check_range('max_angle', (max_angle, max_angle), 0, 180)
        if max_occluders < 1:
            raise ValueError(f'max_occluders is at least 1, got {max_occluders}')
        if not max_scale > 0:
            raise ValueError(f'max_scale is positive, got {max_scale}')
        if isinstance(occluders, Mapping):
            occluders = DATASETS.build({**occluders, 'lazy_init': True})
        self.occluders = occluders
        self.same_picture_prob = same_picture_prob
        self.prob = prob
        self.hidden_range = hidden_range
        self.max_occluders = max_occluders
        self.relative_size = relative_size
        self.max_scale = max_scale
        self.max_angle = max_angle
        self.floating_weight = floating_weight
        self.behind_prob = behind_prob
        self._by_picture: dict[str, list[tuple[int, Any]]] | None = None
        self.feather = feather
        self.colour_match = colour_match

    def full_init(self) -> None:
        """Read the annotations of the occluders, once. A data set calls it when it is read itself.

        Raises:
            FileNotFoundError, KeyError, TypeError, ValueError: As the data set of occluders.
        """
        self.occluders.full_init()
        if self._by_picture is not None or self.same_picture_prob == 0:
            return
        self._by_picture = {}
        for index in range(len(self.occluders)):
            record = self.occluders.get_data_info(index)
            place = self._by_picture.setdefault(record['img_paths'][0], [])
            place.append((index, record['annotation_id']))

    def transform(self, results: dict) -> dict:
        """Hide the object.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results``, with less of the object to see.
        """
        if len(results['img']) != 1:
            raise ValueError(
                f'{origin(results)}: SynthesizedOcclusion takes single pictures, got a clip of '
                f'{len(results["img"])} frames'
            )
        self.full_init()
        rng = np.random.default_rng(np.random.randint(2**32, size=4, dtype=np.uint64))
        image = results['img'][0].copy()
        amodal = results['gt_amodal_mask'][0]
        visible = results['gt_visible_mask'][0].copy()
        whole = int(np.count_nonzero(amodal))
        if rng.random() < self.behind_prob:
            self._put_behind(image, amodal, results, rng)
        if rng.random() < self.prob:
            number = int(rng.integers(1, self.max_occluders + 1))
            share = float(rng.uniform(*self.hidden_range)) / number
            for _ in range(number):
                visible = self._put_in_front(image, visible, whole, share, results, rng)
        results['img'] = image[None]  # (1, H, W, 3)
        hidden = visible == 0
        for key in ('visible_mask', 'gt_visible_mask'):
            results[key] = np.where(hidden[None], 0, results[key]).astype(np.uint8)
        results['occlusion_rate'] = 1.0 - np.count_nonzero(visible) / whole
        return results

    def _put_in_front(
        self,
        image: np.ndarray,
        visible: np.ndarray,
        whole: int,
        share: float,
        results: dict,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Hide about ``share`` of the object more; give what is still visible, (H, W)."""
        cut = self._draw_occluder(whole, results, rng)
        left_over = int(np.count_nonzero(visible))
        if not cut.mask.any() or left_over == 0:
            return visible
        wanted = min(1.0, share * whole / left_over)
        place = draw_placement(visible, cut.mask, wanted, self.floating_weight, rng)
        if left_over - _overlap(visible, cut, place) < (1 - self.hidden_range[1]) * whole:
            return visible
        seen = paste_in_front(image, cut, place.left, place.top, *self._draw_seam(rng))
        return np.where(seen != 0, 0, visible).astype(np.uint8)

    def _put_behind(
        self, image: np.ndarray, amodal: np.ndarray, results: dict, rng: np.random.Generator
    ) -> None:
        cut = self._draw_occluder(int(np.count_nonzero(amodal)), results, rng)
        if cut.mask.any():
            place = draw_placement(amodal, cut.mask, BEHIND_SHARE, 1.0, rng)
            paste_behind(image, cut, place.left, place.top, amodal, *self._draw_seam(rng))

    def _draw_seam(self, rng: np.random.Generator) -> tuple[float, float]:
        return float(rng.uniform(*self.feather)), float(rng.uniform(*self.colour_match))

    def _draw_occluder(self, whole: int, results: dict, rng: np.random.Generator) -> CutOut:
        """An occluder of a size that suits an object of ``whole`` pixels."""
        other = self.occluders[self._draw_index(results, rng)]
        cut = cut_out(other['img'][0], other['gt_amodal_mask'][0])
        ratio = math.exp(rng.uniform(*np.log(self.relative_size)))
        scale = ratio * math.sqrt(whole / np.count_nonzero(cut.mask))
        angle = float(rng.uniform(-self.max_angle, self.max_angle))
        return turn_cut_out(cut, min(scale, self.max_scale), angle, bool(rng.random() < 0.5))

    def _draw_index(self, results: dict, rng: np.random.Generator) -> int:
        """Which occluder: another object of the same picture, or one of another picture."""
        if self._by_picture is not None and rng.random() < self.same_picture_prob:
            here = self._by_picture.get(results['img_paths'][0], [])
            others = [index for index, number in here if number != results['annotation_id']]
            if others:
                return int(rng.choice(others))
        for _ in range(MAX_DRAWS):
            index = int(rng.integers(len(self.occluders)))
            if self.occluders.get_data_info(index)['img_paths'] != results['img_paths']:
                return index
        raise ValueError(
            f'{origin(results)}: {MAX_DRAWS} draws gave no occluder from another picture: the data '
            f'set of occluders needs more than one'
        )


def _overlap(mask: np.ndarray, cut: CutOut, place: Placement) -> int:
    """Pixels of a mask (H, W) that a cut-out at its place covers."""
    height, width = mask.shape
    h, w = cut.mask.shape
    top, bottom = max(0, place.top), min(height, place.top + h)
    left, right = max(0, place.left), min(width, place.left + w)
    if top >= bottom or left >= right:
        return 0
    own = cut.mask[top - place.top : bottom - place.top, left - place.left : right - place.left]
    return int(np.count_nonzero((mask[top:bottom, left:right] != 0) & (own != 0)))
