"""How well visible masks are found from prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from c2fseg.evaluation.functional import mask_iou
from c2fseg.registry import METRICS


@METRICS.register_module()
class PromptedIoU(BaseMetric):
    """Mean intersection over union of found and true visible masks inside the crop, by prompt.

    A training is followed with it; what a user gets, who has no crop, is measured by
    ``tools/analysis_tools/evaluate_prompts.py``. An object that a distributed sampler delivered
    twice counts once, by its ``sample_id``.

    Args:
        collect_device: Where results of several processes are gathered, ``cpu`` or ``gpu``.
        prefix: Put before the names of the results.
    """

    default_prefix = 'prompt'

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Measures samples with ``gt_crop_masks.visible`` and ``pred_crop_masks.visible``.

        Args:
            data_batch: Not needed.
            data_samples: Samples as dicts, with ``sample_id``, ``prompt_kind`` and ``pred_score``.
        """
        for sample in data_samples:
            truth = torch.as_tensor(sample['gt_crop_masks']['visible']).cpu().numpy() > 0.5
            found = torch.as_tensor(sample['pred_crop_masks']['visible']).cpu().numpy() > 0.5
            iou = mask_iou(found, truth)
            held = float(sample['visible_share'])
            self.results.append(
                (sample['sample_id'], sample['prompt_kind'], iou, held, sample['pred_score'])
            )

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Mean over objects.

        Returns:
            ``iou`` and ``iou_KIND`` for each kind of prompt, in [0, 1]; ``score_error``, the mean
            distance of the expected from the reached IoU over crops that hold the whole object;
            ``objects``, how many were counted.
        """
        by_kind: dict[str, list[float]] = defaultdict(list)
        errors = []
        distinct = {name: rest for name, *rest in results}
        for kind, iou, held, score in distinct.values():
            by_kind[kind].append(iou)
            errors += [abs(score - iou)] if held == 1 else []
        ious = [iou for values in by_kind.values() for iou in values]
        return {
            'iou': float(np.mean(ious)),
            **{f'iou_{kind}': float(np.mean(values)) for kind, values in sorted(by_kind.items())},
            'score_error': float(np.mean(errors)) if errors else float('nan'),
            'objects': len(distinct),
        }
