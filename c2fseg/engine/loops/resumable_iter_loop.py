"""The training loop: counted in iterations, resumed without reading old data again."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import broadcast, is_distributed
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import DataLoader

from c2fseg.engine.resumed_optimizers import settle_resumed_optimizers
from c2fseg.registry import LOOPS

# Names that do not begin with train or val, which the log would print.
_SEED_KEY = 'sampler_seed_of_training'
_VALIDATED_KEY = 'last_validated_iter'


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """Trains for a number of iterations; a resumed run continues the order of its data.

    MMEngine's loop replays all earlier batches when it resumes. This one tells the sampler where
    to begin, so nothing is read twice. A validation that was cut off is made up for. Under
    distributed training every process validates with the buffers of process 0, which are those
    that a checkpoint holds.

    Args:
        runner: The runner.
        dataloader: A data loader or its config, with a sampler that has ``start`` and ``seed``
            such as ``ResumableInfiniteSampler``, and a batch size.
        max_iters: Iterations of the whole training.
        val_begin: First iteration after which a validation may run.
        val_interval: Iterations from one validation to the next. The last iteration is followed
            by one in any case.
        dynamic_intervals: Pairs (iteration, val_interval): other intervals from there on.

    Raises:
        TypeError: The sampler cannot be started at a given draw.
        ValueError: ``max_iters`` is no whole number.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        # The parent's constructor starts reading data at once; a resumed run must not yet.
        BaseLoop.__init__(self, runner, dataloader)
        if int(max_iters) != max_iters:
            raise ValueError(f'max_iters must be a whole number, got {max_iters}.')
        self._max_iters = int(max_iters)
        self._max_epochs = 1
        self._epoch = 0
        self._iter = 0
        self.val_begin = val_begin
        self.val_interval = val_interval
        self.stop_training = False
        self.runner.visualizer.dataset_meta = getattr(self.dataloader.dataset, 'metainfo', None)
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(
            self.val_interval, dynamic_intervals
        )
        self._check_sampler()

    def run(self) -> torch.nn.Module:
        """Trains from the current iteration to the last.

        Returns:
            The trained model.
        """
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        settle_resumed_optimizers(self.runner.optim_wrapper)
        self._start_sampler()
        self._decide_current_val_interval()
        if self._iter > 0 and self._validation_due():
            self._validate()
        if self._iter < self._max_iters:
            self.dataloader_iterator = iter(self.dataloader)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._decide_current_val_interval()
            if self._validation_due():
                self._validate()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def _check_sampler(self) -> None:
        sampler: Any = self.dataloader.sampler
        if not (hasattr(sampler, 'start') and hasattr(sampler, 'seed')):
            raise TypeError(
                f'{type(self).__name__} needs a sampler that can start at a given draw, got '
                f'{type(sampler).__name__}: write '
                "sampler=dict(type='ResumableInfiniteSampler') in train_dataloader."
            )
        if self.dataloader.batch_size is None:
            raise TypeError(
                f'{type(self).__name__} needs train_dataloader.batch_size, got a batch_sampler: '
                'give batch_size and a sampler instead.'
            )

    def _start_sampler(self) -> None:
        sampler: Any = self.dataloader.sampler
        hub = self.runner.message_hub
        if self._iter > 0:
            # A training without a fixed seed drew one when it began; the order goes on with it.
            sampler.seed = int(hub.get_info(_SEED_KEY, sampler.seed))
        hub.update_info(_SEED_KEY, sampler.seed)
        sampler.start(self._iter * self.dataloader.batch_size)

    def _validation_due(self) -> bool:
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return False
        if self.runner.message_hub.get_info(_VALIDATED_KEY) == self._iter:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters

    def _validate(self) -> None:
        # Noted first: a checkpoint that is saved by the end of the validation holds the note.
        self.runner.message_hub.update_info(_VALIDATED_KEY, self._iter)
        self._share_buffers()
        self.runner.val_loop.run()

    def _share_buffers(self) -> None:
        if not is_distributed():
            return
        model = self.runner.model
        for buffer in (model.module if is_model_wrapper(model) else model).buffers():
            broadcast(buffer, src=0)
