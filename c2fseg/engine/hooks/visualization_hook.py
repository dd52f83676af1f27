"""AmodalVisualizationHook: pictures of predictions during validation and test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from c2fseg.datasets.image_io import fit_size, read_rgb
from c2fseg.datasets.transforms import LoadFrames
from c2fseg.registry import HOOKS
from c2fseg.visualization import open_writer
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
        clip_gifs: Write a GIF of every clip of the test beside its picture, ``<sample_id>.gif``,
            with all of its frames at image size.

    Raises:
        ValueError: A count is negative.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        num_val_samples: int = 8,
        show_dir: str | os.PathLike | None = None,
        max_images: int | None = None,
        clip_gifs: bool = False,
    ) -> None:
        if num_val_samples < 0 or (max_images is not None and max_images < 0):
            raise ValueError(
                f'num_val_samples and max_images must not be negative, got {num_val_samples} '
                f'and {max_images}'
            )
        self.num_val_samples = num_val_samples
        self.show_dir = None if show_dir is None else Path(show_dir)
        self.max_images = max_images
        self.clip_gifs = clip_gifs
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
                frames = runner.visualizer.choose_frames(sample)
                image = read_frames(sample, frames, _exif(runner.val_dataloader))
                runner.visualizer.add_datasample(
                    f'val_{sample.sample_id}', image, sample, step=runner.iter, frames=frames
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
            exif = _exif(getattr(runner, 'test_dataloader', None))
            frames = runner.visualizer.choose_frames(sample)
            image = read_frames(sample, frames, exif)
            drawn = runner.visualizer.draw_panel(sample, image, frames=frames)
            path = self.show_dir / safe_name(str(sample.sample_id))
            write_png(path.with_name(f'{path.name}.png'), drawn)
            if self.clip_gifs and len(sample.img_paths) > 1:
                _write_gif(path.with_name(f'{path.name}.gif'), runner.visualizer, sample, exif)
            self._drawn += 1


def read_frames(
    sample: AmodalDataSample, frames: Sequence[int] | None = None, exif: str = 'apply'
) -> np.ndarray:
    """Read the picture or clip of a sample from its ``img_paths``.

    Args:
        sample: The sample.
        frames: Places in the clip to read; None reads all.
        exif: As in ``LoadFrames``.

    Returns:
        (H, W, 3) uint8 RGB for a picture, (T, H, W, 3) for a clip.

    Raises:
        OSError: A file is missing or cannot be decoded.
    """
    paths = list(sample.img_paths)
    if len(paths) == 1:
        # Only LoadFrames(size_mismatch='resize') lets another size through.
        image = read_rgb(paths[0], exif)
        return fit_size(image, *sample.get('ori_shape', image.shape[:2]))
    chosen = range(len(paths)) if frames is None else frames
    return np.stack([read_rgb(paths[frame], exif) for frame in chosen])


def _write_gif(path: Path, visualizer: Any, sample: AmodalDataSample, exif: str) -> None:
    """Draw the real frames of a clip, one in memory at a time."""
    predicted = sample.pred_masks.amodal.cpu().numpy()
    truth = sample.gt_masks if 'gt_masks' in sample else None
    visible = (sample.pred_masks if truth is None else truth).visible.cpu().numpy()
    valid = sample.get('frame_valid')
    places = range(len(predicted)) if valid is None else np.flatnonzero(valid).tolist()
    with open_writer(path) as writer:
        for place in places:
            image = read_rgb(sample.img_paths[place], exif)
            true = None if truth is None else truth.amodal[place].cpu().numpy()
            writer.write(
                visualizer.draw_amodal(image, visible[place], predicted[place], truth=true)
            )


def _exif(dataloader: Any) -> str:
    """What the data set's pipeline does with the EXIF orientation of its pictures."""
    dataset = getattr(dataloader, 'dataset', None)
    while dataset is not None:
        for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ()):
            if isinstance(step, LoadFrames):
                return step.exif
        dataset = getattr(dataset, 'dataset', None)  # a wrapper
    return 'apply'


def _count_samples(dataloader: Any) -> int:
    """Samples that one process sees in a pass."""
    batch_sampler = getattr(dataloader, 'batch_sampler', None)
    sampler = getattr(batch_sampler, 'sampler', None)
    return len(sampler) if sampler is not None else len(dataloader)
