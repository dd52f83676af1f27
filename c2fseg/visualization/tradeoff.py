"""Draws quality against cost: a line for each model, a mark for each number of decoding steps."""

from __future__ import annotations

import io
import itertools
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from c2fseg.utils.atomic_backend import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito, 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKS = ('o', 's', '^', 'D', 'v', 'P', 'X')
MEASURES = {'full': 'mIoU of the whole object [%]', 'occ': 'mIoU of the hidden part [%]'}
COSTS = {'gflop': 'GFLOP an object', 'ms': 'milliseconds an object'}
OBJECTS = {'hidden': 'objects 5-95 % hidden', 'all': 'all objects'}
# Smallest distance of the names of two lines, in shares of the height of a panel.
NAME_DISTANCE = 0.06

Point = Mapping[str, Any]


def cost_of(point: Point, cost: str) -> float:
    """Returns a point's cost: GFLOP, or the median of the milliseconds that were measured."""
    return point['gflop'] if cost == 'gflop' else statistics.median(point['ms'])


def lines_of(
    points: Sequence[Point], cost: str, measure: str, objects: str
) -> dict[str, list[tuple[float, float, int]]]:
    """Sort points into lines.

    Args:
        points: As :func:`draw_tradeoff` takes them.
        cost: Key of ``COSTS``.
        measure: Key of ``MEASURES``.
        objects: Key of ``OBJECTS``.

    Returns:
        For each model (cost, mIoU in percent, steps) by growing steps.
    """
    lines: dict[str, list[tuple[float, float, int]]] = {}
    for point in sorted(points, key=lambda point: point['steps']):
        place = cost_of(point, cost), 100 * point['quality'][objects][measure], point['steps']
        lines.setdefault(point['model'], []).append(place)
    return {name: lines[name] for name in dict.fromkeys(point['model'] for point in points)}


def move_apart(places: Sequence[float], distance: float) -> list[float]:
    """Move places apart, as little as it takes going up from the lowest.

    Args:
        places: Any order.
        distance: The least that two neighbours are apart afterwards.

    Returns:
        The new places, in the order given; their mean stays.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + distance)
    shift = (sum(moved) - sum(places)) / len(places) if places else 0.0
    return [place - shift for place in moved]


def draw_tradeoff(points: Sequence[Point], out: Path, objects: str = 'hidden') -> None:
    """Draw quality against cost, both costs and both measures, into a file.

    Args:
        points: Each with ``model`` (name), ``steps``, ``gflop`` and ``ms`` (a list of measurements)
            of an object, ``quality``: 'hidden' and 'all' to 'full' and 'occ', in [0, 1], and
            ``objects``: 'hidden' and 'all' to how many objects the means are over.
        out: Picture to write (.png, .pdf, .svg).
        objects: Over which objects the means are: 'hidden' (5-95 %) or 'all'.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no points, or more models than colours.
    """
    names = list(dict.fromkeys(point['model'] for point in points))
    if not 0 < len(names) <= len(COLOURS):
        raise ValueError(f'One to {len(COLOURS)} models can be drawn, got {len(names)}')
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('The picture needs matplotlib: `pip install matplotlib`') from error
    figure = Figure(figsize=(11, 8), layout='constrained')
    panels = figure.subplots(2, 2, sharex='col', sharey='row')
    for row, measure in enumerate(MEASURES):
        for column, cost in enumerate(COSTS):
            axes = panels[row, column]
            _draw_lines(axes, lines_of(points, cost, measure, objects))
            if row == 1:
                axes.set_xlabel(f'{COSTS[cost]} (log scale)')
            if column == 0:
                axes.set_ylabel(MEASURES[measure])
    # Names need the limits of all panels, which share them.
    for row, measure in enumerate(MEASURES):
        for column, cost in enumerate(COSTS):
            _name_lines(panels[row, column], lines_of(points, cost, measure, objects))
    count = points[0]['objects'][objects]
    figure.suptitle(
        f'Quality against cost; numbers: decoding steps K; {OBJECTS[objects]} ({count:,})',
        fontsize=12,
    )
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130, format=out.suffix.lstrip('.') or 'png')
    write_whole(out, picture.getvalue())


def _draw_lines(axes: Axes, lines: Mapping[str, Sequence[tuple[float, float, int]]]) -> None:
    """Lines, marks and the number of steps at each mark."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for index, line in enumerate(lines.values()):
        costs, values, steps = zip(*line)
        colour = COLOURS[index]
        axes.plot(costs, values, color=colour, marker=MARKS[index], markersize=6, linewidth=1.6)
        for place, value, number in zip(costs, values, steps):
            axes.annotate(
                str(number), (place, value), xytext=(0, 7), textcoords='offset points',
                ha='center', fontsize=8, color=colour,
            )  # fmt: skip
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.1, y=0.12)
    axes.grid(alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)


def _name_lines(axes: Axes, lines: Mapping[str, Sequence[tuple[float, float, int]]]) -> None:
    """The name of each line at its right, moved apart where two lines end alike."""
    low, high = axes.get_ylim()
    ends = [line[-1] for line in lines.values()]
    heights = move_apart([(value - low) / (high - low) for _, value, _ in ends], NAME_DISTANCE)
    for index, (name, (place, value, _), height) in enumerate(zip(lines, ends, heights)):
        axes.annotate(
            name, (place, value), xytext=(1.02, height), textcoords='axes fraction',
            va='center', fontsize=9, color=COLOURS[index], annotation_clip=False,
            arrowprops=dict(arrowstyle='-', color=COLOURS[index], alpha=0.35, linewidth=0.8),
        )  # fmt: skip
