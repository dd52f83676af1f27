"""Stacks the crops of a batch and scales the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from c2fseg.registry import MODELS

_KNOWN_INPUTS = ('img', 'visible_mask', 'mask', 'prompt')


@MODELS.register_module()
class AmodalDataPreprocessor(BaseDataPreprocessor):
    """Stack ``img``, ``visible_mask``, ``mask`` and ``prompt`` to (N,T,...) and scale the pictures.

    Args:
        mean: Mean per channel, in units of 0 to 255; ``None`` divides by 255 and no more.
        std: Standard deviation per channel, in units of 0 to 255; given exactly when ``mean`` is.
        non_blocking: Copy to the device without waiting.

    Raises:
        ValueError: If only one of ``mean`` and ``std`` is given, or their lengths differ.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if (mean is None) != (std is None):
            raise ValueError(
                f'AmodalDataPreprocessor: give mean and std together, got mean={mean}, std={std}'
            )
        self.normalize = mean is not None and std is not None
        if mean is not None and std is not None:
            if len(mean) != len(std):
                raise ValueError(
                    'AmodalDataPreprocessor: mean and std need the same length, '
                    f'got {len(mean)} and {len(std)}'
                )
            shape = (-1, 1, 1)
            self.register_buffer('mean', torch.tensor(mean).float().view(shape), persistent=False)
            self.register_buffer('std', torch.tensor(std).float().view(shape), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: ``dict(inputs=dict of lists of (T,...) tensors or of (N,T,...) tensors,
                data_samples=list)``.
            training: Unused by the scaling, which is the same in training and at test time.

        Returns:
            ``dict(inputs=dict of float (N,T,...) tensors, data_samples=list or None)``.

        Raises:
            KeyError: If an input has an unknown name.
            ValueError: If the crops of a batch differ in size.
        """
        data = self.cast_data(data)
        inputs = {key: self._prepare(key, value) for key, value in data['inputs'].items()}
        return dict(inputs=inputs, data_samples=data.get('data_samples'))

    def _prepare(self, key: str, value: Any) -> Tensor:
        if key not in _KNOWN_INPUTS:
            raise KeyError(
                f'AmodalDataPreprocessor: unknown input {key!r}, expected one of {_KNOWN_INPUTS}'
            )
        if not isinstance(value, Tensor):
            shapes = {tuple(item.shape) for item in value}
            if len(shapes) != 1:
                raise ValueError(
                    f'AmodalDataPreprocessor: the items of {key!r} must have one shape to form a '
                    f'batch, got {sorted(shapes)}; set one crop_size in CropObject'
                )
            value = torch.stack(list(value))  # (N,T,C,h,w)
        value = value.float()
        if key != 'img':
            return value
        if self.normalize:
            return (value - self.mean) / self.std
        return value / 255.0
