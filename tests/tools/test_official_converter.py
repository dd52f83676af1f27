"""The converter turns files of the published layout into checkpoints that the configs load."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from c2fseg.apis import init_model
from c2fseg.models.segmentors.official import convert_transformer_state
from tests.models.published_weights import (
    PUBLISHED,
    cheap_sections,
    mark,
    write_files,
)
from tests.models.segmentors.published_shapes import transformer_shapes
from tests.parity_helpers import formula_weight, formula_weights
from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = ROOT / 'configs' / 'official'
OFFICIAL_CONFIG = OFFICIAL / 'c2f_kins_official.py'
# Models without memory take no weights; what is checked is whether they would.
pytestmark = pytest.mark.filterwarnings('ignore:for .*copying from a non-meta parameter')

converter = load_tool('model_converters/official_to_c2fseg')
publisher = load_tool('model_converters/publish_model')


@pytest.fixture(scope='module')
def published_files(tmp_path_factory):
    """A stage-1 and a stage-2 file of KINS."""
    return write_files(tmp_path_factory.mktemp('published'), 'kins')


def load_without_memory(config: Path, checkpoint: Path, **options):
    """Loads a checkpoint into a model strictly, but holds no weights."""
    with torch.device('meta'):
        return init_model(config, checkpoint, device='meta', cfg_options=options)


@pytest.mark.parametrize('dataset', PUBLISHED)
def test_both_stages_make_one_checkpoint_that_the_official_config_loads(dataset, tmp_path):
    stage1, stage2 = write_files(tmp_path, dataset)
    out = tmp_path / 'out' / 'c2f.pth'
    converter.main([str(stage2), str(stage1), str(out)])

    load_without_memory(OFFICIAL / f'c2f_{dataset}_official.py', out)
    checkpoint = torch.load(out, weights_only=True)
    assert set(checkpoint) == {'meta', 'state_dict'}
    meta = checkpoint['meta']
    assert meta['converted_from'] == [stage2.name, stage1.name]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (stage2, stage1)]
    assert meta['source_sha256'] == hashes
    assert meta['dataset'] == dataset
    assert meta['config'] == f'c2f_{dataset}_official'
    assert meta['converter_version'] == converter.CONVERTER_VERSION
    assert set(meta['dropped']) == {
        'iteration', 'sample_iter', 'opt', 'optimizer_states', 'd_model',
        'd_model.perceptual_loss.*', 'img_encoder.encoder.model.fc.*',
    }  # fmt: skip


@pytest.mark.parametrize('dataset', PUBLISHED)
def test_each_tensor_arrives_under_its_name(dataset):
    state = converter.convert_sections(cheap_sections(dataset))
    clips = PUBLISHED[dataset][1]
    where, name = ('temporal_attn', 'attn2') if clips else ('attn', 'attn')
    parts = [f'blocks.3.{name}.{part}.weight' for part in ('query', 'key', 'value')]
    expected = torch.cat([formula_weight('model', part, (768, 768)) for part in parts])
    assert torch.equal(state[f'transformer.blocks.3.{where}.qkv.weight'], expected)
    expected = formula_weight('refine', 'adapter3_am.weight', (32, 256, 1, 1))
    assert torch.equal(state['refiner.amodal_branch.adapter1.weight'], expected)
    # The level of lowest resolution comes first here, the last there.
    levels, ups = 'tokenizer.decoder.levels', 'decoder.up'
    for ours, section, theirs in (
        (f'{levels}.0.blocks.2.conv1.weight', 'g_model', f'{ups}.4.block.2.conv1.weight'),
        (f'{levels}.4.blocks.0.norm1.bias', 'g_model', f'{ups}.0.block.0.norm1.bias'),
        ('tokenizer.encoder.middle.1.conv2.bias', 'g_model', 'encoder.mid.block_2.conv2.bias'),
        ('tokenizer.quantizer.codebook', 'g_model', 'quantize.embedding.weight'),
        ('backbone.layer3.5.bn2.weight', 'img_encoder', 'encoder.model.layer3.5.bn2.weight'),
        ('transformer.head.bias', 'model', 'm_bias'),
        ('transformer.position_embedding', 'model', 'pos_emb.weight'),
        ('transformer.blocks.7.norm2.bias', 'model', f'blocks.7.ln{3 if clips else 2}.bias'),
        ('refiner.visible_branch.out.bias', 'refine', 'out_lay_vm.bias'),
    ):
        assert state[ours].unique().tolist() == pytest.approx([mark(section, theirs)]), ours


@pytest.mark.parametrize('dataset', ['kins', 'movid_a', 'fishbowl'])
def test_a_stage_1_file_alone_makes_a_checkpoint_of_the_trainer(dataset, tmp_path):
    stage1, _ = write_files(tmp_path, dataset)
    out = tmp_path / 'vqgan.pth'
    converter.main([str(stage1), str(out)])
    state = torch.load(out, weights_only=True)['state_dict']
    assert {key.split('.')[0] for key in state} == {'autoencoder', 'discriminator', 'num_updates'}
    config = OFFICIAL / f'vqgan_{dataset}_official.py'
    load_without_memory(config, out, **{'model.perceptual_loss': None})


def test_files_of_unknown_name_fit_by_their_shapes(published_files, tmp_path, capsys):
    sources = [tmp_path / f'{number}.pth' for number in (1, 2)]
    for path, source in zip(published_files, sources):
        shutil.copy(path, source)
    out = tmp_path / 'out.pth'
    converter.main([*map(str, sources), str(out)])
    assert torch.load(out, weights_only=True)['meta']['dataset'] == 'kins or cocoa'
    assert 'they fit' in capsys.readouterr().out
    converter.main([*map(str, sources), str(out), '--dataset', 'cocoa'])
    meta = torch.load(out, weights_only=True)['meta']
    assert (meta['dataset'], meta['config']) == ('cocoa', 'c2f_cocoa_official')


def test_files_of_another_data_set_or_config_are_refused(published_files, tmp_path):
    stage1, stage2 = write_files(tmp_path, 'fishbowl')
    out = tmp_path / 'out.pth'
    both = [str(stage1), str(stage2), str(out)]
    with pytest.raises(SystemExit, match=r'--dataset kins does not fit: .* Fishbowl'):
        converter.main([*both, '--dataset', 'kins'])
    with pytest.raises(SystemExit, match=r'do not fit the model of .*c2f_kins_official.py: of'):
        converter.main([*both, '--config', str(OFFICIAL_CONFIG)])
    with pytest.raises(SystemExit, match='tokenizer has 32 codes'):
        converter.main([str(stage1), str(published_files[1]), str(out)])
    with pytest.raises(SystemExit, match=r'Config nowhere.py does not exist'):
        converter.main([*both, '--config', 'nowhere.py'])
    config = tmp_path / 'empty.py'
    config.write_text('a = 1\n')
    with pytest.raises(SystemExit, match='do not fit the model'):
        converter.main([*both, '--config', str(config)])
    assert not out.exists()
    assert converter.find_config(cheap_sections('movid_a')).name == 'c2f_movid_a_official.py'


def test_a_published_file_is_not_written_over(published_files, tmp_path):
    stage1, stage2 = (Path(shutil.copy(path, tmp_path)) for path in published_files)
    before = stage2.read_bytes()
    with pytest.raises(SystemExit, match='is a published file itself'):
        converter.main([str(stage1), str(stage2)])
    with pytest.raises(SystemExit, match='is also a source'):
        converter.main([str(stage1), str(stage2), str(stage2)])
    with pytest.raises(SystemExit, match='is a folder'):
        converter.main([str(stage1), str(tmp_path)])
    assert stage2.read_bytes() == before


@pytest.mark.parametrize('arguments', [['only.pth'], ['--inspect', 'a.pth', '--dataset', 'kins']])
def test_a_command_line_that_says_too_little_or_too_much(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        converter.main(arguments)
    assert caught.value.code == 2
    assert 'give at least' in capsys.readouterr().err or '--inspect' in arguments


def test_inspect_says_what_a_file_holds(published_files, capsys):
    converter.main(['--inspect', *map(str, published_files)])
    text = capsys.readouterr().out
    assert hashlib.sha256(published_files[0].read_bytes()).hexdigest() in text
    assert 'g_model: 273 tensors' in text
    assert 'left out: 1 tensors perceptual_loss.*' in text
    assert 'left out: 2 tensors encoder.model.fc.*' in text
    assert 'opt: left out (state of the optimizer)' in text
    assert text.count('data set: KINS\n') == 2


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
