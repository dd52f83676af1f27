"""Makes a small file for others from a training checkpoint.

``python tools/model_converters/publish_model.py IN OUT [--config FILE] [--dtype float16]``. The
optimizer, the schedules and the log history go; the averaged weights stay where the training kept
an average (MMEngine's EMAHook saves them as ``state_dict`` and the raw ones as
``ema_state_dict``); the text of the config is kept as a string.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from c2fseg.utils.checkpoint import CheckpointError, load_checkpoint_safely, save_checkpoint
from c2fseg.utils.config_files import ConfigError, read_config
from c2fseg.version import __version__

DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16, 'float32': torch.float32}
# Plain values of a training's meta information that say where the weights come from.
KEPT_META = ('iter', 'epoch', 'seed', 'experiment_name', 'time', 'dataset_meta')


def publish(checkpoint: dict[str, Any], dtype: torch.dtype, config: str | None) -> dict[str, Any]:
    """Reduces a training checkpoint to weights and where they come from.

    Args:
        checkpoint: A checkpoint with ``state_dict``.
        dtype: Dtype of the floating-point tensors.
        config: Text of the config; ``None`` takes the one of the checkpoint, if it has one.

    Returns:
        ``meta`` (plain values, the config as text) and ``state_dict``.

    Raises:
        CheckpointError: If there is no ``state_dict``, or a number does not fit the dtype.
    """
    if 'state_dict' not in checkpoint:
        raise CheckpointError(
            f'expected a checkpoint with the key "state_dict", got {sorted(checkpoint)[:5]}'
        )
    state = {key: _cast(key, value, dtype) for key, value in checkpoint['state_dict'].items()}
    old = checkpoint.get('meta', {})
    meta = {key: str(old[key]) for key in KEPT_META if key in old}
    text = config if config is not None else old.get('cfg')
    if text is not None:
        meta['cfg'] = str(text)
    meta.update(c2fseg_version=__version__, averaged=str('ema_state_dict' in checkpoint))
    return dict(meta=meta, state_dict=state)


def _cast(key: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    if not value.is_floating_point():
        return value.clone()
    result = value.to(dtype)
    if not bool(torch.isfinite(result).all()):
        raise CheckpointError(f'{key} has values that {dtype} cannot hold; use --dtype float32')
    return result.clone()


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Make a small file from a training checkpoint.')
    parser.add_argument('source', metavar='IN', help='checkpoint of a training')
    parser.add_argument('out', metavar='OUT', help='file to write')
    parser.add_argument('--config', help='config file to keep (default: that of the checkpoint)')
    parser.add_argument('--dtype', choices=sorted(DTYPES), default='float16')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Publishes as the command line says."""
    args = parse_args(arguments)
    try:
        text = read_config(args.config).pretty_text if args.config else None
        result = publish(load_checkpoint_safely(args.source), DTYPES[args.dtype], text)
    except (CheckpointError, ConfigError) as error:
        sys.exit(f'error: {error}')
    save_checkpoint(result, args.out)
    size = Path(args.out).stat().st_size / 1e6
    print(f'{len(result["state_dict"])} tensors, {size:.1f} MB, written to {args.out}')


if __name__ == '__main__':
    main()
