"""What the benchmarks feed a model: made-up batches, and objects of drawn scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData

from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.benchmarking.made_data import IMAGE_SIZE
from c2fseg.datasets.synthetic import make_scene, split_families
from c2fseg.structures import AmodalDataSample

BOX = (300, 100, 500, 250)  # xyxy, inside IMAGE_SIZE, into which the masks are pasted


class InputSizeError(ValueError):
    """A config does not say how large the inputs of its model are."""


def find_crop_size(cfg: Config) -> tuple[int, int]:
    """Returns the crop size (h, w) that the pipelines of a config ask for.

    Raises:
        InputSizeError: If no pipeline has a CropObject.
    """
    for loader in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        for transform in dataset.get('pipeline', ()):
            if transform['type'] in ('CropObject', 'c2fseg.CropObject'):
                size = transform['crop_size']
                return (size, size) if isinstance(size, int) else tuple(size)
    raise InputSizeError(
        f'{cfg.filename} has no CropObject in the pipelines of its data loaders, so the size of '
        'the inputs is unknown.'
    )


def make_batch(size: tuple[int, int], batch_size: int, frames: int) -> dict[str, Any]:
    """Returns a batch as the data loader collates it: noise, with a star as object.

    Args:
        size: Crop size (h, w).
        batch_size: Objects.
        frames: Frames of an object.
    """
    height, width = size
    rows, columns = np.ogrid[:height, :width]
    y, x = (rows / height - 0.5) / 0.3, (columns / width - 0.5) / 0.4
    # What a mask costs depends on how long its outline is: this is that of an average object.
    star = np.hypot(y, x) < 0.8 + 0.2 * np.sin(11 * np.arctan2(y, x))
    amodal = torch.from_numpy(star).float().expand(frames, height, width).clone()
    visible = amodal.clone()
    visible[:, :, width // 2 :] = 0
    samples = []
    for index in range(batch_size):
        sample = AmodalDataSample()
        sample.gt_crop_masks = PixelData(visible=visible.clone(), amodal=amodal.clone())
        sample.set_metainfo(
            dict(
                sample_id=f'benchmark_{index}',
                image_id=0,
                annotation_id=index,
                ori_shape=IMAGE_SIZE,
                crop_boxes=np.tile(np.array(BOX), (frames, 1)),
                crop_size=size,
                frame_valid=np.ones(frames, dtype=bool),
            )
        )
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    shape = (frames, 3, height, width)
    images = [torch.randint(0, 256, shape, generator=generator).to(torch.uint8) for _ in samples]
    masks = [visible[:, None].clone() for _ in samples]
    return dict(inputs=dict(img=images, visible_mask=masks), data_samples=samples)


def drawn_batches(
    cfg: Config, count: int, frames: int, batch_size: int = 8
) -> list[tuple[dict[str, Any], list[np.ndarray]]]:
    """Returns occluded objects of drawn scenes, cropped as the test pipeline of a config does it.

    Args:
        cfg: Config with a test pipeline.
        count: Objects.
        frames: Frames of an object; those of a clip show the same picture.
        batch_size: Objects of a batch.

    Returns:
        Pairs of a collated batch and its true amodal masks, bool (H, W) each.
    """
    pipeline, families = InferencePipeline(cfg), split_families('test')
    items, truths = [], []
    scene_number = 0
    while len(items) < count:
        scene = make_scene(np.random.default_rng([scene_number]), families)
        for number, item in enumerate(scene.objects):
            if not 0.05 <= item.hidden_share <= 0.95 or len(items) == count:
                continue
            picture = np.repeat(scene.image[None], frames, axis=0)
            visible = np.repeat(item.visible[None].astype(np.uint8), frames, axis=0)
            name = f'{scene_number}/{number}'
            items.append(pipeline.pack_clip(picture, visible, name, str(scene_number)))
            truths.append(item.amodal)
        scene_number += 1
    return [
        (pseudo_collate(items[i : i + batch_size]), truths[i : i + batch_size])
        for i in range(0, count, batch_size)
    ]
