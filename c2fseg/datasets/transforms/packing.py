"""From the results of a pipeline to what the model's ``forward`` takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
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

ALIGNMENT = 64  # bytes; where the tensors of a common storage may start


def new_sample(results: dict, meta_keys: Sequence[str]) -> AmodalDataSample:
    """A sample with these meta keys of the results; a KeyError names those that are missing."""
    missing = [key for key in meta_keys if key not in results]
    if missing:
        raise KeyError(
            f'meta keys {missing} are not in the results (there are {sorted(results)}); '
            f'add the transform that writes them, or leave them out of meta_keys'
        )
    sample = AmodalDataSample()
    for key in meta_keys:
        # One by one, and not as a whole: the results end here, so nothing needs a deep copy.
        sample.set_field(results[key], key, field_type='metainfo')
    return sample


def crop_tensor(masks: np.ndarray) -> torch.Tensor:
    """Masks (T, h, w) as float32."""
    return torch.from_numpy(np.ascontiguousarray(masks)).float()


def tensors_of_one_storage(
    layout: Mapping[str, tuple[Sequence[int], torch.dtype]],
) -> dict[str, torch.Tensor]:
    """Make tensors without content that share their storage.

    What a worker process loads goes to the main process storage by storage, and each costs a file
    and a message.

    Args:
        layout: Name to shape and dtype.

    Returns:
        The tensors by name.
    """
    places, end = {}, 0
    for name, (shape, dtype) in layout.items():
        length = math.prod(shape) * dtype.itemsize
        places[name] = slice(end, end + length)
        end += -(-length // ALIGNMENT) * ALIGNMENT
    storage = torch.empty(end, dtype=torch.uint8)
    return {
        name: storage[places[name]].view(dtype).view(tuple(shape))
        for name, (shape, dtype) in layout.items()
    }


def _write_channels(image: np.ndarray, target: torch.Tensor) -> None:
    """Copy pictures (T, h, w, 3) into (T, 3, h, w)."""
    for frame, planes in zip(image, target.numpy()):
        for plane, channel in zip(planes, cv2.split(frame)):  # much faster than numpy's transpose
            plane[...] = channel


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
        self._check(results)
        sources = self._sources(results)
        tensors = tensors_of_one_storage(
            {name: (array.shape, dtype) for name, (array, dtype) in sources.items()}
            | {'img': (_channels_first(results['crop_img'].shape), torch.uint8)}
        )
        _write_channels(results['crop_img'], tensors['img'])
        for name, (array, dtype) in sources.items():
            if dtype == torch.bool:
                np.not_equal(array, 0, out=tensors[name].numpy())
            else:
                tensors[name].numpy()[...] = array
        if 'gt_crop_amodal_mask' in results:
            sample.gt_crop_masks = PixelData(
                visible=tensors['crop_visible'], amodal=tensors['crop_amodal']
            )
        if self.pack_full_masks:
            sample.gt_masks = PixelData(
                visible=tensors['visible'],
                amodal=tensors['amodal'],
                evaluable=tensors.get('evaluable', _everywhere(tensors['visible'].shape)),
            )
        if 'given_visible' in tensors:
            sample.input_masks = PixelData(visible=tensors['given_visible'])
        inputs = {'img': tensors['img'], 'visible_mask': tensors['input'][:, None]}  # (T, 1, h, w)
        if self.pack_full_visible:
            inputs['full_visible_mask'] = tensors['full_input'][:, None]  # (T, 1, H, W)
        return {'inputs': inputs, 'data_samples': sample}

    def _check(self, results: dict) -> None:
        """Refuse what has no place in the image, and scores without a truth."""
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

    def _sources(self, results: dict) -> dict[str, tuple[np.ndarray, torch.dtype]]:
        """Name the masks that are packed, and what each becomes."""
        sources = {'input': (results['crop_visible_mask'], torch.float32)}
        if 'gt_crop_amodal_mask' in results:
            sources['crop_visible'] = results['gt_crop_visible_mask'], torch.float32
            sources['crop_amodal'] = results['gt_crop_amodal_mask'], torch.float32
        if self.pack_full_masks:
            sources['visible'] = results['gt_visible_mask'], torch.bool
            sources['amodal'] = results['gt_amodal_mask'], torch.bool
            if results.get('evaluable_mask') is not None:
                sources['evaluable'] = np.asarray(results['evaluable_mask']), torch.bool
            if 'input_segmentations' in results:
                sources['given_visible'] = results['visible_mask'], torch.bool
        if self.pack_full_visible:
            sources['full_input'] = results['visible_mask'] != 0, torch.float32
        return sources


def _channels_first(shape: Sequence[int]) -> tuple[int, ...]:
    """Shape (T, h, w, C) as (T, C, h, w)."""
    frames, height, width, channels = shape
    return frames, channels, height, width


def _everywhere(shape: Sequence[int]) -> torch.Tensor:
    """A mask that is True everywhere: bool of this shape, all of it one place in memory."""
    return torch.ones((1,) * len(shape), dtype=torch.bool).expand(tuple(shape))


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
