"""A training of a few seconds with every part that resuming has to restore.

It has dropout (torch's randomness), a pipeline with numpy's randomness, BatchNorm buffers, AdamW
moments, a learning rate schedule and averaged weights. The tests run it in processes of their own,
which they kill.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot  # noqa: F401 - the Runner needs it; imported once for all processes
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmengine.utils.dl_utils import collect_env
from torch import nn
from torch.utils.data import Dataset

from c2fseg.datasets.sample_draw import SampleDraw
from c2fseg.datasets.transforms import SampleClip
from c2fseg.registry import DATASETS, HOOKS, METRICS, MODELS
from c2fseg.structures import AmodalDataSample
from c2fseg.utils.launch import prepare_processes

REPOSITORY = Path(__file__).resolve().parents[2]


@DATASETS.register_module(force=True)
class ToyDataset(Dataset):
    """Discs of 32 px, the left part of which is hidden; size and place come from numpy's generator.

    ``kind`` is what is packed: 'mask' for the first stage, 'object' for the second, 'clip' for the
    second on four frames of a track, in which the disc moves, 'point' for a model of two layers.
    Tracks are ``shortest`` to 8 frames long. Every read is noted in ``log``.
    """

    metainfo = dict(classes=('disc', 'other'))

    def __init__(
        self, kind: str = 'point', length: int = 23, log: str | None = None, shortest: int = 2
    ) -> None:
        self.kind = kind
        self.length = length
        self.log = log
        self.tracks = [shortest + index % (9 - shortest) for index in range(length)]
        self.sample_clip = SampleClip(num_frames=4, interval=(1, 2))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, draw: SampleDraw | int) -> dict:
        index, seed = draw if isinstance(draw, tuple) else (draw, draw)
        np.random.seed(seed)
        if self.log is not None:
            with open(self.log, 'a') as file:
                file.write(f'{seed}\n')
        x, y, radius = np.random.uniform((10, 10, 4), (22, 22, 9))
        clip = self.choose_frames(index) if self.kind == 'clip' else {}
        times = torch.tensor(clip.get('frame_indices', [0]))[:, None, None]
        grid = torch.arange(32.0)
        amodal = ((grid - x - times) ** 2 + (grid[:, None] - y) ** 2 < radius**2).float()
        visible = amodal * (grid > x + times)
        sample = AmodalDataSample(
            metainfo=dict(
                sample_id=f'toy_{index}',
                seed=seed,
                ori_shape=(32, 32),
                crop_boxes=np.tile([0, 0, 32, 32], (len(amodal), 1)),
                **clip,
            )
        )
        if self.kind == 'mask':
            inputs = dict(mask=amodal[:, None])
            sample.gt_crop_masks = PixelData(target=amodal)
        elif self.kind in ('object', 'clip'):
            image = torch.from_numpy(np.random.randint(0, 80, (len(amodal), 3, 32, 32), np.uint8))
            image = image + (100 * amodal[:, None]).byte()
            inputs = dict(img=image, visible_mask=visible[:, None])
            sample.gt_crop_masks = PixelData(visible=visible, amodal=amodal)
        else:
            inputs = torch.tensor([x, y, radius], dtype=torch.float32) / 32
        return dict(inputs=inputs, data_samples=sample)

    def choose_frames(self, index: int) -> dict[str, np.ndarray]:
        """Lets SampleClip draw frames of a track, of which a short one is padded."""
        frames = self.tracks[index]
        known = np.ones(frames, bool)
        return self.sample_clip(
            dict(frame_valid=known, frame_counted=known, frame_indices=np.arange(frames))
        )


@MODELS.register_module(force=True)
class ToyModel(BaseModel):
    """Two linear layers with BatchNorm and dropout. Loss number ``nan_at`` is not a number."""

    def __init__(self, nan_at: int = -1, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1)
        )
        self.nan_at = nan_at
        self.calls = 0

    def forward(self, inputs: list, data_samples: list, mode: str = 'tensor') -> Any:
        value = self.layers(torch.stack(inputs))
        if mode == 'predict':
            return data_samples
        self.calls += 1
        loss = (value - torch.stack(inputs)[:, :1]).square().mean()
        return dict(loss_toy=loss * float('nan') if self.calls == self.nan_at else loss)


@METRICS.register_module(force=True)
class WeightMetric(BaseMetric):
    """A number that changes with the weights that are validated."""

    default_prefix = 'toy'
    model: nn.Module | None = None

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [1.0 for _ in data_samples]

    def compute_metrics(self, results: list) -> dict:
        total = sum(float(value.abs().sum()) for value in self.model.parameters())
        return dict(weight=total, count=len(results))


@HOOKS.register_module(force=True)
class ShowModelHook(Hook):
    """Lets the metric look at the model."""

    def before_val(self, runner: Runner) -> None:
        runner.val_evaluator.metrics[0].model = runner.model

    def before_test(self, runner: Runner) -> None:
        runner.test_evaluator.metrics[0].model = runner.model


@HOOKS.register_module(force=True)
class FrozenStatisticsHook(Hook):
    """Holds batch statistics fixed, so that the size of a batch makes no difference."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        for module in runner.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


@HOOKS.register_module(force=True)
class RecordHook(Hook):
    """Writes which draws an iteration consumed; interrupts iteration ``stop_at``."""

    priority = 'HIGHEST'

    def __init__(self, directory: str, stop_at: int | None = None) -> None:
        self.path = Path(directory) / f'draws_{get_rank()}.jsonl'
        self.stop_at = stop_at

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == self.stop_at:
            raise KeyboardInterrupt('stopped by the test')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        seeds = [(sample.sample_id, sample.seed) for sample in data_batch['data_samples']]
        with self.path.open('a') as file:
            file.write(json.dumps([runner.iter, seeds]) + '\n')


TOKENIZER = dict(
    type='MaskAutoencoder',
    mask_size=32,
    base_channels=8,
    channel_multipliers=(1, 2),
    num_encoder_blocks=1,
    num_decoder_blocks=1,
    num_middle_blocks=0,
    latent_channels=8,
    codebook_size=16,
    patch_size=4,
    upsample='shuffle',
    norm_groups=4,
    output_activation='sigmoid',
    revive_every=4,
)
ADAM = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=3e-3, fused=True))
STAGES = dict(
    point=dict(model=dict(type='ToyModel'), optim_wrapper=ADAM),
    mask=dict(
        model=dict(
            type='MaskVQGAN',
            data_preprocessor=dict(type='AmodalDataPreprocessor'),
            autoencoder=TOKENIZER,
            discriminator=dict(
                type='PatchDiscriminator',
                in_channels=1,
                base_channels=4,
                num_layers=2,
                norm_cfg=dict(type='BN'),
            ),
            reconstruction_loss=dict(type='MaskReconstructionLoss', kind='l1'),
            adversarial_loss=dict(
                type='AdversarialLoss', discriminator_loss='vanilla', generator_loss='minimax'
            ),
        ),
        optim_wrapper=dict(
            constructor='MultiOptimWrapperConstructor', autoencoder=ADAM, discriminator=ADAM
        ),
        model_wrapper_cfg=dict(type='MMSeparateDistributedDataParallel'),
    ),
    object=dict(
        model=dict(
            type='C2FSeg',
            backbone=dict(
                type='LightEncoder',
                in_channels=4,
                channels=(8, 8, 8, 8),
                strides=(2, 2, 2, 1),
                blocks=(0, 0, 0, 1),
            ),
            feature_channels=(8, 8, 8, 8),
            backbone_visible_mask=True,
            tokenizer=TOKENIZER,
            transformer=dict(
                type='MaskedTransformer',
                feature_dims=8,
                visible_dims=4,
                amodal_dims=4,
                depth=1,
                num_heads=2,
                mlp_ratio=2.0,
                dropout=0.1,
                block=dict(type='SpatialBlock'),
            ),
            refiner=dict(type='ConvRefiner', feature_dims=8, channels=(8, 8, 8, 8)),
            decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=2),
        ),
        optim_wrapper=ADAM,
    ),
)


STAGES['clip'] = copy.deepcopy(STAGES['object'])
STAGES['clip']['model']['transformer'].update(
    depth=2, block=dict(type='SpatioTemporalBlock', window_frames=2, window_patch=2)
)
STAGES['clip']['model']['train_cfg'] = dict(consistency_weight=0.5)


def toy_config(
    work_dir: Path, kind: str = 'point', stop_at: int | None = None, **changes: Any
) -> Config:
    """The config of a training, on the project's own default_runtime.py.

    Args:
        work_dir: Where it writes; ``draws_<rank>.jsonl`` holds what each iteration consumed.
        kind: 'mask' for the first stage, 'object' and 'clip' for the second, 'point' for two
            layers.
        stop_at: Iteration that is interrupted.
        **changes: Dotted keys to values.
    """
    config = Config.fromfile(str(REPOSITORY / 'configs/_base_/default_runtime.py'))
    config.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            **copy.deepcopy(STAGES[kind]),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='ResumableInfiniteSampler'),
                dataset=dict(type='ToyDataset', kind=kind),
            ),
            val_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='ToyDataset', kind=kind, length=6),
            ),
            val_evaluator=dict(type='WeightMetric'),
            train_cfg=dict(type='ResumableIterLoop', max_iters=30, val_interval=10),
            val_cfg=dict(type='ValLoop'),
            param_scheduler=[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=20)],
            custom_hooks=[
                dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.05, gamma=10),
                dict(type='RecordHook', directory=str(work_dir), stop_at=stop_at),
                dict(type='ShowModelHook'),
            ],
        )
    )
    checkpoint = dict(interval=5, save_best='toy/weight', rule='greater')
    config.merge_from_dict(
        dict(
            default_hooks=dict(checkpoint=checkpoint, logger=dict(interval=5)),
            visualizer=dict(type='Visualizer'),
        )
    )
    config.merge_from_dict(changes)
    return config


def train(work_dir: Path, kind: str = 'point', launcher: str = 'none', **changes: Any) -> None:
    """Trains in this process."""
    torch.set_num_threads(1)
    work_dir.mkdir(parents=True, exist_ok=True)
    config = toy_config(work_dir, kind, **changes)
    prepare_processes(config, launcher)
    text = config.pretty_text  # formatting it takes longer than these iterations, at every save
    Config.pretty_text = property(lambda self: text)
    Runner.from_cfg(config).train()


collect_env()  # imports torchvision, for all processes at once
