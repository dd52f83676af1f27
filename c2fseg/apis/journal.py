"""The journal of a call: finished pictures, one a line, so that interrupted work can go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

FORMAT = 1
SINGLE = '.progress.jsonl'
PATTERN = re.compile(r'\.progress(?:-(\d+)-of-(\d+))?\.jsonl')


class JournalError(ValueError):
    """A journal does not fit the call, or journals do not fit each other."""


@dataclass
class JournalFile:
    """What is in the journal of one process.

    Attributes:
        path: The file.
        settings: What the results depend on, as short texts by name.
        total: Pictures of the call, over all processes.
        shard: Number of the process and count of processes; it takes every count-th picture.
        names: Names of the pictures of its share.
        lines: (number of the picture, offset in the file, whether it could be completed), in the
            order of the file.
        end: Bytes up to the end of the last whole line.
    """

    path: Path
    settings: dict[str, Any]
    total: int
    shard: tuple[int, int]
    names: list[str]
    lines: list[tuple[int, int, bool]] = field(default_factory=list)
    end: int = 0

    def name(self, position: int) -> str | None:
        """Name of a picture, None where it is in another share."""
        number, count = self.shard
        return self.names[position // count] if position % count == number else None


def journal_path(folder: Path, shard: tuple[int, int]) -> Path:
    """Path of the journal of a process.

    Args:
        folder: The folder of all outputs.
        shard: Number of the process and count of processes.
    """
    number, count = shard
    return folder / (SINGLE if count == 1 else f'.progress-{number}-of-{count}.jsonl')


def find_journals(folder: Path) -> list[Path]:
    """The journals in a folder, in the order of their processes."""
    found = [(PATTERN.fullmatch(path.name), path) for path in folder.glob('.progress*.jsonl')]
    numbered = [(int(match[2] or 1), int(match[1] or 0), path) for match, path in found if match]
    return [path for *_, path in sorted(numbered)]


def read_journal(path: Path) -> JournalFile | None:
    """Read which pictures a journal holds.

    A last line without an end was cut off by whoever ended the process; it does not count.

    Args:
        path: The file.

    Returns:
        The journal, None when not even its first line is whole.

    Raises:
        JournalError: The file is no journal, or a line in its middle is damaged.
    """
    journal = None
    with path.open('rb') as file:
        for number, line in enumerate(file):
            if not line.endswith(b'\n'):
                break
            try:
                content = json.loads(line)
                if journal is None:
                    if content['format'] != FORMAT:
                        raise ValueError(f'its format is {content["format"]}, expected {FORMAT}')
                    shard = (content['shard'][0], content['shard'][1])
                    journal = JournalFile(
                        path, content['settings'], content['total'], shard, content['names']
                    )
                else:
                    completed = 'error' not in content['entry']
                    journal.lines.append((content['position'], journal.end, completed))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise JournalError(
                    f'{path}, line {number + 1} cannot be read ({error}): delete the file to start '
                    'over'
                ) from error
            journal.end += len(line)
    return journal


def read_line(file: IO[bytes], offset: int) -> dict[str, Any]:
    """Read the line of a picture.

    Args:
        file: The journal, open.
        offset: Where the line begins.

    Returns:
        ``position``, ``stem`` and ``entry``.
    """
    file.seek(offset)
    return json.loads(file.readline())


def check_settings(journal: JournalFile, settings: Mapping[str, Any], total: int) -> None:
    """Refuse to go on with the work of another call.

    Args:
        journal: The journal of interrupted work.
        settings: Settings of the call that would go on.
        total: Its pictures.

    Raises:
        JournalError: They differ; the message says in what.
    """
    if journal.total != total:
        raise JournalError(
            f'{journal.path} was begun for {journal.total} pictures, this call has {total}: resume '
            'with the same inputs, or start over without it'
        )
    names = sorted({*journal.settings, *settings})
    differ = [name for name in names if journal.settings.get(name) != settings.get(name)]
    if differ:
        shown = ', '.join(
            f'{name} ({journal.settings.get(name)} then, {settings.get(name)} now)'
            for name in differ
        )
        raise JournalError(
            f'{journal.path} was begun with other options: {shown}; resume with the same ones, or '
            'start over without it'
        )


class Journal:
    """The journal that a call writes.

    Args:
        folder: The folder of all outputs.
        shard: Number of the process and count of processes.
        settings: What the results depend on, as short texts by name.
        names: Names of all pictures of the call.
        resume: Go on with the journals in the folder, those of other processes too.

    Raises:
        JournalError: A journal to go on with is of another call, or cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        shard: tuple[int, int],
        settings: Mapping[str, Any],
        names: Sequence[str],
        resume: bool = False,
    ) -> None:
        self.path = journal_path(folder, shard)
        self.done: dict[int, tuple[Path, int]] = {}
        own = None
        for path in find_journals(folder):
            journal = read_journal(path) if resume else None
            if journal is None:
                # Those of as many processes are being begun by these.
                if path == self.path or _count(path) != shard[1]:
                    path.unlink()
                continue
            check_settings(journal, settings, len(names))
            for position, offset, completed in journal.lines:
                if completed:
                    self.done[position] = (path, offset)
            own = journal if path == self.path else own
        if own is None:
            number, count = shard
            header = {
                'format': FORMAT,
                'settings': dict(settings),
                'total': len(names),
                'shard': [number, count],
                'names': list(names[number::count]),
            }
            self._file = self.path.open('wb')
            self._append(header)
        else:
            self._file = self.path.open('r+b')
            self._file.truncate(own.end)
            self._file.seek(own.end)

    def write(self, position: int, stem: str, entry: Mapping[str, Any]) -> None:
        """Add a finished picture.

        Args:
            position: Its number.
            stem: File name of its outputs, without suffix.
            entry: Its result, of what JSON can hold.
        """
        self._append({'position': position, 'stem': stem, 'entry': entry})

    def read(self, position: int) -> dict[str, Any]:
        """The result of a picture that was finished before.

        Args:
            position: Its number, one of ``done``.
        """
        path, offset = self.done[position]
        with path.open('rb') as file:
            return read_line(file, offset)['entry']

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content, allow_nan=False).encode() + b'\n')
        self._file.flush()


def _count(path: Path) -> int:
    match = PATTERN.fullmatch(path.name)
    assert match is not None, path
    return int(match[2] or 1)


def iterate_lines(journals: Sequence[JournalFile]) -> Iterator[dict[str, Any]]:
    """Read the lines of all pictures, by ascending number.

    Args:
        journals: The journals of all processes.

    Yields:
        ``position``, ``stem`` and ``entry``; of a picture that was tried again the last one.
    """
    places: dict[int, tuple[int, int]] = {}
    failed: dict[int, tuple[int, int]] = {}
    for number, journal in enumerate(journals):
        for position, offset, completed in journal.lines:
            (places if completed else failed)[position] = (number, offset)
    places = {**failed, **places}
    files = [journal.path.open('rb') for journal in journals]
    try:
        for position in sorted(places):
            number, offset = places[position]
            yield read_line(files[number], offset)
    finally:
        for file in files:
            file.close()
