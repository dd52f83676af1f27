"""From probabilities inside the crops to the predictions of samples: masks at image size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from c2fseg.models.segmentors.hypotheses import weigh_hypotheses
from c2fseg.models.segmentors.settings import TestSettings
from c2fseg.structures import AmodalDataSample, paste_masks


def enlarge(logits: Tensor, size: Sequence[int], mode: str) -> Tensor:
    """Refined logits to probabilities at the size of the crop.

    Args:
        logits: (M,1,h',w').
        size: (h,w).
        mode: ``nearest`` or ``bilinear``.

    Returns:
        (M,1,h,w), float32.
    """
    align = False if mode == 'bilinear' else None
    grown = F.interpolate(logits.float(), tuple(size), mode=mode, align_corners=align)
    return grown.sigmoid()


def paste_crops(
    crops: dict[str, Tensor], sample: AmodalDataSample, settings: TestSettings
) -> dict[str, Tensor]:
    """Paste all kinds of masks of an object in one go.

    Args:
        crops: Probabilities (T,h,w) by kind; ``coarse`` where the settings fuse it.
        sample: With ``crop_boxes`` (T,4) and ``ori_shape`` (H,W).
        settings: Threshold, and whether the coarse mask is added to the refined one.

    Returns:
        Bool (T,H,W) by kind.
    """
    if settings.fuse_coarse:
        crops = {**crops, 'amodal': crops['amodal'] + crops['coarse']}
    stacked = torch.cat(list(crops.values()))  # (kinds*T,h,w)
    boxes = torch.as_tensor(sample.crop_boxes).repeat(len(crops), 1)  # (kinds*T,4)
    size = tuple(sample.ori_shape)
    pasted = paste_masks(stacked, boxes, size, settings.threshold)  # (kinds*T,H,W)
    return dict(zip(crops, pasted.chunk(len(crops))))


def write_masks(
    found: dict[str, Tensor], data_samples: Sequence[AmodalDataSample], settings: TestSettings
) -> None:
    """Write ``pred_crop_masks`` and ``pred_masks``.

    Args:
        found: Probabilities (N,T,h,w) by name.
        data_samples: N samples.
        settings: See :func:`paste_crops`.
    """
    for index, sample in enumerate(data_samples):
        crops = {name: value[index] for name, value in found.items()}  # (T,h,w) each
        sample.pred_crop_masks = PixelData(**crops)
        sample.pred_masks = PixelData(**paste_crops(crops, sample, settings))


def write_hypotheses(
    found: dict[str, Tensor], data_samples: Sequence[AmodalDataSample], settings: TestSettings
) -> None:
    """Write ``pred_hypotheses``.

    Args:
        found: Probabilities (N,n,T,h,w) by name.
        data_samples: N samples.
        settings: See :func:`paste_crops` and :func:`weigh_hypotheses`.
    """
    confidence, uncertainty = weigh_hypotheses(found['amodal'], settings)
    names = ('amodal', 'coarse') if settings.fuse_coarse else ('amodal',)
    for index, sample in enumerate(data_samples):
        crops = [found[name][index] for name in names]  # (n,T,h,w) each
        pasted = [
            paste_crops(dict(zip(names, one)), sample, settings)['amodal'] for one in zip(*crops)
        ]
        sample.pred_hypotheses = InstanceData(
            metainfo=dict(uncertainty=float(uncertainty[index])),
            scores=confidence[index],
            crops=crops[0],
            masks=torch.stack(pasted),  # (n,T,H,W)
        )
