"""A picture of the best, the median and the worst objects of a prediction file."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from c2fseg.datasets.image_io import check_size, read_rgb
from c2fseg.evaluation.scoring.clip_scores import ClipScores
from c2fseg.evaluation.scoring.joining import Joined
from c2fseg.evaluation.scoring.object_scores import ProtocolScores, Scoring
from c2fseg.evaluation.scoring.tables import own_values
from c2fseg.evaluation.scoring.truth import Truth
from c2fseg.visualization.layout import BACKGROUND, framed, join, write_text
from c2fseg.visualization.panels import PanelObject, draw_legend, draw_object_row

GREY = 150
HIDDEN_AT_LEAST = 0.05
HEADING_HEIGHT = 30
GROUPS = ('best', 'median', 'worst')


class Shown(NamedTuple):
    """An object on the sheet.

    Attributes:
        place: Its place among the objects.
        value: What it was chosen by.
    """

    place: int
    value: float


def choose_objects(
    joined: Joined, scoring: Scoring, number: int
) -> tuple[dict[str, list[Shown]], str]:
    """Chooses objects by the first number of the first protocol, those with a prediction.

    Objects that are hidden by 5 % or more go before the others, of which there are enough that
    are easy: all of the sheet is made of them where they are enough for it.

    Args:
        joined: Objects and predictions.
        scoring: Their scores.
        number: Objects in each group.

    Returns:
        tuple: ``'best'``, ``'median'``, ``'worst'`` -> objects, none twice; and what it is of.
    """
    scores = scoring.protocols[0]
    values = own_values(scores, scoring)[:, 0]
    places = scoring.scored
    usable = ~np.isnan(values) & np.array([bool(joined.objects[p]) for p in places.tolist()], bool)
    hidden = usable & (scoring.hidden[places] >= HIDDEN_AT_LEAST)
    column = scores.columns[0]
    what = f'{scores.protocol}, {column.form} {column.title}'
    if np.count_nonzero(hidden) >= 3 * number:
        usable = hidden
        what += f', objects hidden by {100 * HIDDEN_AT_LEAST:g} % or more'
    order = np.flatnonzero(usable)
    order = order[np.argsort(-values[order], kind='stable')].tolist()
    ranked = [Shown(int(places[n]), float(values[n])) for n in order]
    size = max(1, min(number, len(ranked) // 3)) if ranked else 0
    best, worst = ranked[:size], ranked[size:][-size:]
    rest = ranked[size : len(ranked) - len(worst)]
    start = max(0, (len(rest) - size) // 2)
    return dict(zip(GROUPS, (best, rest[start : start + size], worst[::-1]))), what


def draw_sheet(
    truth: Truth, joined: Joined, scoring: Scoring, number: int, pictures: bool
) -> NDArray[np.uint8]:
    """Draws the sheet: a row for each object, picture, visible, predicted and true whole.

    Args:
        truth: The true objects.
        joined: Their predictions.
        scoring: Their scores.
        number: Objects in each group.
        pictures: Draw on the pictures of the data set; else on grey.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError, OSError: A picture is missing or damaged.
        ValueError: There is no object with a prediction and a value; a picture has another size
            than the annotation file says.
    """
    groups, what = choose_objects(joined, scoring, number)
    if not any(groups.values()):
        raise ValueError('There is no object with a prediction to draw.')
    parts, width = [], 0
    for name, shown in groups.items():
        rows = [_draw(truth, joined, scoring, one, pictures) for one in shown]
        width = max([width, *(row.shape[1] for row in rows)])
        parts.append((f'{name} ({what})', rows))
    pieces: list[NDArray[np.uint8]] = []
    for title, rows in parts:
        pieces += [_heading(title, width), *rows] if rows else []
    pieces.append(draw_legend(width))
    return framed(join(pieces, axis=0))


def _heading(text: str, width: int) -> NDArray[np.uint8]:
    strip = np.full((HEADING_HEIGHT, width, 3), BACKGROUND, np.uint8)
    write_text(strip, text, (2, HEADING_HEIGHT - 9), width - 4, scale=0.6)
    return strip


def _draw(
    truth: Truth, joined: Joined, scoring: Scoring, shown: Shown, pictures: bool
) -> NDArray[np.uint8]:
    item = truth.objects[shown.place]
    number = _typical_frame(scoring.protocols[0], shown) if truth.clips else None
    record, frame, masks = _masks(truth, joined, shown.place, number)
    where = '' if number is None else f' f{number}'
    title = f'{100 * shown.value:.1f}  {item.category} {item.annotation_id}{where}'
    image = np.full((record['height'], record['width'], 3), GREY, np.uint8)
    if pictures:
        path = record['img_paths'][frame]
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f'The picture {path} does not exist: give its folder with --img-prefix, or leave '
                'that out to draw on grey.'
            )
        image = read_rgb(path)
        check_size(path, image, record['height'], record['width'])
    panel = PanelObject(masks['visible'], masks['prediction'], truth=masks['amodal'], title=title)
    return draw_object_row(image, panel)


def _masks(
    truth: Truth, joined: Joined, place: int, number: int | None
) -> tuple[dict, int, dict[str, NDArray[np.bool_]]]:
    """Returns the record of an object, the place of the frame that is shown, its masks there."""
    prediction = joined.objects[place].get(number)
    frame = 0
    if number is None:
        record = truth.record(place)
        amodal, visible = truth.coded_masks(place)
        masks = {'amodal': coco_mask.decode(amodal) > 0, 'visible': coco_mask.decode(visible) > 0}
    else:
        record, clips = truth.clip_masks(place)
        frame = record['frame_indices'].tolist().index(number)
        masks = {name: clips[name][frame] for name in ('amodal', 'visible')}
    masks['prediction'] = np.zeros_like(masks['amodal'])
    if prediction is not None:
        masks['prediction'] = coco_mask.decode(prediction.amodal) > 0
    return record, frame, masks


def _typical_frame(scores: ProtocolScores, shown: Shown) -> int:
    """Returns the frame of an object whose IoU is nearest to the number it was chosen by."""
    assert isinstance(scores, ClipScores), 'clips have frames'
    found = scores.frames[shown.place]
    assert found is not None, 'only scored objects are chosen'
    frames = found[scores.columns[0].method, scores.columns[0].form]
    away = np.where(frames.counts_full, np.abs(frames.full - shown.value), np.inf)
    return scores.numbers[shown.place][1][int(away.argmin())]
