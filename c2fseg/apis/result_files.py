"""predictions.json and errors.json: the results of a call as files that other programs read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.apis.journal import (
    JournalError,
    JournalFile,
    find_journals,
    iterate_lines,
    read_journal,
)
from c2fseg.structures import decode_mask
from c2fseg.visualization.video_writers import EntryWriter

PREDICTIONS = 'predictions.json'
ERRORS = 'errors.json'
# Names shown in a message.
SHOWN = 5


def plain(value: Any) -> Any:
    """What JSON can hold of a result: arrays are left out.

    Args:
        value: A result or a part of one.

    Returns:
        Dicts, lists, texts and numbers.
    """
    if isinstance(value, Mapping):
        return {
            str(key): plain(one) for key, one in value.items() if not isinstance(one, np.ndarray)
        }
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def restore(entry: dict[str, Any], return_arrays: bool) -> dict[str, Any]:
    """Bring the result of a picture back from its JSON form.

    Args:
        entry: From :func:`plain`; it is changed.
        return_arrays: Decode the masks.

    Returns:
        The result, without what only arrays held (``probability``).
    """
    if 'size' in entry:
        entry['size'] = tuple(entry['size'])
    if return_arrays:
        for item in entry['objects']:
            for one in (item, *item.get('hypotheses', ())):
                for name in [key for key in one if key.endswith('_rle')]:
                    mask = decode_mask(one[name], *entry['size']).astype(bool)
                    one[f'{name.removesuffix("_rle")}_mask'] = mask
    return entry


def prediction_entries(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of a picture's objects in a COCO result list.

    Args:
        line: ``stem`` and ``entry`` of a journal.

    Yields:
        ``segmentation`` is the completed mask. ``score`` is the confidence of what found the
        visible mask, where there is one, else ``mask_score``, the mean probability inside the
        completed mask.
    """
    stem, entry = line['stem'], line['entry']
    for place, item in enumerate(entry['objects']):
        if 'error' in item:
            continue
        found = {
            'image_id': item.get('image_id', int(stem) if stem.isdecimal() else stem),
            'category_id': item.get('category_id'),
            'segmentation': item['amodal_rle'],
            'score': item.get('visible_score', item['score']),
            'mask_score': item['score'],
            'visible_segmentation': item['visible_rle'],
            'box': item['box'],
            'occlusion_rate': item['occlusion_rate'],
            'file_name': entry['image'],
            'object': place,
        }
        found.update({key: item[key] for key in ('annotation_id', 'category') if key in item})
        if 'hypotheses' in item:
            found['uncertainty'] = item['uncertainty']
            found['hypotheses'] = [
                {'segmentation': one['amodal_rle'], 'score': one['score']}
                for one in item['hypotheses']
            ]
        yield found


def error_entries(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What could not be used of a picture.

    Args:
        line: ``entry`` of a journal.

    Yields:
        ``image``, ``object`` (its number; None for the whole picture) and ``error``.
    """
    entry = line['entry']
    if 'error' in entry:
        yield {'image': entry['image'], 'object': None, 'error': entry['error']}
    for place, item in enumerate(entry['objects']):
        if 'error' in item:
            yield {'image': entry['image'], 'object': place, 'error': item['error']}


def merge_results(folder: str | os.PathLike) -> dict[str, int]:
    """Write predictions.json and errors.json from the journals of all processes.

    Args:
        folder: The ``out_dir`` of the call.

    Returns:
        Numbers of ``pictures``, ``objects`` and ``errors``.

    Raises:
        FileNotFoundError: There is no journal.
        JournalError: Journals are of different calls, or a picture is missing or there twice.
    """
    folder = Path(folder).expanduser()
    paths = find_journals(folder)
    if not paths:
        raise FileNotFoundError(
            f'{folder} holds no journal of a call (.progress*.jsonl): give the folder that was '
            'written with --out-dir'
        )
    read = [read_journal(path) for path in paths]
    journals = [journal for journal in read if journal is not None]
    _check_calls(journals)
    _check_complete(journals, paths)
    counts = {'pictures': 0, 'objects': 0, 'errors': 0}
    with ExitStack() as stack:
        predictions = stack.enter_context(EntryWriter(folder / PREDICTIONS))
        errors = stack.enter_context(EntryWriter(folder / ERRORS))
        for line in iterate_lines(journals):
            counts['pictures'] += 1
            for found in prediction_entries(line):
                predictions.write(found)
            for found in error_entries(line):
                errors.write(found)
        counts['objects'], counts['errors'] = predictions.count, errors.count
    return counts


def _check_calls(journals: Sequence[JournalFile]) -> None:
    """Refuse journals of different calls."""
    for journal in journals[1:]:
        first = journals[0]
        if (journal.settings, journal.total) != (first.settings, first.total):
            raise JournalError(
                f'{first.path} and {journal.path} are of calls with different inputs or options: '
                'delete those of the call that does not count'
            )


def _check_complete(journals: Sequence[JournalFile], paths: Sequence[Path]) -> None:
    """Refuse journals that lack pictures or hold some twice."""
    if not journals:
        raise JournalError(f'{paths[0]} holds nothing yet: wait for its process, or resume it')
    seen: dict[int, Path] = {}
    twice, tried = {}, set()
    for journal in journals:
        for position, _, completed in journal.lines:
            tried.add(position)
            if completed and position in seen:
                twice[position] = (seen[position], journal.path)
            if completed:
                seen[position] = journal.path
    total = journals[0].total
    missing = [position for position in range(total) if position not in tried]
    if missing:
        names = ', '.join(_name(journals, position) for position in missing[:SHOWN])
        raise JournalError(
            f'{len(missing)} of {total} pictures are missing: {names}'
            f'{", ..." if len(missing) > SHOWN else ""}; run the command again with --resume'
        )
    if twice:
        names = ', '.join(_name(journals, position) for position in [*twice][:SHOWN])
        files = ' and '.join(sorted({str(path) for pair in twice.values() for path in pair}))
        raise JournalError(
            f'{len(twice)} pictures are there twice: {names}'
            f'{", ..." if len(twice) > SHOWN else ""}, in {files}; delete one of the journals and '
            'run the command again with --resume'
        )


def _name(journals: Sequence[JournalFile], position: int) -> str:
    """A picture in words."""
    for journal in journals:
        name = journal.name(position)
        if name is not None:
            return name
    count = journals[0].shard[1]
    return f'picture {position} (process {position % count} of {count}, which left no journal)'
