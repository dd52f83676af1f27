"""How well a mask survives its way through the tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from torch import Tensor

from c2fseg.evaluation.functional import mask_iou
from c2fseg.registry import METRICS


@METRICS.register_module()
class ReconstructionIoU(BaseMetric):
    """Mean intersection over union of reconstructed and original masks inside the crop.

    Both masks are compared above 0.5. Two empty masks agree fully (1). The frames of an object
    are averaged, then the objects; an object that a distributed sampler delivered twice counts
    once, by its ``sample_id``.

    Args:
        collect_device: Where results of several processes are gathered, ``cpu`` or ``gpu``.
        prefix: Put before the names of the results.
    """

    default_prefix = 'reconstruction'

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Measures samples with ``gt_crop_masks.target`` and ``pred_crop_masks.reconstruction``.

        Args:
            data_batch: Not needed.
            data_samples: Samples as dicts.

        Raises:
            KeyError: If a sample lacks one of the masks or its ``sample_id``.
            ValueError: If the two masks have different shapes.
        """
        for sample in data_samples:
            sample_id = sample['sample_id']
            target = sample['gt_crop_masks']['target']  # (T, h, w)
            prediction = sample['pred_crop_masks']['reconstruction']  # (T, h, w)
            if tuple(target.shape) != tuple(prediction.shape):
                raise ValueError(
                    f"sample '{sample_id}': the reconstruction must have the shape of the mask, "
                    f'{tuple(target.shape)}, got {tuple(prediction.shape)}'
                )
            frames = [mask_iou(*pair) for pair in zip(_binary(target), _binary(prediction))]
            self.results.append((sample_id, float(np.mean(frames))))

    def compute_metrics(self, results: list[tuple[str, float]]) -> dict[str, float]:
        """Mean over objects.

        Returns:
            ``iou`` in [0, 1] and ``objects``, how many were counted.
        """
        by_object = dict(results)
        return {'iou': float(np.mean(list(by_object.values()))), 'objects': len(by_object)}


def _binary(mask: Tensor | np.ndarray) -> np.ndarray:
    """A mask (T, h, w) as booleans."""
    if isinstance(mask, Tensor):
        mask = mask.detach().float().cpu().numpy()
    return np.asarray(mask) > 0.5
