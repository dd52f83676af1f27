"""From the results of a pipeline to what the model's ``forward`` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import AmodalDataSample

from .loading import origin

META_KEYS = (
    'sample_id',
    'image_id',
    'annotation_id',
    'category_id',
    'category',
    'img_paths',
    'ori_shape',
    'crop_boxes',
    'crop_size',
    'frame_valid',
    'frame_counted',
    'frame_indices',
    'occlusion_rate',
)


def new_sample(results: dict, meta_keys: Sequence[str]) -> AmodalDataSample:
    """A sample with these meta keys of the results; a KeyError names those that are missing."""
    missing = [key for key in meta_keys if key not in results]
    if missing:
        raise KeyError(
            f'meta keys {missing} are not in the results (there are {sorted(results)}); '
            f'add the transform that writes them, or leave them out of meta_keys'
        )
    return AmodalDataSample(metainfo={key: results[key] for key in meta_keys})


def crop_tensor(masks: np.ndarray) -> torch.Tensor:
    """Masks (T, h, w) as float32."""
    return torch.from_numpy(np.ascontiguousarray(masks)).float()


@TRANSFORMS.register_module()
class PackAmodalInputs(BaseTransform):
    """Pack crops for the amodal model.

    Required Keys: ``crop_img`` (T, h, w, 3), ``crop_visible_mask`` (T, h, w), and ``meta_keys``.

    Optional Keys: ``gt_crop_visible_mask``, ``gt_crop_amodal_mask`` (T, h, w), without which there
    is no ``gt_crop_masks``; ``evaluable_mask`` (T, H, W), the pixels that count, all by default;
    ``visible_mask`` (T, H, W) for ``pack_full_visible``, and for ``pack_full_masks`` where it is
    not the true one; ``input_segmentations``, whose presence says so.

    Added Keys: ``inputs`` = ``img`` uint8 (T, 3, h, w) and ``visible_mask`` float32 (T, 1, h, w);
    ``data_samples`` (:class:`AmodalDataSample`). Nothing else is returned.

    Args:
        meta_keys: What goes into the sample's meta information.
        pack_full_masks: Also pack ``gt_masks`` at image size, from ``gt_visible_mask`` and
            ``gt_amodal_mask``, for validation and test, and ``input_masks`` from ``visible_mask``
            where it is a predicted one.
        pack_full_visible: Also pack ``visible_mask`` as the input ``full_visible_mask`` float32
            (T, 1, H, W), for predictors that work at image size.

    Raises:
        KeyError: When a meta key is missing.
        ValueError: When full masks are asked for a mirrored crop.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = META_KEYS,
        pack_full_masks: bool = False,
        pack_full_visible: bool = False,
    ) -> None:
        self.meta_keys = tuple(meta_keys)
        self.pack_full_masks = pack_full_masks
        self.pack_full_visible = pack_full_visible

    def transform(self, results: dict) -> dict[str, Any]:
        """Pack.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``inputs`` and ``data_samples``.
        """
        sample = new_sample(results, self.meta_keys)
        if 'gt_crop_amodal_mask' in results:
            sample.gt_crop_masks = PixelData(
                visible=crop_tensor(results['gt_crop_visible_mask']),
                amodal=crop_tensor(results['gt_crop_amodal_mask']),
            )
        if (self.pack_full_masks or self.pack_full_visible) and (
            results.get('flipped') or results.get('warped')
        ):
            raise ValueError(
                'a mirrored or warped crop has no place in the image: drop FlipObject and '
                'WarpObject here'
            )
        if self.pack_full_masks and 'gt_amodal_mask' not in results:
            raise ValueError(
                f'{origin(results)}: no amodal mask, hence nothing to train on or to score: where '
                f'the data set is read with inference=True, pack with pack_full_masks=False'
            )
        if self.pack_full_masks:
            visible = torch.from_numpy(results['gt_visible_mask'] != 0)
            given = results.get('evaluable_mask')
            sample.gt_masks = PixelData(
                visible=visible,
                amodal=torch.from_numpy(results['gt_amodal_mask'] != 0),
                evaluable=torch.ones_like(visible)
                if given is None
                else torch.from_numpy(np.asarray(given) != 0),
            )
            if 'input_segmentations' in results:
                given_visible = torch.from_numpy(results['visible_mask'] != 0)
                sample.input_masks = PixelData(visible=given_visible)
        image = np.ascontiguousarray(results['crop_img'].transpose(0, 3, 1, 2))  # (T, 3, h, w)
        visible_mask = crop_tensor(results['crop_visible_mask'])[:, None]  # (T, 1, h, w)
        inputs = {'img': torch.from_numpy(image), 'visible_mask': visible_mask}
        if self.pack_full_visible:
            full_visible = torch.from_numpy(results['visible_mask'] != 0)
            inputs['full_visible_mask'] = full_visible.float()[:, None]  # (T, 1, H, W)
        return {'inputs': inputs, 'data_samples': sample}


@TRANSFORMS.register_module()
class PackMaskInputs(BaseTransform):
    """Pack masks for the training of the tokenizer.

    Required Keys: ``target_mask`` (T, h, w), and ``meta_keys``.

    Added Keys: ``inputs`` = ``mask`` float32 (T, 1, h, w); ``data_samples`` with
    ``gt_crop_masks.target`` float32 (T, h, w). Nothing else is returned.

    Args:
        meta_keys: What goes into the sample's meta information.

    Raises:
        KeyError: When a meta key is missing.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict[str, Any]:
        """Pack.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``inputs`` and ``data_samples``.
        """
        sample = new_sample(results, self.meta_keys)
        target = crop_tensor(results['target_mask'])
        sample.gt_crop_masks = PixelData(target=target)
        return {'inputs': {'mask': target[:, None]}, 'data_samples': sample}  # (T, 1, h, w)
