"""AmodalVisualizationHook: pictures of predictions during validation and test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from c2fseg.datasets.image_io import read_rgb
from c2fseg.registry import HOOKS
from c2fseg.visualization.image_io import safe_name, writable_folder, write_png

if TYPE_CHECKING:
    from c2fseg.structures import AmodalDataSample


@HOOKS.register_module()
class AmodalVisualizationHook(Hook):
    """Draw the same validation samples at every validation, and test samples into a folder.

    Validation pictures go to the visualizer's backends (``vis_data`` of the work directory,
    TensorBoard) under ``val_<sample_id>`` with the iteration as their step. They are spread evenly
    over the validation set. The runner's visualizer is an ``AmodalVisualizer``.

    Args:
        num_val_samples: How many validation samples are drawn; 0 draws none.
        show_dir: Folder for the pictures of the test, ``<sample_id>.png``; None draws none.
        max_images: At most this many pictures of the test in each process; None draws all.

    Raises:
        ValueError: A count is negative.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        num_val_samples: int = 8,
        show_dir: str | os.PathLike | None = None,
        max_images: int | None = None,
    ) -> None:
        if num_val_samples < 0 or (max_images is not None and max_images < 0):
            raise ValueError(
                f'num_val_samples and max_images must not be negative, got {num_val_samples} '
                f'and {max_images}'
            )
        self.num_val_samples = num_val_samples
        self.show_dir = None if show_dir is None else Path(show_dir)
        self.max_images = max_images
        self._chosen: frozenset[int] = frozenset()
        self._seen = 0
        self._drawn = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Choose the positions to draw and start counting."""
        total = _count_samples(runner.val_dataloader)
        count = min(self.num_val_samples, total)
        self._chosen = frozenset((np.arange(count) * total // max(count, 1)).tolist())
        self._seen = 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[AmodalDataSample] | None = None,
    ) -> None:
        """Draw the chosen samples of a batch into the backends.

        Args:
            runner: The runner.
            batch_idx: Number of the batch, not needed.
            data_batch: The batch, not needed.
            outputs: Predicted samples.
        """
        for sample in outputs or ():
            if self._seen in self._chosen:
                name = f'val_{sample.sample_id}'
                runner.visualizer.add_datasample(
                    name, read_frames(sample), sample, step=runner.iter
                )
            self._seen += 1

    def before_test_epoch(self, runner: Runner) -> None:
        """Start counting; the folder must be one that can be written to."""
        self._drawn = 0
        if self.show_dir is not None:
            writable_folder(self.show_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[AmodalDataSample] | None = None,
    ) -> None:
        """Draw the samples of a batch into the folder; every process draws its own.

        Args:
            runner: The runner.
            batch_idx: Number of the batch, not needed.
            data_batch: The batch, not needed.
            outputs: Predicted samples.
        """
        if self.show_dir is None:
            return
        for sample in outputs or ():
            if self.max_images is not None and self._drawn >= self.max_images:
                return
            drawn = runner.visualizer.draw_panel(sample, read_frames(sample))
            write_png(self.show_dir / f'{safe_name(str(sample.sample_id))}.png', drawn)
            self._drawn += 1


def read_frames(sample: AmodalDataSample) -> np.ndarray:
    """Read the picture or clip of a sample from its ``img_paths``.

    Returns:
        (H, W, 3) uint8 RGB for one frame, (T, H, W, 3) for several.

    Raises:
        OSError: A file is missing or cannot be decoded.
    """
    frames = [read_rgb(path) for path in sample.img_paths]
    return frames[0] if len(frames) == 1 else np.stack(frames)


def _count_samples(dataloader: Any) -> int:
    """Samples that one process sees in a pass."""
    batch_sampler = getattr(dataloader, 'batch_sampler', None)
    sampler = getattr(batch_sampler, 'sampler', None)
    return len(sampler) if sampler is not None else len(dataloader)
