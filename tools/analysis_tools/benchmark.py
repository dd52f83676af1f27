"""Measures what a model costs: seconds, GFLOP and the share of each part, memory, a training step.

    python tools/analysis_tools/benchmark.py configs/c2f_kins.py
    python tools/analysis_tools/benchmark.py A.py B.py --dtype bfloat16 --json outputs/speed.json
    python tools/analysis_tools/benchmark.py configs/c2f_shapes_video.py --frames 24

Weights are random and inputs synthetic, of the crop size of the config, so neither a checkpoint nor
data is needed. With --frames an object is a clip, and all numbers are those of a clip. Several
configs are run in turns, so that a busy machine slows all of them alike; medians over the rounds
are printed. GFLOP counts a multiplication and an addition as two; matrix products, convolutions and
attention are counted, element-wise work is not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

import c2fseg
from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.measure import (
    GIGA,
    PartClock,
    count_flops,
    environment,
    instrumented,
    measure_peak,
    resident_peak_mb,
)

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
IMAGE_SIZE = (375, 1242)  # (H, W) of a KITTI picture: what the masks are pasted into
OTHER = 'other'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description='Measure seconds, GFLOP and memory of a model, part by part.'
    )
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='config file of a C2FSeg model'
    )
    parser.add_argument('--batch-size', type=int, default=1, help='objects at a time (default 1)')
    parser.add_argument('--dtype', choices=sorted(DTYPES), default='float32')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the measurements here')
    parser.add_argument('--threads', type=int, help="CPU threads (default: torch's choice)")
    parser.add_argument('--repeats', type=int, default=3, help='rounds of measurement (default 3)')
    parser.add_argument('--frames', type=int, default=1, help='frames of a clip (default 1)')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1 (default cpu)')
    parser.add_argument('--skip-train', action='store_true', help='measure prediction only')
    parser.add_argument('--cfg-options', nargs='+', action=mmengine.DictAction, metavar='K=V')
    parser.add_argument('--memory-of-one', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    for name in ('batch_size', 'repeats', 'frames'):
        if getattr(args, name) < 1:
            option = '--' + name.replace('_', '-')
            parser.error(f'{option} must be at least 1, got {getattr(args, name)}')
    return args


def find_crop_size(cfg: Config) -> tuple[int, int]:
    """Returns the crop size (h, w) that the pipelines of a config ask for.

    Raises:
        ValueError: If no pipeline has a CropObject.
    """
    for loader in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        for transform in dataset.get('pipeline', ()):
            if transform['type'] in ('CropObject', 'c2fseg.CropObject'):
                size = transform['crop_size']
                return (size, size) if isinstance(size, int) else tuple(size)
    raise ValueError(
        f'{cfg.filename} has no CropObject in the pipelines of its data loaders, so the size of '
        'the inputs is unknown.'
    )


def make_batch(size: tuple[int, int], batch_size: int, frames: int) -> dict[str, Any]:
    """Returns a batch as the data loader collates it: noise, with an ellipse as object.

    Args:
        size: Crop size (h, w).
        batch_size: Objects.
        frames: Frames of an object.
    """
    height, width = size
    rows, columns = np.ogrid[:height, :width]
    ellipse = ((rows / height - 0.5) / 0.3) ** 2 + ((columns / width - 0.5) / 0.4) ** 2 < 1
    amodal = torch.from_numpy(ellipse).float().expand(frames, height, width).clone()
    visible = amodal.clone()
    visible[:, :, width // 2 :] = 0
    box = np.array([300, 100, 500, 250])  # xyxy, inside IMAGE_SIZE
    samples = []
    for index in range(batch_size):
        sample = AmodalDataSample()
        sample.gt_crop_masks = PixelData(visible=visible.clone(), amodal=amodal.clone())
        sample.set_metainfo(
            dict(
                sample_id=f'benchmark_{index}',
                image_id=0,
                annotation_id=index,
                ori_shape=IMAGE_SIZE,
                crop_boxes=np.tile(box, (frames, 1)),
                crop_size=size,
                frame_valid=np.ones(frames, dtype=bool),
            )
        )
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    shape = (frames, 3, height, width)
    images = [torch.randint(0, 256, shape, generator=generator).to(torch.uint8) for _ in samples]
    masks = [visible[:, None].clone() for _ in samples]
    return dict(inputs=dict(img=images, visible_mask=masks), data_samples=samples)


class Subject:
    """One config under measurement.

    Args:
        path: The config file.
        args: The command line.

    Raises:
        SystemExit: The model has not the parts of stage 2.
        ValueError: No pipeline of the config says how large the crops are.
    """

    def __init__(self, path: str, args: argparse.Namespace) -> None:
        cfg = Config.fromfile(path)
        if args.cfg_options:
            cfg.merge_from_dict(args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'c2fseg'))
        if cfg.model.type in ('C2FSeg', 'c2fseg.C2FSeg'):
            for key in ('train_cfg', 'test_cfg'):
                autocast = None if args.dtype == 'float32' else args.dtype
                cfg.model[key] = dict(cfg.model.get(key) or {}, autocast=autocast)
        self.path, self.cfg, self.args = path, cfg, args
        self.device = torch.device(args.device)
        torch.manual_seed(0)
        self.model = MODELS.build(cfg.model).to(self.device)
        lacking = [
            part
            for part in ('backbone', 'tokenizer', 'transformer', 'refiner')
            if not hasattr(self.model, part)
        ]
        if lacking:
            raise SystemExit(
                f'{path}: {type(self.model).__name__} has no {", ".join(lacking)}. benchmark.py '
                'measures models of stage 2 (C2FSeg), such as configs/c2f_kins.py.'
            )
        self.batch = make_batch(find_crop_size(cfg), args.batch_size, args.frames)
        self.clock = PartClock(self.device)
        self.rounds: list[dict[str, float]] = []
        self.train_seconds: list[float] = []
        self.flop: dict[str, float] = {}
        self.total_flop = 0.0
        self.optim: OptimWrapper | None = None

    def predict(self) -> float:
        """Predicts the batch once and returns the seconds it took."""
        self.model.eval()
        self.clock.reset()
        with torch.no_grad(), instrumented(self.model, self.clock):
            start = self.clock.now()
            data = self.model.data_preprocessor(self.batch, False)
            self.model(**data, mode='predict')
            return self.clock.now() - start

    def count(self) -> None:
        """Counts the operations of a prediction; also serves as warm-up."""
        with count_flops() as self.clock.counter:
            self.predict()
            self.total_flop = self.clock.counted()
        self.clock.counter = None
        self.flop = dict(self.clock.flop)

    def measure(self) -> None:
        """Takes the time of one prediction and its parts."""
        total = self.predict()
        self.rounds.append(dict(self.clock.seconds, total=total))

    def train_step(self) -> float:
        """Takes one training step and returns its seconds."""
        self.model.train()
        if self.optim is None:
            self.optim = build_optim_wrapper(self.model, plain_optimizer(self.cfg))
        start = self.clock.now()
        data = self.model.data_preprocessor(self.batch, True)
        losses = self.model(**data, mode='loss')
        loss, _ = self.model.parse_losses(losses)
        self.optim.update_params(loss)
        return self.clock.now() - start

    def result(self, peak: float, memory: float) -> dict[str, Any]:
        """Returns the entry of the JSON file; see the module's docstring for the units."""
        objects = self.args.batch_size
        seconds = statistics.median(r['total'] for r in self.rounds) / objects
        gflop = self.total_flop / GIGA / objects
        parts: dict[str, dict[str, float]] = {}
        for name, calls in self.clock.calls.items():
            parts[name] = dict(
                seconds=statistics.median(r[name] for r in self.rounds) / objects,
                gflop=self.flop[name] / GIGA / objects,
                calls=calls,
            )
        parts[OTHER] = dict(
            seconds=max(0.0, seconds - sum(part['seconds'] for part in parts.values())),
            gflop=max(0.0, gflop - sum(part['gflop'] for part in parts.values())),
            calls=1,
        )
        train = statistics.median(self.train_seconds) / objects if self.train_seconds else None
        return dict(
            seconds_per_object=seconds,
            seconds_per_frame=seconds / self.args.frames,
            gflop_per_object=gflop,
            parts=parts,
            peak_gflop_per_second=peak,
            fraction_of_peak=gflop / seconds / peak,
            peak_memory_mb=memory,
            train_seconds_per_sample=train,
            batch_size=objects,
            frames=self.args.frames,
            dtype=self.args.dtype,
            repeats=self.args.repeats,
            crop_size=list(find_crop_size(self.cfg)),
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            environment=environment(self.device),
        )


def plain_optimizer(cfg: Config) -> dict[str, Any]:
    """Returns the optimizer wrapper of a config without AMP, which is --dtype's business here."""
    wrapper = dict(cfg.optim_wrapper)
    wrapper['type'] = 'OptimWrapper'
    wrapper.pop('loss_scale', None)
    wrapper.pop('dtype', None)
    return wrapper


def measure_memory(path: str, args: argparse.Namespace) -> float:
    """Returns the peak memory in MB of a fresh process that predicts one batch of a config.

    On a GPU it is the memory that torch allocated there, else the resident memory of the process.

    Raises:
        RuntimeError: If that process fails.
    """
    command = [sys.executable, str(Path(__file__).resolve()), path, '--memory-of-one']
    for name in ('batch_size', 'frames', 'dtype', 'device', 'threads'):
        if getattr(args, name) is not None:
            command += ['--' + name.replace('_', '-'), str(getattr(args, name))]
    if args.cfg_options:
        command += ['--cfg-options', *(f'{key}={value}' for key, value in args.cfg_options.items())]
    root = str(Path(c2fseg.__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))
    done = subprocess.run(
        command, capture_output=True, text=True, env=dict(os.environ, PYTHONPATH=paths), check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f'The memory of {path} could not be measured:\n{done.stderr[-2000:]}')
    return float(done.stdout.split()[-1])


def print_memory(path: str, args: argparse.Namespace) -> None:
    """Predicts one batch and prints the memory it took; the child of :func:`measure_memory`."""
    subject = Subject(path, args)
    subject.predict()
    on_gpu = subject.device.type == 'cuda'
    print(torch.cuda.max_memory_allocated() / 1e6 if on_gpu else resident_peak_mb())


def format_table(path: str, result: dict[str, Any]) -> str:
    """Returns the measurements of one config as text."""
    total, peak = result['seconds_per_object'], result['peak_gflop_per_second']
    head = f'{"part":<22}{"calls":>6}{"seconds":>10}{"share":>8}{"GFLOP":>10}{"of peak":>9}'
    size = 'x'.join(map(str, result['crop_size']))
    frames = result['frames']
    unit, sample = ('object', 'sample') if frames == 1 else (f'clip of {frames} frames', 'clip')
    lines = [
        f'{path}: {size} px, {result["parameters"] / 1e6:.1f} M parameters, {result["dtype"]}, '
        f'batch {result["batch_size"]}, median of {result["repeats"]}; per {unit}:',
        head,
        '-' * len(head),
    ]
    rows = dict(result['parts'])
    rows['total'] = dict(calls=1, seconds=total, gflop=result['gflop_per_object'])
    for name, part in rows.items():
        speed = part['gflop'] / part['seconds'] if part['seconds'] > 0 else 0.0
        lines.append(
            f'{name:<22}{part["calls"]:>6}{part["seconds"]:>10.4f}{part["seconds"] / total:>8.1%}'
            f'{part["gflop"]:>10.2f}{speed / peak:>9.1%}'
        )
    train = result['train_seconds_per_sample']
    if frames > 1:
        lines.append(f'one frame             {result["seconds_per_frame"]:.4f} s')
    lines += [
        f'matrix product peak   {peak:.1f} GFLOP/s',
        f'peak memory           {result["peak_memory_mb"]:.0f} MB',
        'training step         ' + ('not measured' if train is None else f'{train:.3f} s/{sample}'),
    ]
    return '\n'.join(lines)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measures the configs in turns and returns one entry per config."""
    subjects = [Subject(path, args) for path in args.configs]
    for subject in subjects:
        subject.count()
    peaks = []
    for _ in range(args.repeats):
        peaks.append(measure_peak(torch.device(args.device), DTYPES[args.dtype]))
        for subject in subjects:
            subject.measure()
    if not args.skip_train:
        for round_number in range(args.repeats + 1):
            for subject in subjects:
                seconds = subject.train_step()
                if round_number > 0:  # the first step warms up
                    subject.train_seconds.append(seconds)
    memory = {subject.path: measure_memory(subject.path, args) for subject in subjects}
    return {subject.path: subject.result(max(peaks), memory[subject.path]) for subject in subjects}


def main(argv: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(argv)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    MMLogger.get_instance('c2fseg', log_level='WARNING')
    if args.memory_of_one:
        print_memory(args.configs[0], args)
        return
    results = run(args)
    where = environment(torch.device(args.device))
    print(', '.join(f'{key} {value}' for key, value in where.items()))
    for path, result in results.items():
        print('\n' + format_table(path, result))
    if args.json is not None:
        write_whole(args.json, (json.dumps(results, indent=2) + '\n').encode())
        print(f'\nWritten to {args.json}')


if __name__ == '__main__':
    main()
