"""What the command-line tools share: error messages, data checks, processes, precision."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from c2fseg.registry import METRICS
from c2fseg.utils.checkpoint import CheckpointError
from c2fseg.utils.config_files import ConfigError, read_config
from c2fseg.utils.data_errors import DataError
from c2fseg.utils.error_text import error_text, wants_traceback

# Exit status of a program that the user interrupted, as shells have it.
INTERRUPTED = 130
# What MMEngine's Runner reads beside the keys that a config has anyway.
_FREE_KEYS = (
    'auto_scale_lr',
    'cfg',
    'compile',
    'custom_hooks',
    'custom_imports',
    'data_preprocessor',
    'experiment_name',
    'model_wrapper_cfg',
    'param_scheduler',
    'visualizer',
    'work_dir',
)
# What parts of a model, a data set or a metric raise about their arguments.
_BUILDING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class UserError(Exception):
    """Something the caller can mend; the message is one sentence that says how."""


@contextmanager
def one_sentence_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Ends the program with the message alone where the caller can mend the cause.

    Args:
        kinds: Exceptions that count, beside ``UserError``, ``CheckpointError``, data sets and
            configs that are wrong, and files that are missing or damaged, also where a worker
            process of a data loader meets them.

    Raises:
        SystemExit: One of these came up; the exit status is 2. With ``C2FSEG_TRACEBACK=1`` in the
            environment errors of data sets and configs, and ``kinds``, come as they are.
    """
    always: tuple[type[Exception], ...] = (UserError, CheckpointError, OSError)
    try:
        yield
    except (*always, ConfigError, DataError, *kinds) as error:
        if wants_traceback() and not isinstance(error, always):
            raise
        print(f'error: {_without_worker_traceback(error)}', file=sys.stderr, flush=True)
        raise SystemExit(2) from None


def _without_worker_traceback(error: Exception) -> str:
    """The message alone: torch writes the traceback of a worker process into it."""
    text = str(error)
    if not text.startswith('Caught ') or 'Original Traceback' not in text:
        return error_text(error)
    return text.rstrip().splitlines()[-1].removeprefix(f'{type(error).__name__}: ')


def load_config(path: str, options: dict[str, Any] | None, work_dir: str | None) -> Config:
    """Reads a config file and settles where the run writes.

    Args:
        path: The config file.
        options: Overrides, dotted keys to values.
        work_dir: Where to write; None takes the config's own, or ``work_dirs/<name of config>``.

    Returns:
        The config, with ``work_dir`` set.

    Raises:
        UserError: The file is missing, or an override begins with a key that nothing reads.
        ConfigError: The file cannot be read as a config.
    """
    if not Path(path).is_file():
        raise UserError(f'Config {path} does not exist: give one of configs/*.py.')
    config = read_config(path)
    if options:
        unknown = sorted({key.split('.')[0] for key in options} - {*config, *_FREE_KEYS})
        if unknown:
            raise UserError(
                f'--cfg-options: {path} has no key {", ".join(unknown)}, so nothing would read it; '
                f'its keys are {", ".join(sorted(config))}.'
            )
        config.merge_from_dict(options)
    if work_dir is not None:
        config.work_dir = work_dir
    elif config.get('work_dir') is None:
        config.work_dir = str(Path('work_dirs') / Path(path).stem)
    return config


@contextmanager
def building_errors(name: str = 'The config') -> Iterator[None]:
    """Says in one sentence what a config gets wrong, while something is built from it.

    Args:
        name: What is built, the first words of the sentence.

    Raises:
        UserError: A name or an argument in the config is wrong. With ``C2FSEG_TRACEBACK=1`` in the
            environment the error comes as it is, for those who write components of their own.
    """
    try:
        yield
    except _BUILDING_ERRORS as error:
        if wants_traceback():
            raise
        raise UserError(
            f'{name} cannot be built: {error_text(error).rstrip(".")}; mend the config or the '
            'options that change it (C2FSEG_TRACEBACK=1 shows where it happened).'
        ) from error


def build_runner(config: Config) -> Runner:
    """Builds the runner.

    Args:
        config: The config.

    Returns:
        The runner.

    Raises:
        UserError: The config gets something wrong, see :func:`building_errors`.
    """
    with building_errors():
        runner = Runner.from_cfg(config)
        _try_metrics(config)
    return runner


def _try_metrics(config: Config) -> None:
    """Builds the metrics once: the runner does so only after it has loaded data and weights."""
    for key in ('val_evaluator', 'test_evaluator'):
        metrics = config.get(key) or []
        for metric in [metrics] if isinstance(metrics, dict) else metrics:
            METRICS.build(copy.deepcopy(metric))


def use_mixed_precision(config: Config) -> None:
    """Switches every optimizer wrapper to automatic mixed precision.

    Args:
        config: Changed in place.

    Raises:
        UserError: There is no accelerator, or a wrapper is of a kind that has no such form.
    """
    if get_device() == 'cpu':
        raise UserError(
            '--amp needs an accelerator (a GPU) and none was found: leave --amp out, training '
            'then runs in float32.'
        )
    wrappers = config.optim_wrapper
    single = 'optimizer' in wrappers
    for name, wrapper in [('optim_wrapper', wrappers)] if single else list(wrappers.items()):
        if not isinstance(wrapper, dict):
            continue  # the constructor's name
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise UserError(f'--amp replaces OptimWrapper, but {name} is a {kind}: leave it out.')
        wrapper['type'] = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')


def prepare_processes(config: Config, launcher: str) -> None:
    """Settles the launcher; without a GPU the processes of ``pytorch`` talk through gloo.

    Args:
        config: Changed in place.
        launcher: 'none', 'pytorch' or 'slurm'.

    Raises:
        UserError: Slurm was asked for on a machine without a GPU.
    """
    config.launcher = launcher
    os.environ.setdefault('LOCAL_RANK', '0')
    if launcher == 'none' or torch.cuda.is_available():
        return
    if launcher != 'pytorch':
        raise UserError(
            f'--launcher {launcher} needs a GPU for each process and none was found: use '
            '--launcher pytorch (tools/dist_train.sh), which runs on CPUs too.'
        )
    # MMEngine's start-up and its default wrapper expect a GPU.
    if not torch_dist.is_initialized():
        torch_dist.init_process_group(backend='gloo')
    wrapper = config.get('model_wrapper_cfg') or dict(type='MMDistributedDataParallel')
    wrapper.setdefault('broadcast_buffers', False)
    config.model_wrapper_cfg = dict(wrapper, device_ids=None)


def drop_spent_weights(config: Config) -> None:
    """Lets a training resume where the weights that parts began with are gone.

    A checkpoint of the training holds all weights, so files that ``init_cfg`` names and that are
    missing are not needed. Nothing changes where there is no checkpoint to resume from.

    Args:
        config: Changed in place.
    """
    if not config.get('resume'):
        return
    if config.get('load_from') is None and not any(Path(config.work_dir).glob('iter_*.pth')):
        return
    for key, name in list(_pretrained(config.get('model') or {}, 'model')):
        if '://' not in name and not Path(name).expanduser().is_file():
            config.merge_from_dict({f'{key}.init_cfg': None})
            print(f'{name} is not there ({key}); the checkpoint that is resumed holds its weights.')


def check_files(config: Config, *splits: str, pretrained: bool = True) -> None:
    """Checks that annotation files and pretrained weights exist before anything is built.

    Args:
        config: The config.
        splits: Which data loaders count: 'train', 'val', 'test'.
        pretrained: Whether the weights that parts of the model start from are needed.

    Raises:
        UserError: A file is missing; the message says how to come by it.
    """
    for split in splits:
        loader = config.get(f'{split}_dataloader') or {}
        dataset = loader.get('dataset', {})
        names = dataset.get('ann_file') or []
        for name in [names] if isinstance(names, str) else names:
            path = Path(dataset.get('data_root') or '') / name
            if not path.exists():  # a folder of annotation files is one, too
                advice = _advice(split, dataset, name)
                raise UserError(f'Annotation file {path.resolve()} does not exist: {advice}')
    for key, name in _pretrained(config.get('model') or {}, 'model') if pretrained else ():
        if '://' not in name and not Path(name).expanduser().is_file():
            raise UserError(
                f'Weights {Path(name).resolve()} do not exist ({key}.init_cfg.checkpoint): '
                f'{_how_to_get_weights(key)} or give another path with '
                f'--cfg-options {key}.init_cfg.checkpoint=PATH.'
            )


def _how_to_get_weights(key: str) -> str:
    if key == 'model':
        return 'train the image model that this one starts from (tools/train.py configs/c2f_*.py)'
    return 'train the first stage (tools/train.py configs/vqgan_*.py)'


def _advice(split: str, dataset: dict, ann_file: str) -> str:
    root = dataset.get('data_root') or '.'
    place = (
        f'or give its place with --cfg-options {split}_dataloader.dataset.data_root=DIR (and the '
        'same for the other splits).'
    )
    maker = None
    if dataset.get('type') == 'MOViDADataset' and Path(root).name.startswith('shapes'):
        maker = 'make_clips'
    elif Path(ann_file).name.startswith('shapes_'):
        maker = 'make_shapes'
    if maker is None:
        return f'put the data set there (docs/datasets.md), {place}'
    command = f'python tools/dataset_converters/{maker}.py --out {root}'
    return f'make the data with "{command}", {place}'


def _pretrained(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yields (key, checkpoint) of every ``init_cfg=dict(type='Pretrained')`` below a node."""
    if isinstance(node, (list, tuple)):
        for index, item in enumerate(node):
            yield from _pretrained(item, f'{key}.{index}')
        return
    if not isinstance(node, dict):
        return
    init = node.get('init_cfg')
    if isinstance(init, dict) and init.get('type') == 'Pretrained' and init.get('checkpoint'):
        yield key, str(init['checkpoint'])
    for name, item in node.items():
        yield from _pretrained(item, f'{key}.{name}')
