"""The recipes for COCOA, D2SA and own data read files laid out as they say, and give batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from c2fseg.datasets.transforms import CropObject, LoadFrames
from c2fseg.registry import METRICS, MODELS
from c2fseg.utils.checkpoint import load_checkpoint_safely
from tests.datasets.coco_files import objects, write, write_pictures

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
SPLITS = ('train', 'val', 'test')
STAGE_TWO = [
    ('c2f_cocoa', 'COCOADataset', 256),
    ('c2f_d2sa', 'D2SADataset', 256),
    ('c2f_coco_amodal', 'CocoAmodalDataset', 128),
    ('lite/c2f_cocoa', 'COCOADataset', 128),
    ('official/c2f_cocoa_official', 'COCOADataset', 256),
]
STAGE_ONE = [
    ('vqgan_cocoa', 'COCOADataset', 256),
    ('vqgan_d2sa', 'D2SADataset', 256),
    ('vqgan_coco_amodal', 'CocoAmodalDataset', 128),
    ('lite/vqgan_cocoa', 'COCOADataset', 128),
    ('official/vqgan_cocoa_official', 'COCOADataset', 256),
]


def lay_out(name: str, root: Path, pictures: bool) -> Config:
    """The recipe, with its files written where it looks for them under another root."""
    config = Config.fromfile(CONFIGS / f'{name}.py')
    for split in SPLITS:
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(root)
        write(root / loader.dataset.ann_file, objects())
        if pictures:
            write_pictures(root / loader.dataset.data_prefix.img, 'a.png', 'b.png')
    return config


def first_batch(config: Config, split: str) -> dict:
    init_default_scope(config.default_scope)
    return next(iter(Runner.build_dataloader(config[f'{split}_dataloader'], seed=0)))


@pytest.mark.parametrize(('name', 'kind', 'size'), STAGE_TWO)
def test_stage_two_gives_batches(tmp_path: Path, name: str, kind: str, size: int) -> None:
    config = lay_out(name, tmp_path, pictures=True)
    for split in SPLITS:
        loader = config[f'{split}_dataloader']
        assert loader.dataset.type == kind
        batch = first_batch(config, split)
        number = loader.batch_size if split == 'train' else 2
        assert len(batch['inputs']['img']) == len(batch['data_samples']) == number
        assert batch['inputs']['img'][0].shape == (1, 3, size, size)
        sample = batch['data_samples'][0]
        assert ('gt_masks' in sample) == (split != 'train')
    assert {sample.annotation_id for sample in batch['data_samples']} == {11, 12}


@pytest.mark.parametrize(('name', 'kind', 'size'), STAGE_ONE)
def test_stage_one_gives_batches_without_pictures(
    tmp_path: Path, name: str, kind: str, size: int
) -> None:
    config = lay_out(name, tmp_path, pictures=False)
    for split in SPLITS:
        assert config[f'{split}_dataloader'].dataset.type == kind
        mask = first_batch(config, split)['inputs']['mask'][0]
        assert mask.shape == (1, 1, size, size)
        assert set(torch.unique(mask).tolist()) == {0.0, 1.0}


def test_predictions_without_truth(tmp_path: Path) -> None:
    """The same windows as in the scored test, from a file without amodal masks."""
    scored = first_batch(lay_out('c2f_coco_amodal', tmp_path, pictures=True), 'test')
    config = lay_out('c2f_coco_amodal_predict', tmp_path, pictures=False)
    content = objects()
    for entry in content['annotations']:
        entry.setdefault('visible_mask', entry.pop('segmentation'))
    write(tmp_path / config.test_dataloader.dataset.ann_file, content)
    batch = first_batch(config, 'test')
    assert len(batch['data_samples']) == 2
    for place in range(2):
        for key in ('img', 'visible_mask'):
            assert torch.equal(batch['inputs'][key][place], scored['inputs'][key][place])
        assert 'gt_masks' not in batch['data_samples'][place]
    evaluator = METRICS.build({**config.test_evaluator, 'out_file': str(tmp_path / 'p.json')})
    assert type(evaluator).__name__ == 'AmodalPredictions'


def transform(config: Config, split: str, kind: type) -> dict:
    pipeline = config[f'{split}_dataloader'].dataset.pipeline
    [found] = [step for step in pipeline if step.type == kind.__name__]
    return found


@pytest.mark.parametrize('stage', ['c2f', 'vqgan'])
def test_the_amodal_window_is_the_reference_way_alone(stage: str) -> None:
    ours = Config.fromfile(CONFIGS / f'{stage}_cocoa.py')
    official = Config.fromfile(CONFIGS / 'official' / f'{stage}_cocoa_official.py')
    for split in SPLITS:
        assert 'box_from' not in transform(ours, split, CropObject)
        crop = transform(official, split, CropObject)
        assert crop.pop('box_from') == 'amodal'
        assert crop == transform(ours, split, CropObject)
    if stage == 'c2f':
        assert transform(official, 'test', LoadFrames).channel_order == 'bgr'
        assert 'channel_order' not in transform(ours, 'test', LoadFrames)


def test_published_numbers_of_cocoa() -> None:
    """Facts of the reference implementation: noise 20 / 70 / 10, 10 k iterations, 3 k warm-up."""
    kins = Config.fromfile(CONFIGS / 'c2f_kins.py')
    for name in ('c2f_cocoa', 'official/c2f_cocoa_official'):
        config = Config.fromfile(CONFIGS / f'{name}.py')
        noise = config.train_dataloader.dataset.pipeline[3]
        assert noise.type == 'PerturbVisibleMask'
        assert (noise.blur_prob, noise.morph_prob) == (0.2, 0.7)
        assert (noise.dilate_prob, noise.extra_blur_prob) == (0.6, 0.2)
        kins_noise = kins.train_dataloader.dataset.pipeline[3]
        same = ('morph_rounds', 'kernel_sides', 'blur_side', 'blur_sigma')
        assert all(noise[key] == kins_noise[key] for key in same)
        assert config.train_cfg.max_iters == 10000
        assert [(s.begin, s.end) for s in config.param_scheduler] == [(0, 3000), (3000, 10000)]
        assert config.optim_wrapper.optimizer == kins.optim_wrapper.optimizer
        assert config.train_dataloader.batch_size == 16
    official = Config.fromfile(CONFIGS / 'official' / 'c2f_kins_official.py')
    assert config.optim_wrapper == official.optim_wrapper
    assert config.model.data_preprocessor == official.model.data_preprocessor


def test_losses_of_the_tokenizer_are_those_of_kins() -> None:
    for folder, suffix in (('', ''), ('official/', '_official')):
        models = [
            Config.fromfile(CONFIGS / f'{folder}vqgan_{name}{suffix}.py').model.to_dict()
            for name in ('kins', 'cocoa')
        ]
        assert models[0] == models[1]


@pytest.mark.parametrize('name', ['c2f_coco_amodal', 'vqgan_coco_amodal'])
def test_own_data_goes_on_from_shipped_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = Config.fromfile(CONFIGS / f'{name}.py')
    model = MODELS.build(config.model)
    weights = load_checkpoint_safely(config.load_from)['state_dict']
    assert set(weights) == set(model.state_dict())
    assert all(weights[key].shape == value.shape for key, value in model.state_dict().items())


class TestBoxFrom:
    """Where the window lies when the truth says it."""

    def results(self) -> dict:
        visible = np.zeros((1, 40, 60), np.uint8)
        visible[0, 15:20, 25:30] = 1
        amodal = np.zeros_like(visible)
        amodal[0, 10:26, 20:41] = 1
        return {'visible_mask': visible, 'gt_amodal_mask': amodal}

    def test_amodal(self) -> None:
        # Rows 10 to 26: centre 18, half of 16; columns 20 to 41: centre 30, half of 21.
        crop = CropObject(16, enlarge=1.0, box_from='amodal')(self.results())
        assert crop['crop_boxes'].tolist() == [[20, 10, 41, 27]]
        crop = CropObject(16, enlarge=1.0)(self.results())
        assert crop['crop_boxes'].tolist() == [[25, 15, 30, 20]]

    def test_wrong(self) -> None:
        with pytest.raises(ValueError, match=r'box_from is one of .*got .all.'):
            CropObject(16, box_from='all')
        results = self.results()
        results['gt_amodal_mask'][:] = 0
        with pytest.raises(ValueError, match='its amodal mask is empty'):
            CropObject(16, box_from='amodal')(results)
        del results['gt_amodal_mask']
        with pytest.raises(KeyError, match='no gt_amodal_mask for CropObject'):
            CropObject(16, box_from='amodal')(results)
