"""Work on a picture without gradio: the masks of the source and of the model are known."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from c2fseg.mask_sources import BaseMaskSource, Picture, VisibleObject
from c2fseg.structures import decode_mask, encode_mask
from c2fseg.visualization.drawing import PALETTE
from c2fseg.web.actions import Actions
from c2fseg.web.canvas import draw_canvas, zoom_of
from c2fseg.web.downloads import write_masks
from c2fseg.web.page_options import PageOptions
from c2fseg.web.page_texts import status_text, table_rows
from c2fseg.web.view import make_view
from c2fseg.web.workbench import MAX_OBJECTS, Completer, Workbench, WorkError

SIZE = (60, 80)


def block(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y1:y2, x1:x2] = True
    return mask


class FakeInferencer:
    """Sees an 8 x 8 object around a click or all of a box; its whole is twice as wide."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(test_cfg=SimpleNamespace(num_hypotheses=1))
        self.calls: list[dict[str, Any]] = []

    def __call__(self, image: np.ndarray, num_hypotheses: int, **given: Any) -> dict[str, Any]:
        self.calls.append({'num_hypotheses': num_hypotheses, **given})
        masks = [self._visible(one) for one in given.get('points', [])]
        if 'boxes' in given:
            masks = [block(*(int(value) for value in box)) for box in given['boxes']]
        masks = given.get('visible_masks') or [encode_mask(mask) for mask in masks]
        objects = [
            self._complete(decode_mask(m, *SIZE).astype(bool), num_hypotheses) for m in masks
        ]
        return {'predictions': [{'objects': objects}]}

    def _visible(self, clicks: np.ndarray) -> np.ndarray:
        x, y = (int(value) for value in clicks[0, :2])
        return block(max(0, x - 4), max(0, y - 4), x + 4, y + 4) if x < 70 else block(0, 0, 0, 0)

    def _complete(self, visible: np.ndarray, count: int) -> dict[str, Any]:
        if not visible.any():
            return {'error': 'its visible mask is empty'}
        wide = visible | np.roll(visible, int(visible.any(0).sum()), axis=1)
        result = {
            'visible_rle': encode_mask(visible),
            'amodal_rle': encode_mask(wide),
            'score': 0.9,
        }
        if count > 1:
            scores = (0.7, 0.3)
            result['uncertainty'] = 0.25
            result['hypotheses'] = [
                {'amodal_rle': encode_mask(mask), 'score': score}
                for mask, score in zip((wide, visible), scores)
            ]
        return result


class FakeDetector(BaseMaskSource):
    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        masks = (block(10, 10, 18, 20), block(18, 10, 30, 20))
        return [
            [
                VisibleObject(encode_mask(mask), score, {'category': f'<b>{score}</b>'})
                for mask, score in zip(masks, (0.5, 0.8))
            ]
        ]


@pytest.fixture
def bench() -> Workbench:
    return Workbench(np.full((*SIZE, 3), 100, np.uint8), 'test')


def completer(detector: BaseMaskSource | None = None) -> Completer:
    return Completer(FakeInferencer(), detector)  # type: ignore[arg-type]


def test_a_click_finds_an_object_and_a_second_one_selects_it(bench: Workbench) -> None:
    one = completer()
    one.add_click(bench, 20, 30, 2)
    one.add_click(bench, 50, 30, 2)
    assert (len(bench.objects), bench.selected) == (2, 1)
    assert bench.objects[0].hidden_share() == pytest.approx(0.5)
    one.add_click(bench, 21, 31, 2)
    assert (len(bench.objects), bench.selected) == (2, 0)
    assert len(one.inferencer.calls) == 2  # type: ignore[attr-defined]


def test_guesses_can_be_chosen(bench: Workbench) -> None:
    completer().add_click(bench, 20, 30, 2)
    bench.choose(1)
    assert bench.objects[0].hidden_share() == 0
    with pytest.raises(WorkError, match='no such shape'):
        bench.choose(2)


def test_two_corners_make_a_box_in_any_order(bench: Workbench) -> None:
    one = completer()
    one.add_corner(bench, 30, 40, 1)
    assert bench.corner == (30, 40)
    assert not bench.objects
    one.add_corner(bench, 10, 20, 1)
    assert bench.corner is None
    assert bench.objects[0].box == (10, 20, 30, 40)
    assert np.array_equal(bench.objects[0].visible_mask(), block(10, 20, 30, 40))


def test_a_box_without_extent_is_refused_and_forgotten(bench: Workbench) -> None:
    one = completer()
    one.add_corner(bench, 30, 40, 1)
    with pytest.raises(WorkError, match='too small'):
        one.add_corner(bench, 31, 10, 1)
    assert bench.corner is None


def test_a_correction_sends_all_clicks(bench: Workbench) -> None:
    one = completer()
    one.add_click(bench, 20, 30, 1)
    one.correct(bench, 28, 30, 0, 1)
    assert len(bench.objects) == 1
    sent = one.inferencer.calls[-1]['points'][0]  # type: ignore[attr-defined]
    assert sent.tolist() == [[20, 30, 1], [28, 30, 0]]


def test_wrong_requests_are_refused_in_a_sentence(bench: Workbench) -> None:
    one = completer()
    for at in ((-1, 5), (80, 5), (5, 60)):
        with pytest.raises(WorkError, match='inside the picture'):
            one.add_click(bench, *at, 1)
    with pytest.raises(WorkError, match='No object was found there'):
        one.add_click(bench, 75, 30, 1)
    with pytest.raises(WorkError, match='Nothing is selected'):
        one.correct(bench, 5, 5, 1, 1)
    with pytest.raises(WorkError, match='1 to 8 shapes'):
        one.add_click(bench, 20, 20, 9)
    with pytest.raises(WorkError, match='There is no detector'):
        one.detect(bench, 1)
    with pytest.raises(WorkError, match='no such object'):
        bench.select(0)
    assert not bench.objects


def test_objects_are_bounded(bench: Workbench) -> None:
    one = completer()
    one.add_click(bench, 20, 30, 1)
    bench.objects *= MAX_OBJECTS
    with pytest.raises(WorkError, match='at most 30 objects'):
        one.add_click(bench, 50, 30, 1)


def test_the_detector_replaces_all_objects(bench: Workbench) -> None:
    one = completer(FakeDetector())
    one.add_click(bench, 50, 50, 1)
    assert one.detect(bench, 1) == 2
    assert [found.category for found in bench.objects] == ['<b>0.8</b>', '<b>0.5</b>']
    # The first one found lies where the second one's hidden part is said to be.
    assert bench.occlusions() == [(0, 1, 80)]
    with pytest.raises(WorkError, match='came from the detector'):
        one.correct(bench, 20, 15, 1, 1)


def test_removing_and_clearing(bench: Workbench) -> None:
    one = completer()
    bench.remove_selected()
    for x in (10, 30, 50):
        one.add_click(bench, x, 30, 1)
    bench.select(0)
    bench.remove_selected()
    assert (len(bench.objects), bench.selected) == (2, 1)
    bench.clear()
    assert (bench.objects, bench.selected) == ([], None)


def test_the_table_says_what_is_known(bench: Workbench) -> None:
    one = completer()
    one.add_click(bench, 20, 30, 2)
    one.add_click(bench, 50, 30, 1)
    assert table_rows(bench) == [
        ['1', '-', '0.90', '50 %', '0.25'],
        ['▸ 2', '-', '0.90', '50 %', '-'],
    ]


def test_status_lines_are_escaped() -> None:
    assert '<script>' not in status_text('<script>alert(1)</script>')


# --- pictures -----------------------------------------------------------------------------------


def test_opacity_and_parts_decide_what_is_drawn(bench: Workbench) -> None:
    completer().add_click(bench, 20, 30, 1)
    zoom = zoom_of(bench.image)
    assert zoom == 4
    bare = draw_canvas(bench, 0.5, [])
    seen, hidden = (
        tuple(draw_canvas(bench, 1.0, [part])[int(27.5 * zoom), int(x * zoom)])
        for part, x in (('visible', 17.5), ('hidden', 26.0))
    )
    assert tuple(bare[int(27.5 * zoom), int(17.5 * zoom)]) == (100, 100, 100)
    assert seen == tuple(round(0.2 * 100 + 0.8 * value) for value in PALETTE[0])
    assert hidden != (100, 100, 100)
    assert np.array_equal(draw_canvas(bench, 0.0, ['visible']), bare)


def test_a_view_shows_guesses_graph_and_download(bench: Workbench, tmp_path: Path) -> None:
    one = completer(FakeDetector())
    one.detect(bench, 2)
    view = make_view(bench, 0.6, ['visible', 'hidden', 'whole'], tmp_path)
    assert [caption for _, caption in view.guesses] == ['70 %', '30 %']
    first, second = (picture for picture, _ in view.guesses)
    assert first.shape == second.shape
    assert not np.array_equal(first, second)
    assert view.graph is not None
    bench.clear()
    empty = make_view(bench, 0.6, [], tmp_path)
    assert (empty.rows, empty.guesses, empty.graph, empty.download) == ([], [], None, None)


def test_an_object_at_the_border_has_a_thumbnail(bench: Workbench, tmp_path: Path) -> None:
    one = completer()
    one.add_corner(bench, 0, 0, 1)
    one.add_corner(bench, 79, 59, 1)
    (picture, _), *_ = make_view(bench, 0.6, [], tmp_path).guesses
    assert picture.shape == (240, 240, 3)


def test_the_download_holds_the_masks(bench: Workbench, tmp_path: Path) -> None:
    completer().add_click(bench, 20, 30, 2)
    with zipfile.ZipFile(write_masks(tmp_path / 'm.zip', bench)) as file:
        names = ['picture.png', *(f'object_01_{one}.png' for one in ('visible', 'hidden', 'whole'))]
        assert file.namelist() == [*names, 'masks.json']
        decoded = {
            name: cv2.imdecode(np.frombuffer(file.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            for name in names
        }
        told = json.loads(file.read('masks.json'))
    assert np.array_equal(decoded['picture.png'], bench.image)
    assert np.array_equal(decoded['object_01_visible.png'], block(16, 26, 24, 34) * np.uint8(255))
    assert np.array_equal(decoded['object_01_hidden.png'], block(24, 26, 32, 34) * np.uint8(255))
    (one,) = told['objects']
    assert np.array_equal(decode_mask(one['amodal_rle'], *SIZE), block(16, 26, 32, 34))
    assert [guess['score'] for guess in one['hypotheses']] == [0.7, 0.3]
    assert (told['size'], told['occlusion_order']) == ([60, 80], [])
    assert one['clicks'] == [[20, 30, 1]]


# --- actions ------------------------------------------------------------------------------------


def test_actions_map_the_drawn_picture_to_pixels(bench: Workbench) -> None:
    actions = Actions(completer(), PageOptions())
    text = actions.click(bench, 'click', [83, 121], 1, 'me')
    assert bench.objects[0].clicks == [(20, 30, 1)]
    assert text == 'Object 1: 50 % of the whole is hidden.'
    assert actions.click(bench, 'box', [0, 0], 1, 'me') == 'Now click the opposite corner.'


@pytest.mark.parametrize(
    ('mode', 'at'),
    [
        ('click', None),
        ('click', [1]),
        ('click', ['a', 'b']),
        ('click', [float('nan'), 1]),
        ('click', [float('inf'), 1]),
        ('click', [4000, 10]),
        ('fly', [10, 10]),
    ],
)
def test_forged_clicks_are_refused(bench: Workbench, mode: str, at: object) -> None:
    with pytest.raises(WorkError, match='inside the picture'):
        Actions(completer(), PageOptions()).click(bench, mode, at, 1, 'me')


@pytest.mark.parametrize('place', [-1, 1, '0', None, [0]])
def test_forged_samples_are_refused(tmp_path: Path, place: object) -> None:
    actions = Actions(completer(), PageOptions(samples=(tmp_path / 'a.png',)))
    with pytest.raises(WorkError, match='no such sample'):
        actions.open_sample(place, 'me')


def test_runs_are_counted_by_client(bench: Workbench) -> None:
    actions = Actions(completer(), PageOptions(runs_per_minute=1))
    actions.click(bench, 'click', [80, 120], 1, 'me')
    with pytest.raises(WorkError, match='too much in a short time; try again in'):
        actions.click(bench, 'click', [80, 120], 1, 'me')
    actions.click(bench, 'click', [80, 120], 1, 'you')
