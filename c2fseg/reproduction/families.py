"""The families of configs under configs/ablations, and where their data lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from c2fseg.reproduction.published import DATASETS, TRIVIAL
from c2fseg.utils.launch import UserError, load_config

FULL = 'full'
OFFICIAL = 'official'
# The protocol of the paper that each metric has.
PROTOCOLS = {'AmodalIoU': 'c2f-image', 'VideoAmodalIoU': 'c2f-video'}


@dataclass(frozen=True)
class Family:
    """The configs of one data set: the full model, and others that lack one thing each.

    Attributes:
        name: Name of the folder, such as ``'kins'``.
        folder: The folder with its configs.
        data_root: The folder of the data set.
        test_of: The config whose test set predictors without weights are scored on.
    """

    name: str
    folder: Path
    data_root: Path
    test_of: str = FULL

    @property
    def title(self) -> str:
        """What tables call the data set."""
        return DATASETS.get(self.name, self.name)

    def has(self, config: str) -> bool:
        """Whether there is a config of this name, or a predictor that needs none."""
        return config in TRIVIAL or (self.folder / f'{config}.py').is_file()

    def load(self, config: str, options: Mapping[str, Any] | None, work_dir: Path) -> Config:
        """Reads a config of the family, with the data root in its place.

        Args:
            config: Its name, or a key of ``TRIVIAL``.
            options: Overrides, dotted keys to values; they count more than the data root.
            work_dir: Where the run writes.

        Returns:
            The config.

        Raises:
            UserError: There is no such config, or an override begins with an unknown key.
        """
        path = self.folder / f'{self.test_of if config in TRIVIAL else config}.py'
        roots = {
            f'{split}_dataloader.dataset.data_root': str(self.data_root)
            for split in ('train', 'val', 'test')
        }
        loaded = load_config(str(path), {**roots, **(options or {})}, str(work_dir))
        if config in TRIVIAL:
            _predict_trivially(loaded, config)
        return loaded


def protocol_of(config: Config) -> str:
    """The protocol that the paper's tables take from a config's test.

    Args:
        config: The config.

    Raises:
        UserError: Its test has not exactly one metric that knows a protocol of the paper.
    """
    evaluator = config.test_evaluator
    kind = str(evaluator.get('type')) if isinstance(evaluator, dict) else ''
    protocol = PROTOCOLS.get(kind.rsplit('.', maxsplit=1)[-1])
    if protocol is None:
        raise UserError(
            f'{config.filename}: expected one {" or ".join(PROTOCOLS)} as test_evaluator, got '
            f'{evaluator}: mend the config.'
        )
    return protocol


def _predict_trivially(config: Config, method: str) -> None:
    """Puts a predictor without weights in the place of the model."""
    config.model = dict(type='TrivialPredictor', method=method)
    config.custom_hooks = []  # those of a training average weights
    for step in config.test_dataloader.dataset.pipeline:
        if step['type'] == 'PackAmodalInputs':
            step['pack_full_visible'] = True


def find_families(configs: Path, data_root: Path, names: Sequence[str] | None) -> list[Family]:
    """Finds the data sets of a folder that there are configs for.

    Args:
        configs: The folder of families, ``configs/ablations``.
        data_root: A folder of data sets under the names that the configs have for them (such as
            ``KINS``), or a data set itself.
        names: The families that are asked for; ``None`` takes all whose data are there.

    Returns:
        Families, in the order of the paper, then by name; as asked for where ``names`` are given.

    Raises:
        UserError: An unknown family, a folder that does not exist, no data, or data that several
            families could mean.
    """
    known = sorted(path.parent.name for path in configs.glob(f'*/{FULL}.py'))
    known.sort(key=lambda name: list(DATASETS).index(name) if name in DATASETS else len(DATASETS))
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise UserError(f'--dataset {unknown[0]}: expected some of {", ".join(known)}.')
    if not data_root.is_dir():
        raise UserError(
            f'--data-root {data_root} is no folder: give the folder that holds the data sets '
            '(docs/datasets.md), or make the built-in one with "make shapes" and give data.'
        )
    asked = list(dict.fromkeys(names or known))
    expected = {name: _expected_files(configs / name) for name in asked}
    found = _find_data(data_root, expected, all_asked=bool(names))
    missing = [name for name in asked if name not in found]
    if missing and (names or not found):
        places = ', '.join(
            f'{expected[name][0]}/{" or ".join(expected[name][1])} ({name})' for name in missing
        )
        raise UserError(
            f'No data below --data-root {data_root.resolve()}: expected {places}; docs/datasets.md '
            'tells how to get them, "make shapes" makes the built-in ones.'
        )
    return [Family(name, configs / name, found[name]) for name in asked if name in found]


def _find_data(
    data_root: Path, expected: dict[str, tuple[str, list[str]]], all_asked: bool
) -> dict[str, Path]:
    """The folders of the data sets that are there.

    Args:
        data_root: A folder of data sets, or one of them.
        expected: Name of the folder and of the files of which one is in it, by data set.
        all_asked: Whether the user named the data sets.

    Raises:
        UserError: The folder itself could be the data of several.
    """
    found = {
        name: data_root / folder
        for name, (folder, files) in expected.items()
        if _holds(data_root / folder, files)
    }
    itself = [n for n in expected if n not in found and _holds(data_root, expected[n][1])]
    if all_asked or not itself:
        return {**found, **dict.fromkeys(itself, data_root)}
    if found:
        return found
    named = [name for name in itself if expected[name][0] == data_root.resolve().name]
    itself = named or itself
    if len(itself) > 1:
        raise UserError(
            f'--data-root {data_root} could be the data of {" or ".join(itself)}: say which with '
            '--dataset.'
        )
    return {itself[0]: data_root}


def _holds(folder: Path, files: Sequence[str]) -> bool:
    return any((folder / file).is_file() for file in files)


@cache
def _expected_files(folder: Path) -> tuple[str, list[str]]:
    """Name of the data set's folder, and of the annotation files that its tests may read."""
    configs = [folder / f'{name}.py' for name in (FULL, OFFICIAL)]
    datasets = [Config.fromfile(path).test_dataloader.dataset for path in configs if path.is_file()]
    files = dict.fromkeys(str(dataset.ann_file) for dataset in datasets)
    return Path(datasets[0].data_root).name, list(files)
