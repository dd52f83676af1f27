"""Methods side by side: what is drawn where, in rows of pictures and strips of clips."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.visualization import (
    ComparedClip,
    ComparedFrame,
    DrawStyle,
    draw_clip_comparison,
    draw_comparison,
    draw_legend,
)
from c2fseg.visualization.comparison import iou_text
from c2fseg.visualization.drawing import HIDDEN_COLOR, VISIBLE_COLOR
from c2fseg.visualization.layout import CAPTION_HEIGHT, GAP

SIDE = 64
STYLE = DrawStyle(tile=SIDE)
# 60 % of the colour on black; 36 % under the hatching, 90 % on its stripes.
BLUE = [round(0.6 * value) for value in VISIBLE_COLOR]
ORANGES = [[round(share * value) for value in HIDDEN_COLOR] for share in (0.36, 0.936, 0.9)]


def columns(start: int, end: int) -> np.ndarray:
    """A mask over rows 8 to 55, so that its window is the whole picture of 64 x 64 px."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[8:56, start:end] = True
    return mask


def item(**methods) -> ComparedFrame:
    """A quarter visible, half of it hidden; on a black picture."""
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    return ComparedFrame(black, columns(8, 32), columns(8, 56), methods, '7 mug')


def panel(drawn: np.ndarray, column: int, row: int = 0, head: int = 0) -> np.ndarray:
    """The picture in a panel, without its captions."""
    step = SIDE + 2 * CAPTION_HEIGHT + GAP
    y, x = GAP + head + row * step + CAPTION_HEIGHT, GAP + column * (SIDE + GAP)
    return drawn[y : y + SIDE, x : x + SIDE]


def test_text_under_a_panel_by_hand() -> None:
    visible, truth = columns(8, 32), columns(8, 56)
    # Full: 32 of 48 columns. Occluded: 8 of the 24 hidden ones.
    assert iou_text(columns(8, 40), visible, truth) == 'full 0.67  occ 0.33'
    assert iou_text(truth, visible, truth) == 'full 1.00  occ 1.00'
    assert iou_text(visible, visible, visible) == 'full 1.00  occ -'


def test_a_row_has_picture_visible_truth_and_the_methods_in_order() -> None:
    drawn = draw_comparison([item(short=columns(8, 40), nothing=columns(0, 0))], STYLE)
    width = 5 * SIDE + 4 * GAP
    legend = draw_legend(width).shape[0]
    assert drawn.shape == (SIDE + 2 * CAPTION_HEIGHT + legend + 3 * GAP, width + 2 * GAP, 3)
    picture, visible, truth, short, nothing = (panel(drawn, column) for column in range(5))
    assert not picture.any()
    for shown in (visible, truth, short, nothing):
        assert shown[32, 20].tolist() == BLUE
    assert not visible[32, 36].any()
    # Column 35 is hidden and found by the method, column 48 hidden and not found.
    assert [panels[32, 35].tolist() in ORANGES for panels in (truth, short)] == [True, True]
    assert truth[32, 48].tolist() in ORANGES
    assert not short[32, 48].any()
    # What a method does not find stays dark but for the dashed outline of the truth.
    assert not nothing[14:50, 36:52].any()


def test_rows_lie_below_each_other() -> None:
    first, second = item(a=columns(8, 40)), item(a=columns(8, 56))
    drawn = draw_comparison([first, second], STYLE)
    assert not panel(drawn, 3, row=0)[32, 48].any()
    assert panel(drawn, 3, row=1)[32, 48].any()


def test_a_strip_has_a_row_for_each_method_and_a_column_for_each_frame() -> None:
    frames = [item(a=columns(8, 40), b=columns(8, 56)), item(a=None, b=columns(8, 32))]
    drawn = draw_clip_comparison([ComparedClip(frames, 'clip')], STYLE)
    assert drawn.shape[1] == 2 * SIDE + 3 * GAP
    head = CAPTION_HEIGHT + GAP
    cells = [[panel(drawn, c, row=r, head=head) for r in range(5)] for c in range(2)]
    for (_, visible, truth, *_), found in zip(cells, ((False, True), (None, False))):
        assert visible[32, 20].tolist() == BLUE
        assert truth[32, 48].any()
        assert found is not None
    assert [one[32, 48].any() for one in cells[0][3:]] == [False, True]
    assert not cells[1][3].any(), 'no prediction: the plain picture'
    assert cells[1][4][32, 20].tolist() == BLUE
    assert not cells[1][4][32, 48].any()


def test_two_clips_lie_below_each_other() -> None:
    one = ComparedClip([item(a=columns(8, 40))], 'first')
    single, double = (draw_clip_comparison([one] * n, STYLE) for n in (1, 2))
    strip = CAPTION_HEIGHT + 4 * (SIDE + 2 * CAPTION_HEIGHT) + 3 * GAP + 2 * GAP
    assert double.shape[0] - single.shape[0] == strip


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match='give at least one'):
        draw_comparison([])
    with pytest.raises(ValueError, match='each with frames'):
        draw_clip_comparison([ComparedClip([])])
    wrong = ComparedFrame(np.zeros((8, 8, 3), np.uint8), columns(8, 9), columns(8, 9), {})
    with pytest.raises(ValueError, match=r'visible mask has shape \(64, 64\)'):
        draw_comparison([wrong])
