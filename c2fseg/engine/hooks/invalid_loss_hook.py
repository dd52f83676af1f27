"""Stops a training whose loss is not finite, and says what it was looking at."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from c2fseg.registry import HOOKS


class InvalidLossError(RuntimeError):
    """A loss became NaN or infinite."""


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Raises on a NaN or infinite loss, naming iteration, loss, samples and checkpoint.

    On a CPU every iteration is looked at. On a GPU the losses are kept on the device and looked
    at together every ``interval`` iterations, and before a checkpoint is saved, so the check
    itself does not make the CPU wait for the GPU and no checkpoint holds weights behind a bad
    loss. The iteration that is named is the first bad one.

    Args:
        interval: Iterations between two checks on a GPU.

    Raises:
        ValueError: ``interval`` is below 1.
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise ValueError(f'interval must be 1 or more, got {interval}.')
        self.interval = interval
        self._pending: list[tuple[int, dict[str, torch.Tensor], list[str]]] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Keeps the iteration's losses and checks them when it is time.

        Args:
            runner: The runner.
            batch_idx: Number of the iteration.
            data_batch: The batch; its sample ids are named if the loss is bad.
            outputs: What ``train_step`` returned: names to values.

        Raises:
            InvalidLossError: A loss is NaN or infinite.
        """
        losses = {
            key: torch.as_tensor(value).detach()
            for key, value in (outputs or {}).items()
            if 'loss' in key
        }
        self._pending.append((runner.iter, losses, _sample_ids(data_batch)))
        on_cpu = all(value.device.type == 'cpu' for value in losses.values())
        if on_cpu or len(self._pending) >= self.interval:
            self._check(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Checks what is pending, so that no weights behind a bad loss are saved.

        Args:
            runner: The runner.
            checkpoint: What is about to be saved.

        Raises:
            InvalidLossError: A loss is NaN or infinite.
        """
        self._check(runner)

    def after_train(self, runner: Runner) -> None:
        """Checks what is pending at the end.

        Args:
            runner: The runner.

        Raises:
            InvalidLossError: A loss is NaN or infinite.
        """
        self._check(runner)

    def _check(self, runner: Runner) -> None:
        pending, self._pending = self._pending, []
        values = [value.float().sum() for _, losses, _ in pending for value in losses.values()]
        if not values or bool(torch.isfinite(torch.stack(values)).all()):
            return
        for iteration, losses, samples in pending:
            bad = {key: value for key, value in losses.items() if not value.isfinite().all()}
            if bad:
                raise InvalidLossError(_message(runner, iteration, bad, samples))


def _message(runner: Runner, iteration: int, bad: dict[str, torch.Tensor], ids: list[str]) -> str:
    named = ', '.join(f'{key} = {value.flatten()[0].item()}' for key, value in bad.items())
    last = runner.message_hub.get_info('last_ckpt')
    advice = (
        f'resume from {last} (--resume)' if last else 'start again (no checkpoint was saved yet)'
    )
    return (
        f'The loss is not finite in iteration {iteration + 1}: {named}; samples of the batch: '
        f'{", ".join(ids) or "unknown"}. Look at these samples, lower the learning rate or turn '
        f'gradient clipping on, then {advice}.'
    )


def _sample_ids(data_batch: Any) -> list[str]:
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not isinstance(samples, (list, tuple)):
        return []
    return [str(getattr(sample, 'sample_id', 'without sample_id')) for sample in samples]
