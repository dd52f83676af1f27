"""Panels, the visualizer and the hook that draws with it."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.structures import PixelData
from PIL import Image

from c2fseg.datasets.transforms import LoadFrames
from c2fseg.engine.hooks import AmodalVisualizationHook
from c2fseg.registry import HOOKS, VISUALIZERS
from c2fseg.structures import AmodalDataSample
from c2fseg.visualization import AmodalVisualizer, PanelObject, draw_legend, draw_object_row
from c2fseg.visualization.clip_panels import clip_windows, draw_clip, spread_frames
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


def test_clip_panel_leaves_out_what_fills_the_clip_up(tmp_path):
    """The frames that are drawn are real ones, and only those are read."""
    sample = make_sample(frames=6)
    paths = [str(tmp_path / f'{t}.png') for t in range(6)]
    valid = np.array([True, True, True, True, False, False])
    sample.set_metainfo(dict(img_paths=paths, frame_valid=valid, frame_indices=np.arange(6) + 20))
    for t in (0, 2, 3):
        cv2.imwrite(paths[t], image())
    visualizer = AmodalVisualizer(tile=32, max_frames=3)
    assert visualizer.choose_frames(sample) == [0, 2, 3]
    hook = AmodalVisualizationHook(show_dir=tmp_path / 'show')
    runner = SimpleNamespace(visualizer=visualizer, iter=0)
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0, None, [sample])
    drawn = cv2.imread(str(tmp_path / 'show' / '3_7.png'))
    assert drawn.shape[1] == 3 * 32 + 4 * GAP


def test_spread_frames_by_hand():
    assert spread_frames(range(24), 8) == [0, 3, 7, 10, 13, 16, 20, 23]
    assert spread_frames([4, 6, 9], 8) == [4, 6, 9]
    assert spread_frames([4, 6, 9], 1) == [4]


def test_windows_of_a_clip_have_one_scale():
    small, large, empty = box_mask(2, 2, 12, 12), box_mask(30, 20, 50, 40), box_mask(0, 0, 0, 0)
    items = [PanelObject(mask) for mask in (empty, small, large, empty)]
    # The larger: 20 * 1.4 + 8 = 36 px around (40, 30), moved up by the lower border of 48.
    around = [(0, 0, 36, 36), (22, 12, 58, 48)]
    expected = [around[0], around[0], around[1], around[1]]
    assert clip_windows(image(4), items) == expected
    assert clip_windows(image(2), [PanelObject(empty)] * 2) == [(0, 0, 64, 48)] * 2


def test_clip_needs_an_object_for_each_frame():
    with pytest.raises(ValueError, match='2 frames for 1 items'):
        draw_clip(image(2), [PanelObject(box_mask(1, 1, 9, 9))])
    with pytest.raises(ValueError, match='2 pictures for masks of 5 frames'):
        AmodalVisualizer().draw_panel(make_sample(frames=5), image(2))


@pytest.mark.parametrize('exif', ['apply', 'ignore'])
def test_hook_turns_pictures_as_the_pipeline_does(tmp_path, exif):
    path = str(tmp_path / 'turned.jpg')
    note = Image.Exif()
    note[0x0112] = 6
    stored = SIZE if exif == 'ignore' else SIZE[::-1]
    Image.new('RGB', stored[::-1]).save(path, exif=note)
    pipeline = Compose([LoadFrames(exif=exif)])
    dataset = SimpleNamespace(dataset=SimpleNamespace(pipeline=pipeline))  # in a wrapper
    loader = SimpleNamespace(dataset=dataset, batch_sampler=SimpleNamespace(sampler=[0]))
    runner = SimpleNamespace(
        visualizer=FakeVisualizer(), iter=1, val_dataloader=loader, test_dataloader=loader
    )
    run_validation(AmodalVisualizationHook(), runner, [make_sample(img_paths=[path])], 1)
    assert len(runner.visualizer.calls) == 1
    runner.visualizer = AmodalVisualizer(tile=32)
    hook = AmodalVisualizationHook(show_dir=tmp_path / 'show')
    hook.after_test_iter(runner, 0, None, [make_sample(img_paths=[path])])
    assert (tmp_path / 'show' / '3_7.png').is_file()


def test_hook_writes_clips_as_gifs_on_request(tmp_path):
    paths = [str(tmp_path / f'{t}.png') for t in range(4)]
    for path in paths[:3]:
        cv2.imwrite(path, image())
    valid = np.array([True, True, True, False])
    clip = make_sample(frames=4, img_paths=paths, frame_valid=valid)
    picture = make_sample(img_paths=paths[:1])
    picture.set_metainfo({'sample_id': 'one'})
    hook = AmodalVisualizationHook(show_dir=tmp_path / 'show', clip_gifs=True)
    hook.after_test_iter(
        SimpleNamespace(visualizer=AmodalVisualizer(tile=32)), 0, None, [clip, picture]
    )
    names = sorted(path.name for path in (tmp_path / 'show').iterdir())
    assert names == ['3_7.gif', '3_7.png', 'one.png']
    with Image.open(tmp_path / 'show' / '3_7.gif') as gif:
        assert gif.n_frames == 3
        assert gif.size == SIZE[::-1]
