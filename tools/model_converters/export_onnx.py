"""Exports the predict path of a C2FSeg as ONNX files that run without torch (docs/export.md).

    python tools/model_converters/export_onnx.py configs/c2f_general.py weights/c2f_general.pth \
        outputs/general_onnx

OUT_DIR gets encoder.onnx, step.onnx, decoder.onnx and model.json; c2fseg.export.OnnxC2FSeg runs
them. With --format torch_export the same three parts become .pt2 files for torch.export.load. The
files are compared with the model on random inputs before the command ends.
"""

from __future__ import annotations

import argparse
import sys

import torch

from c2fseg.apis import init_model
from c2fseg.export.onnx_files import (
    DEFAULT_OPSET,
    DTYPES,
    SUFFIXES,
    ExportOptions,
    compare_with_model,
    export_model,
)
from c2fseg.utils.checkpoint import CheckpointError

# Above what rounding does to the largest values, the logits; a share of tokens has no unit.
TOLERANCES = {'float32': 1e-3, 'float16': 0.5}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Export the predict path of a C2FSeg.')
    parser.add_argument('config', metavar='CONFIG', help='config file, or name of a recipe')
    parser.add_argument('weights', metavar='WEIGHTS', help="checkpoint, or 'none' for random ones")
    parser.add_argument('out_dir', metavar='OUT_DIR', help='folder to write to')
    parser.add_argument('--format', choices=sorted(SUFFIXES), default='onnx')
    parser.add_argument('--dtype', choices=sorted(DTYPES), default='float32')
    parser.add_argument(
        '--opset', type=int, default=DEFAULT_OPSET, help=f'of ONNX (default {DEFAULT_OPSET})'
    )
    parser.add_argument(
        '--frames', type=int, default=1, help='frames of an object, for video models (default 1)'
    )
    parser.add_argument(
        '--batch-size', type=int, help='objects that the graphs take (default: any number)'
    )
    args = parser.parse_args(arguments)
    for name in ('frames', 'batch_size'):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            option = '--' + name.replace('_', '-')
            parser.error(f'{option} must be at least 1, got {getattr(args, name)}')
    return args


def main(arguments: list[str] | None = None) -> None:
    """Exports as the command line says."""
    args = parse_args(arguments)
    weights = None if args.weights == 'none' else args.weights
    options = ExportOptions(
        kind=args.format,
        dtype=args.dtype,
        opset=args.opset,
        num_frames=args.frames,
        batch_size=args.batch_size,
    )
    torch.manual_seed(0)  # of random weights
    try:
        model = init_model(args.config, weights)
        manifest = export_model(model, model.cfg, args.out_dir, weights, options)
    except (CheckpointError, FileNotFoundError, ImportError, KeyError, ValueError) as error:
        sys.exit(f'error: {error.args[0] if isinstance(error, KeyError) else error}')
    differences = compare_with_model(model, args.out_dir, options)
    print(f'{"output":<24}greatest difference to the model')
    for name, difference in differences.items():
        print(f'{name:<24}{difference:.1e}')
    if max(differences.values()) > TOLERANCES[args.dtype]:
        sys.exit(
            f'error: an output differs from the model by more than {TOLERANCES[args.dtype]}; the '
            f'files in {args.out_dir} are not to be used'
        )
    names = ', '.join(part['file'] for part in manifest.parts.values())
    print(f'{names} and model.json written to {args.out_dir}')


if __name__ == '__main__':
    main()
