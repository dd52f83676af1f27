"""Checkpoint files: whole or not at all, plain, and refused in one sentence where they are bad."""

from __future__ import annotations

import collections
import os
import pickle
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import get_file_backend
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from c2fseg.engine import AtomicCheckpointHook
from c2fseg.utils.atomic_backend import BACKEND_NAME, AtomicLocalBackend
from c2fseg.utils.checkpoint import (
    CheckpointError,
    DamagedCheckpointError,
    find_resumable_checkpoint,
    load_checkpoint_safely,
)
from c2fseg.utils.plain_state import from_plain, to_plain

from .processes import Process
from .toy_training import toy_config, train


class MaliciousReduce:
    """Unpickling this makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def one_sentence(error: Exception) -> str:
    text = str(error)
    assert '\n' not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_refused_and_does_not_run(tmp_path, zipped):
    path, trap = tmp_path / 'bad.pth', tmp_path / 'trap'
    content = {'state_dict': {}, 'meta': MaliciousReduce(trap)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match='carries code') as caught:
        load_checkpoint_safely(path)
    assert str(path) in one_sentence(caught.value)
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists(), 'the trap itself is broken'


def test_a_plain_pickle_with_code_is_refused(tmp_path):
    path, trap = tmp_path / 'bad.pkl', tmp_path / 'trap'
    path.write_bytes(pickle.dumps(MaliciousReduce(trap), protocol=2))
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint_safely(path)
    one_sentence(caught.value)
    assert not trap.exists()


def test_foreign_objects_are_named(tmp_path):
    torch.save({'message_hub': HistoryBuffer([1.0], [1])}, tmp_path / 'old.pth')
    with pytest.raises(CheckpointError, match='HistoryBuffer'):
        load_checkpoint_safely(tmp_path / 'old.pth')


def test_bad_files_are_named(tmp_path):
    def message(name: str, kind: type = CheckpointError) -> str:
        with pytest.raises(kind) as caught:
            load_checkpoint_safely(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        return one_sentence(caught.value)

    assert 'does not exist' in message('missing.pth')
    (tmp_path / 'empty.pth').write_bytes(b'')
    assert 'is empty' in message('empty.pth', DamagedCheckpointError)
    (tmp_path / 'text.pth').write_text('hello, this is no checkpoint')
    assert 'not a checkpoint' in message('text.pth')
    torch.save(torch.zeros(3), tmp_path / 'tensor.pth')
    assert 'holds a Tensor' in message('tensor.pth')

    torch.save({'state_dict': {'a': torch.arange(5000.0)}}, tmp_path / 'good.pth')
    assert load_checkpoint_safely(tmp_path / 'good.pth')['state_dict']['a'][7] == 7
    data = (tmp_path / 'good.pth').read_bytes()
    for size in (10, 1000, len(data) // 2, len(data) - 1):
        (tmp_path / 'short.pth').write_bytes(data[:size])
        assert 'truncated' in message('short.pth', DamagedCheckpointError)
    place = len(data) // 2
    flipped = data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]
    (tmp_path / 'flipped.pth').write_bytes(flipped)
    assert 'damaged' in message('flipped.pth', DamagedCheckpointError)


def test_plain_state_comes_back(tmp_path):
    history = HistoryBuffer([1.0, 2.5], [1, 1], max_length=7)
    state = {
        'hub': collections.OrderedDict(loss=history),
        'scalar': np.float32(0.5),
        'flag': np.bool_(True),
        'array': np.arange(3),
        'nested': [(1, 'two', None), {3: torch.ones(2)}],
    }
    torch.save(to_plain(state), tmp_path / 'plain.pth')
    back = from_plain(torch.load(tmp_path / 'plain.pth', weights_only=True))
    assert type(back['hub']['loss']) is HistoryBuffer
    assert back['hub']['loss'].data[0].tolist() == [1.0, 2.5]
    assert back['hub']['loss'].max_length == 7
    back['hub']['loss'].update(3.5)
    assert back['hub']['loss'].mean(2) == 3.0
    assert type(back['scalar']) is float
    assert back['flag'] is True
    assert back['array'].tolist() == [0, 1, 2]
    assert back['nested'][0] == (1, 'two', None)
    assert back['nested'][1][3].tolist() == [1, 1]
    with pytest.raises(TypeError, match=r'meta\.thing is a pathlib.*cannot hold safely'):
        to_plain({'thing': Path('x')}, 'meta')


def write_forever(path: Path, size: int) -> None:
    """Replaces a file over and over; the first byte says which version it is."""
    backend = get_file_backend(path, backend_args={'backend': BACKEND_NAME})
    for number in range(10**6):
        backend.put(bytes([number % 256]) * size, path)


def test_killed_while_writing_the_former_file_is_whole(tmp_path):
    path, size = tmp_path / 'file.bin', 500_000
    for delay in (0.003, 0.011):
        path.unlink(missing_ok=True)
        Process(write_forever, path, size).kill_when(path.exists, delay)
        data = path.read_bytes()
        assert len(data) == size
        assert data == data[:1] * size


def test_a_failed_write_leaves_the_former_file(tmp_path, monkeypatch):
    backend = AtomicLocalBackend()
    backend.put(b'old', tmp_path / 'file')

    def broken(handle: int) -> None:
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', broken)
    with pytest.raises(OSError, match='disk full'):
        backend.put(b'new', tmp_path / 'file')
    assert (tmp_path / 'file').read_bytes() == b'old'
    assert [path.name for path in tmp_path.iterdir()] == ['file']


def save_slowly_and_die(work_dir: Path) -> None:
    """A training that is killed while its second checkpoint is being written."""
    whole = AtomicLocalBackend.put

    def put(self, obj, filepath) -> None:
        if str(filepath).endswith('iter_4.pth'):
            Path(f'{filepath}.part').write_bytes(bytes(obj)[: len(obj) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        whole(self, obj, filepath)

    AtomicLocalBackend.put = put
    checkpoint = {
        'default_hooks.checkpoint.interval': 2,
        'default_hooks.checkpoint.save_best': None,
    }
    changes = {'train_cfg.max_iters': 6, 'default_hooks.checkpoint.max_keep_ckpts': 1}
    train(work_dir, **checkpoint, **changes)


def test_killed_while_saving_the_former_checkpoint_is_there(tmp_path):
    """Even where one checkpoint is kept: it goes only after its successor is complete."""
    run = tmp_path / 'run'
    Process(save_slowly_and_die, run).kill_when(lambda: False)
    assert {path.name for path in run.glob('*.pth*')} == {'iter_2.pth', 'iter_4.pth.part'}
    assert find_resumable_checkpoint(run, 'iter_*.pth') == run / 'iter_2.pth'
    assert load_checkpoint_safely(run / 'iter_2.pth')['meta']['iter'] == 2


def test_what_is_resumed(tmp_path):
    assert find_resumable_checkpoint(tmp_path) is None
    for number, age in ((1, 30), (2, 20), (3, 10)):
        path = tmp_path / f'iter_{number}.pth'
        torch.save({'number': number}, path)
        os.utime(path, (time.time() - age,) * 2)
    assert find_resumable_checkpoint(tmp_path).name == 'iter_3.pth'
    # The note wins: a new training in an old directory is not confused by the old one's files.
    (tmp_path / 'last_checkpoint').write_text('/moved/elsewhere/iter_1.pth')
    assert find_resumable_checkpoint(tmp_path).name == 'iter_1.pth'
    (tmp_path / 'last_checkpoint').write_text('')
    (tmp_path / 'iter_3.pth').write_bytes(b'PK\x03\x04broken')
    with pytest.warns(UserWarning, match='iter_3.pth is truncated'):
        assert find_resumable_checkpoint(tmp_path).name == 'iter_2.pth'
    for number in (1, 2):
        (tmp_path / f'iter_{number}.pth').write_bytes(b'')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with pytest.raises(CheckpointError, match=r'No checkpoint in .* can be loaded'):
            find_resumable_checkpoint(tmp_path)


def test_foreign_storage_is_refused():
    with pytest.raises(ValueError, match='local disk only'):
        AtomicCheckpointHook(backend_args={'backend': 'petrel'})


def test_weights_of_another_model_are_refused(tmp_path):
    """MMEngine alone logs it and goes on with random weights."""
    config = toy_config(tmp_path / 'run')
    config.update(test_dataloader=config.val_dataloader, test_evaluator=config.val_evaluator)
    config.test_cfg = dict(type='TestLoop')
    config.custom_hooks = [dict(type='ShowModelHook')]
    foreign, own, bare = (str(tmp_path / f'{name}.pth') for name in ('foreign', 'own', 'bare'))
    runner = Runner.from_cfg(config)
    state = runner.model.state_dict()
    first = next(iter(state))
    torch.save({'state_dict': {'other.weight': torch.zeros(3)}}, foreign)
    torch.save({'state_dict': state}, own)
    torch.save({key: value for key, value in state.items() if key != first}, bare)

    def run(mode: str, path: str, resume: bool = False) -> None:
        config.update(load_from=path, resume=resume, experiment_name=f'run_{time.time_ns()}')
        getattr(Runner.from_cfg(config), mode)()

    run('test', own)
    for path, words in ((foreign, 'unexpected .other.weight'), (bare, f'1 missing .{first}')):
        with pytest.raises(CheckpointError, match=f'{path} does not fit .*{words}') as caught:
            run('test', path)
        one_sentence(caught.value)
    with pytest.raises(CheckpointError, match='does not fit'):
        run('train', foreign)
    with pytest.raises(CheckpointError, match='does not fit'):
        run('train', bare, resume=True)
    with pytest.raises(CheckpointError, match=r'no optimizer and no message_hub.*load_from=PATH'):
        run('train', own, resume=True)
