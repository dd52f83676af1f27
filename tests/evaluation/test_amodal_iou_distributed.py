"""AmodalIoU and VideoAmodalIoU on two processes: padding of the samplers must not count."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.structures import PixelData

from c2fseg.evaluation import AmodalIoU, VideoAmodalIoU
from c2fseg.structures import AmodalDataSample
from tests.evaluation.clips import clip
from tests.evaluation.clips import make_sample as make_clip

# Pixels found of 10, by object; object 0 is repeated as padding. The first process meets the
# padding before its last object, so that cutting the list at 5 would lose an object.
FOUND = [2, 4, 6, 8, 10]
SHARES = {0: [0, 0, 1], 1: [2, 3, 4]}


def make_sample(number: int) -> dict:
    sample = AmodalDataSample(metainfo={'sample_id': str(number)})
    line = torch.arange(10).view(1, 1, 10)
    sample.gt_masks = PixelData(visible=line < 1, amodal=line < 10)
    sample.pred_masks = PixelData(visible=line < 1, amodal=line < FOUND[number])
    sample.pred_crop_masks = PixelData(amodal=(line < FOUND[number]).float())
    return sample.to_dict()


def make_track(number: int) -> dict:
    """Three frames, the last one padding; the prediction finds FOUND pixels of 10 in each."""
    frames = 3
    return make_clip(
        number,
        amodal=clip(*['#' * 10] * frames),
        visible=clip(*['#....#####'] * frames),
        refined=clip(*['#' * FOUND[number] + '.' * (10 - FOUND[number])] * frames),
        others=clip(*['.####.....'] * frames),
        frame_valid=np.array([True, True, False]),
    )


def make_video_metric(folder: str) -> VideoAmodalIoU:
    protocols = ('c2f-video', 'c2f-video-strict', 'savos')
    return VideoAmodalIoU(protocols=protocols, out_file=Path(folder) / 'tracks.json')


def run_process(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    metric = AmodalIoU(out_file=Path(folder) / 'predictions.json')
    metric.collect_dir = f'{folder}/exchange'
    for number in SHARES[rank]:
        metric.process(None, [make_sample(number)])
    values = metric.evaluate(len(FOUND))
    Path(folder, f'values_{rank}.json').write_text(json.dumps(values))
    metric = make_video_metric(folder)
    metric.collect_dir = f'{folder}/exchange_video'
    for number in SHARES[rank]:
        metric.process(None, [make_track(number)])
    Path(folder, f'video_{rank}.json').write_text(json.dumps(metric.evaluate(len(FOUND))))
    dist.destroy_process_group()


@pytest.mark.skipif(sys.platform == 'win32', reason='gloo over localhost is tested on POSIX only')
def test_padding_of_two_processes_counts_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_process, args=(port, str(tmp_path)), nprocs=2)
    first, second = (json.loads((tmp_path / f'values_{r}.json').read_text()) for r in (0, 1))
    assert first['c2f-image/gt/objects'] == 5
    assert first['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(0.6)
    assert json.dumps(second) == json.dumps(first)  # every process gets the values
    entries = json.loads((tmp_path / 'predictions.json').read_text())
    assert sorted(entry['iou_full'] for entry in entries) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])

    # Clips: two processes say to the digit what one says, and write every frame once.
    first, second = (json.loads((tmp_path / f'video_{r}.json').read_text()) for r in (0, 1))
    entries = json.loads((tmp_path / 'tracks.json').read_text())
    alone = make_video_metric(str(tmp_path))
    for number in range(len(FOUND)):
        alone.process(None, [make_track(number)])
    values = json.loads(json.dumps(alone.evaluate(len(FOUND))))
    assert values['c2f-video/gt/refined/raw/mIoU_full'] == pytest.approx(0.6, abs=1e-6)
    for other in (first, second):
        assert other.keys() == values.keys()
        np.testing.assert_allclose(list(other.values()), list(values.values()), rtol=1e-12)
    assert sorted((entry['annotation_id'], entry['frame']) for entry in entries) == [
        (number, frame) for number in range(len(FOUND)) for frame in range(2)
    ]
