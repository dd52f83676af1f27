"""Checkpoints that are written whole, load safely, and are found again after a crash."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from c2fseg.registry import HOOKS
from c2fseg.utils.atomic_backend import BACKEND_NAME, TEMPORARY_SUFFIX, AtomicLocalBackend
from c2fseg.utils.checkpoint import (
    LAST_CHECKPOINT,
    CheckpointError,
    find_resumable_checkpoint,
    load_checkpoint_safely,
)
from c2fseg.utils.checkpoint_fit import describe_misfit
from c2fseg.utils.plain_state import from_plain, to_plain

# Without these MMEngine's Runner cannot resume.
_RESUMED = ('optimizer', 'message_hub')


class _PatientBackend(AtomicLocalBackend):
    """Removes files when it is told that their successors are complete."""

    def __init__(self) -> None:
        self.pending: list[str | Path] | None = None

    def remove(self, filepath: str | Path) -> None:
        if self.pending is None:
            super().remove(filepath)
        else:
            self.pending.append(filepath)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's checkpoint hook, made safe against being killed and against foreign code.

    - A checkpoint appears under its name when it is complete, and an older one is removed only
      after that. The same holds for the note ``last_checkpoint``.
    - What is saved are tensors and plain values, so the files load under torch's safe default;
      log histories are rebuilt when a training resumes.
    - Before a run begins, the file that is to be loaded is examined: a missing or damaged file or
      one that carries code is named in one sentence. Resuming takes the newest complete
      checkpoint of the working directory and passes over damaged ones with a warning.

    Files are local; ``out_dir`` on another storage is refused.

    Args:
        interval: Iterations (or epochs) between two checkpoints; -1 saves the last one only.
        by_epoch: Whether ``interval`` counts epochs.
        **kwargs: As in ``mmengine.hooks.CheckpointHook``: ``max_keep_ckpts``, ``save_best``,
            ``rule``, ``save_last``, ``out_dir``, ``filename_tmpl`` and so on.

    Raises:
        ValueError: A storage other than the local disk is asked for.
    """

    def __init__(self, interval: int = -1, by_epoch: bool = False, **kwargs: Any) -> None:
        for key in ('backend_args', 'file_client_args'):
            if kwargs.get(key) is not None:
                raise ValueError(
                    f'{key}={kwargs[key]} was given, but checkpoints are written to the local disk '
                    "only: leave it out, or use MMEngine's CheckpointHook."
                )
        super().__init__(interval=interval, by_epoch=by_epoch, **kwargs)
        self.backend_args = dict(backend=BACKEND_NAME)

    def before_run(self, runner: Runner) -> None:
        """Chooses the checkpoint to resume from and examines the file that will be loaded.

        Args:
            runner: The runner.

        Raises:
            CheckpointError: The file cannot be used.
        """
        answer: list[Any] = [None, None]
        if is_main_process():
            try:
                answer[0] = self._choose(runner)
            except CheckpointError as error:
                answer[1] = error
        broadcast_object_list(answer)
        path, failure = answer
        if failure is not None:
            raise failure
        if path is not None:
            runner._load_from = path
        elif runner._resume:
            runner.logger.warning(
                f'Nothing to resume in {runner.work_dir}: the training starts at iteration 0.'
            )
            runner._resume = False

    def before_train(self, runner: Runner) -> None:
        """Prepares the directory and clears away what a killed run left half written.

        Args:
            runner: The runner.
        """
        self.out_dir = str(self._directory(runner))
        self.file_backend = _PatientBackend()
        hub = runner.message_hub
        if self.save_best is not None and len(self.key_indicators) == 1:
            self.best_ckpt_path = hub.get_info('best_ckpt')
        elif self.save_best is not None:
            self.best_ckpt_path_dict = {
                key: hub.get_info(f'best_ckpt_{key}') for key in self.key_indicators
            }
        if self.max_keep_ckpts > 0:
            kept = hub.get_info('keep_ckpt_ids', [])[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        runner.logger.info(f'Checkpoints will be saved to {self.out_dir}.')
        if is_main_process():
            for name in ('*.pth', LAST_CHECKPOINT):
                for leftover in Path(self.out_dir).glob(f'{name}*{TEMPORARY_SUFFIX}'):
                    leftover.unlink()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turns everything but the weights into plain values; runs after the other hooks.

        Args:
            runner: The runner.
            checkpoint: What is about to be saved, changed in place.
        """
        for key in list(checkpoint):
            if not key.endswith('state_dict'):
                checkpoint[key] = to_plain(checkpoint[key], key)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Checks that the weights are the model's, and rebuilds the message hub.

        MMEngine only logs what does not fit, and goes on with random weights. Here a test and a
        resumed training need every weight; one that starts from other weights (``load_from``)
        needs one at least.

        Args:
            runner: The runner.
            checkpoint: What was loaded, changed in place.

        Raises:
            CheckpointError: Weights do not fit, or there is no training in the file to resume.
        """
        model: Any = runner.model
        complaint = describe_misfit(
            model.module if is_model_wrapper(model) else model,
            checkpoint,
            some=isinstance(runner._train_loop, BaseLoop) and not runner._resume,
        )
        if complaint:
            raise CheckpointError(f'Checkpoint {runner._load_from} {complaint}')
        lost = [key for key in _RESUMED if runner._resume and key not in checkpoint]
        if lost:
            raise CheckpointError(
                f'Checkpoint {runner._load_from} has no {" and no ".join(lost)}, so no training '
                'can be resumed from it: give a checkpoint that tools/train.py wrote, or start a '
                'training from these weights with --cfg-options load_from=PATH.'
            )
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = from_plain(checkpoint['message_hub'])

    def _choose(self, runner: Runner) -> str | None:
        """The local file that the run will load, examined; a URL is passed on as it is."""
        if runner._load_from is not None:
            if '://' not in str(runner._load_from):
                load_checkpoint_safely(runner._load_from)
            return str(runner._load_from)
        if not runner._resume:
            return None
        directory = self._directory(runner)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            path = find_resumable_checkpoint(directory, self.filename_tmpl.format('*'))
        for warning in caught:
            runner.logger.warning(str(warning.message))
        return None if path is None else str(path)

    def _directory(self, runner: Runner) -> Path:
        """``work_dir``, or a directory of its name below ``out_dir``."""
        work_dir = Path(runner.work_dir)
        if self.out_dir is None or Path(self.out_dir) == work_dir:
            return work_dir
        return Path(self.out_dir) / work_dir.name

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """As the parent's, but what is outdated goes after its successor is complete."""
        outdated = None
        if self.max_keep_ckpts > 0 and (not self.keep_ckpt_ids or self.keep_ckpt_ids[-1] != step):
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = self.keep_ckpt_ids.popleft()
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = os.path.join(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        note = os.path.join(runner.work_dir, LAST_CHECKPOINT)
        self.file_backend.put_text(self.last_ckpt, note)
        if outdated is not None:
            path = os.path.join(self.out_dir, self.filename_tmpl.format(outdated))
            if os.path.isfile(path):
                self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:
            return
        with self._remove_afterwards():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _remove_afterwards(self) -> Iterator[None]:
        """Puts off removals to the end of the block, which they reach if nothing failed."""
        backend = self.file_backend
        backend.pending = []
        try:
            yield
        finally:
            pending, backend.pending = backend.pending, None
        current = {self.last_ckpt, getattr(self, 'best_ckpt_path', None)}
        current |= set(getattr(self, 'best_ckpt_path_dict', {}).values())
        for path in pending:
            if path not in current and os.path.isfile(path):
                backend.remove(path)
