"""What a test writes into its JSON file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData

from c2fseg.engine import PlainLogProcessor
from c2fseg.registry import DATASETS, MODELS
from c2fseg.structures import AmodalDataSample

RUNTIME = Path(__file__).parents[2] / 'configs/_base_/default_runtime.py'


@MODELS.register_module()
class CopyVisible(BaseModel):
    """Predicts the visible mask."""

    def forward(self, inputs: dict, data_samples: list, mode: str = 'predict') -> list:
        for sample in data_samples:
            visible = sample.gt_masks.visible
            sample.pred_masks = PixelData(visible=visible, amodal=visible)
        return data_samples


@DATASETS.register_module()
class BarDataset(torch.utils.data.Dataset):
    """Three objects of 10 pixels of which 6 are visible."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> dict:
        line = torch.arange(12).view(1, 1, 12)
        sample = AmodalDataSample(metainfo={'sample_id': str(number), 'annotation_id': number})
        sample.gt_masks = PixelData(visible=line < 6, amodal=line < 10, evaluable=line < 6)
        return {'inputs': torch.zeros(1), 'data_samples': sample}


def test_whole_numbers_are_written(tmp_path: Path) -> None:
    config = Config.fromfile(str(RUNTIME))
    assert config.log_processor.type == PlainLogProcessor.__name__
    names = {'AmodalIoU': ['c2f-image', 'pcnet'], 'VideoAmodalIoU': ['c2f-video', 'eoras']}
    config.merge_from_dict(
        {
            'work_dir': str(tmp_path),
            'model': {'type': 'CopyVisible'},
            'test_dataloader': {
                'batch_size': 2,
                'num_workers': 0,
                'sampler': {'type': 'DefaultSampler', 'shuffle': False},
                'dataset': {'type': 'BarDataset'},
                'collate_fn': {'type': 'pseudo_collate'},
            },
            'test_cfg': {'type': 'TestLoop'},
            'test_evaluator': [dict(type=key, protocols=value) for key, value in names.items()],
            'visualizer': {'type': 'Visualizer'},
            'experiment_name': 'whole_numbers',
        }
    )
    returned = Runner.from_cfg(config).test()
    [path] = tmp_path.glob('*/*.json')
    written = json.loads(path.read_text())
    numbers = {
        'c2f-image/gt/objects': 3,
        'c2f-image/gt/occluded_objects': 3,
        'c2f-image/gt/objects_hidden_5-30': 0,
        'pcnet/gt/objects': 3,
        'c2f-video/gt/tracks': 3,
        'c2f-video/gt/tracks_left_out': 0,
        'eoras/gt/refined/raw/frames_occ': 3,
        'frames/gt/stability_pairs': 0,
    }
    assert {key: written[key] for key in numbers} == numbers
    assert all(type(returned[key]) is int for key in numbers)
    assert None not in written.values()
    assert {type(value) for value in returned.values()} == {int, float}
    assert written['c2f-image/gt/refined/raw/mIoU_full'] == 0.6000000238418579  # float32
