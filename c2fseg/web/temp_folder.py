"""The one folder in which the page leaves files."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path


class TempFolder:
    """A folder of its own, whose old files are removed, and that goes when the page ends.

    As a context manager it also becomes the process' folder for temporary files, so that those of
    the web server lie in it too.

    Args:
        max_age: Seconds after which a file is removed.
        max_bytes: What the files may take together, see :meth:`full`.
        every: Seconds between two looks for old files.
    """

    def __init__(
        self, max_age: float = 900, max_bytes: int = 1_000_000_000, every: float = 60
    ) -> None:
        self.max_age = max_age
        self.max_bytes = max_bytes
        self.every = every
        self.path = Path(tempfile.mkdtemp(prefix='c2fseg_web_')).resolve()
        self._end = threading.Event()
        self._kept: set[Path] = set()
        self._before: str | None = None

    def __enter__(self) -> TempFolder:
        self._before, tempfile.tempdir = tempfile.tempdir, str(self.path)
        threading.Thread(target=self._sweep_often, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        tempfile.tempdir = self._before
        shutil.rmtree(self.path, ignore_errors=True)

    def files(self) -> list[Path]:
        """The files in it."""
        return [path for path in self.path.rglob('*') if path.is_file()]

    def full(self) -> bool:
        """Whether the files take as much as they may."""
        return sum(_size(path) for path in self.files()) >= self.max_bytes

    def contains(self, name: str) -> bool:
        """Whether a path leads into the folder, links resolved.

        Args:
            name: The path.
        """
        try:
            return Path(os.path.realpath(name)).is_relative_to(self.path)
        except (OSError, ValueError):  # too long, or with a null byte
            return False

    def keep_all(self) -> None:
        """Keep the files that are there now, however old they become."""
        self._kept = set(self.files())

    def sweep(self) -> int:
        """Remove old files; returns how many went."""
        limit = time.time() - self.max_age
        removed = 0
        for path in set(self.files()) - self._kept:
            try:
                # When it came here: the time of its content may be copied with it.
                if path.stat().st_ctime < limit:
                    path.unlink()
                    removed += 1
            except OSError:
                continue  # someone else removed it
        return removed

    def _sweep_often(self) -> None:
        while not self._end.wait(self.every):
            self.sweep()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
