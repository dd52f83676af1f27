"""The small KINS fixture, as it is and as files that tests may spoil."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from c2fseg.datasets import KINSDataset

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'


@pytest.fixture
def kins_mini() -> Path:
    return KINS_MINI


@pytest.fixture
def build() -> Callable[..., KINSDataset]:
    """Build a data set on the fixture, or on another root."""

    def make(ann_file: str = 'kins_2020.json', root: Path = KINS_MINI, **kwargs) -> KINSDataset:
        return KINSDataset(
            ann_file=ann_file, data_root=str(root), data_prefix={'img': 'image_2'}, **kwargs
        )

    return make


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[..., Path]:
    """Copy the fixture and let a function change its annotations; gives the copy's folder."""

    def make(change: Callable[[dict], object], ann_file: str = 'kins_2020.json') -> Path:
        root = tmp_path / 'kins'
        shutil.copytree(KINS_MINI, root)
        content = json.loads((root / ann_file).read_text())
        changed = change(content)
        content = content if changed is None else changed
        (root / ann_file).write_text(json.dumps(content))
        return root

    return make


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """What is logged: MMEngine's logger does not pass it on to pytest's."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)
