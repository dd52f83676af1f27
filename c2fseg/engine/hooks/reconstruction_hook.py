"""Draws masks and their reconstructions side by side at validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from c2fseg.registry import HOOKS

GAP = 4
GAP_COLOR = (255, 255, 255)
MISSED_COLOR = (230, 60, 40)
ADDED_COLOR = (40, 120, 230)


@HOOKS.register_module()
class ReconstructionVisualizationHook(Hook):
    """One picture a validation: input, reconstruction and their difference, an object a row.

    The difference shows missed pixels in red and added ones in blue. The picture goes to the
    visualizer's backends under the name ``reconstruction``.

    Args:
        num_samples: Objects to draw, the first ones of the validation set.
        samples_per_row: Objects beside each other.
    """

    def __init__(self, num_samples: int = 12, samples_per_row: int = 2) -> None:
        self.num_samples = num_samples
        self.samples_per_row = samples_per_row
        self._tiles: list[np.ndarray] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Forgets the pictures of the last validation."""
        self._tiles = []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Keeps the first frames of the first samples that have a reconstruction."""
        for sample in outputs or []:
            if len(self._tiles) >= self.num_samples:
                return
            target = _to_array(sample.gt_crop_masks.target)  # (h, w)
            prediction = _to_array(sample.pred_crop_masks.reconstruction)  # (h, w)
            self._tiles.append(draw_reconstruction(target, prediction))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Hands the picture of this validation to the visualizer."""
        if self._tiles:
            picture = _grid(self._tiles, self.samples_per_row)
            runner.visualizer.add_image('reconstruction', picture, step=runner.iter)


def draw_reconstruction(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Input, reconstruction and difference beside each other.

    Args:
        target: Mask (h, w) with values in [0, 1].
        prediction: Reconstruction (h, w) with values in [0, 1].

    Returns:
        uint8 RGB picture (h, 3 w + 2 gaps, 3).
    """
    truth, drawn = target > 0.5, prediction > 0.5
    difference = _gray(0.35 * (truth & drawn))
    difference[truth & ~drawn] = MISSED_COLOR
    difference[drawn & ~truth] = ADDED_COLOR
    gap = np.full((target.shape[0], GAP, 3), GAP_COLOR, dtype=np.uint8)
    return np.concatenate([_gray(target), gap, _gray(prediction), gap, difference], axis=1)


def _to_array(mask: Tensor | np.ndarray) -> np.ndarray:
    """First frame of a mask (T, h, w) as a float array (h, w)."""
    frame = mask[0]
    if isinstance(frame, Tensor):
        frame = frame.detach().float().cpu().numpy()
    return frame


def _gray(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] (h, w) to a gray uint8 RGB picture (h, w, 3)."""
    levels = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def _grid(tiles: Sequence[np.ndarray], per_row: int) -> np.ndarray:
    """Pictures (h, w, 3) in rows of ``per_row``, white between them."""
    height, width = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    rows = -(-len(tiles) // per_row)
    columns = min(per_row, len(tiles))
    step_y, step_x = height + GAP, width + 4 * GAP
    canvas = np.full((rows * step_y, columns * step_x, 3), GAP_COLOR, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        y, x = index // per_row * step_y, index % per_row * step_x
        canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return canvas
