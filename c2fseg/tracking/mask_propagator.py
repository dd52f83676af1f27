"""MaskPropagator: the visible masks of a frame, carried on to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture
from c2fseg.structures import decode_mask, encode_mask, masks_to_boxes
from c2fseg.tracking.colour_refinement import ColourRefinement
from c2fseg.tracking.flow import DenseFlow, warp
from c2fseg.tracking.overlaps import assign, overlap_matrix

# Smaller remains of a mask are noise: the object counts as hidden.
SMALLEST = 4


class MaskPropagator:
    """Carries masks from frame to frame: optical flow, then a correction.

    The flow moves every mask; a pixel that several objects claim goes to the one that claims it
    most. A mask is corrected by the source's object that overlaps it best, where there is a source
    and such an object, else by the colours along its border.

    Args:
        source: A mask source: one that finds objects by itself, or one that takes boxes, which is
            asked for what is in the box of the moved mask; None corrects by colours alone.
        min_iou: An object of the source that overlaps the moved mask less is another one.
        refinement: The correction by colours; None leaves it out.

    Raises:
        ValueError: ``source`` takes points alone, or ``min_iou`` is out of range.
    """

    def __init__(
        self,
        source: BaseMaskSource | None = None,
        min_iou: float = 0.5,
        refinement: ColourRefinement | None = None,
    ) -> None:
        if source is not None and source.prompts and 'boxes' not in source.prompts:
            raise ValueError(
                f'{type(source).__name__} takes no boxes, so that it cannot follow a mask: take '
                'another source, or none'
            )
        if not 0 < min_iou <= 1:
            raise ValueError(f'min_iou of MaskPropagator lies in (0, 1], got {min_iou!r}')
        self.source = source
        self.min_iou = min_iou
        self.refinement = refinement
        self.flow = DenseFlow()

    def step(
        self, before: np.ndarray, image: np.ndarray, masks: Mapping[Any, np.ndarray]
    ) -> dict[Any, np.ndarray]:
        """Carry masks on by one frame.

        Args:
            before: (H, W, 3) uint8 RGB, the frame of the masks.
            image: The frame to carry them to, the next one or the one before.
            masks: (H, W) bool by object.

        Returns:
            (H, W) bool by object; objects that vanish are left out.
        """
        if not masks:
            return {}
        flow = self.flow(image, before)
        claims = np.stack([warp(mask.astype(np.float32), flow) for mask in masks.values()])
        moved = {}
        for place, (number, claim) in enumerate(zip(masks, claims)):
            mask = (claim >= 0.5) & (claims.argmax(0) == place)
            if np.count_nonzero(mask) >= SMALLEST:
                moved[number] = mask
        found = self._find(image, moved)
        for number, mask in moved.items():
            if number not in found:
                fitted = mask if self.refinement is None else self.refinement(image, mask)
                found[number] = fitted if fitted.any() else mask
        return {number: found[number] for number in moved}

    def _find(self, image: np.ndarray, moved: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
        """The objects of the source that continue masks."""
        if self.source is None or not moved:
            return {}
        picture = Picture(image, 'frame')
        if self.source.prompts:
            boxes = [masks_to_boxes(mask) for mask in moved.values()]
            picture.boxes = np.stack(boxes).astype(float)
        [objects] = self.source.find([picture])
        numbers, coded = list(moved), [encode_mask(mask) for mask in moved.values()]
        overlap = overlap_matrix(coded, [one.mask for one in objects])
        if self.source.prompts:  # object i is that of box i
            overlap = np.diag(overlap.diagonal())
        return {
            numbers[row]: decode_mask(objects[column].mask, *image.shape[:2]).astype(bool)
            for row, column in assign(overlap, self.min_iou)
        }
