"""The command ``c2fseg``: what it runs, how it divides work, what it says to mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg import __version__
from c2fseg.cli import main as command
from c2fseg.cli.inputs import split_inputs
from c2fseg.cli.mask_arguments import read_points
from c2fseg.cli.shards import find_shard
from c2fseg.structures import encode_mask
from tests.apis.fake_sources import bright_picture
from tests.apis.test_picture_outputs import read_files

ROOT = Path(__file__).parents[2]
BOX = (3, 2, 9, 8)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of five pictures, each with an object of a result list."""
    folder = tmp_path / 'in'
    folder.mkdir()
    results = []
    for number in range(5):
        image = bright_picture(BOX)
        cv2.imwrite(str(folder / f'{number:06d}.png'), image)
        mask = encode_mask((image == 255).all(axis=2))
        score = 0.3 + number / 10
        results.append({'image_id': number, 'segmentation': mask, 'score': score, 'category_id': 1})
    (tmp_path / 'masks.json').write_text(json.dumps(results))
    return folder


def complete(*arguments: object) -> int:
    model = ('--model', 'trivial_hull_shapes', '--device', 'cpu')
    return command.main(['complete', *map(str, arguments), *model])


def test_commands_are_listed(capsys):
    assert command.main(['--help']) == 0
    listed = capsys.readouterr().out
    assert all(f'\n  {name} ' in listed for name in command.COMMANDS)
    assert command.main(['--version']) == 0
    assert capsys.readouterr().out == f'c2fseg {__version__}\n'
    for arguments, words in (([], 'a command is missing'), (['run'], "no command 'run'")):
        assert command.main(arguments) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize('name', command.COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([name, '--help'])
    assert ended.value.code == 0
    assert f'usage: c2fseg {name}' in capsys.readouterr().out


def test_masks_of_a_file(pictures, tmp_path, capsys):
    out = tmp_path / 'out'
    assert complete(pictures, '--masks', tmp_path / 'masks.json', '--out-dir', out) == 0
    said = capsys.readouterr().out
    assert '5 objects in 5 pictures' in said
    assert str(out) in said
    first = json.loads((out / 'predictions.json').read_text())[0]
    assert (first['box'], first['image_id'], first['score']) == (list(BOX), 0, 0.3)
    assert len(list((out / 'visualizations').iterdir())) == 5
    options = ('--save', 'json', '--score-threshold', '0.45', '--out-dir', out)
    assert complete(pictures, '--masks', tmp_path / 'masks.json', *options) == 0
    assert '3 objects in 5 pictures' in capsys.readouterr().out


def test_a_source_of_a_config(pictures, tmp_path, capsys):
    config = tmp_path / 'source.py'
    config.write_text(
        "custom_imports = dict(imports=['tests.apis.fake_sources'])\n"
        "mask_source = dict(type='BrightSource', batch_size=2)\n"
    )
    out = tmp_path / 'out'
    options = ('--mask-source', config, '--save', 'json', '--out-dir', out)
    assert complete(pictures, *options) == 0
    assert '5 objects in 5 pictures' in capsys.readouterr().out
    assert complete(pictures, *options, '--resume') == 0
    assert '5 objects in 5 pictures' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        complete(pictures, *options, '--resume', '--seed', '1')
    assert 'seed (0 then, 1 now)' in capsys.readouterr().err


def test_broken_pictures_are_counted(pictures, tmp_path, capsys):
    (pictures / '000001.png').write_text('no picture')
    options = ('--masks', tmp_path / 'masks.json', '--save', 'json', '--out-dir', tmp_path / 'out')
    with pytest.raises(SystemExit) as ended:
        complete(pictures, *options)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert complete(pictures, *options, '--on-error', 'skip') == 0
    assert '4 objects in 5 pictures, 1 errors (errors.json)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ((), 'give --masks FILE'),
        (('--masks', 'a.json', '--box', '1', '2', '3', '4'), 'one way to visible masks'),
        (('--masks', 'a.json', '--detector', 'a', 'b'), '--masks and --detector are given'),
        (('--point', '1', '2', '1', '3'), 'got 4 numbers'),
        (('--box', '1', '2', '3', '4', '--trust-checkpoint'), 'is for --detector'),
        (('--box', '1', '2', '3', '4', '--score-threshold', '0.5'), 'is for --detector and'),
        (('--masks', 'absent.json'), 'No mask file at absent.json'),
        (('--masks', 'a.json', '--shard', '2/2'), '--shard is I/N'),
    ],
)
def test_mistakes_are_one_sentence(pictures, capsys, options, words):
    with pytest.raises(SystemExit) as ended:
        complete(pictures, *options)
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1


def test_two_processes_do_what_one_does(pictures, tmp_path):
    """Each process is told its number and their count, as torchrun tells it."""
    masks = ('--masks', str(tmp_path / 'masks.json'))
    whole, out = tmp_path / 'whole', tmp_path / 'out'
    assert complete(pictures, *masks, '--out-dir', whole) == 0
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    model = ('--model', 'trivial_hull_shapes', '--device', 'cpu')
    target = ('--out-dir', str(out))
    children = [
        subprocess.Popen(
            [sys.executable, '-m', 'c2fseg', 'complete', str(pictures), *masks, *model, *target],
            env={**os.environ, 'PYTHONPATH': path, 'RANK': str(number), 'WORLD_SIZE': '2'},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [child.communicate(timeout=500)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert 'Process 0 of 2: 3 objects in 3 pictures' in said[0]
    assert 'Process 1 of 2: 2 objects in 2 pictures' in said[1]
    assert not (out / 'predictions.json').exists()
    assert command.main(['merge', str(out)]) == 0
    assert read_files(out) == read_files(whole)


def test_merge_of_a_folder_without_results(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(['merge', str(tmp_path)])
    assert ended.value.code == 2
    assert 'holds no journal' in capsys.readouterr().err


def test_share_of_a_process():
    assert find_shard('1/4', {'RANK': '0', 'WORLD_SIZE': '2'}) == (1, 4)
    assert find_shard(None, {}) == (0, 1)
    assert find_shard(None, {'RANK': '1', 'WORLD_SIZE': '2'}) == (1, 2)
    step = {'SLURM_PROCID': '3', 'SLURM_STEP_NUM_TASKS': '8', 'SLURM_NTASKS': '8'}
    assert find_shard(None, step) == (3, 8)
    # A batch script that srun did not start is a single process.
    assert find_shard(None, {'SLURM_PROCID': '0', 'SLURM_NTASKS': '8'}) == (0, 1)
    with pytest.raises(ValueError, match='RANK=2 and WORLD_SIZE=2'):
        find_shard(None, {'RANK': '2', 'WORLD_SIZE': '2'})


def test_inputs_are_divided(pictures, tmp_path):
    both = tmp_path / 'both'
    (both / 'deep').mkdir(parents=True)
    for name in ('a.png', 'b.mp4', 'deep/c.avi'):
        (both / name).write_bytes(b'')
    films = tmp_path / 'films'
    films.mkdir()
    (films / 'd.mp4').write_bytes(b'')
    given = [str(pictures), str(both), str(films), 'webcam:0', 'x.jpg', 'y.mov']
    found, videos = split_inputs(given)
    assert found == [str(pictures), str(both), 'x.jpg']
    assert videos == [str(both / 'b.mp4'), str(films / 'd.mp4'), 'webcam:0', 'y.mov']
    assert str(both / 'deep' / 'c.avi') in split_inputs([str(both)], recursive=True)[1]
    assert split_inputs([f'{both}/*.*']) == ([str(both / 'a.png')], [str(both / 'b.mp4')])


def test_clicks_by_object():
    assert read_points([[1, 2], [3, 4, 1, 5, 6, 0]]) == [[[1, 2, 1]], [[3, 4, 1], [5, 6, 0]]]
    assert read_points(None) is None


def test_video_and_its_masks(tmp_path, capsys):
    frames = tmp_path / 'clip'
    masks = tmp_path / 'masks'
    frames.mkdir()
    masks.mkdir()
    writer = cv2.VideoWriter(
        str(tmp_path / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 24)
    )
    for number in range(3):
        writer.write(bright_picture(BOX))
        ids = np.zeros((24, 32), np.uint8)
        ids[2:8, 3:9] = 7
        cv2.imwrite(str(masks / f'{number}.png'), ids)
    writer.release()
    out = tmp_path / 'out'
    options = ('--masks', masks, '--out-dir', out, '--save', 'json')
    assert complete(tmp_path / 'clip.avi', *options) == 0
    assert '1 objects in 3 frames of 1 videos' in capsys.readouterr().out
    entries = json.loads((out / 'masks' / 'clip.json').read_text())
    assert [entry['annotation_id'] for entry in entries] == [7, 7, 7]
    assert complete(tmp_path / 'clip.avi', *options, '--resume') == 0
    assert '1 videos were done before' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        complete(tmp_path / 'clip.avi', *options, '--resume', '--window', '2')
    assert 'completed with other options (window)' in capsys.readouterr().err
