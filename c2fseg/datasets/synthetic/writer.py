"""Writes the built-in data set "occluded shapes": pictures, and annotations as KINS 2020 has them.

Layout under the output folder::

    annotations/shapes_{train,val,test,test_unseen}.json
    {train,val,test,test_unseen}/000000.png ...

Every image has a random generator of its own, seeded by (seed, split, index): the same seed gives
the same bytes whatever the number of workers, and no two splits share a scene. The families
reserved for ``test_unseen`` appear there and nowhere else; that split holds nothing else.
"""

from __future__ import annotations

import json
import multiprocessing
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from c2fseg.datasets.synthetic.annotations import annotate_scene, category_list
from c2fseg.datasets.synthetic.families import FAMILIES
from c2fseg.datasets.synthetic.scene import make_scene
from c2fseg.utils.atomic_backend import write_whole

SPLIT_IDS = {'train': 0, 'val': 1, 'test': 2, 'test_unseen': 3}
SAMPLES_ID = 4
DEFAULT_COUNTS = {'train': 6000, 'val': 300, 'test': 600, 'test_unseen': 200}
PNG_LEVEL = 4
WELL_OCCLUDED = (0.25, 0.7)
MAX_SAMPLE_OBJECTS = 5


def split_families(split: str) -> list[str]:
    """The names of the silhouette families that a split draws from."""
    wanted = split == 'test_unseen'
    return [name for name, item in FAMILIES.items() if item.reserved == wanted]


def generate_shapes(
    out: str | os.PathLike[str],
    counts: Mapping[str, int] | None = None,
    seed: int = 0,
    workers: int = 2,
    progress: bool = True,
) -> dict[str, Path]:
    """Writes the data set, or some splits of it.

    Pictures and annotation files are written whole or not at all. A split's annotation file is
    taken away first and written last, so one that exists belongs to complete pictures.

    Args:
        out: The output folder; made where it is missing.
        counts: Images for each split; splits left out or with 0 are not touched. Default:
            6000 train, 300 val, 600 test, 200 test_unseen.
        seed: A whole number of at least 0.
        workers: Processes to use; 1 works in this process.
        progress: Whether to draw a progress bar.

    Returns:
        The annotation file of each split that was written.

    Raises:
        ValueError: An unknown split, a negative or wholly absent count, a bad seed or number of
            workers.
        NotADirectoryError: ``out`` is a file.
    """
    counts = dict(DEFAULT_COUNTS if counts is None else counts)
    check_arguments(out, counts, seed, workers)
    written = {}
    with ordered_map(workers) as run:
        for split, count in counts.items():
            if count == 0:
                continue
            folder = Path(out) / split
            target = Path(out) / 'annotations' / f'shapes_{split}.json'
            folder.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            work = partial(write_image, str(folder), seed, SPLIT_IDS[split], split_families(split))
            results = run(work, range(count))
            bar = tqdm(results, f'shapes {split}', count, unit='image', disable=not progress)
            _write_annotations(target, bar)
            written[split] = target
    return written


def generate_samples(
    out: str | os.PathLike[str], count: int = 6, seed: int = 4, min_occluded: int = 2
) -> Path:
    """Writes a few sample pictures into one folder, with ``annotations.json`` beside them.

    Passed over are scenes with fewer than ``min_occluded`` objects that are 25-70 % hidden, and
    those with more than five objects, so that a person can follow what is behind what.

    Args:
        out: The output folder; made where it is missing.
        count: Pictures wanted, at least 1.
        seed: A whole number of at least 0.
        min_occluded: Well occluded objects wanted in each picture, at most 3.

    Returns:
        The annotation file.

    Raises:
        ValueError: ``count``, ``seed`` or ``min_occluded`` out of range.
        NotADirectoryError: ``out`` is a file.
    """
    check_arguments(out, {'train': count}, seed, 1)
    if not is_whole(min_occluded) or not 0 <= min_occluded <= 3:
        raise ValueError(f'min_occluded must be a whole number from 0 to 3, got {min_occluded!r}')
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    families = split_families('train')

    def samples() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        index = taken = 0
        while taken < count:
            scene = make_scene(np.random.default_rng([seed, SAMPLES_ID, index]), families)
            low, high = WELL_OCCLUDED
            occluded = sum(low <= item.hidden_share <= high for item in scene.objects)
            if occluded >= min_occluded and len(scene.objects) <= MAX_SAMPLE_OBJECTS:
                yield write_image(str(folder), seed, SAMPLES_ID, families, index, taken)
                taken += 1
            index += 1

    target = folder / 'annotations.json'
    target.unlink(missing_ok=True)
    _write_annotations(target, samples())
    return target


def write_image(
    folder: str,
    seed: int,
    split_id: int,
    families: list[str],
    index: int,
    number: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Makes scene ``index`` of a split and writes its picture.

    Args:
        folder: Where the picture goes.
        seed: The data set's seed.
        split_id: The split's number in the random seed.
        families: Silhouette families to draw from.
        index: The scene's number in the random seed.
        number: The picture's number in its file name; None takes ``index``.

    Returns:
        The image's entry, and its annotations without ``id`` and ``image_id``.
    """
    scene = make_scene(np.random.default_rng([seed, split_id, index]), families)
    file_name = f'{index if number is None else number:06d}.png'
    options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    done, png = cv2.imencode('.png', scene.image[..., ::-1], options)
    assert done, 'a uint8 (H, W, 3) picture can always be encoded'
    write_whole(Path(folder) / file_name, png.tobytes(), sync=False)
    height, width = scene.image.shape[:2]
    image = {'file_name': file_name, 'width': width, 'height': height}
    return image, annotate_scene(scene)


@contextmanager
def ordered_map(workers: int, chunk: int = 8) -> Iterator[Callable[..., Iterator[Any]]]:
    """Lends a ``map`` that keeps the order of its results, over worker processes or over none."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context('spawn')
    with context.Pool(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield partial(pool.imap, chunksize=chunk)


def _write_annotations(
    target: Path, results: Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> None:
    """Numbers images and annotations, and writes the file."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (image, objects) in enumerate(results, start=1):
        images.append({'id': image_id, **image})
        for item in objects:
            annotations.append({'id': len(annotations) + 1, 'image_id': image_id, **item})
    content = {'images': images, 'annotations': annotations, 'categories': category_list()}
    text = json.dumps(content, sort_keys=True, separators=(',', ':'))
    write_whole(target, f'{text}\n'.encode())


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, True and False excluded."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_arguments(
    out: str | os.PathLike[str],
    counts: Mapping[str, int],
    seed: int,
    workers: int,
    splits: Iterable[str] = tuple(SPLIT_IDS),
    unit: str = 'images',
) -> None:
    """Refuses what no data set can be made from; see :func:`generate_shapes`."""
    for split, count in counts.items():
        if split not in splits:
            raise ValueError(f'unknown split {split!r}; the splits are {", ".join(splits)}')
        if not is_whole(count) or count < 0:
            raise ValueError(
                f'the number of {split} {unit} must be a whole number of at least 0, got {count!r}'
            )
    if not any(counts.values()):
        raise ValueError(f'no {unit} wanted: give at least one split a number above 0')
    if not is_whole(seed) or seed < 0:
        raise ValueError(f'seed must be a whole number of at least 0, got {seed!r}')
    if not is_whole(workers) or workers < 1:
        raise ValueError(f'workers must be a whole number of at least 1, got {workers!r}')
    if Path(out).exists() and not Path(out).is_dir():
        raise NotADirectoryError(f'the output folder {out} is a file; name a folder')
