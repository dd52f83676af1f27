"""Overlays, checked pixel by pixel, and files that are written whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from c2fseg.visualization import PanelObject, draw_object, draw_objects, draw_outline, write_png
from c2fseg.visualization.drawing import PALETTE, DrawStyle, hatch

STYLE = DrawStyle(visible_color=(10, 20, 200), hidden_color=(250, 100, 0), alpha=0.5)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grey picture of 40 x 60, the left half of a bar visible, the whole bar amodal."""
    image = np.full((40, 60, 3), 100, np.uint8)
    visible = np.zeros((40, 60), bool)
    visible[10:30, 5:30] = True
    amodal = visible.copy()
    amodal[10:30, 30:55] = True
    return image, visible, amodal


def test_visible_pixel_is_blended_with_the_visible_colour():
    image, visible, amodal = scene()
    drawn = draw_object(image, visible, amodal, style=STYLE)
    # Half of 100 and half of (10, 20, 200).
    assert drawn[20, 15].tolist() == [55, 60, 150]


def test_outside_is_untouched():
    image, visible, amodal = scene()
    drawn = draw_object(image, visible, amodal, amodal, style=STYLE)
    outside = cv2.dilate(amodal.astype(np.uint8), np.ones((9, 9))) == 0
    assert outside.any()
    assert (drawn[outside] == 100).all()
    assert (image == 100).all(), 'the input was drawn into'


def test_hidden_part_is_striped_in_the_hidden_colour():
    image, visible, amodal = scene()
    drawn = draw_object(image, visible, amodal, style=STYLE, outline=False).astype(int)
    hidden = amodal & ~visible
    colors = np.unique(drawn[hidden], axis=0)
    # Fill: 0.7 * 100 + 0.3 * (250, 100, 0); stripe: 0.2 * fill + 0.8 * (250, 100, 0).
    assert colors.tolist() == [[145, 100, 70], [229, 100, 14]]
    assert len(np.unique(drawn[visible], axis=0)) == 1


@pytest.mark.parametrize('level', [0, 255])
def test_outlines_are_seen_on_black_and_on_white(level: int):
    image = np.full((60, 60, 3), level, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[15:45, 15:45] = True
    drawn = draw_outline(image, mask, (57, 255, 20), width=2).astype(int)
    assert np.abs(drawn[30, 13:18] - level).max() > 150
    assert (drawn[30, 30] == level).all()


def test_truth_is_dashed_and_prediction_is_solid():
    image = np.full((100, 100, 3), 100, np.uint8)
    mask = np.zeros((100, 100), bool)
    mask[10:90, 10:90] = True
    solid = (draw_outline(image, mask, (255, 0, 0)) != 100).any(-1)
    dashed = (draw_outline(image, mask, (255, 0, 0), dashed=True) != 100).any(-1)
    assert solid[10, 10:90].all()
    assert 0.2 < dashed[10, 10:90].mean() < 0.8


def test_holes_have_an_outline():
    image = np.full((60, 60, 3), 100, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:55] = True
    mask[20:40, 20:40] = False
    drawn = draw_outline(image, mask, (255, 0, 0))
    assert (drawn[30, 17:22] != 100).any()


def test_hatch_by_hand():
    expected = np.array([[1, 0, 0, 1], [0, 0, 1, 0]], bool)
    assert (hatch((2, 4), period=3, width=1) == expected).all()


def test_several_objects_have_colours_of_their_own():
    image = np.full((80, 80, 3), 100, np.uint8)
    masks = np.zeros((2, 80, 80), bool)
    masks[0, 10:30, 10:70] = True
    masks[1, 50:70, 10:70] = True
    drawn = draw_objects(image, [PanelObject(mask) for mask in masks], numbers=False)
    for row, color in ((20, PALETTE[0]), (60, PALETTE[1])):
        expected = np.rint(0.55 * 100 + 0.45 * np.array(color))
        assert np.abs(drawn[row, 20].astype(int) - expected).max() <= 1


def test_mask_of_another_size_is_named():
    image, visible, _ = scene()
    with pytest.raises(ValueError, match=r'amodal mask has shape \(4, 4\)'):
        draw_object(image, visible, np.zeros((4, 4), bool))


def test_write_png_round_trip_and_no_leftovers(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    path = write_png(tmp_path / 'new' / 'a.png', image)
    read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert (read == image).all()
    assert [file.name for file in path.parent.iterdir()] == ['a.png']


def test_write_png_keeps_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    write_png(path, np.zeros((4, 4, 3), np.uint8))
    before = path.read_bytes()

    def fail(*_):
        raise OSError('disk full')

    monkeypatch.setattr('c2fseg.visualization.image_io.os.replace', fail)
    with pytest.raises(OSError, match='disk full'):
        write_png(path, np.full((4, 4, 3), 9, np.uint8))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ['a.png']


@pytest.mark.parametrize(
    ('name', 'image'),
    [
        ('a.png', np.zeros((4, 4), np.uint8)),
        ('a.png', np.zeros((4, 4, 3), np.float32)),
        ('a.xyz', np.zeros((4, 4, 3), np.uint8)),
    ],
)
def test_write_png_refuses_what_is_no_picture(tmp_path, name, image):
    with pytest.raises(ValueError, match=r'expected|format'):
        write_png(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


def test_objects_keep_their_colour_and_label():
    image = np.full((40, 40, 3), 100, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[4:36, 4:36] = True
    drawn = draw_objects(image, [PanelObject(mask, label='', number=3)], numbers=False)
    expected = np.rint(0.55 * 100 + 0.45 * np.array(PALETTE[3])).tolist()
    assert drawn[20, 20].tolist() == expected
    labelled = [draw_objects(image, [PanelObject(mask, label=name)]) for name in ('1', '17')]
    assert (labelled[0] == draw_objects(image, [PanelObject(mask)])).all()
    assert (labelled[0] != labelled[1]).any()
