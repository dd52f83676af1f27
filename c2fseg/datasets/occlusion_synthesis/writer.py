"""Synthesised occlusions on disk: pictures, and their annotations in the custom format.

Layout under the output folder::

    annotations.json
    images/<image id>_<annotation id>_<copy>.jpg

Every picture shows one object hidden, and has a seed of its own made of the data set's seed, the
number of the object and that of the copy: the same seed gives the same bytes whatever the number of
workers.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from c2fseg.registry import DATASETS, TRANSFORMS
from c2fseg.structures import encode_mask
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.bounded_map import bounded_map
from c2fseg.utils.hashing import hash_numbers

from ..conversion.coco_amodal_writer import CocoAmodalWriter
from ..sample_draw import SampleDraw

ANNOTATIONS = 'annotations.json'
IMAGES = 'images'
# cv2's option for the quality of each format.
FORMATS = {'jpg': cv2.IMWRITE_JPEG_QUALITY, 'png': cv2.IMWRITE_PNG_COMPRESSION}

_tools: dict[str, Any] = {}


class Written(NamedTuple):
    """One picture that was written.

    Attributes:
        file_name: Relative to the folder of pictures.
        record: The record of its object.
        amodal, visible: RLE.
    """

    file_name: str
    record: dict[str, Any]
    amodal: dict[str, Any]
    visible: dict[str, Any]


def write_occlusions(
    dataset: dict[str, Any],
    occlusion: dict[str, Any],
    out: str | os.PathLike[str],
    copies: int = 1,
    seed: int = 0,
    workers: int = 2,
    image_format: str = 'jpg',
    quality: int = 95,
    progress: bool = True,
) -> tuple[Path, str]:
    """Write every whole object of a data set, hidden ``copies`` times.

    Pictures and annotation file are written whole or not at all. Arguments that are wrong leave the
    folder as it is. The annotation file is taken away before the first picture and written last,
    so one that exists belongs to complete pictures.

    Args:
        dataset: Config of a data set of whole objects; its pipeline loads pictures and masks.
        occlusion: Config of :class:`SynthesizedOcclusion`.
        out: The output folder; made where it is missing.
        copies: Pictures of each object, at least 1.
        seed: A whole number of at least 0.
        workers: Processes to use; 1 works in this process.
        image_format: 'jpg' or 'png'.
        quality: Of JPEG files, 1 to 100; PNG files lose nothing.
        progress: Whether to draw a progress bar.

    Returns:
        The annotation file, and what it holds in one line.

    Raises:
        ValueError: An argument is out of range.
        NotADirectoryError: ``out`` is a file.
        FileNotFoundError, OSError, KeyError, TypeError: What the data set cannot read.
        concurrent.futures.process.BrokenProcessPool: A worker died.
    """
    _check(out, copies, seed, workers, image_format, quality)
    objects = DATASETS.build(dataset)
    TRANSFORMS.build(occlusion)  # what is wrong with it comes up before anything is touched
    folder = Path(out)
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    target = folder / ANNOTATIONS
    target.unlink(missing_ok=True)
    names = dict(zip(objects.metainfo['category_ids'], objects.metainfo['classes']))
    writer = CocoAmodalWriter(names)
    level = quality if image_format == 'jpg' else 4
    # The configs go to the workers, which read the annotation file once each.
    work = partial(_write_one, dataset, occlusion, str(folder / IMAGES), seed, image_format, level)
    tasks = [(index, copy) for index in range(len(objects)) for copy in range(copies)]
    done = bounded_map(work, tasks, workers)
    for item in tqdm(done, 'occlusions', len(tasks), unit='image', disable=not progress):
        image_id = writer.add_image(item.file_name, item.record['height'], item.record['width'])
        source = {
            'source_image_id': item.record['image_id'],
            'source_annotation_id': item.record['annotation_id'],
        }
        category = item.record['category_id']
        writer.add_object(image_id, category, item.amodal, item.visible, **source)
    return writer.write(target), writer.summary()


def _write_one(
    dataset: dict[str, Any],
    occlusion: dict[str, Any],
    folder: str,
    seed: int,
    image_format: str,
    level: int,
    task: tuple[int, int],
) -> Written:
    """Hide one object and write its picture."""
    if _tools.get('configs') != (dataset, occlusion):
        _tools.update(
            configs=(dataset, occlusion),
            objects=DATASETS.build(dataset),
            hide=TRANSFORMS.build(occlusion),
        )
    index, copy = task
    results = _tools['objects'][SampleDraw(index, hash_numbers(seed, index, copy))]
    results = _tools['hide'](results)
    stem = f'{results["image_id"]}_{results["annotation_id"]}_{copy}'
    name = f'{re.sub(r"[^A-Za-z0-9_-]", "-", stem)}.{image_format}'
    picture = np.ascontiguousarray(results['img'][0][..., ::-1])
    done, content = cv2.imencode(f'.{image_format}', picture, [FORMATS[image_format], level])
    assert done, 'a uint8 (H, W, 3) picture can always be encoded'
    write_whole(Path(folder) / name, content.tobytes(), sync=False)
    keys = ('height', 'width', 'image_id', 'annotation_id', 'category_id')
    masks = (encode_mask(results[key][0]) for key in ('gt_amodal_mask', 'gt_visible_mask'))
    return Written(name, {key: results[key] for key in keys}, *masks)


def _check(
    out: str | os.PathLike[str],
    copies: int,
    seed: int,
    workers: int,
    image_format: str,
    quality: int,
) -> None:
    for name, value, least in (('copies', copies, 1), ('seed', seed, 0), ('workers', workers, 1)):
        if value < least:
            raise ValueError(f'{name} is a whole number of at least {least}, got {value}')
    if image_format not in FORMATS:
        raise ValueError(f'image_format is one of {sorted(FORMATS)}, got {image_format!r}')
    if not 1 <= quality <= 100:
        raise ValueError(f'quality is 1 to 100, got {quality}')
    if Path(out).exists() and not Path(out).is_dir():
        raise NotADirectoryError(f'the output folder {out} is a file; name a folder')
