"""Annotations as their file has them, for what records of data sets do not keep."""

from __future__ import annotations

import os
from typing import Any

import c2fseg.datasets  # noqa: F401 - registers the data sets
from c2fseg.datasets.flavours import dataset_type_of
from c2fseg.registry import DATASETS


def read_annotations(ann_file: str | os.PathLike) -> dict[Any, dict[str, Any]]:
    """Reads the annotations of images by the ids that records have.

    Args:
        ann_file: Any annotation file of images that the data sets read.

    Returns:
        dict: The annotations by id; regions of COCOA are annotations of their own.

    Raises:
        FileNotFoundError: There is no such file.
        KeyError, TypeError, ValueError: The file is wrong.
    """
    path = str(ann_file)
    kind = dataset_type_of(path)
    dataset = DATASETS.build(dict(type=kind, ann_file=path, test_mode=True, lazy_init=True))
    return {entry['id']: entry for entry in dataset.read_content()['annotations']}
