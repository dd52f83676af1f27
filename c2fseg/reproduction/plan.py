"""What has to be run for which cells of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from c2fseg.reproduction.families import FULL, OFFICIAL, Family, protocol_of
from c2fseg.reproduction.published import TRIVIAL, PaperTable, Variant
from c2fseg.utils.launch import UserError, check_files


@dataclass(frozen=True)
class Evaluation:
    """One test of one model.

    Attributes:
        family: Name of the family.
        config: Name of the config, or a key of ``TRIVIAL``.
        num_steps: Decoding steps K; ``None`` for predictors without weights.
        seed: Seed of the decoding; ``None`` likewise.
    """

    family: str
    config: str
    num_steps: int | None
    seed: int | None

    @property
    def model(self) -> str:
        """``'<family>/<config>'``."""
        return f'{self.family}/{self.config}'

    @property
    def stem(self) -> str:
        """What its result file is called."""
        steps = '' if self.num_steps is None else f'_k{self.num_steps}_seed{self.seed}'
        return f'{self.model}{steps}'


@dataclass(frozen=True)
class RunSettings:
    """What all runs of a call share.

    Attributes:
        work_dir: Where results, logs and checkpoints go.
        max_iters: Iterations of every training; ``None`` takes those of the config.
        options: Overrides of every config, dotted keys to values.
        seeds: Seeds of the decoding; each is a test of its own.
    """

    work_dir: Path
    max_iters: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Plan:
    """All runs of a call.

    Attributes:
        families: The data sets, by name.
        tables: The tables.
        checkpoints: Weights by ``'<family>/<config>'``: such models are only evaluated.
        settings: What the runs share.
        cells: The tests behind each cell, one for each seed, by table, label of the variant and
            family.
        protocols: The protocol of each data set.
    """

    families: dict[str, Family]
    tables: tuple[PaperTable, ...]
    checkpoints: dict[str, Path]
    settings: RunSettings
    cells: dict[tuple[str, str, str], tuple[Evaluation, ...]]
    protocols: dict[str, str]

    def evaluations(self) -> list[Evaluation]:
        """All tests, each once, in the order of the tables."""
        return list(dict.fromkeys(run for runs in self.cells.values() for run in runs))

    def trainings(self) -> list[str]:
        """``'<family>/<config>'`` of the models that have to be trained."""
        models = {e.model: e for e in self.evaluations() if e.config not in TRIVIAL}
        return [model for model in models if model not in self.checkpoints]

    def work_dir(self, model: str) -> Path:
        """Where a model's logs and checkpoints go."""
        return self.settings.work_dir / model

    def describe(self) -> str:
        """What will be run, for people: trainings, then tests, a line each."""
        lines = [f'data: {f.title} in {f.data_root}' for f in self.families.values()]
        for model in self.trainings():
            family, config = model.split('/')
            options, folder = self.settings.options, self.work_dir(model)
            whole = self.families[family].load(config, options, folder).train_cfg.max_iters
            length = self.settings.max_iters or whole
            lines.append(f'train: {model}, {length} of {whole} iterations')
        for run in self.evaluations():
            steps = '' if run.num_steps is None else f', K = {run.num_steps}, seed {run.seed}'
            weights = self.checkpoints.get(run.model)
            what = f' of {weights}' if weights else ''
            there = ' (there already)' if self.result_file(run).is_file() else ''
            lines.append(f'test: {run.model}{steps}{what}{there}')
        return '\n'.join(lines)

    def result_file(self, run: Evaluation) -> Path:
        """Where the result of a test is kept."""
        return self.settings.work_dir / f'{run.stem}.json'

    def check(self) -> None:
        """Checks that the files of all runs are there, before the first one starts.

        Raises:
            UserError: A file is missing.
        """
        trained = self.trainings()
        for model in dict.fromkeys(run.model for run in self.evaluations()):
            family, config = model.split('/')
            loaded = self.families[family].load(config, self.settings.options, self.work_dir(model))
            if model in trained:
                check_files(loaded, 'train', 'val', 'test')
            else:
                check_files(loaded, 'test', pretrained=False)


def make_plan(
    families: Sequence[Family],
    tables: Sequence[PaperTable],
    checkpoints: Sequence[str],
    settings: RunSettings,
) -> Plan:
    """Finds out what has to be run.

    Args:
        families: The data sets.
        tables: The tables.
        checkpoints: ``NAME=FILE`` each: weights of a config that is only to be evaluated. NAME is
            ``<family>/<config>``, the config alone where one family has it, or the name of the
            recipe (``c2f_kins`` is ``kins/full``, ``c2f_kins_official`` is ``kins/official``).
        settings: What the runs share.

    Returns:
        The plan.

    Raises:
        UserError: A table that no data set has the configs for; a name that no run has; a file
            that is missing.
    """
    wanted = list(_wanted(families, tables))
    for table in tables:
        if not has_configs(table, families):
            variants = ', '.join(v.config for v in table.variants if v.config)
            raise UserError(
                f'Table {table.name} needs the configs {variants}; none of the data sets '
                f'{", ".join(family.name for family in families)} has them: give --dataset '
                'another one, or leave the table out with --tables.'
            )
    files = _read_checkpoints(checkpoints, families, [(f.name, v.config) for _, v, f in wanted])
    families = [
        replace(family, test_of=OFFICIAL) if f'{family.name}/{OFFICIAL}' in files else family
        for family in families
    ]
    loaded = _Loaded(settings)
    cells = {}
    for name, variant, family in _wanted(families, tables):
        assert variant.config is not None
        config = family.test_of if variant.config == FULL else variant.config
        if config in TRIVIAL:
            runs: tuple[Evaluation, ...] = (Evaluation(family.name, config, None, None),)
        else:
            k = variant.num_steps or loaded.get(family, config).model.decoder.num_steps
            runs = tuple(Evaluation(family.name, config, k, seed) for seed in settings.seeds)
        cells[name, variant.label, family.name] = runs
    protocols = {
        family.name: protocol_of(loaded.get(family, family.test_of)) for family in families
    }
    by_name = {family.name: family for family in families}
    return Plan(by_name, tuple(tables), files, settings, cells, protocols)


def has_configs(table: PaperTable, families: Sequence[Family]) -> bool:
    """Whether a data set has all configs that a table compares.

    Args:
        table: The table.
        families: The data sets.
    """
    return any(True for _ in _wanted(families, [table]))


def _wanted(
    families: Sequence[Family], tables: Sequence[PaperTable]
) -> Iterator[tuple[str, Variant, Family]]:
    """Yields the cells that can be run: a family has all configs of a table, or no cell in it."""
    for table in tables:
        variants = [variant for variant in table.variants if variant.config is not None]
        for family in families:
            if all(family.has(str(variant.config)) for variant in variants):
                yield from ((table.name, variant, family) for variant in variants)


class _Loaded:
    """Configs of families with the overrides of a call, each read once."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._known: dict[tuple[str, str], Config] = {}

    def get(self, family: Family, config: str) -> Config:
        key = family.name, config
        if key not in self._known:
            options, folder = self._settings.options, self._settings.work_dir
            self._known[key] = family.load(config, options, folder)
        return self._known[key]


def _read_checkpoints(
    pairs: Sequence[str], families: Sequence[Family], wanted: Sequence[tuple[str, str | None]]
) -> dict[str, Path]:
    models = [f'{family}/{config}' for family, config in wanted if config not in TRIVIAL]
    models += [
        f'{family.name}/{OFFICIAL}'
        for family in families
        if family.has(OFFICIAL) and f'{family.name}/{FULL}' in models
    ]
    models = list(dict.fromkeys(models))
    files: dict[str, Path] = {}
    for pair in pairs:
        name, equals, file = pair.partition('=')
        if not equals or not name or not file:
            raise UserError(f'--checkpoints {pair}: expected NAME=FILE, such as {models[0]}=FILE.')
        found = [model for model in models if name in _names(model)]
        if len(found) != 1:
            what = f'could be {" or ".join(found)}' if found else 'is no config of these tables'
            raise UserError(f'--checkpoints {name} {what}: expected one of {", ".join(models)}.')
        if found[0] in files:
            raise UserError(f'--checkpoints gives weights for {found[0]} twice: give them once.')
        if not Path(file).is_file():
            raise UserError(f'--checkpoints {name}: {Path(file).resolve()} does not exist.')
        files[found[0]] = Path(file)
    for family in families:
        both = [f'{family.name}/{config}' for config in (FULL, OFFICIAL)]
        if all(model in files for model in both):
            raise UserError(
                f'--checkpoints: {" and ".join(both)} fill the same row of the tables: give one.'
            )
    return files


def _names(model: str) -> tuple[str, ...]:
    """The names that a model goes by on the command line."""
    family, config = model.split('/')
    recipe = {FULL: f'c2f_{family}', OFFICIAL: f'c2f_{family}_official'}
    return model, config, recipe.get(config, model)
