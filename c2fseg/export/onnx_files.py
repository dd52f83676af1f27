"""Writes the parts of a model as ONNX or torch.export files, checked against the model."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from c2fseg.export.description import describe_model
from c2fseg.export.manifest import KINDS, MANIFEST, Manifest, read_manifest
from c2fseg.export.onnx_runtime import OnnxC2FSeg
from c2fseg.export.parts import (
    OUTPUTS,
    check_exportable,
    decoder_inputs,
    example_inputs,
    split_model,
)
from c2fseg.models.segmentors.c2fseg import C2FSeg
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.hashing import hash_file

DTYPES = {'float32': torch.float32, 'float16': torch.float16}
SUFFIXES = {'onnx': '.onnx', 'torch_export': '.pt2'}
DEFAULT_OPSET = 20


@dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
        kind: ``onnx`` or ``torch_export``.
        dtype: ``float32``, or ``float16`` for the networks behind the tokenizer.
        opset: Of the ONNX files.
        num_frames: Frames T of an object.
        batch_size: Objects N that the graphs take; None for any number.

    Raises:
        ValueError: A choice is unknown or a number is out of range.
    """

    kind: str = 'onnx'
    dtype: str = 'float32'
    opset: int = DEFAULT_OPSET
    num_frames: int = 1
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.dtype not in DTYPES:
            raise ValueError(
                f'An export has a kind of {KINDS} and a dtype of {tuple(DTYPES)}, got '
                f'{self.kind!r} and {self.dtype!r}'
            )
        if self.num_frames < 1 or (self.batch_size is not None and self.batch_size < 1):
            raise ValueError(
                f'num_frames and batch_size must be at least 1, got {self.num_frames} and '
                f'{self.batch_size}'
            )


def export_model(
    model: C2FSeg,
    cfg: Config,
    out_dir: str | os.PathLike,
    weights: str | Path | None = None,
    options: ExportOptions | None = None,
) -> Manifest:
    """Write the parts of a model and their model.json to a folder.

    The folder gets its files only when all of them are there.

    Args:
        model: A model in evaluation mode on the CPU; ``float16`` converts it in place.
        cfg: Its config.
        out_dir: The folder; made where it is missing.
        weights: The checkpoint that the weights came from, for model.json.
        options: How.

    Returns:
        What model.json says.

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: The model, its pipeline or an option is of a kind that cannot be exported.
    """
    options = options or ExportOptions()
    if options.kind == 'onnx':
        check_onnx()
    check_exportable(model)
    fields = describe_model(model, cfg, weights)
    modules = split_model(model, DTYPES[options.dtype])
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=out, prefix='.export-') as folder:
        for name, inputs, _ in trace_inputs(model, modules, options):
            path = Path(folder) / (name + SUFFIXES[options.kind])
            with _quiet():
                program = _export_part(modules[name], inputs, OUTPUTS[name], options)
                _save(program, path, options)
            described[name] = dict(
                file=path.name,
                sha256=hash_file(path),
                inputs=list(inputs),
                outputs=list(OUTPUTS[name]),
            )
        manifest = Manifest(
            kind=options.kind,
            parts=described,
            dtype=options.dtype,
            opset=options.opset if options.kind == 'onnx' else None,
            num_frames=options.num_frames,
            batch_size=options.batch_size,
            **fields,
        )
        for part in described.values():
            os.replace(Path(folder) / part['file'], out / part['file'])
    write_whole(out / MANIFEST, manifest.to_json().encode())
    return manifest


def check_onnx() -> None:
    """Check that what writes ONNX files is there.

    Raises:
        ImportError: It is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'Exporting to ONNX needs onnx and onnxscript, and {error.name} is not installed: '
            "`pip install 'c2fseg[export]'`."
        ) from error


def trace_inputs(
    model: C2FSeg, modules: dict[str, nn.Module], options: ExportOptions, seed: int = 0
) -> Iterator[tuple[str, dict[str, Tensor], tuple[Tensor, ...]]]:
    """Run part after part on random inputs.

    Args:
        model: The model.
        modules: Its parts.
        options: How many objects and frames.
        seed: Of the inputs.

    Yields:
        Name of a part, its inputs by name, and its outputs.
    """
    # With an example of one object torch.export would take N = 1 for granted.
    objects = options.batch_size or 2
    values = example_inputs(model, objects, options.num_frames, seed)
    for name, module in modules.items():
        if name == 'step':
            values['tokens'] = torch.full_like(values['visible_tokens'], model.mask_token)
            names: tuple[str, ...] = ('condition', 'tokens')
        elif name == 'decoder':
            values['tokens'] = values['logits'][..., :-1].argmax(dim=-1)
            names = decoder_inputs(model)
        else:
            names = ('img', 'visible_mask')
        inputs = {key: values[key] for key in names}
        with torch.no_grad():
            outputs = module(**inputs)
        values.update(zip(OUTPUTS[name], outputs))
        yield name, inputs, outputs


def compare_with_model(
    model: C2FSeg, folder: str | os.PathLike, options: ExportOptions, seed: int = 1
) -> dict[str, float]:
    """Run the files of a folder and the parts of the model on the same random inputs.

    Args:
        model: The model that was exported.
        folder: Where the files are.
        options: How it was exported.
        seed: Of the inputs.

    Returns:
        By ``part.output`` the greatest absolute difference; of ``visible_tokens`` the share that
        differs.
    """
    modules = split_model(model, DTYPES[options.dtype])
    run = load_parts(folder, options.kind)
    found = {}
    for name, inputs, outputs in trace_inputs(model, modules, options, seed):
        for key, expected in zip(OUTPUTS[name], outputs):
            got = run(name, inputs)[key]
            difference = (got.double() - expected.double()).abs()
            whole = key == 'visible_tokens'
            value = (difference > 0).double().mean() if whole else difference.max()
            found[f'{name}.{key}'] = float(value)
    return found


def load_parts(folder: str | os.PathLike, kind: str) -> Any:
    """A function that runs a part of an exported model on tensors.

    Args:
        folder: Where the files are.
        kind: ``onnx`` or ``torch_export``.

    Returns:
        Called with the name of a part and its inputs by name, it returns its outputs by name.
    """
    if kind == 'onnx':
        runtime = OnnxC2FSeg(folder)

        def run_onnx(part: str, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            found = runtime.run(part, {key: value.numpy() for key, value in inputs.items()})
            return {key: torch.from_numpy(value) for key, value in found.items()}

        return run_onnx
    manifest = read_manifest(folder, kind)
    programs = {
        name: torch.export.load(Path(folder) / part['file']).module()
        for name, part in manifest.parts.items()
    }

    def run_program(part: str, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            return dict(zip(manifest.parts[part]['outputs'], programs[part](**inputs)))

    return run_program


def _export_part(
    module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], options: ExportOptions
) -> Any:
    """Trace a part; the result is an ONNXProgram or an ExportedProgram."""
    shapes = None
    if options.batch_size is None:
        batch = torch.export.Dim('batch')
        shapes = {name: {0: batch} for name in inputs}
    module = module.eval()
    if options.kind == 'torch_export':
        with torch.no_grad():
            return torch.export.export(module, (), kwargs=inputs, dynamic_shapes=shapes)
    # The exporter built on torch.export: the older one, built on TorchScript, is deprecated, and
    # writes the number of objects of the example into reshapes without a word.
    with torch.no_grad():
        return torch.onnx.export(
            module,
            (),
            kwargs=inputs,
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=options.opset,
            dynamo=True,
            verbose=False,
        )


def _save(program: Any, path: Path, options: ExportOptions) -> None:
    if options.kind == 'torch_export':
        torch.export.save(program, path)
        return
    import onnx

    program.save(path, external_data=False)
    onnx.checker.check_model(str(path), full_check=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings and the log of the exporter, which speak of its own insides."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
