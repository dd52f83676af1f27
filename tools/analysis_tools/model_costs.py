"""Counts parameters and GFLOP of models, and compares them with the numbers that were written down.

    python tools/analysis_tools/model_costs.py            # compare with docs/model_costs.json
    python tools/analysis_tools/model_costs.py --write    # rewrite the file, when growth is meant

Counts and not seconds: they are the same on every machine, busy or not. Models and inputs have
shapes and no values (torch's fake tensors), so that the published architecture is counted in
seconds. GFLOP are those of one object inside its crop, a multiplication and an addition
as two; matrix products, convolutions and attention are counted. A clip has as many frames as the
file says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from c2fseg.apis.init_model import load_config, register_components
from c2fseg.benchmarking.measure import GIGA, PartClock, count_flops, instrumented
from c2fseg.export.parts import decoder_inputs, split_model
from c2fseg.models.segmentors.c2fseg import C2FSeg
from c2fseg.registry import MODELS
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import UserError, one_sentence_errors

FILE = Path(__file__).resolve().parents[2] / 'docs' / 'model_costs.json'
# Config to frames of an object.
CONFIGS = {
    'c2f_general': 1,
    'c2f_shapes': 1,
    'c2f_shapes_video': 12,
    'c2f_kins': 1,
    'c2f_movid_a': 12,
    'lite/c2f_shapes_s': 1,
    'lite/c2f_shapes_m': 1,
    'lite/c2f_shapes_l': 1,
    'lite/c2f_kins': 1,
    'lite/c2f_kins_256': 1,
    'lite/c2f_movid_a': 12,
}
TOTALS = ('parameters', 'gflop')
PARTS = ('part_parameters', 'part_gflop')  # the same by name of a part
# Below what any change of a layer makes.
TOLERANCE = 1e-3
DIGITS = 5


def count_costs(config: str, frames: int) -> dict[str, Any]:
    """Count what a model costs.

    Args:
        config: Path of a config, or name of a recipe.
        frames: Frames of an object.

    Returns:
        ``frames``, ``parameters``, ``gflop`` of an object, and for each part its ``parameters``
        and its ``gflop``, the latter by the names of ``benchmark.py``.
    """
    cfg = load_config(config)
    register_components(cfg)
    with torch.device('meta'):
        model = MODELS.build(cfg.model).eval()
    # Fake tensors afterwards: the meta device has no mixed precision to switch off, and fake
    # parameters cannot change their layout, as parts do when they are built.
    with FakeTensorMode(), torch.no_grad():
        make_fake(model)
        parts = split_model(model)
        clock = PartClock(torch.device('cpu'))
        with instrumented(model, clock), count_flops() as clock.counter:
            run_parts(model, parts, frames)
            total = clock.counted()
    # The decoder's graph goes around tokenizer.decode and its look at values.
    clock.flop['tokenizer_decode'] = total - sum(clock.flop.values())
    children = {
        name: sum(parameter.numel() for parameter in child.parameters())
        for name, child in model.named_children()
    }
    return dict(
        frames=frames,
        parameters=sum(children.values()),
        gflop=round(total / GIGA, DIGITS),
        part_parameters={name: count for name, count in children.items() if count},
        part_gflop={name: round(flop / GIGA, DIGITS) for name, flop in clock.flop.items()},
    )


def make_fake(model: nn.Module) -> None:
    """Replace parameters and buffers by tensors of their shape and layout."""

    def fake(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device='cpu')

    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(fake(parameter), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = fake(buffer)


def run_parts(model: C2FSeg, parts: dict[str, nn.Module], frames: int) -> None:
    """Predict one object, as far as operations go: every decoding step with the same tokens."""
    size = model.tokenizer.mask_size
    mask = torch.zeros(1, frames, 1, *size)
    *feats, tokens, condition = parts['encoder'](torch.zeros(1, frames, 3, *size), mask)
    for _ in range(model.decoder.num_steps):
        _, state = parts['step'](condition, tokens)
    given = dict(visible_mask=mask, state=state)
    options = {name: given[name] for name in decoder_inputs(model) if name in given}
    parts['decoder'](tokens, *feats, **options)


def read_costs(path: Path) -> dict[str, dict[str, Any]]:
    """Read the numbers that were written down.

    Args:
        path: The JSON file.

    Returns:
        Entries as of :func:`count_costs` by config.

    Raises:
        UserError: There is no such file, or this tool did not write it.
    """
    if not path.is_file():
        raise UserError(f'{path} is no file; make it with --write')
    try:
        known = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(map(are_costs, known.values())):
        raise UserError(f'{path} was not written by this tool; name another file, or use --write')
    return known


def are_costs(entry: Any) -> bool:
    """Whether an entry of a file has what :func:`differences` reads."""
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), dict) for key in PARTS):
        return False
    numbers = [entry.get(key) for key in TOTALS] + [n for key in PARTS for n in entry[key].values()]
    return all(isinstance(number, int | float) for number in numbers)


def differences(known: dict[str, Any], found: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Compare the costs of a model with those written down.

    Args:
        known: Entry of the file.
        found: What :func:`count_costs` returned.

    Returns:
        Sentences about what grew (a part that is new grew from nothing), and about what shrank.
    """
    grown, shrunk = [], []
    for key in TOTALS + PARTS:
        old, new = known[key], found[key]
        pairs = {'': (old, new)}
        if isinstance(new, dict):
            names = [*new, *(name for name in old if name not in new)]
            pairs = {f' of {name}': (old.get(name, 0), new.get(name, 0)) for name in names}
        unit = 'parameters' if 'parameters' in key else 'GFLOP'
        for where, (before, after) in pairs.items():
            sentence = f'{unit}{where}: {before} written down, {after} now'
            if after > before * (1 + TOLERANCE):
                grown.append(sentence)
            elif after < before * (1 - TOLERANCE):
                shrunk.append(sentence)
    return grown, shrunk


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Count parameters and GFLOP of models.')
    parser.add_argument('--write', action='store_true', help='rewrite the file')
    parser.add_argument('--file', type=Path, default=FILE, help='the numbers (%(default)s)')
    return parser.parse_args(arguments)


def compare(known: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]) -> None:
    """Print what shrank.

    Raises:
        UserError: A model grew, or is new.
    """
    growth = []
    for config, costs in found.items():
        if config not in known:
            growth.append(f'{config} is not written down')
            continue
        grown, shrunk = differences(known[config], costs)
        growth += [f'{config}, {sentence}' for sentence in grown]
        for sentence in shrunk:
            print(f'{config} shrank, {sentence}: keep the gain with --write')
    if growth:
        raise UserError('; '.join(growth) + '. Where it is meant, rewrite with --write.')


def main(arguments: list[str] | None = None) -> None:
    """Counts, and compares or writes; ends with an error when a model grew."""
    args = parse_args(arguments)
    with one_sentence_errors():
        if args.write:
            check_writable(args.file)
        known = {} if args.write else read_costs(args.file)
        found = {config: count_costs(config, frames) for config, frames in CONFIGS.items()}
        for config, costs in found.items():
            unit = 'picture' if costs['frames'] == 1 else f'clip of {costs["frames"]} frames'
            size = f'{costs["parameters"] / 1e6:>8.2f} M parameters'
            print(f'{config:<20}{size}{costs["gflop"]:>10.2f} GFLOP a {unit}')
        if args.write:
            write_whole(args.file, (json.dumps(found, indent=2) + '\n').encode())
            print(f'Written to {args.file}')
        else:
            compare(known, found)


if __name__ == '__main__':
    main()
