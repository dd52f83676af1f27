"""tools/train.py and tools/test.py: the way from data to numbers, and what they say to mistakes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmengine.config import Config

from c2fseg.cli import train
from c2fseg.cli.test import metric_name, write_predictions
from c2fseg.datasets.synthetic import generate_shapes
from c2fseg.evaluation import VideoAmodalIoU
from c2fseg.utils.launch import (
    UserError,
    check_files,
    drop_spent_weights,
    one_sentence_errors,
)
from tests.engine.processes import Process, run_pair

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / 'configs'


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'tool_{name}', REPOSITORY / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_tool(directory: Path, name: str, arguments: list[str], launcher: str = 'none') -> None:
    """Calls a tool's ``main`` in a directory that is not the repository."""
    torch.set_num_threads(1)
    directory.mkdir(exist_ok=True)
    os.chdir(directory)
    load_tool(name).main([*arguments, '--launcher', launcher])


def message(name: str, *arguments: str | Path, capsys) -> str:
    """What a tool says when it ends with status 2: one line."""
    with pytest.raises(SystemExit) as caught:
        load_tool(name).main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith('error: ')
    return lines[0]


def test_mistakes_are_answered_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def train(*arguments: str | Path) -> str:
        return message('train', *arguments, capsys=capsys)

    assert 'nowhere.py does not exist' in train('nowhere.py')
    no_shapes = train(CONFIGS / 'vqgan_shapes.py')
    assert str(tmp_path / 'data/shapes/annotations/shapes_train.json') in no_shapes
    assert 'python tools/dataset_converters/make_shapes.py --out data/shapes' in no_shapes
    assert 'train_dataloader.dataset.data_root=DIR' in train(CONFIGS / 'vqgan_kins.py')
    if not torch.cuda.is_available():
        assert '--amp needs an accelerator' in train(CONFIGS / 'c2f_shapes.py', '--amp')
        monkeypatch.setattr('c2fseg.utils.launch.check_files', lambda *args, **kwargs: None)

    def test(*arguments: str | Path) -> str:
        return message('test', *arguments, capsys=capsys)

    assert 'must end with .json' in test(CONFIGS / 'c2f_shapes.py', '--out', 'x.txt')
    assert 'one AmodalIoU' in test(CONFIGS / 'vqgan_shapes.py', '--out', 'x.json')


def test_an_interrupted_training_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    class Interrupted:
        model = torch.nn.Identity()

        def __init__(self, config: Config) -> None:
            pass

        def train(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, 'check_files', lambda *args: None)
    monkeypatch.setattr(train, 'build_runner', Interrupted)
    with pytest.raises(SystemExit) as caught:
        train.main([str(CONFIGS / 'vqgan_shapes.py'), '--work-dir', str(tmp_path / 'run')])
    assert caught.value.code == 130
    [line] = capsys.readouterr().err.splitlines()
    assert '--resume' in line
    assert str(tmp_path / 'run') in line


def test_predictions_are_written_by_either_metric_under_any_name():
    for kind in ('AmodalIoU', 'c2fseg.AmodalIoU', 'VideoAmodalIoU', 'c2fseg.VideoAmodalIoU'):
        evaluator = dict(type=kind)
        for evaluators in (evaluator, [dict(type='ReconstructionIoU'), evaluator]):
            config = Config(dict(test_evaluator=evaluators))
            write_predictions(config, 'out.json')
            found = config.test_evaluator
            assert (found[-1] if isinstance(found, list) else found).out_file == 'out.json'
    assert metric_name(dict(type=VideoAmodalIoU)) == 'VideoAmodalIoU'
    for kinds in (('ReconstructionIoU',), ('AmodalIoU', 'c2fseg.VideoAmodalIoU')):
        config = Config(dict(test_evaluator=[dict(type=kind) for kind in kinds]))
        with pytest.raises(UserError, match='needs one AmodalIoU or VideoAmodalIoU'):
            write_predictions(config, 'out.json')


def test_typing_errors_in_options_and_configs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    config = CONFIGS / 'trivial_visible_shapes.py'
    wrong = message('train', config, '--cfg-options', 'modle.method=visible', capsys=capsys)
    assert 'has no key modle' in wrong
    (tmp_path / 'own.py').write_text(
        f'_base_ = [{str(config)!r}]\n'
        "test_dataloader = dict(dataset=dict(data_root='.', ann_file='a.json'))\n"
    )
    (tmp_path / 'a.json').write_text('{}')
    for option, words in (
        ('model.type=TrivialPredictr', 'TrivialPredictr is not in'),
        ('model.methd=visible', 'methd'),
        ('model.method=nothing', "got 'nothing'"),
        ('test_evaluator.protocol=nope', "Unknown evaluation protocol 'nope'"),
        ('test_evaluator.visible_source=mine', "got 'mine'"),
    ):
        said = message('test', 'own.py', '--cfg-options', option, capsys=capsys)
        assert 'The config cannot be built' in said
        assert words in said


def test_resuming_needs_no_file_of_the_first_stage(tmp_path):
    config = Config(
        dict(
            model=dict(tokenizer=dict(init_cfg=dict(type='Pretrained', checkpoint='gone.pth'))),
            work_dir=str(tmp_path),
            resume=True,
            load_from=None,
        )
    )
    drop_spent_weights(config)
    with pytest.raises(UserError, match=r'gone\.pth do not exist'):
        check_files(config)  # nothing to resume yet
    (tmp_path / 'iter_2.pth').write_bytes(b'')
    drop_spent_weights(config)
    assert config.model.tokenizer.init_cfg is None
    check_files(config)


@pytest.fixture(scope='module')
def shapes(tmp_path_factory) -> Path:
    """A directory that is not the repository, with a few pictures of data in it."""
    root = tmp_path_factory.mktemp('elsewhere')
    counts = {'train': 3, 'val': 1, 'test': 1}
    generate_shapes(root / 'data/shapes', counts=counts, workers=1, progress=False)
    return root


def options(*more: str) -> list[str]:
    return [
        '--cfg-options',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.batch_size=2',
        'test_dataloader.num_workers=0',
        'test_dataloader.batch_size=2',
        *more,
    ]


SHORT = ('train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'val_dataloader.dataset.indices=2')


@pytest.fixture(scope='module')
def trained(shapes) -> Path:
    """Both stages trained for two iterations, from the configs as they are."""
    for config in ('vqgan_shapes', 'c2f_shapes'):
        arguments = [str(CONFIGS / f'{config}.py'), *options(*SHORT)]
        if config == 'c2f_shapes':
            arguments.append(
                'model.tokenizer.init_cfg.checkpoint=work_dirs/vqgan_shapes/iter_2.pth'
            )
        Process(run_tool, shapes, 'train', arguments).wait()
    return shapes


def test_both_stages_train_and_the_result_is_scored(trained):
    assert (trained / 'work_dirs/vqgan_shapes/iter_2.pth').is_file()
    assert (trained / 'work_dirs/c2f_shapes/iter_2.pth').is_file()
    # The stage 1 file is not needed any more.
    arguments = [
        str(CONFIGS / 'c2f_shapes.py'),
        'work_dirs/c2f_shapes/iter_2.pth',
        '--out',
        'out/predictions.json',
        '--show-dir',
        'out/pictures',
        *options('test_dataloader.dataset.indices=3', 'model.tokenizer.init_cfg.checkpoint=gone'),
    ]
    output = Process(run_tool, trained, 'test', arguments).wait()
    assert 'c2f-image' in output
    entries = json.loads((trained / 'out/predictions.json').read_text())
    assert len(entries) == 3
    assert {'image_id', 'annotation_id', 'category_id', 'segmentation', 'score'} <= set(entries[0])
    assert len(list((trained / 'out/pictures').glob('*.png'))) == 3


def test_predictors_without_weights_need_no_checkpoint(trained):
    config = str(CONFIGS / 'trivial_hull_shapes.py')
    output = Process(run_tool, trained, 'test', [config, 'none', '--out', 'hull.json']).wait()
    assert 'c2f-image' in output
    assert json.loads((trained / 'hull.json').read_text())


def test_training_goes_on_where_it_stood(trained):
    arguments = [str(CONFIGS / 'vqgan_shapes.py'), '--resume', *options(*SHORT)]
    output = Process(run_tool, trained, 'train', [*arguments, 'train_cfg.max_iters=3']).wait()
    assert 'resumed epoch: 0, iter: 2' in output
    assert (trained / 'work_dirs/vqgan_shapes/iter_3.pth').is_file()


def test_bad_checkpoints_are_answered_in_one_line(trained):
    config = str(CONFIGS / 'c2f_shapes.py')
    data = (trained / 'work_dirs/c2f_shapes/iter_2.pth').read_bytes()
    (trained / 'short.pth').write_bytes(data[: len(data) // 2])
    expected = {'missing.pth': 'does not exist', 'short.pth': 'is truncated'}
    for name, text in expected.items():
        output = Process(run_tool, trained, 'test', [config, name, *options()]).fail()
        errors = [line for line in output.splitlines() if line.startswith('error: ')]
        assert text in errors[-1]
    output = Process(run_tool, trained, 'test', [config, *options()]).fail()
    assert 'error: C2FSeg has weights to load: give a checkpoint' in output


def test_two_processes_train_on_cpus(trained):
    arguments = [str(CONFIGS / 'c2f_shapes.py'), '--work-dir', 'pair', *options(*SHORT)]
    arguments.append('model.tokenizer.init_cfg.checkpoint=work_dirs/vqgan_shapes/iter_2.pth')
    run_pair(run_tool, trained, name='train', arguments=arguments)
    assert (trained / 'pair/iter_2.pth').is_file()


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_scripts_say_how_they_are_used(script):
    path = REPOSITORY / f'tools/{script}.sh'
    result = subprocess.run(['bash', str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert 'usage: ' in result.stderr
    subprocess.run(['bash', '-n', str(path)], check=True)


def test_a_broken_picture_ends_in_one_sentence_wherever_it_is_met(capsys):
    from torch.utils.data import DataLoader

    class Broken:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> None:
            raise OSError('picture 7.png is truncated')

    for workers in (0, 1):
        with pytest.raises(SystemExit, match='2'), one_sentence_errors():
            list(DataLoader(Broken(), num_workers=workers))
        assert capsys.readouterr().err == 'error: picture 7.png is truncated\n'
