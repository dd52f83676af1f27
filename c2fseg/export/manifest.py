"""The file model.json of an exported model: what a runtime must know beside the graphs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from c2fseg.utils.hashing import hash_file

MANIFEST = 'model.json'
FORMAT = 'c2fseg-export'
VERSION = 1
KINDS = ('onnx', 'torch_export')


class ExportError(ValueError):
    """A folder holds no usable exported model. The message is one sentence for its user."""


@dataclass(frozen=True)
class Manifest:
    """What an export knows of its model.

    Attributes:
        kind: ``onnx`` or ``torch_export``.
        parts: By name (encoder, step, decoder) the ``file``, its ``sha256``, and the names of its
            ``inputs`` and ``outputs``.
        config: The config's name.
        weights: ``file`` and ``sha256`` of the checkpoint, None for random weights.
        c2fseg: Version of the library that wrote it.
        dtype: Of the networks; inputs and outputs are float32 in any case.
        opset: Of the ONNX files; None otherwise.
        num_frames: Frames T of an object, 1 for pictures.
        batch_size: Objects N that the graphs take; None for any number.
        mask_size: (h, w) of crops.
        num_tokens: Tokens L of a frame.
        codebook_size: Codes K; the token K is [MASK].
        decoding: ``masked_counts`` (tokens that stay masked after each step), ``top_k`` (None for
            all), ``temperature`` and ``greedy``, as in :class:`ParallelDecoder`.
        crop: ``enlarge``, ``square``, ``clip``, ``track_scale``, ``image_interpolation`` and
            ``mask_interpolation``, as in :class:`CropObject`.
        channel_order: Of the pictures that the graphs expect, ``rgb`` or ``bgr``.
        normalisation: ``mean`` and ``std`` of the pictures in units of 0 to 255; None divides by
            255. The encoder applies it; here it is for information.
        threshold: Probability above which a pixel belongs to the mask.
        fuse_coarse: Add the coarse to the refined probability before the threshold.
        seed: Default seed of the decoding.
    """

    kind: str
    parts: dict[str, dict[str, Any]]
    config: str
    weights: dict[str, str] | None
    c2fseg: str
    dtype: str
    opset: int | None
    num_frames: int
    batch_size: int | None
    mask_size: list[int]
    num_tokens: int
    codebook_size: int
    decoding: dict[str, Any]
    crop: dict[str, Any]
    channel_order: str
    normalisation: dict[str, list[float]] | None
    threshold: float
    fuse_coarse: bool
    seed: int

    def to_json(self) -> str:
        """The text of the file."""
        content = {'format': FORMAT, 'version': VERSION, **asdict(self)}
        return json.dumps(content, indent=2) + '\n'


def read_manifest(folder: str | os.PathLike, kind: str) -> Manifest:
    """Read and check the model.json of a folder, and that the files beside it are its own.

    Args:
        folder: Folder that ``tools/model_converters/export_onnx.py`` wrote.
        kind: The kind that the caller can run.

    Returns:
        What it says.

    Raises:
        FileNotFoundError: The folder or one of its files is missing.
        ExportError: The file is not such a file, of another kind or version, or a part is not the
            one that was written with it.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist: expected a folder written by '
            'tools/model_converters/export_onnx.py'
        )
    content = _parse(path)
    if content['kind'] != kind:
        raise ExportError(
            f'{path} describes an export of the kind {content["kind"]!r}, expected {kind!r}: '
            f'export the model with --format {kind}'
        )
    manifest = Manifest(**content)
    for part in manifest.parts.values():
        file = path.parent / part['file']
        if not file.is_file():
            raise FileNotFoundError(f'{file} is missing beside {path}: export the model again')
        if hash_file(file) != part['sha256']:
            raise ExportError(
                f'{file} is not the file that was written with {path} (its SHA-256 differs): copy '
                'all files of the folder again, or export the model again'
            )
    return manifest


def _parse(path: Path) -> dict[str, Any]:
    """The fields of a manifest file, checked by name."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ExportError(f'{path} is no JSON file ({error}): export the model again') from error
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ExportError(
            f'{path} is no description of an exported model (it lacks "format": "{FORMAT}"): '
            'expected a folder written by tools/model_converters/export_onnx.py'
        )
    if content.get('version') != VERSION:
        raise ExportError(
            f'{path} has the version {content.get("version")!r}, this c2fseg reads version '
            f'{VERSION}: export the model again'
        )
    names = {field.name for field in fields(Manifest)}
    given = {key: value for key, value in content.items() if key not in ('format', 'version')}
    if set(given) != names:
        raise ExportError(
            f'{path} does not hold the keys of an exported model (missing: '
            f'{sorted(names - set(given))}, unknown: {sorted(set(given) - names)}): export the '
            'model again'
        )
    return given
