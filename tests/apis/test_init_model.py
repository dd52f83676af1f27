"""From a config and a checkpoint to a model, and what is said when they do not fit."""

from __future__ import annotations

import pickle

import pytest
import torch
from mmengine.config import Config

from c2fseg.apis import AmodalInferencer, init_model
from c2fseg.apis.init_model import load_config, load_weights
from c2fseg.apis.model_files import config_names, find_config, find_weights
from c2fseg.utils.checkpoint import CheckpointError

from .conftest import TINY


def save(path, state, key='state_dict'):
    torch.save({key: state} if key else state, path)
    return path


def test_model_has_its_parts_and_is_in_eval_mode(model):
    for name in ('backbone', 'tokenizer', 'transformer', 'refiner', 'decoder'):
        assert getattr(model, name) is not None
    assert not any(module.training for module in model.modules())
    assert isinstance(model.cfg, Config)


@pytest.mark.parametrize('key', ['state_dict', None])
def test_half_precision_weights_become_float32(model, tmp_path, key):
    half = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    loaded = init_model('c2f_shapes', save(tmp_path / 'w.pth', half, key), cfg_options=TINY)
    state = loaded.state_dict()
    assert {v.dtype for v in loaded.parameters()} == {torch.float32}
    for name, value in model.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(state[name], expected)


def test_config_object_is_left_as_it_is(model):
    before = model.cfg.pretty_text
    load_config(model.cfg, {'model.decoder.num_steps': 7})
    assert model.cfg.pretty_text == before


def test_missing_initial_weights_do_not_matter():
    cfg = load_config('c2f_shapes', TINY)
    cfg.model.tokenizer.init_cfg = dict(type='Pretrained', checkpoint='/nowhere.pth')
    assert init_model(cfg).tokenizer.init_cfg is None


class Evil:
    """Runs code when it is unpickled the unsafe way."""

    def __reduce__(self):
        return (print, ('code ran',))


def write_bad(kind: str, path, state) -> None:
    """Write a file that is no usable checkpoint."""
    if kind == 'code':
        torch.save({'state_dict': state, 'extra': Evil()}, path)
    elif kind == 'bare pickle':
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == 'truncated':
        torch.save({'state_dict': state}, path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == 'text':
        path.write_text('not a checkpoint')
    elif kind == 'empty':
        path.write_bytes(b'')
    elif kind == 'no tensors':
        torch.save({'meta': {'epoch': 3}}, path)
    elif kind == 'missing key':
        torch.save({'state_dict': dict(list(state.items())[1:])}, path)
    elif kind == 'unexpected key':
        torch.save({'state_dict': {**state, 'stranger.weight': torch.zeros(2)}}, path)
    elif kind == 'shape':
        torch.save({'state_dict': {k: v.reshape(-1)[:1] for k, v in state.items()}}, path)


@pytest.mark.parametrize(
    ('kind', 'words'),
    [
        ('code', 'carries code'),
        ('bare pickle', 'not a checkpoint|carries code'),
        ('truncated', 'truncated'),
        ('text', 'not a checkpoint|was refused'),
        ('empty', 'empty'),
        ('absent', 'does not exist'),
        ('no tensors', 'holds no state dict'),
        ('missing key', '1 missing'),
        ('unexpected key', r'1 unexpected \(stranger.weight\)'),
        ('shape', 'of other shape'),
    ],
)
def test_bad_checkpoint_gives_one_sentence(model, tmp_path, capsys, kind, words):
    path = tmp_path / 'bad.pth'
    write_bad(kind, path, model.state_dict())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=words) as caught:
        load_weights(model, path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)
    assert 'code ran' not in capsys.readouterr().out
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_names_are_resolved():
    assert 'c2f_shapes' in config_names()
    assert not any('_base_' in name for name in config_names())
    assert find_config('c2f_shapes').name == 'c2f_shapes.py'
    assert find_config('c2f_shapes.py') == find_config('configs/c2f_shapes.py').resolve()
    with pytest.raises(FileNotFoundError, match=r'nonsense is neither .* c2f_shapes'):
        find_config('nonsense')


def test_a_config_of_the_users_own_has_no_shipped_weights(tmp_path):
    own = tmp_path / 'c2f_shapes.py'
    own.write_text('')
    with pytest.raises(FileNotFoundError, match='weights='):
        find_weights(own)
    with pytest.raises(FileNotFoundError, match='No weights ship for c2f_kins'):
        find_weights(find_config('c2f_kins'))


def test_wrong_configs(tmp_path):
    with pytest.raises(TypeError, match='got int'):
        load_config(3)
    empty = tmp_path / 'empty.py'
    empty.write_text('a = 1\n')
    with pytest.raises(KeyError, match='no "model"'):
        load_config(empty)
    with pytest.raises(ValueError, match=r'build it with init_model'):
        AmodalInferencer(torch.nn.Linear(1, 1))


@pytest.mark.parametrize('device', ['cuda:99', 'gpu', 'vulcan'])
def test_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=f"device '{device}' cannot be used .* cpu"):
        init_model('trivial_hull_shapes', device=device)
