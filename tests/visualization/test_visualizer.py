"""Panels, the visualizer and the hook that draws with it."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.engine.hooks import AmodalVisualizationHook
from c2fseg.registry import HOOKS, VISUALIZERS
from c2fseg.structures import AmodalDataSample
from c2fseg.visualization import AmodalVisualizer, PanelObject, draw_legend, draw_object_row
from c2fseg.visualization.layout import CAPTION_HEIGHT, GAP
from c2fseg.visualization.panels import object_window

SIZE = (48, 64)


def box_mask(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def make_sample(frames: int = 1, coarse: bool = True, gt: bool = True, **meta) -> AmodalDataSample:
    sample = AmodalDataSample(metainfo={'sample_id': '3_7', 'category': 'mug', **meta})
    stack = [torch.from_numpy(np.stack([box_mask(10, 10, end, 30)] * frames)) for end in (30, 50)]
    masks = {'visible': stack[0], 'amodal': stack[1]}
    if gt:
        sample.gt_masks = PixelData(**masks)
    sample.pred_masks = PixelData(**masks, **({'coarse': stack[1]} if coarse else {}))
    return sample


def image(frames: int | None = None) -> np.ndarray:
    shape = (*SIZE, 3) if frames is None else (frames, *SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(('coarse', 'truth', 'columns'), [(1, 1, 5), (0, 1, 4), (0, 0, 3)])
def test_row_has_a_tile_for_every_mask(coarse, truth, columns):
    visible, amodal = box_mask(10, 10, 30, 30), box_mask(10, 10, 50, 30)
    item = PanelObject(visible, amodal, amodal if coarse else None, amodal if truth else None)
    row = draw_object_row(image(), item)
    assert row.shape == (224 + CAPTION_HEIGHT, columns * 224 + (columns - 1) * GAP, 3)


def test_window_is_centred_square_and_inside():
    # Side 40 * 1.4 + 8 = 64, cut to the height 48; x from (10 + 50 - 64) / 2 = -2, moved to 0.
    assert object_window([box_mask(10, 10, 50, 30)], SIZE) == (0, 0, 64, 48)
    # Side 10 * 1.4 + 8 = 22: from (25 + 35 - 22) / 2 = 19 and (20 + 30 - 22) / 2 = 14.
    assert object_window([box_mask(25, 20, 35, 30)], SIZE) == (19, 14, 41, 36)
    assert object_window([box_mask(0, 0, 0, 0)], SIZE) == (0, 0, 64, 48)


@pytest.mark.parametrize('width', [60, 200, 900])
def test_legend_keeps_its_width(width):
    assert draw_legend(width).shape[1] == width


def test_panel_of_a_picture_and_of_a_clip():
    visualizer = VISUALIZERS.build(
        dict(type='AmodalVisualizer', name='panels', tile=64, max_frames=3)
    )
    one = visualizer.draw_panel(make_sample(), image())
    assert one.shape[1] == 5 * 64 + 4 * GAP + 2 * GAP
    clip = visualizer.draw_panel(make_sample(frames=5), image(5))
    # Three of five frames, a column each, with five tiles below each other.
    assert clip.shape[1] == 3 * 64 + 2 * GAP + 2 * GAP
    assert clip.shape[0] > 5 * (64 + CAPTION_HEIGHT) + 4 * GAP
    bare = visualizer.draw_panel(make_sample(), image(), draw_gt=False)
    assert bare.shape[1] == 4 * 64 + 5 * GAP


def test_draw_amodal_checks_shapes():
    visualizer = AmodalVisualizer()
    masks = np.stack([box_mask(10, 10, 30, 30)] * 2)
    assert visualizer.draw_amodal(image(), masks, masks).shape == (*SIZE, 3)
    with pytest.raises(ValueError, match='expected the same'):
        visualizer.draw_amodal(image(), masks, masks[0])
    with pytest.raises(ValueError, match='single object'):
        visualizer.draw_amodal(image(), masks, masks, truth=masks[0])


def test_sample_without_masks_is_refused():
    with pytest.raises(ValueError, match='neither gt_masks nor pred_masks'):
        AmodalVisualizer().draw_panel(AmodalDataSample(metainfo={'sample_id': 'x'}), image())


@pytest.mark.parametrize('wrong', [{'tile': 5}, {'alpha': 2}, {'max_frames': 0}])
def test_arguments_out_of_range(wrong):
    with pytest.raises(ValueError, match='Expected tile'):
        AmodalVisualizer(**wrong)


def test_colours_are_those_of_the_arguments():
    visualizer = AmodalVisualizer(visible_color=(255, 0, 0), alpha=1.0)
    drawn = visualizer.draw_amodal(image(), box_mask(10, 10, 40, 40))
    assert drawn[25, 25].tolist() == [255, 0, 0]


def test_add_datasample_writes_to_file_or_backend(tmp_path):
    visualizer = AmodalVisualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path)
    )
    visualizer.add_datasample('a/b', image(), make_sample(), step=3)
    written = tmp_path / 'vis_data' / 'vis_image' / 'a_b_3.png'
    assert written.is_file()
    visualizer.add_datasample('a', image(), make_sample(), out_file=tmp_path / 'own.png')
    assert (cv2.imread(str(written)) == cv2.imread(str(tmp_path / 'own.png'))).all()


class FakeVisualizer:
    """Remembers what it is asked to draw."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def choose_frames(self, sample):
        return [0]

    def add_datasample(self, name, image, data_sample, step, frames):
        assert image.shape == (*SIZE, 3)
        assert frames == [0]
        self.calls.append((name, step))


def run_validation(hook, runner, samples, batch: int) -> None:
    hook.before_val_epoch(runner)
    for start in range(0, len(samples), batch):
        hook.after_val_iter(runner, start // batch, None, samples[start : start + batch])


def test_hook_draws_the_same_spread_samples_at_every_validation(tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, image())
    samples = [make_sample(img_paths=[path]) for _ in range(10)]
    for number, sample in enumerate(samples):
        sample.set_metainfo({'sample_id': f's{number}'})
    dataloader = torch.utils.data.DataLoader(list(range(10)), batch_size=3)
    runner = SimpleNamespace(visualizer=FakeVisualizer(), iter=5, val_dataloader=dataloader)
    hook = HOOKS.build(dict(type='AmodalVisualizationHook', num_val_samples=4))
    run_validation(hook, runner, samples, 3)
    drawn = [('val_s0', 5), ('val_s2', 5), ('val_s5', 5), ('val_s7', 5)]
    assert runner.visualizer.calls == drawn
    run_validation(hook, runner, samples, 3)
    assert runner.visualizer.calls == drawn * 2


@pytest.mark.parametrize(('limit', 'count'), [(None, 5), (2, 2), (0, 0)])
def test_hook_draws_test_samples_into_the_folder(tmp_path, limit, count):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, image())
    hook = AmodalVisualizationHook(show_dir=tmp_path / 'show', max_images=limit)
    runner = SimpleNamespace(visualizer=AmodalVisualizer(tile=32), iter=0)
    hook.before_test_epoch(runner)
    for number in range(5):
        sample = make_sample(img_paths=[path])
        sample.set_metainfo({'sample_id': f'video/{number}'})
        hook.after_test_iter(runner, number, None, [sample])
    written = sorted(file.name for file in (tmp_path / 'show').glob('*'))
    assert written == [f'video_{number}.png' for number in range(count)]


def test_hook_refuses_negative_counts():
    with pytest.raises(ValueError, match='must not be negative'):
        AmodalVisualizationHook(num_val_samples=-1)
