"""Videos and masks whose content tells the frame, and models that tell what they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from torch import nn

from c2fseg.apis.init_model import register_components
from c2fseg.structures import AmodalDataSample
from tests.models.segmentors.tiny import SIDE, tiny_config

HEIGHT, WIDTH = 48, 80


def make_clip(count: int, hide: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Frames whose brightness is 3 t, and id maps of two objects.

    Object 1 is a bar of ``t + 1`` px, so that its area names the frame; object 2 a square that
    moves, without a pixel in the frames of ``hide``.
    """
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    ids = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for t in range(count):
        frames[t] = 3 * t
        ids[t, 2, : t + 1] = 1
        if t not in hide:
            ids[t, 20:30, t : t + 10] = 2
    return frames, ids


def bar_lengths(masks: np.ndarray) -> list[int]:
    """The pixels of every frame of (T, H, W)."""
    return np.count_nonzero(masks, axis=(1, 2)).tolist()


def write_frames(folder: Path, frames: np.ndarray, pattern: str = '{:05d}.png') -> list[Path]:
    """Write RGB frames or id maps as PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / pattern.format(t) for t in range(len(frames))]
    for path, frame in zip(paths, frames):
        picture = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(path), picture)
    return paths


def write_avi(path: Path, frames: np.ndarray, fps: float = 12.5) -> Path:
    """Write an AVI of motion JPEG: its header comes first, so that a cut file can be opened."""
    size = (frames.shape[2], frames.shape[1])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), fps, size)
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def tiny_recipe(**test_cfg: Any) -> Config:
    """A tiny C2FSeg that attends over the frames of a clip, on crops of 32 px."""
    model = tiny_config(test_cfg=test_cfg)
    model['transformer']['block'] = dict(
        type='SpatioTemporalBlock', window_frames=4, window_patch=4, zero_init=False
    )
    crop = dict(type='CropObject', crop_size=SIDE, square=True, track_scale='centre')
    steps = [dict(type='LoadFrames'), crop, dict(type='PackAmodalInputs')]
    return Config(
        dict(
            model=model,
            data_preprocessor=dict(type='AmodalDataPreprocessor'),
            test_dataloader=dict(dataset=dict(pipeline=steps)),
        )
    )


class WindowModel(nn.Module):
    """Answers each window with one probability in the whole crop, as ``answer`` says.

    ``calls`` holds, for each batch, the first frames, lengths and sizes of its clips.
    """

    def __init__(self, answer: Any = lambda start: 0.75) -> None:
        super().__init__()
        crop = dict(type='CropObject', crop_size=16, enlarge=1.0, square=True)
        steps = [dict(type='LoadFrames'), crop, dict(type='PackAmodalInputs')]
        self.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=steps))))
        register_components(self.cfg)
        self.answer = answer
        self.calls: list[list[tuple[int, int]]] = []

    def test_step(self, data: dict[str, Any]) -> list[AmodalDataSample]:
        """Answer."""
        samples = data['data_samples']
        self.calls.append([(int(s.frame_indices[0]), len(s.crop_boxes)) for s in samples])
        for sample in samples:
            boxes = np.asarray(sample.crop_boxes)
            value = self.answer(int(sample.frame_indices[0]))
            sample.pred_crop_masks = PixelData(amodal=torch.full((len(boxes), 16, 16), value))
            masks = torch.zeros(len(boxes), *sample.ori_shape, dtype=torch.bool)
            for mask, (x1, y1, x2, y2) in zip(masks, boxes):
                mask[max(0, y1) : y2, max(0, x1) : x2] = value > 0.5
            sample.pred_masks = PixelData(amodal=masks)
        return samples
