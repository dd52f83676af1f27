"""InferencePipeline: the test pipeline of a config, without annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config

from c2fseg.datasets.transforms.packing import META_KEYS

# Only the truth tells it.
UNKNOWN_META = ('occlusion_rate',)


class InferencePipeline:
    """The transforms of ``test_dataloader`` behind the loading, for crops as in the test.

    Args:
        cfg: Config with ``test_dataloader.dataset.pipeline``.

    Raises:
        KeyError: The config has no test pipeline.
        ValueError: The pipeline does not crop, or does not pack for the amodal model.
    """

    def __init__(self, cfg: Config) -> None:
        steps = _test_pipeline(cfg)
        types = [step['type'] for step in steps]
        for needed in ('CropObject', 'PackAmodalInputs'):
            if needed not in types:
                raise ValueError(
                    f'The test pipeline of {cfg.filename or "the config"} has no {needed} (it has '
                    f'{", ".join(types)}): expected the config of an amodal model'
                )
        self.exif = 'apply'
        self.channel_order = 'rgb'  # also where each record would say it: for given masks only
        kept = []
        for step in steps:
            if step['type'] == 'LoadFrames':
                self.exif = step.get('exif', 'apply')
                self.channel_order = step.get('channel_order', 'rgb')
            # The frames of a clip are chosen by windows, not by the data set's rule.
            if step['type'].startswith('Load') or step['type'] == 'SampleClip':
                continue
            if step['type'] == 'PackAmodalInputs':
                keys = step.get('meta_keys', META_KEYS)
                known = tuple(key for key in keys if key not in UNKNOWN_META)
                step = {**step, 'pack_full_masks': False, 'meta_keys': known}
            if step['type'] == 'CropObject':  # neither truth nor a detector's box is at hand
                step = {**step, 'box_from': 'visible'}
            kept.append(step)
        self.transforms = Compose(kept)

    def __call__(
        self, image: np.ndarray, visible: np.ndarray, sample_id: str, name: str
    ) -> dict[str, Any]:
        """Crop and pack one object of a picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            visible: (H, W) uint8, its visible mask.
            sample_id: Name of the object.
            name: Name of the picture.

        Returns:
            ``inputs`` and ``data_samples``, as the data set gives them.
        """
        return self.pack_clip(image[None], visible[None], sample_id, name)

    def pack_clip(
        self, frames: np.ndarray, visible: np.ndarray, sample_id: str, name: str, start: int = 0
    ) -> dict[str, Any]:
        """Crop and pack one object of a clip.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            visible: (T, H, W) uint8, its visible masks, empty in frames that hide it.
            sample_id: Name of the object.
            name: Name of the picture or video.
            start: Number of the first frame in its video.

        Returns:
            ``inputs`` and ``data_samples``, as the data set gives them.

        Raises:
            ValueError: No frame has a visible pixel.
        """
        count = len(frames)
        results = {
            # (T, H, W, 3)
            'img': frames[..., ::-1] if self.channel_order == 'bgr' else frames,
            'visible_mask': visible,  # (T, H, W)
            'height': frames.shape[1],
            'width': frames.shape[2],
            'img_paths': [name] * count,
            'image_id': name,
            'annotation_id': sample_id,
            'category_id': None,
            'category': None,
            'sample_id': sample_id,
            'frame_valid': np.ones(count, bool),
            'frame_counted': np.ones(count, bool),
            'frame_indices': np.arange(start, start + count),
        }
        packed = self.transforms(results)
        assert packed is not None, 'a test pipeline drops nothing'
        return packed


def _test_pipeline(cfg: Config) -> Sequence[dict[str, Any]]:
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    while 'pipeline' not in dataset and 'dataset' in dataset:  # a wrapper
        dataset = dataset['dataset']
    if 'pipeline' not in dataset:
        raise KeyError(
            f'{cfg.filename or "The config"} has no test_dataloader.dataset.pipeline, which says '
            'how objects are cropped'
        )
    return dataset['pipeline']
