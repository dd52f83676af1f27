"""A tiny amodal model with random weights, and a picture with three objects."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from c2fseg.apis import AmodalInferencer, init_model

SIZE = (60, 80)
TINY = {
    'model.transformer.depth': 1,
    'model.transformer.feature_dims': 16,
    'model.transformer.visible_dims': 8,
    'model.transformer.amodal_dims': 8,
    'model.transformer.num_heads': 2,
    'model.refiner.state_channels': 32,
}


@pytest.fixture(scope='session')
def model() -> torch.nn.Module:
    """The light recipe, narrower still; the same random weights in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return init_model('c2f_shapes', cfg_options=TINY)


@pytest.fixture(scope='session')
def inferencer(model: torch.nn.Module) -> AmodalInferencer:
    """An inferencer with that model."""
    return AmodalInferencer(model)


@pytest.fixture
def scene(tmp_path) -> SimpleNamespace:
    """Three pictures on disk, with masks (M, H, W) bool of 3, 1 and 2 objects."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *SIZE, 3), dtype=np.uint8)
    folder = tmp_path / 'images'
    folder.mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f'{number:06d}.png'), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    masks = []
    for count in (3, 1, 2):
        own = np.zeros((count, *SIZE), bool)
        for mask in own:
            x, y = rng.integers(0, 50), rng.integers(0, 35)
            mask[y : y + rng.integers(5, 25), x : x + rng.integers(5, 30)] = True
        masks.append(own)
    paths = [str(folder / f'{number:06d}.png') for number in range(3)]
    return SimpleNamespace(folder=folder, paths=paths, images=images, masks=masks)
