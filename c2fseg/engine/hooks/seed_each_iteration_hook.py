"""Seeds torch before every training iteration."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from c2fseg.registry import HOOKS
from c2fseg.utils.hashing import hash_numbers


@HOOKS.register_module()
class SeedEachIterationHook(Hook):
    """Makes an iteration's randomness a function of seed, process and iteration.

    Dropout, masks and sampled tokens of iteration i are then the same in a run that was stopped
    and resumed and in one that was not; no generator state has to be stored. The seed is the
    Runner's (``randomness=dict(seed=...)``), which a checkpoint keeps. The pipeline's randomness
    belongs to the sampler's draws.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seeds torch's generators on all devices.

        Args:
            runner: The runner.
            batch_idx: Number of the iteration, as in ``runner.iter``.
            data_batch: The batch.
        """
        torch.manual_seed(hash_numbers(runner.seed, get_rank(), runner.iter, bits=32))
