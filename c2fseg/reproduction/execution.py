"""Runs a plan: trains what has no weights, tests everything, keeps every result on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from c2fseg.reproduction.families import protocol_of
from c2fseg.reproduction.plan import Evaluation, Plan
from c2fseg.reproduction.published import TRIVIAL
from c2fseg.reproduction.runs import (
    plain_options,
    read_result,
    shorten,
    test,
    train,
    write_result,
)
from c2fseg.utils.hashing import hash_file

_hash_once = cache(hash_file)  # several tests share the weights of one training


@dataclass(frozen=True)
class Result:
    """What a test gave.

    Attributes:
        evaluation: The test.
        how: ``'trained'``, ``'evaluated'`` or ``'no weights'``.
        weights: The checkpoint that was tested, as a path; empty without weights.
        training: How it was trained here: ``max_iters``, ``of`` (iterations of the config) and
            ``batch_size``; empty otherwise.
        details: What belongs to the numbers: ``protocol``, ``split``, ``visible_source``,
            ``decoding``, ``crop``.
        metrics: All metrics.
    """

    evaluation: Evaluation
    how: str
    weights: str
    training: dict[str, int]
    details: dict[str, str]
    metrics: dict[str, float]


class Trained(NamedTuple):
    """A model that was trained here.

    Attributes:
        checkpoint: Its last checkpoint.
        training: As in :class:`Result`.
    """

    checkpoint: Path
    training: dict[str, int]


def run_plan(
    plan: Plan,
    say: Callable[[str], None],
    finished: Callable[[Mapping[Evaluation, Result]], None],
) -> dict[Evaluation, Result]:
    """Runs what has no result yet.

    Args:
        plan: The plan; its files were checked.
        say: Is told what is done next.
        finished: Is given all results so far after every test.

    Returns:
        The results of all tests.

    Raises:
        UserError: A stored result belongs to another call.
        CheckpointError: Weights cannot be loaded.
    """
    results: dict[Evaluation, Result] = {}
    trained: dict[str, Trained] = {}
    runs = plan.evaluations()
    for number, run in enumerate(runs, start=1):
        steps = '' if run.num_steps is None else f', K = {run.num_steps}, seed {run.seed}'
        title = f'[{number}/{len(runs)}] {run.model}{steps}'

        def say_which(what: str, title: str = title) -> None:
            say(f'{title}: {what}')

        if run.config not in TRIVIAL and run.model not in plan.checkpoints | trained:
            trained[run.model] = _train(plan, run, say_which)
        results[run] = _run(plan, run, trained.get(run.model), say_which)
        finished(results)
    return results


def _run(
    plan: Plan, run: Evaluation, trained: Trained | None, say: Callable[[str], None]
) -> Result:
    """Tests one model, unless its result is there."""
    checkpoint = trained.checkpoint if trained else plan.checkpoints.get(run.model)
    how = 'no weights' if checkpoint is None else 'trained' if trained else 'evaluated'
    config = _load(plan, run)
    expected = {
        **_settings(plan, run),
        'split': str(config.test_dataloader.dataset.ann_file),
        'num_steps': run.num_steps,
        'seed': run.seed,
        'weights': None if checkpoint is None else _hash_once(checkpoint.resolve()),
    }
    stored = read_result(plan.result_file(run), expected)
    details = _details(config, run)
    if stored is None:
        say('testing')
        metrics = test(config, run.stem.replace('/', '_'), checkpoint)
        stored = {**expected, 'metrics': metrics}
        write_result(plan.result_file(run), stored)
    else:
        say(f'found in {plan.result_file(run)}')
    weights = '' if checkpoint is None else str(checkpoint)
    training = trained.training if trained else {}
    return Result(run, how, weights, training, details, stored['metrics'])


def _train(plan: Plan, run: Evaluation, say: Callable[[str], None]) -> Trained:
    """Trains the model of a test, unless that was done."""
    config = _load(plan, run)
    schedule = config.train_cfg.max_iters
    length = plan.settings.max_iters or schedule
    if length != schedule:
        shorten(config, length)
    batch_size = config.train_dataloader.batch_size
    say(f'training until iteration {length}, {batch_size} samples each')
    settings = {**_settings(plan, run), 'max_iters': length}
    checkpoint = train(config, run.model.replace('/', '_'), settings)
    return Trained(checkpoint, {'max_iters': length, 'of': schedule, 'batch_size': batch_size})


def _load(plan: Plan, run: Evaluation) -> Config:
    options = dict(plan.settings.options)
    if run.num_steps is not None:
        options['model.decoder.num_steps'] = run.num_steps
        options['model.test_cfg.seed'] = run.seed
    return plan.families[run.family].load(run.config, options, plan.work_dir(run.model))


def _settings(plan: Plan, run: Evaluation) -> dict[str, Any]:
    """What trainings and tests of a model have in common."""
    return {
        'config': run.model,
        'data_root': str(plan.families[run.family].data_root.resolve()),
        'options': plain_options(plan.settings.options),
    }


def _details(config: Config, run: Evaluation) -> dict[str, str]:
    """What a number has to carry: protocol, split, source of the visible masks, decoding, crops."""
    evaluator = config.test_evaluator
    dataset = config.test_dataloader.dataset
    crops = [step for step in dataset.pipeline if step['type'] == 'CropObject']
    decoding = 'none'
    if run.num_steps is not None:
        decoder = config.model.decoder
        drawn = 'greedy' if decoder.get('greedy') else f'top {decoder.get("top_k")}'
        decoding = f'{drawn}, temperature {decoder.get("temperature")}'
    return {
        'protocol': protocol_of(config),
        'split': str(dataset.ann_file),
        'visible_source': evaluator.get('visible_source', 'gt'),
        'decoding': decoding,
        'crop': _crop(crops[0]) if crops else 'none',
    }


def _crop(step: Mapping[str, Any]) -> str:
    """Which box the window is laid around, and how far it is enlarged."""
    source = step.get('box_from', 'visible')
    box = "the detector's box" if source == 'record' else f'box of the {source} mask'
    return f'{box} x {step["enlarge"]}'
