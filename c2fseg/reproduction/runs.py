"""Single runs of a config, and what they leave on disk so that a series goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.checkpoint import find_resumable_checkpoint
from c2fseg.utils.launch import UserError, build_runner, prepare_processes

TRAINING_NOTE = 'training.json'


def shorten(config: Config, max_iters: int) -> None:
    """Ends training, and every schedule that ended with it, after ``max_iters`` iterations.

    Args:
        config: Changed in place.
        max_iters: The new length.
    """
    scale = max_iters / config.train_cfg.max_iters
    for scheduler in config.param_scheduler:
        for key in ('begin', 'end', 'T_max'):
            if key in scheduler:
                scheduler[key] = max(round(scheduler[key] * scale), 0 if key == 'begin' else 1)
    config.train_cfg.max_iters = max_iters
    # The test afterwards is the only evaluation.
    config.train_cfg.val_interval = config.train_cfg.val_begin = max_iters + 1
    config.default_hooks.checkpoint.interval = max_iters


def named_runner(config: Config, name: str) -> Runner:
    """Builds a runner that shares no log with other runs of this process.

    Args:
        config: Changed in place.
        name: Of the run, for people.

    Returns:
        The runner.

    Raises:
        UserError: A name or an argument in the config is wrong.
    """
    prepare_processes(config, 'none')
    # MMEngine keeps loggers, message hubs and visualizers by name: each run gets its own.
    config.experiment_name = f'{name}_{time.time_ns()}'
    config.visualizer.name = config.experiment_name
    return build_runner(config)


def train(config: Config, name: str, settings: Mapping[str, Any]) -> Path:
    """Trains a config, from the newest checkpoint of its work directory where there is one.

    Args:
        config: Changed in place; ``work_dir`` belongs to this run alone.
        name: Of the run, for people.
        settings: What makes this training the one it is, JSON-ready; kept beside the checkpoints.

    Returns:
        The last checkpoint.

    Raises:
        UserError: The work directory holds a training with other settings.
    """
    folder = Path(config.work_dir)
    note = folder / TRAINING_NOTE
    if read_result(note, settings) is None:
        write_result(note, settings)
    checkpoint = finished_training(config)
    if checkpoint is None:
        config.resume = True  # the newest checkpoint of the folder; from the start without one
        config.load_from = None
        named_runner(config, name).train()
        checkpoint = finished_training(config)
    assert checkpoint is not None, folder
    return checkpoint


def finished_training(config: Config) -> Path | None:
    """The last checkpoint of a training that ran to its end, None where there is none.

    Args:
        config: With ``work_dir`` and ``train_cfg.max_iters``.
    """
    newest = find_resumable_checkpoint(Path(config.work_dir))
    last = f'iter_{config.train_cfg.max_iters}.pth'
    return None if newest is None or Path(newest).name != last else Path(newest)


def test(config: Config, name: str, checkpoint: Path | None) -> dict[str, float]:
    """Tests a config.

    Args:
        config: Changed in place.
        name: Of the run, for people.
        checkpoint: The weights; ``None`` for predictors that have none.

    Returns:
        The metrics.

    Raises:
        UserError: The config cannot be built.
        CheckpointError: The checkpoint is missing, damaged, or of another model.
    """
    config.resume = False
    config.load_from = None if checkpoint is None else str(checkpoint)
    return named_runner(config, name).test()


def read_result(file: Path, expected: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result that an earlier call left, None where there is none.

    Args:
        file: Where results of this run are kept.
        expected: Values that the stored result has to have; keys that it lacks do not count.

    Raises:
        UserError: It is the result of another run, or the file is damaged.
    """
    if not file.is_file():
        return None
    try:
        result = json.loads(file.read_text(encoding='utf-8'))
    except ValueError as error:
        raise UserError(f'{file} is no JSON file ({error}): remove it to run this again.') from None
    if not isinstance(result, dict):
        raise UserError(f'{file} holds no result of a run: remove it, or give another --work-dir.')
    differing = [key for key in expected if result.get(key, expected[key]) != expected[key]]
    if differing:
        there = ', '.join(f'{key} {result[key]}' for key in differing)
        asked = ', '.join(f'{key} {expected[key]}' for key in differing)
        raise UserError(
            f'{file} holds another run ({there}), not the one asked for ({asked}): give another '
            '--work-dir, or remove the file.'
        )
    return result


def write_result(file: Path, result: Mapping[str, Any]) -> None:
    """Keeps a result for later calls, whole or not at all.

    Args:
        file: Where; missing folders are made.
        result: JSON-ready.
    """
    write_whole(file, json.dumps(result, indent=1).encode())


def plain_options(options: Mapping[str, Any] | None) -> dict[str, str]:
    """Overrides of a config as text, in an order of their own, to be kept and compared.

    Args:
        options: Dotted keys to values.
    """
    return {key: repr(value) for key, value in sorted((options or {}).items())}
