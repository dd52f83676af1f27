"""What is measured: a config with its options, and variants of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from c2fseg.utils.option_action import parse_pairs

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
# Keys of a variant that are options of the benchmark; all others are keys of the config.
VARIANT_KEYS = ('batch_size', 'checkpoint', 'compile', 'dtype', 'optimize')
# Keys of the config that the dtype sets.
_DTYPE_KEYS = ('model.test_cfg.autocast', 'model.train_cfg.autocast')


class OptionError(ValueError):
    """An option of a measurement does not exist, or does not fit."""


def _is_dtype(value: Any) -> bool:
    return value in list(DTYPES)  # unlike a dict, a list can be asked for any value


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    'dtype': (_is_dtype, ' or '.join(DTYPES)),
    'compile': (_is_flag, 'true or false'),
    'optimize': (_is_flag, 'true or false'),
    'batch_size': (_is_count, 'a whole number of at least 1'),
}


@dataclass(frozen=True)
class SubjectOptions:
    """One model under measurement.

    Attributes:
        config: Path of the config file, or name of a recipe.
        name: Its key in the results.
        batch_size: Objects at a time.
        frames: Frames of an object.
        dtype: ``float32``, or ``bfloat16`` for mixed precision.
        device: Where it runs.
        optimize: Optimize it for inference, as :class:`AmodalInferencer` does.
        compile: Compile its parts.
        checkpoint: Weights; None for random ones.
        cfg_options: Values of the config to override, keys with dots; ``dtype`` sets autocast.

    Raises:
        OptionError: ``cfg_options`` has a key that ``dtype`` sets.
    """

    config: str
    name: str
    batch_size: int = 1
    frames: int = 1
    dtype: str = 'float32'
    device: str = 'cpu'
    optimize: bool = True
    compile: bool = False
    checkpoint: str | None = None
    cfg_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = [key for key in _dotted(self.cfg_options) if key in _DTYPE_KEYS]
        if taken:
            raise OptionError(
                f'{self.name}: {", ".join(taken)} cannot be given, since the dtype sets it: use '
                '--dtype (--dtypes of benchmark_gpu.py), or dtype=bfloat16 in a --variant'
            )


def _dotted(values: Mapping[str, Any], start: str = '') -> Iterator[str]:
    """Keys with dots of all values, those inside mappings too."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f'{start}{key}.')
        else:
            yield f'{start}{key}'


def parse_variant(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Reads ``NAME KEY=VALUE ...``.

    Args:
        words: What the command line gives.

    Returns:
        The name, and values by key.

    Raises:
        OptionError: There is no pair, a key is one that all variants share, or a value does not
            fit its key.
    """
    name, *pairs = words
    if '=' in name or not pairs or not all('=' in pair for pair in pairs):
        raise OptionError(
            f'--variant takes a name and pairs, such as: --variant bf16 dtype=bfloat16; got '
            f'{" ".join(words)!r}'
        )
    try:
        values = parse_pairs(pairs)
    except ValueError as error:
        raise OptionError(f'--variant {name}: {error}') from error
    shared = [one.name for one in fields(SubjectOptions) if one.name not in VARIANT_KEYS]
    refused = [key for key in values if key in shared]
    if refused:
        raise OptionError(
            f'--variant {name}: {", ".join(refused)} cannot vary; a variant takes '
            f'{", ".join(VARIANT_KEYS)}, and keys of the config such as model.decoder.num_steps'
        )
    for key, (fits, wanted) in _CHECKS.items():
        if key in values and not fits(values[key]):
            raise OptionError(f'--variant {name}: {key} must be {wanted}, got {values[key]!r}')
    return name, values


def make_variant(base: SubjectOptions, name: str, values: dict[str, Any]) -> SubjectOptions:
    """Returns the same model under other options.

    Args:
        base: The model.
        name: Name of the variant.
        values: See :func:`parse_variant`.
    """
    own = {key: value for key, value in values.items() if key in VARIANT_KEYS}
    others = {key: value for key, value in values.items() if key not in VARIANT_KEYS}
    return replace(
        base, name=f'{base.name} [{name}]', cfg_options={**base.cfg_options, **others}, **own
    )


def list_subjects(
    configs: Sequence[str],
    variants: Sequence[tuple[str, dict[str, Any]]] = (),
    **common: Any,
) -> list[SubjectOptions]:
    """Returns all that is to be measured, under different names.

    Args:
        configs: Config files; the same one may come twice.
        variants: Each is made of each config.
        common: Fields of :class:`SubjectOptions` that all share.
    """
    found: list[SubjectOptions] = []
    for config in configs:
        base = SubjectOptions(config, config, **common)
        found += [base, *(make_variant(base, name, values) for name, values in variants)]
    taken: dict[str, int] = {}
    for index, options in enumerate(found):
        taken[options.name] = taken.get(options.name, 0) + 1
        if taken[options.name] > 1:
            found[index] = replace(options, name=f'{options.name} ({taken[options.name]})')
    return found
