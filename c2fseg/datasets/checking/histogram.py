"""How much of the objects is hidden, as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.utils.atomic_backend import write_whole

ROW_HEIGHT = 2.4
WIDTH = 8.0
FREE_COLOUR = '#9aa5b1'
HIDDEN_COLOUR = '#2f6f9f'
# The bar of unoccluded objects stands apart from those of shares, left of 0 %.
FREE_PLACE = -7.5


def draw_hidden_shares(summaries: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw a histogram of hidden shares for each split, one below the other.

    Args:
        summaries: What :func:`c2fseg.datasets.checking.summary.summarise` gives, at least one.
        path: PNG file to write.

    Returns:
        The file.
    """
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    number = len(summaries)
    figure = Figure(figsize=(WIDTH, 0.7 + ROW_HEIGHT * number), dpi=120, layout='constrained')
    axes = figure.subplots(number, 1, squeeze=False)[:, 0]
    for axis, summary in zip(axes, summaries):
        hidden = summary['hidden_share']
        edges = 100 * np.array(hidden['bin_edges'])
        bars = axis.bar(
            edges[:-1], hidden['counts'], np.diff(edges), align='edge', color=HIDDEN_COLOUR,
            edgecolor='white', linewidth=0.6,
        )  # fmt: skip
        free = axis.bar([FREE_PLACE], [hidden['unoccluded']], 5.0, color=FREE_COLOUR)
        for container in (free, bars):
            axis.bar_label(container, fmt=lambda n: f'{n:.0f}' if n else '', fontsize=6, padding=1)
        axis.set_xlim(-12, 101)
        axis.set_xticks([FREE_PLACE, *range(0, 101, 10)])
        axis.set_xticklabels(['none', *(f'{share} %' for share in range(0, 101, 10))])
        axis.margins(y=0.12)
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.set_ylabel('objects')
        objects = summary['objects']['with_usable_masks']
        axis.set_title(f'{summary["name"]}: {objects} objects', loc='left', fontsize=10)
        axis.spines[['top', 'right']].set_visible(False)
    axes[-1].set_xlabel('hidden share of the object, 1 - |V| / |A|')
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return write_whole(path, buffer.getvalue())
