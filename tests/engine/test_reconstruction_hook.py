"""The picture of masks and reconstructions that a validation leaves."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from mmengine.structures import PixelData
from mmengine.visualization import Visualizer

from c2fseg.engine.hooks.reconstruction_hook import (
    ReconstructionVisualizationHook,
    draw_reconstruction,
)
from c2fseg.structures import AmodalDataSample


def _sample(value):
    sample = AmodalDataSample()
    sample.gt_crop_masks = PixelData(target=torch.ones(1, 8, 8))
    sample.pred_crop_masks = PixelData(reconstruction=torch.full((1, 8, 8), value))
    return sample


def test_difference_is_coloured():
    target = np.array([[1.0, 1.0, 0.0]])
    picture = draw_reconstruction(target, np.array([[1.0, 0.0, 1.0]]))
    assert picture.shape == (1, 3 * 3 + 2 * 4, 3)
    assert picture.dtype == np.uint8
    agree, missed, added = picture[0, -3:]
    assert len(set(agree.tolist())) == 1
    assert missed.argmax() == 0
    assert added.argmax() == 2


def test_one_picture_a_validation(tmp_path):
    visualizer = Visualizer(vis_backends=[{'type': 'LocalVisBackend'}], save_dir=str(tmp_path))
    runner = SimpleNamespace(visualizer=visualizer, iter=7)
    hook = ReconstructionVisualizationHook(num_samples=3, samples_per_row=2)
    for _ in range(2):
        hook.before_val_epoch(runner)
        for index in range(2):
            hook.after_val_iter(runner, index, outputs=[_sample(0.2), _sample(0.9)])
        assert len(hook._tiles) == 3
        hook.after_val_epoch(runner)
    (picture,) = tmp_path.rglob('*.png')
    assert picture.name.startswith('reconstruction_7')
