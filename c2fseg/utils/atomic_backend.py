"""Files that are written whole or not at all, and MMEngine's local file backend made so."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

TEMPORARY_SUFFIX = '.part'
BACKEND_NAME = 'c2fseg_atomic'


def write_whole(path: str | os.PathLike, content: bytes | memoryview, sync: bool = True) -> Path:
    """Writes a file, all of it or none.

    The bytes go to a file of this process beside the target, which then takes the target's name in
    one step. Whoever kills the process in between finds the former content, and a left-over whose
    name ends in ``TEMPORARY_SUFFIX``.

    Args:
        path: The target; its folder is made if need be.
        content: What is written.
        sync: Wait until the bytes are on the disk, so that a power cut does no harm either.

    Returns:
        The target.

    Raises:
        IsADirectoryError, NotADirectoryError: The target is a folder, or lies below a file.
        OSError: The file cannot be written; the former content is still there.
    """
    path = Path(path)
    _refuse_folder(path)
    _make_folder(path)
    temporary = path.with_name(_temporary_name(path))
    try:
        with temporary.open('wb') as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)
    return path


def check_writable(*paths: str | os.PathLike | None) -> None:
    """Checks, ahead of long work, that :func:`write_whole` can write its results.

    Nothing is left behind, and no folder is made.

    Args:
        paths: The targets; None for one that was not asked for.

    Raises:
        IsADirectoryError, NotADirectoryError: A target is a folder, or lies below a file.
        OSError: A target cannot be written.
    """
    for path in (Path(path) for path in paths if path is not None):
        _refuse_folder(path)
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise _file_on_the_way(path, folder)
        probe = folder / _temporary_name(path)
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise OSError(
                f'{path} cannot be written: nothing can be made in {folder} ({error.strerror}); '
                'name another folder'
            ) from error


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder and cannot be written as a file; name a file')


def _temporary_name(path: Path) -> str:
    return f'{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}'


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise _file_on_the_way(path, error.filename) from error


def _file_on_the_way(path: Path, file: str | os.PathLike) -> NotADirectoryError:
    return NotADirectoryError(
        f'{path} cannot be written: {file} on its way is a file; name another folder'
    )


def _sync_folder(folder: Path) -> None:
    if os.name != 'posix':  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@register_backend(BACKEND_NAME, force=True)
class AtomicLocalBackend(LocalBackend):
    """MMEngine's local backend, except that a write cannot leave half a file behind."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Writes bytes to ``filepath``, all of them or none.

        Args:
            obj: The content.
            filepath: The target; its folder is made if need be.
        """
        write_whole(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Writes text to ``filepath``, all of it or none.

        Args:
            obj: The content.
            filepath: The target; its folder is made if need be.
            encoding: How the text is encoded.
        """
        write_whole(filepath, obj.encode(encoding))
