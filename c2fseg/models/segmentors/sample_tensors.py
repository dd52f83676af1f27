"""What the samples of a batch hold, as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from c2fseg.structures import AmodalDataSample


def stack_masks(data_samples: Sequence[AmodalDataSample], name: str) -> Tensor:
    """True crop masks ``name`` of all objects, (N,T,1,h,w) float32."""
    masks = [torch.as_tensor(getattr(s.gt_crop_masks, name)) for s in data_samples]  # (T,h,w)
    return torch.stack(masks).unsqueeze(2).float()  # (N,T,1,h,w)


def stack_frame_valid(
    data_samples: Sequence[AmodalDataSample], device: torch.device
) -> Tensor | None:
    """Which frames are real, bool (N,T), False for those that only fill up a clip.

    ``None`` where all are real, or the samples do not say.
    """
    if not all('frame_valid' in sample for sample in data_samples):
        return None
    valid = np.stack([np.asarray(sample.frame_valid, dtype=bool) for sample in data_samples])
    # Looked at before it goes to the device, so that nothing has to wait for the answer.
    return None if valid.all() else torch.from_numpy(valid).to(device, non_blocking=True)
