"""browse_dataset.py and print_config.py: what a person looks at before a training."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg.datasets.transforms import CropObject, PackAmodalInputs, SampleClip
from c2fseg.visualization import AmodalVisualizer
from tests.datasets.clips import MOVING, clip
from tests.tools.loading import load_tool

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / 'configs'
KINS_MINI = REPOSITORY / 'tests/data/kins_mini'
# Sizes of the contact sheet, px.
GAP, CAPTION, TILE = 6, 18, 40


def browse(monkeypatch: pytest.MonkeyPatch, out: Path, config: str, *arguments: str) -> np.ndarray:
    """The contact sheet, RGB, of four objects of the small data set in two columns."""
    dataset = 'train_dataloader.dataset'
    options = (
        f'{dataset}.data_root={KINS_MINI}',
        f'{dataset}.ann_file=kins_2020.json',
        f'{dataset}.data_prefix.img=image_2',
    )
    path = CONFIGS / f'{config}.py'
    command = ['browse_dataset', str(path), '--num=4', f'--tile={TILE}', f'--out={out}']
    monkeypatch.setattr('sys.argv', [*command, *arguments, '--cfg-options', *options])
    load_tool('analysis_tools/browse_dataset').main()
    [sheet] = out.glob('*.png')
    assert sheet.name == f'{config}_train.png'
    return cv2.cvtColor(cv2.imread(str(sheet)), cv2.COLOR_BGR2RGB)


def sheet_size(tiles: int) -> tuple[int, int]:
    """Height and width for two rows of two objects with this many tiles each."""
    return 2 * (TILE + CAPTION + GAP) + GAP, 2 * (tiles * (TILE + GAP) + 2 * GAP) + GAP


def test_browse_shows_four_tiles_of_each_object(monkeypatch, tmp_path):
    first = browse(monkeypatch, tmp_path / 'a', 'c2f_kins')
    assert first.shape[:2] == sheet_size(tiles=4)
    # The third tile is the true visible mask: nothing but black and white, and some of each.
    left = GAP + 2 * (TILE + GAP)
    mask = first[GAP + CAPTION : GAP + CAPTION + TILE, left : left + TILE]
    assert set(np.unique(mask)) == {0, 255}
    again = browse(monkeypatch, tmp_path / 'b', 'c2f_kins')
    other = browse(monkeypatch, tmp_path / 'c', 'c2f_kins', '--seed=1')
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_browse_shows_the_target_of_a_tokenizer(monkeypatch, tmp_path):
    sheet = browse(monkeypatch, tmp_path, 'vqgan_kins')
    assert sheet.shape[:2] == sheet_size(tiles=1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['gone.py'], 'Config gone.py does not exist'),
        ([str(REPOSITORY / 'LICENSE')], 'is no config: its name has to end in .py'),
        ([str(CONFIGS / 'c2f_kins.py'), '--cfg-options', 'modle.x=1'], 'has no key modle'),
        (
            [
                str(CONFIGS / 'c2f_kins.py'),
                '--cfg-options',
                'train_dataloader.dataset.ann_file=gone.json',
            ],
            'annotation file not found: .*gone.json',
        ),
        ([str(CONFIGS / 'trivial_hull_shapes.py'), '--split=train'], 'has no train_dataloader'),
        ([str(CONFIGS / 'c2f_kins.py'), '--seed=-1'], '--seed is at least 0'),
    ],
)
def test_browse_answers_mistakes_in_a_sentence(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr('sys.argv', ['browse_dataset', *arguments])
    with pytest.raises(SystemExit) as caught:
        load_tool('analysis_tools/browse_dataset').main()
    assert caught.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_print_config_shows_merged_values(tmp_path, capsys):
    main = load_tool('analysis_tools/print_config').main
    path = str(CONFIGS / 'c2f_kins.py')
    main([path, '--key', 'model.decoder.num_steps'])
    assert capsys.readouterr().out == '3\n'
    main([path, '--key', 'param_scheduler.0.type', '--cfg-options', 'model.decoder.num_steps=5'])
    assert capsys.readouterr().out == "'LinearLR'\n"
    with pytest.raises(SystemExit, match=r"'decoders' of 'model\.decoders' is not there"):
        main([path, '--key', 'model.decoders'])


def test_browse_draws_a_clip_from_its_first_to_its_last_frame():
    tool = load_tool('analysis_tools/browse_dataset')
    results = SampleClip(6, 'start')(clip(*MOVING, hidden=(3,)))
    for key in ('img', 'visible_mask', 'gt_visible_mask', 'gt_amodal_mask'):
        results[key] = np.pad(results[key], [(0, 2)] + [(0, 0)] * (results[key].ndim - 1), 'edge')
    item = PackAmodalInputs()(CropObject(32)(results))
    frames = tool.shown_frames(item, 4)
    assert frames == [0, 2, 3, 5]
    rows = [tool.object_tiles(item, AmodalVisualizer(), TILE, frame) for frame in frames]
    names = [row[0][0] for row in rows]
    assert names == ['fish v_4 f100', 'fish v_4 f102', 'fish v_4 f103', 'fish v_4 f103 copy']
    assert [row[3][0] for row in rows[:3]] == [
        'amodal, truth  0% hidden',
        'amodal, truth  0% hidden',
        'amodal, truth  100% hidden',
    ]
    assert not rows[2][2][1].any()  # nothing is visible in frame 3
    # Two columns: the rows of a clip lie below each other, whatever the other clips have.
    ordered = tool.side_by_side([['a', 'b'], ['c'], ['d', 'e']], 2)
    assert ordered == ['a', 'c', 'b', [], 'd', [], 'e', []]
