"""The tables as Markdown, in the paper's layout, and as plain data."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from c2fseg.reproduction.execution import Result
from c2fseg.reproduction.plan import Evaluation, Plan
from c2fseg.reproduction.published import DATASETS, PaperTable, Published, Variant
from c2fseg.utils.launch import UserError

Results = Mapping[Evaluation, Result]
Pair = tuple[float, float]

FORMS = ('post', 'raw')
DASH = '–'
WIDTH = 110  # of lines of text, in characters
# What stands in a cell for how a score came about.
MARKS = {'trained': 'T', 'evaluated': 'E', 'no weights': 'N'}
PUBLISHED_PROTOCOLS = {
    'kins': 'c2f-image',
    'cocoa': 'c2f-image',
    'fishbowl': 'c2f-video',
    'movid_a': 'c2f-video',
}
LEGEND = (
    'Cells: full / occluded mIoU in percent. (T): trained here, (E): only evaluated, (N): nothing '
    'to train; ?: quoted, not read in its source for this data set; ±: standard deviation over '
    'seeds. Published numbers are post-processed, by the word of the author, so they stand beside '
    'our post-processed ones; raw ones have a table of their own. Numbers of different protocols '
    'or data sets are not comparable.'
)


def find_score(result: Mapping[str, Any], pattern: str, needed: bool = True) -> float:
    """One score of a run.

    Args:
        result: The metrics of the run.
        pattern: Of the key of the score, with * for anything.
        needed: Whether its absence is an error; NaN otherwise.

    Raises:
        KeyError: The metrics hold no such score, or several.
    """
    keys = [key for key in result if fnmatchcase(key, pattern)]
    if not keys and not needed:
        return math.nan
    if len(keys) != 1:
        raise KeyError(f'expected one score {pattern}, found {keys}')
    return result[keys[0]]


def scores(result: Result, stage: str, form: str) -> Pair | None:
    """Full and occluded mIoU of a test in percent, None where the protocol gives none.

    Args:
        result: The test.
        stage: ``'coarse'`` or ``'refined'``.
        form: ``'raw'`` or ``'post'``.

    Raises:
        UserError: The test was made under several protocols of one name, or under none.
    """
    start = f'{result.details["protocol"]}/*/{stage}/{form}'
    try:
        full, occluded = (
            100 * find_score(result.metrics, f'{start}/{name}', needed=False)
            for name in ('mIoU_full', 'mIoU_occ')
        )
    except KeyError as error:
        raise UserError(f'{result.evaluation.model}: {error.args[0]}.') from error
    return None if math.isnan(full) else (full, occluded)


def format_tables(plan: Plan, results: Results) -> str:
    """Writes the tables with what belongs to them.

    Args:
        plan: The plan.
        results: Those that there are; cells without one hold a dash.

    Returns:
        Markdown.
    """
    parts = []
    for table in plan.tables:
        parts.append(f'## {table.title}')
        for protocol, form, families in _blocks(plan, table):
            lines = _across(plan, table, families, form, results)
            if not table.across:
                lines = _down(plan, table, families, form, results)
            if lines:
                parts.append(f'{protocol}, {form}:\n\n' + '\n'.join(lines))
        parts.extend(textwrap.fill(text, WIDTH) for text in _warnings(plan, table, results))
    parts.append(textwrap.fill(LEGEND, WIDTH))
    parts.append('## Runs')
    models: dict[str, list[Result]] = {}
    for result in results.values():
        models.setdefault(result.evaluation.model, []).append(result)
    for found in models.values():
        parts += [textwrap.fill(_facts(found[0]), WIDTH, break_long_words=False)]
        parts += ['\n'.join(_scores_of_model(found))]
    return '\n\n'.join(parts) + '\n'


def _blocks(plan: Plan, table: PaperTable) -> Iterator[tuple[str, str, list[str]]]:
    """Yields (protocol, form, data sets): neither is mixed in one table."""
    given = [family for name, _, family in plan.cells if name == table.name]
    names = list(dict.fromkeys([*table.datasets, *given]))
    protocols = {**PUBLISHED_PROTOCOLS, **plan.protocols}
    for protocol in ('c2f-image', 'c2f-video'):
        chosen = [name for name in names if protocols[name] == protocol]
        for form in FORMS if chosen else ():
            yield protocol, form, chosen


def _across(
    plan: Plan, table: PaperTable, families: Sequence[str], form: str, results: Results
) -> list[str]:
    """A row for each data set, a column for each variant."""
    rows = []
    for family in families:
        title = DATASETS.get(family, family)
        if form == 'post':
            cells = [_published_cell(v.published.get(family)) for v in table.variants]
            rows.append([title, 'published', *cells])
        if family in plan.families:
            cells = [_our_cell(plan, table, v, family, form, results) for v in table.variants]
            rows.append([title, 'ours', *cells])
    heads = [f'{table.corner} = {variant.label}' for variant in table.variants]
    return _markdown(['data set', '', *heads], rows) if rows else []


def _down(
    plan: Plan, table: PaperTable, families: Sequence[str], form: str, results: Results
) -> list[str]:
    """A row for each variant and source, a column for each data set."""
    ran = {(label, family) for name, label, family in plan.cells if name == table.name}
    if form == 'raw':
        families = [f for f in families if any(family == f for _, family in ran)]
    rows = []
    for variant in table.variants:
        if form == 'post' and variant.published:
            cells = [_published_cell(variant.published.get(family)) for family in families]
            if any(cell != DASH for cell in cells):
                rows.append([variant.label, 'published', *cells])
        if any(label == variant.label for label, family in ran if family in families):
            cells = [_our_cell(plan, table, variant, f, form, results) for f in families]
            rows.append([variant.label, 'ours', *cells])
    heads = [table.corner, '', *(DATASETS.get(family, family) for family in families)]
    return _markdown(heads, rows) if families and rows else []


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns line up."""
    widths = [max(3, *(len(row[i]) for row in [heads, *rows])) for i in range(len(heads))]
    lines = [' | '.join(cell.ljust(w) for cell, w in zip(row, widths)) for row in [heads, *rows]]
    rule = ' | '.join('-' * width for width in widths)
    return [f'| {line} |' for line in [lines[0], rule, *lines[1:]]]


def _published_cell(score: Published | None) -> str:
    if score is None:
        return DASH
    full, occluded = (f'{value:.{score.digits}f}' for value in (score.full, score.occluded))
    return f'{full} / {occluded}{"" if score.sure else " ?"}'


def _our_cell(
    plan: Plan, table: PaperTable, variant: Variant, family: str, form: str, results: Results
) -> str:
    found = _found(plan, table, variant, family, results)
    pairs = [pair for pair in (scores(r, 'refined', form) for r in found) if pair is not None]
    if not pairs:
        return DASH
    full, occluded = (_mean_cell([pair[place] for pair in pairs]) for place in (0, 1))
    return f'{full} / {occluded} ({MARKS[found[0].how]})'


def _found(
    plan: Plan, table: PaperTable, variant: Variant, family: str, results: Results
) -> list[Result]:
    runs = plan.cells.get((table.name, variant.label, family), ())
    return [results[run] for run in runs if run in results]


def _mean_cell(values: Sequence[float]) -> str:
    if any(math.isnan(value) for value in values):
        return DASH  # nothing is hidden in this data set
    spread = f'±{statistics.stdev(values):.2f}' if len(values) > 1 else ''
    return f'{statistics.fmean(values):.2f}{spread}'


def _warnings(plan: Plan, table: PaperTable, results: Results) -> list[str]:
    """Sentences on what the scores of a table cannot show."""
    found = [
        (family, results[run])
        for (name, _, family), runs in plan.cells.items()
        for run in runs
        if name == table.name and run in results
    ]
    said = []
    short = {(r.training['max_iters'], r.training['of']) for _, r in found if r.training}
    for length, whole in sorted(pair for pair in short if pair[0] < pair[1]):
        said.append(
            f'Trained for {length} of {whole} iterations: such a run shows that the table can be '
            'made, not what the option does.'
        )
    for family in dict.fromkeys(family for family, _ in found):
        own = [result for name, result in found if name == family]
        said += [f'{DATASETS.get(family, family)}: {text}' for text in _mixtures(own)]
    return said


def _mixtures(results: Sequence[Result]) -> Iterator[str]:
    """Yields what keeps the rows of one data set from being compared."""
    if len({(r.details['split'], r.details['visible_source']) for r in results}) > 1:
        yield (
            'the rows were tested on different objects or visible masks, so they are not '
            'comparable.'
        )
    if len({r.how for r in results if r.how != 'no weights'}) > 1:
        yield (
            'some models were trained here and some come from elsewhere, so their difference is '
            'not the effect of the option alone.'
        )


def _facts(result: Result) -> str:
    """How the scores of a model came about, and all that they have to carry."""
    details = result.details
    if result.training:
        t = result.training
        how = f'trained here, {t["max_iters"]} of {t["of"]} iterations of {t["batch_size"]}'
    else:
        how = f'only evaluated, `{result.weights}`' if result.weights else 'nothing to train'
    numbers = [f'{name} {count:g}' for name, count in _counts(result).items()]
    return (
        f'`{result.evaluation.model}`: {how}; {details["protocol"]}, `{details["split"]}`, '
        f'{", ".join(numbers)}; visible masks {details["visible_source"]}; crops: '
        f'{details["crop"]}; decoding: {details["decoding"]}.'
    )


def _scores_of_model(found: Sequence[Result]) -> list[str]:
    """Coarse and refined scores of a model, raw and post, a line for each test."""
    columns = [
        (stage, form)
        for stage in ('coarse', 'refined')
        for form in ('raw', 'post')
        if scores(found[0], stage, form) is not None
    ]
    rows = []
    for result in found:
        run = result.evaluation
        cells = [DASH if value is None else str(value) for value in (run.num_steps, run.seed)]
        for column in columns:
            pair = scores(result, *column)
            cells.append(DASH if pair is None else f'{pair[0]:.2f} / {pair[1]:.2f}')
        rows.append(cells)
    heads = ['K', 'seed', *(f'{stage}, {form}' for stage, form in columns)]
    return _markdown(heads, rows)


def _counts(result: Result) -> dict[str, float]:
    """How many objects, tracks and frames were scored."""
    protocol = result.details['protocol']
    names = {
        'objects': f'{protocol}/*/objects',
        'occluded': f'{protocol}/*/occluded_objects',
        'tracks': f'{protocol}/*/tracks',
        'tracks with an occluded score': f'{protocol}/*/tracks_occ',
        'frames': 'frames/*/frames',
    }
    found = {name: find_score(result.metrics, key, needed=False) for name, key in names.items()}
    return {name: count for name, count in found.items() if not math.isnan(count)}


def tables_as_data(plan: Plan, results: Results) -> dict[str, Any]:
    """The tables and runs as plain data, ready for JSON.

    Args:
        plan: The plan.
        results: Those that there are.

    Returns:
        dict: ``tables``, a list with ``name``, ``title`` and ``cells`` (``row``, ``dataset``,
        ``published`` or ``None``, ``ours``: a list with one entry for each seed), and ``runs``
        with all metrics of every test.
    """
    tables = []
    for table in plan.tables:
        cells = []
        for variant in table.variants:
            for family in dict.fromkeys([*table.datasets, *plan.families]):
                found = _found(plan, table, variant, family, results)
                published = variant.published.get(family)
                if found or published is not None:
                    cells.append(_cell_as_data(variant, family, published, found))
        tables.append({'name': table.name, 'title': table.title, 'cells': cells})
    runs = [_run_as_data(result) for result in results.values()]
    return {'tables': tables, 'runs': runs}


def _cell_as_data(
    variant: Variant, family: str, published: Published | None, found: Sequence[Result]
) -> dict[str, Any]:
    theirs = None if published is None else {**vars(published), 'form': 'post'}
    ours = [
        {
            'model': result.evaluation.model,
            'num_steps': result.evaluation.num_steps,
            'seed': result.evaluation.seed,
            'how': result.how,
            **{form: _pair_as_data(scores(result, 'refined', form)) for form in FORMS},
        }
        for result in found
    ]
    return {'row': variant.label, 'dataset': family, 'published': theirs, 'ours': ours}


def _pair_as_data(pair: Pair | None) -> dict[str, float | None] | None:
    if pair is None:
        return None
    full, occluded = (None if math.isnan(value) else value for value in pair)
    return {'full': full, 'occluded': occluded}


def _run_as_data(result: Result) -> dict[str, Any]:
    metrics = {k: None if math.isnan(v) else v for k, v in result.metrics.items()}
    return {
        **vars(result.evaluation),
        'how': result.how,
        'weights': result.weights,
        'training': result.training,
        **result.details,
        'metrics': metrics,
    }
