"""The converter turns files of the published layout into checkpoints that the configs load."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from c2fseg.models.segmentors.official import convert_transformer_state
from tests.models.segmentors.published_shapes import (
    encoder_shapes,
    refiner_shapes,
    transformer_shapes,
)
from tests.parity_helpers import formula_weight, formula_weights, load_manifest
from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL_CONFIG = ROOT / 'configs' / 'official' / 'c2f_kins_official.py'


converter = load_tool('model_converters/official_to_c2fseg')
publisher = load_tool('model_converters/publish_model')


@pytest.fixture(scope='module')
def published_files(tmp_path_factory):
    """A stage-1 and a stage-2 file with weights of the formula, as the authors lay them out."""
    folder = tmp_path_factory.mktemp('published')
    shapes = load_manifest('tokenizer_manifest')['vqgan_KINS.pth']
    stage1 = dict(
        g_model=formula_weights('g_model', shapes['g_model']),
        d_model={
            key: formula_weight('d_model', key, shape) for key, shape in shapes['d_model'].items()
        },
        optimizer_states=[dict(state={}, param_groups=[])],
    )
    stage2 = dict(
        iteration=150000,
        sample_iter=1,
        model=formula_weights('model', transformer_shapes()),
        img_encoder=formula_weights('img_encoder', encoder_shapes()),
        refine=formula_weights('refine', refiner_shapes()),
        opt=dict(state={}, param_groups=[]),
    )
    paths = folder / 'vqgan_KINS.pth', folder / 'c2f_seg_KINS.pth'
    torch.save(stage1, paths[0])
    torch.save(stage2, paths[1])
    return paths


def test_both_stages_make_one_checkpoint_that_the_official_config_loads(published_files, tmp_path):
    from mmengine.config import Config

    from c2fseg.registry import MODELS

    out = tmp_path / 'c2f_kins.pth'
    stage1, stage2 = published_files
    converter.main([str(stage2), str(stage1), str(out)])

    checkpoint = torch.load(out, weights_only=True)
    state = checkpoint['state_dict']
    with torch.device('meta'):
        model = MODELS.build(Config.fromfile(OFFICIAL_CONFIG).model)
    model.load_state_dict(state, strict=True, assign=True)

    name = 'blocks.3.attn.{}.weight'
    expected = torch.cat(
        [formula_weight('model', name.format(p), (768, 768)) for p in ('query', 'key', 'value')]
    )
    assert torch.equal(model.transformer.blocks[3].attn.qkv.weight, expected)
    expected = formula_weight('refine', 'adapter3_am.weight', (32, 256, 1, 1))
    assert torch.equal(model.refiner.amodal_branch.adapter1.weight, expected)
    assert checkpoint['meta']['converted_from'] == ['c2f_seg_KINS.pth', 'vqgan_KINS.pth']


def test_a_stage_1_file_alone_makes_a_checkpoint_of_the_trainer(published_files, tmp_path):
    out = tmp_path / 'vqgan.pth'
    converter.main([str(published_files[0]), str(out)])
    state = torch.load(out, weights_only=True)['state_dict']
    assert {key.split('.')[0] for key in state} == {'autoencoder', 'discriminator'}


@pytest.mark.parametrize(('name', 'codes'), [('movid_a', 256), ('fishbowl', 32)])
def test_files_of_video_fit_the_official_config_of_their_data_set(name, codes):
    manifest = load_manifest('tokenizer_manifest')
    stage1 = manifest['vqgan_Fishbowl.pth' if codes == 32 else 'vqgan_KINS.pth']
    shapes = dict(
        g_model=stage1['g_model'],
        model=transformer_shapes(depth=8, codes=codes, video=True),
        img_encoder=encoder_shapes(),
        refine=refiner_shapes(),
    )
    sections = {
        section: {key: torch.empty(shape, device='meta') for key, shape in entries.items()}
        for section, entries in shapes.items()
    }
    config = converter.find_config(sections)
    assert config.name == f'c2f_{name}_official.py'
    state = converter.convert_sections(sections)
    converter.check_against_config(state, config)
    with pytest.raises(converter.LayoutError):
        converter.check_against_config(state, OFFICIAL_CONFIG)


def test_a_stage_2_file_alone_is_refused(published_files, tmp_path):
    out = tmp_path / 'out.pth'
    with pytest.raises(SystemExit, match='give the stage-1 file'):
        converter.main([str(published_files[1]), str(out)])
    assert not out.exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(weights={}), 'expected sections'),
        (dict(model={}, img_encoder={}), r"lacks the sections \['refine'\]"),
        (dict(g_model=[1, 2]), 'must map parameter names to tensors'),
        (dict(g_model={'a.weight': torch.zeros(1)}), 'quantize.embedding.weight'),
    ],
)
def test_an_unknown_layout_is_an_error(tmp_path, content, message):
    path = tmp_path / 'strange.pth'
    torch.save(content, path)
    with pytest.raises(SystemExit, match=message):
        converter.main([str(path), str(tmp_path / 'out.pth')])


def test_unknown_and_missing_entries_are_named():
    weights = formula_weights('model', transformer_shapes(depth=1))
    with pytest.raises(KeyError, match=r'blocks\.0\.ln3\.weight'):
        convert_transformer_state({**weights, 'blocks.0.ln3.weight': torch.ones(768)})
    del weights['blocks.0.attn.key.bias']
    with pytest.raises(KeyError, match=r'blocks\.0\.attn\.key\.bias'):
        convert_transformer_state(weights)


def test_a_state_that_does_not_fit_the_config_is_an_error():
    state = {'transformer.position_embedding': torch.zeros(3, 3), 'extra.weight': torch.zeros(1)}
    with pytest.raises(converter.LayoutError, match=r'missing.*1 unexpected.*1 of other'):
        converter.check_against_config(state, OFFICIAL_CONFIG)


class _Payload:
    def __reduce__(self):
        return (print, ('ran',))


def test_a_file_with_code_is_refused(tmp_path, capsys):
    path = tmp_path / 'evil.pth'
    torch.save(dict(g_model=_Payload()), path, pickle_module=pickle)
    with pytest.raises(SystemExit, match='carries code'):
        converter.main([str(path), str(tmp_path / 'out.pth')])
    assert 'ran' not in capsys.readouterr().out


def test_publishing_keeps_the_averaged_weights_and_the_config(tmp_path):
    source, out = tmp_path / 'iter_10.pth', tmp_path / 'small.pth'
    average = {'a.weight': torch.tensor([1.5, -2.0]), 'a.steps': torch.tensor(7)}
    torch.save(
        dict(
            meta=dict(cfg='lr = 1', iter=10),
            state_dict=average,
            ema_state_dict={'module.a.weight': torch.zeros(2)},
            optimizer=dict(state={0: torch.zeros(100)}),
            message_hub=dict(log=[1.0]),
        ),
        source,
    )
    publisher.main([str(source), str(out)])
    result = torch.load(out, weights_only=True)
    assert set(result) == {'meta', 'state_dict'}
    assert result['state_dict']['a.weight'].dtype == torch.float16
    assert result['state_dict']['a.weight'].tolist() == [1.5, -2.0]
    assert result['state_dict']['a.steps'].item() == 7
    assert result['meta']['cfg'] == 'lr = 1'
    assert result['meta']['averaged'] == 'True'


def test_publishing_refuses_numbers_that_half_precision_cannot_hold(tmp_path):
    source = tmp_path / 'large.pth'
    torch.save(dict(state_dict={'w': torch.tensor([1e6])}), source)
    with pytest.raises(SystemExit, match='--dtype float32'):
        publisher.main([str(source), str(tmp_path / 'out.pth')])
    publisher.main([str(source), str(tmp_path / 'out.pth'), '--dtype', 'float32'])
