"""What the page shows of a picture and its objects."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from c2fseg.visualization.order_graph import draw_order_graph
from c2fseg.web.canvas import draw_canvas, draw_thumbnail, object_color
from c2fseg.web.downloads import write_masks
from c2fseg.web.page_texts import table_rows
from c2fseg.web.workbench import Workbench

GRAPH_SIDE = 320


@dataclass
class View:
    """What the parts of the page show.

    Attributes:
        canvas: The drawn picture, RGB.
        rows: The table of objects.
        guesses: Thumbnails of the selected object's guesses, with their confidence.
        chosen: Position of the guess that is shown, None where there is no object.
        graph: Who hides whom, RGB; None where nobody hides anybody.
        download: The file to take home, None where there is no object.
    """

    canvas: np.ndarray
    rows: list[list[str]]
    guesses: list[tuple[np.ndarray, str]]
    chosen: int | None
    graph: np.ndarray | None
    download: Path | None


def make_view(bench: Workbench, opacity: float, parts: Collection[str], folder: Path) -> View:
    """Draw and write all that the page shows.

    Args:
        bench: The picture.
        opacity: Of the fills, 0 to 1.
        parts: What is drawn of each object.
        folder: Where the download is put, in a folder of its own whose name nobody can guess.
    """
    current, selected = bench.current, bench.selected
    guesses = []
    if current is not None and selected is not None:
        color = object_color(selected)
        guesses = [
            (draw_thumbnail(bench.image, current, place, color), f'{100 * score:.0f} %')
            for place, (_, score) in enumerate(current.wholes)
        ]
    occlusions, count = bench.occlusions(), len(bench.objects)
    graph = draw_order_graph(occlusions, count, GRAPH_SIDE) if occlusions else None
    download = None
    if bench.objects:
        own = folder / secrets.token_hex(16)
        own.mkdir()
        download = write_masks(own / f'{bench.name}_masks.zip', bench)
    chosen = current.chosen if current else None
    canvas = draw_canvas(bench, opacity, parts)
    return View(canvas, table_rows(bench), guesses, chosen, graph, download)
