"""Checkpoint files: read without running code they may carry, written whole, found again."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from c2fseg.utils.atomic_backend import write_whole

_ZIP_MAGIC = b'PK\x03\x04'
LAST_CHECKPOINT = 'last_checkpoint'


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used. The message is one sentence for the person who named it."""


class DamagedCheckpointError(CheckpointError):
    """The file was a checkpoint once, but it is cut short or its bytes have changed."""


class RefusedCheckpointError(CheckpointError):
    """The file may be a checkpoint, but loading it would run code, or make foreign objects."""


def load_checkpoint_safely(
    path: str | Path, map_location: str | torch.device | Callable = 'cpu'
) -> dict[str, Any]:
    """Loads a checkpoint file under torch's safe default: data is read, code is not run.

    Args:
        path: A local file.
        map_location: Where the tensors go, as in ``torch.load``.

    Returns:
        The content, plain as it is in the file. A training of ours holds ``state_dict``, ``meta``,
        ``message_hub`` and, if it can be resumed, ``optimizer`` and ``param_schedulers``.

    Raises:
        DamagedCheckpointError: The file is cut short or was changed.
        CheckpointError: The file is missing, is no checkpoint, or carries code.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(
            f'Checkpoint {path} does not exist (expected a file written by tools/train.py): '
            'check the path, or train first.'
        )
    _check_bytes(path)
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, error) from error
    except (RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f'File {path} is not a checkpoint that torch can read '
            f'({_first_line(error)}): expected a file written by tools/train.py, give another one.'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f'Checkpoint {path} holds a {type(checkpoint).__name__}, expected a dict with the key '
            '"state_dict": give a file written by tools/train.py.'
        )
    return checkpoint


def load_trusted_checkpoint(path: str | Path) -> dict[str, Any]:
    """Loads a checkpoint with all that it holds; code that the file carries is run.

    Args:
        path: A local file that the caller has said to trust.

    Returns:
        The content, on the CPU.

    Raises:
        DamagedCheckpointError: The file is cut short or was changed.
        CheckpointError: The file is missing or is no checkpoint.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f'Checkpoint {path} does not exist: check the path.')
    _check_bytes(path)
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, ImportError) as error:
        raise CheckpointError(
            f'File {path} is not a checkpoint that torch can read here ({_first_line(error)}).'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'Checkpoint {path} holds a {type(checkpoint).__name__}, not a dict.')
    return checkpoint


def save_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Writes a checkpoint whole or not at all.

    Args:
        checkpoint: Tensors and plain values.
        path: The file to write.
    """
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_whole(path, buffer.getbuffer())


def find_resumable_checkpoint(work_dir: str | Path, pattern: str = '*.pth') -> Path | None:
    """Finds the newest complete checkpoint of a working directory.

    The one that ``last_checkpoint`` names comes first, then the others by the time they were
    written. A damaged file is passed over with a warning.

    Args:
        work_dir: The directory that a training wrote to.
        pattern: Which files count, as a glob pattern.

    Returns:
        The path, or None where there is no checkpoint at all.

    Raises:
        CheckpointError: There are checkpoints, but none can be loaded.
    """
    candidates = _candidates(Path(work_dir), pattern)
    for path in candidates:
        try:
            load_checkpoint_safely(path)
        except CheckpointError as error:
            warnings.warn(f'Passed over when resuming: {error}', stacklevel=2)
        else:
            return path
    if candidates:
        names = ', '.join(path.name for path in candidates)
        raise CheckpointError(
            f'No checkpoint in {work_dir} can be loaded (tried {names}): remove them to start '
            'from the beginning, or resume from a copy with --resume PATH.'
        )
    return None


def _candidates(work_dir: Path, pattern: str) -> list[Path]:
    found = sorted(work_dir.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    note = work_dir / LAST_CHECKPOINT
    if note.is_file():
        named = Path(note.read_text(errors='replace').strip())
        if not named.is_file():  # the directory may have been moved
            named = work_dir / named.name
        if named.is_file():
            found = [named] + [path for path in found if path.resolve() != named.resolve()]
    return found


def _check_bytes(path: Path) -> None:
    """Raises where the archive is incomplete or a checksum does not fit."""
    with path.open('rb') as file:
        start = file.read(len(_ZIP_MAGIC))
    if not start:
        raise DamagedCheckpointError(
            f'Checkpoint {path} is empty (0 bytes): take another checkpoint of the same training.'
        )
    if start != _ZIP_MAGIC:
        return
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DamagedCheckpointError(
            f'Checkpoint {path} is truncated ({path.stat().st_size} bytes, its end is missing): '
            'copy it again, or take an earlier checkpoint of the same training.'
        ) from error
    if broken is not None:
        raise DamagedCheckpointError(
            f'Checkpoint {path} is damaged (the checksum of its part {broken} does not fit): '
            'copy it again, or take an earlier checkpoint of the same training.'
        )


def _refusal(path: Path, error: pickle.UnpicklingError) -> CheckpointError:
    text = str(error)
    if 'nsupported' not in text and 'GLOBAL' not in text:
        return CheckpointError(
            f'File {path} is not a checkpoint ({_first_line(error)}): expected a file written by '
            'tools/train.py, give another one.'
        )
    names = _unsafe_names(path)
    return RefusedCheckpointError(
        f'Checkpoint {path} carries code or foreign objects{names} that loading would run, so it '
        'was refused: expected tensors and plain values only; if you trust where it comes from, '
        'save its "state_dict" alone with torch.save and load that file.'
    )


def _unsafe_names(path: Path) -> str:
    if not zipfile.is_zipfile(path):
        return ''
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return f' ({", ".join(sorted(names))})' if names else ''


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f'{type(error).__name__}: {lines[0] if lines else "no message"}'[:160]
