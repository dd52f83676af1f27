"""Writes docs/model_zoo.md: every config with its data, numbers, weights, commands and cost.

    python tools/analysis_tools/make_model_zoo.py
    python tools/analysis_tools/make_model_zoo.py --check

What a config trains and tests on is read from the config, the paper's numbers from
``c2fseg/reproduction/published.py``. Measured numbers, and what estimates are made of, stand in
``docs/model_zoo.json``. With --check nothing is written; the exit status is 1 if the page is not
what would be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from c2fseg.reproduction.published import TABLES
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import UserError, one_sentence_errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'model_zoo.md'
NUMBERS = ROOT / 'docs' / 'model_zoo.json'
OFFICIAL = 'official'
ABLATIONS = 'ablations'
DETECTORS = 'detectors'
LITE = 'lite'
NONE = '-'
NOT_RUN = 'not run here'
# Width of the mask tokenizer that tells the published architecture from the light one.
PUBLISHED_CHANNELS = 128
HEAD = (
    'Every config in [configs](../configs). This page is written by '
    '`python tools/analysis_tools/make_model_zoo.py` from the configs and '
    '[model_zoo.json](model_zoo.json).',
    '',
    '- **Published**: mIoU full / occluded in percent, post-processed, of the paper (C2F-Seg, ICCV '
    '2023, supplementary material, Tables 2 and 3), which ran the reference implementation; for '
    'weights that were run again by a user, where that was said. Protocols: '
    '[protocols.md](protocols.md); the published weights: '
    '[published_weights.md](published_weights.md).',
    '- **Protocol**: "V gt" says that the visible masks are given, "V pred" that they are '
    'predicted (by which detector: behind the colon).',
    f'- **Ours**: measured with this library; the command stands above the linked table. '
    f'"{NOT_RUN}" is what it says: nothing is claimed about how such a config scores.',
    '- **Weights**: what ships in [weights](../weights). Those of the configs under `official` are '
    "converted from the authors' files.",
    '- **Training**: iterations x samples of an iteration. Times with a link were measured, on two '
    'CPU cores. *Estimate* marks arithmetic: no training of the published size was run, on a CPU '
    'or on a GPU.',
)


def config_files() -> list[Path]:
    """All recipes, without the parts that they are made of."""
    paths = sorted((ROOT / 'configs').rglob('*.py'))
    return [path for path in paths if '_base_' not in path.parts]


def name_of(path: Path) -> str:
    """Path of a config below configs/, without its ending."""
    return path.relative_to(ROOT / 'configs').with_suffix('').as_posix()


def data_roots(node: Any) -> Iterator[str]:
    """Yields the folders that a description of a data set reads, once each."""
    seen: set[str] = set()
    nodes = [node]
    while nodes:
        item = nodes.pop(0)
        if not isinstance(item, dict):
            continue
        root = item.get('data_root')
        if root and root not in seen:
            seen.add(root)
            yield root
        nodes += [item.get('dataset'), *(item.get('datasets') or ())]


def data_of(config: Config, numbers: dict[str, Any]) -> str:
    """What a config trains on and is tested on."""
    named = {}
    for split in ('train', 'test'):
        roots = data_roots((config.get(f'{split}_dataloader') or {}).get('dataset'))
        # A folder of no known name stands for itself.
        named[split] = list(dict.fromkeys(numbers['data'].get(root, root) for root in roots))
    if not named['train'] or named['train'] == named['test']:
        return ' + '.join(named['test'])
    return f'{" + ".join(named["train"])}; tested on {" + ".join(named["test"])}'


def protocol_of(config: Config) -> str:
    """Protocols of a test, and where its visible masks come from."""
    evaluators = config.test_evaluator
    evaluators = [evaluators] if isinstance(evaluators, dict) else evaluators
    found = []
    for item in evaluators:
        names = item.get('protocols') or [item.get('protocol')]
        if item.type in ('AmodalIoU', 'VideoAmodalIoU'):
            source = item.get('visible_source', 'gt')
            found += [f'{name}, V {source}' for name in names if name]
        else:
            found.append(item.type)
    return '; '.join(found)


def kind_of(config: Config) -> tuple[str, int] | None:
    """Which architecture a config trains, and the frames of a sample; None without training."""
    model = config.model
    if config.get('train_dataloader') is None:
        return None
    tokenizer = model.get('tokenizer') or model.get('autoencoder')
    if tokenizer is None:  # detectors, prompts
        return 'visible masks', 1
    size = 'published' if tokenizer.base_channels == PUBLISHED_CHANNELS else 'light'
    if model.type == 'MaskVQGAN':
        return f'{size} masks', 1
    if model.transformer.block.type != 'SpatioTemporalBlock':
        return f'{size} images', 1
    clips = [s for s in config.train_dataloader.dataset.pipeline if s.type == 'SampleClip']
    return f'{size} frames', clips[0].num_frames


def length_of(config: Config) -> tuple[int, int]:
    """Iterations of a training, and samples of an iteration."""
    return config.train_cfg.max_iters, config.train_dataloader.batch_size


def training_of(name: str, config: Config, numbers: dict[str, Any]) -> str:
    """Length and cost of a training."""
    kind = kind_of(config)
    if kind is None:
        return 'nothing to train'
    what, frames = kind
    iterations, batch = length_of(config)
    measured = numbers['trained_in_minutes'].get(name)
    unit = ' clips' if frames > 1 else ''
    processes = (measured or {}).get('processes', 1)
    parts = [f'{iterations:,} x {batch}{unit}' + f' x {processes} processes' * (processes > 1)]
    samples = iterations * batch
    if measured:
        parts.append(f'[{measured["minutes"]} min](benchmarks.md#{measured["section"]})')
    elif what in numbers['seconds_per_sample'] and not name.startswith(LITE):  # sizes of its own
        step = numbers['seconds_per_sample'][what]
        time = duration(step['seconds'] * samples)
        parts.append(f'*estimate*, two cores: {samples:,} x {step["seconds"]} s = {time}')
    if what in numbers['gflop_per_sample']:
        gflop = numbers['gflop_per_sample'][what]['gflop'] * frames
        tflops = numbers['gpu']['tflops']
        time = duration(gflop * samples / (tflops * 1000))
        parts.append(
            f'*estimate*, one GPU: {samples:,} x {gflop:,} GFLOP / {tflops} TFLOP/s = {time}'
        )
    elif not measured and len(parts) == 1:
        parts.append('not measured')
    return '; '.join(parts)


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, length in (('days', 86400), ('h', 3600), ('min', 60)):
        if seconds >= 2 * length:
            return f'{seconds / length:.0f} {unit}'
    return f'{seconds:.0f} s'


def published_of(dataset: str, variant: str) -> str:
    """The paper's scores of a variant of its model, empty where it has none."""
    for table in ('2', '3'):
        for row in TABLES[table].variants:
            score = row.published.get(dataset)
            if row.config == variant and score is not None:
                return f'{score.full:.{score.digits}f} / {score.occluded:.{score.digits}f}'
    return ''


def bare(stem: str) -> str:
    """The name of a config without what says how it is trained or tested."""
    for ending in ('_official', '_intersection', '_lists'):
        stem = stem.removesuffix(ending)
    return stem


def score_columns(name: str, numbers: dict[str, Any]) -> tuple[str, str]:
    """The published score of a config, and ours."""
    stem = name.rsplit('/', maxsplit=1)[-1]
    dataset = bare(stem).removeprefix('c2f_')
    # The paper's numbers are those of the published architecture.
    is_published = stem.startswith('c2f_') and not name.startswith(LITE)
    paper = published_of(dataset, 'full') if is_published else ''
    published = '; '.join(filter(None, [paper, numbers['published'].get(stem)]))
    ours = numbers['ours'].get(name)
    if ours is None:
        return published or NONE, NOT_RUN
    score = f'{ours["score"]} ({ours["what"]}; [table](benchmarks.md#{ours["section"]}))'
    return published or NONE, score


def weights_file(name: str) -> Path:
    """Where the weights of a config are if they ship; those of detectors lie beside the others."""
    return ROOT / 'weights' / f'{name.removeprefix(f"{DETECTORS}/")}.pth'


def weights_of(name: str) -> str:
    """The weights that ship for a config, with their size."""
    path = weights_file(name)
    if path.is_file():
        return f'[{path.name}](../weights/{path.name}), {path.stat().st_size / 1e6:.1f} MB'
    return 'converted' if name.startswith(OFFICIAL) else NONE


def commands_of(name: str, config: Config, numbers: dict[str, Any]) -> tuple[str, str]:
    """The commands that train and test a config."""
    file = f'configs/{name}.py'
    train, weights = NONE, numbers['test_weights'].get(name, '')
    if kind_of(config) is not None:
        train = f'`python tools/train.py {file}`'
        work_dir = config.get('work_dir') or f'work_dirs/{Path(name).name}'
        weights = f'{work_dir}/iter_{config.train_cfg.max_iters}.pth'
    if weights_file(name).is_file():
        weights = f'weights/{weights_file(name).name}'
    if name.startswith(OFFICIAL):
        weights = f'work_dirs/published/{bare(Path(name).name)}.pth'
    return train, f'`python tools/test.py {" ".join(filter(None, [file, weights]))}`'


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ['---'] * len(heads), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def section(title: str, names: list[str], numbers: dict[str, Any]) -> str:
    """A heading with a table of configs and one of their commands."""
    rows, commands = [], []
    for name in names:
        config = Config.fromfile(ROOT / 'configs' / f'{name}.py')
        link = f'[{name}](../configs/{name}.py)'
        published, ours = score_columns(name, numbers)
        cells = [data_of(config, numbers), protocol_of(config), published, ours, weights_of(name)]
        rows.append([link, *cells, training_of(name, config, numbers)])
        commands.append([name, *commands_of(name, config, numbers)])
    heads = ['config', 'data', 'protocol', 'published', 'ours', 'weights', 'training']
    both = table(heads, rows), table(['config', 'train', 'test'], commands)
    return f'## {title}\n\n' + '\n\n'.join(both)


def family_section(families: dict[str, list[str]], numbers: dict[str, Any]) -> str:
    """The families of ablations, a row each."""
    rows = []
    for folder, names in families.items():
        config = Config.fromfile(ROOT / 'configs' / f'{names[0]}.py')
        links, published = [], []
        for name in names:
            stem = Path(name).name
            links.append(f'[{stem}](../configs/{name}.py)')
            score = published_of(Path(folder).name, stem)
            published += [f'{stem} {score}'] if score else []
        ours = score_columns(folder, numbers)[1]
        command = f'`python tools/analysis_tools/run_ablations.py configs/{folder}/*.py`'
        cells = [data_of(config, numbers), protocol_of(config)]
        rows.append([folder, ', '.join(links), *cells, ', '.join(published) or NONE, ours, command])
    heads = ['family', 'configs', 'data', 'protocol', 'published', 'ours', 'train and test']
    intro = (
        'Each differs from its `full.py` in one thing, so a full training of one costs what that '
        'of the recipe does; `run_ablations.py` trains all of a family for `--max-iters` '
        'iterations (default 150). No weights ship. The tables of the paper as a whole: '
        '[reproduce_tables.py](../tools/analysis_tools/reproduce_tables.py).'
    )
    return f'## Ablations\n\n{fold(intro)}\n\n{table(heads, rows)}'


def estimate_section(numbers: dict[str, Any]) -> str:
    """What the estimates are made of."""
    lines = ['## What the estimates are made of', '']
    for what, entry in numbers['seconds_per_sample'].items():
        how = f'; {entry["how"]}' if 'how' in entry else ''
        lines.append(
            f'- **{what}, two CPU cores**: {entry["seconds"]} s a sample, '
            f'[measured](benchmarks.md#{entry["section"]}){how}. A training is taken to be that '
            'times the samples.'
        )
    for what, entry in numbers['gflop_per_sample'].items():
        lines.append(f'- **{what}**: {entry["gflop"]:,} GFLOP a sample or frame: {entry["how"]}.')
    gpu = numbers['gpu']
    lines.append(
        f'- **one GPU**: {gpu["tflops"]} TFLOP/s sustained: {gpu["how"]}. The batch is that of one '
        'process; several GPUs see more samples in the same time, not the same number sooner. '
        'Loading the data is not in it.'
    )
    return '\n'.join([*lines[:2], *(fold(line, '  ') for line in lines[2:])])


def fold(text: str, indent: str = '', width: int = 118) -> str:
    """Breaks a text into lines."""
    lines = ['']
    for word in text.split():
        if len(lines[-1]) + 1 + len(word) > width:
            lines.append(indent + word)
        else:
            lines[-1] = f'{lines[-1]} {word}' if lines[-1] else word
    return '\n'.join(lines)


def make_page(numbers: dict[str, Any]) -> str:
    """The whole page.

    Args:
        numbers: The content of ``docs/model_zoo.json``.

    Raises:
        UserError: The numbers name a config or a family that is not there.
    """
    names = [name_of(path) for path in config_files()]
    families: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(ABLATIONS):
            families.setdefault(str(Path(name).parent.as_posix()), []).append(name)
    check_names(numbers, {*names, *families, *(Path(name).name for name in names)})
    rest = [name for name in names if not name.startswith(ABLATIONS)]
    detectors = [name for name in rest if name.startswith(DETECTORS)]
    own = [name for name in rest if not name.startswith((OFFICIAL, DETECTORS, LITE))]
    trained = ('c2f_', 'vqgan_', 'prompt_')
    groups = {
        'Amodal models': [name for name in own if name.startswith('c2f_')],
        'Mask tokenizers (stage 1)': [name for name in own if name.startswith('vqgan_')],
        'The light architecture': [name for name in rest if name.startswith(LITE)],
        'Visible masks from clicks and boxes': [n for n in own if n.startswith('prompt_')],
        'Visible masks from detectors': detectors,
        'The published model as released': [name for name in rest if name.startswith(OFFICIAL)],
        'No training': [name for name in own if not name.startswith(trained)],
    }
    parts = [section(title, group, numbers) for title, group in groups.items() if group]
    parts += [family_section(families, numbers), estimate_section(numbers)]
    head = '\n'.join(['# Model zoo', '', *(fold(line, '  ' * (line[:1] == '-')) for line in HEAD)])
    return '\n\n'.join([head, *parts]) + '\n'


def check_names(numbers: dict[str, Any], known: set[str]) -> None:
    """Checks that numbers belong to configs that exist.

    Raises:
        UserError: One does not.
    """
    for key in ('published', 'ours', 'test_weights', 'trained_in_minutes'):
        unknown = sorted(set(numbers[key]) - known)
        if unknown:
            raise UserError(f'{NUMBERS}: "{key}" names {unknown}, but configs/ has no such config.')


def main(arguments: list[str] | None = None) -> None:
    """Writes or checks the page as the command line says."""
    parser = argparse.ArgumentParser(description='Write docs/model_zoo.md.')
    parser.add_argument('--check', action='store_true', help='only tell whether it is up to date')
    args = parser.parse_args(arguments)
    with one_sentence_errors():
        page = make_page(json.loads(NUMBERS.read_text(encoding='utf-8')))
        if not args.check:
            write_whole(PAGE, page.encode())
            print(f'{PAGE} written: {len(config_files())} configs')
        elif not PAGE.is_file() or PAGE.read_text(encoding='utf-8') != page:
            sys.exit('docs/model_zoo.md is not up to date: run make_model_zoo.py without --check')


if __name__ == '__main__':
    main()
