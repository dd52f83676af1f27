"""Published files are read strictly, and their data set is found by content, then by name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from c2fseg.models.published_files import (
    LayoutError,
    convert_sections,
    dropped_entries,
    find_datasets,
    join_sections,
    read_published_file,
)
from tests.models.published_weights import (
    PUBLISHED,
    cheap_sections,
    published_shapes,
    write_files,
)
from tests.models.segmentors.published_shapes import transformer_shapes

SHARED = Path(__file__).resolve().parents[3] / 'shared' / 'parity' / 'checkpoint_manifest.json'


@pytest.fixture(scope='module')
def kins(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp('kins'), 'kins')


def test_a_file_is_read_with_its_hash_and_what_is_not_needed(kins):
    stage1, stage2 = (read_published_file(path) for path in kins)
    assert set(stage1.sections) == {'g_model', 'd_model'}
    assert stage1.sha256 == hashlib.sha256(kins[0].read_bytes()).hexdigest()
    assert set(stage1.dropped) == {'optimizer_states'}
    assert set(stage2.sections) == {'model', 'img_encoder', 'refine'}
    assert set(stage2.dropped) == {'iteration', 'sample_iter', 'opt'}
    assert len(join_sections([stage2, stage1])) == 5


@pytest.mark.parametrize('dataset', PUBLISHED)
def test_every_tensor_is_used_or_dropped_for_a_reason(dataset):
    sections = cheap_sections(dataset)
    state = convert_sections(sections)
    dropped = list(dropped_entries(sections))
    given = sum(map(len, sections.values()))
    # Three projections of an attention become one; two counters of code use are ours.
    attentions = 16 if PUBLISHED[dataset][1] else 12
    joined = 2 * 2 * attentions
    assert len(state) - 2 + joined + sum(number for _, number, _ in dropped) == given
    assert {name: number for name, number, _ in dropped} == {
        'd_model.perceptual_loss.*': 1,
        'd_model': 16,
        'img_encoder.encoder.model.fc.*': 2,
    }


def test_without_stage_2_the_discriminator_is_kept():
    sections = {key: cheap_sections('kins')[key] for key in ('g_model', 'd_model')}
    assert [name for name, _, _ in dropped_entries(sections)] == ['d_model.perceptual_loss.*']
    assert sum(key.startswith('discriminator.') for key in convert_sections(sections)) == 16


@pytest.mark.parametrize(
    ('section', 'key'),
    [
        ('d_model', 'discriminator.head.weight'),
        ('d_model', 'extra.weight'),
        ('model', 'blocks.0.ln4.weight'),
        ('img_encoder', 'decoder.weight'),
        ('refine', 'lay9.weight'),
    ],
)
def test_an_entry_of_unknown_name_is_an_error(section, key):
    sections = cheap_sections('kins')
    sections[section][key] = torch.ones(1)
    if section == 'd_model':
        sections = {name: sections[name] for name in ('g_model', 'd_model')}
    with pytest.raises(LayoutError, match=rf'section {section} has 1 entries .*{key}'):
        convert_sections(sections)


def test_a_tokenizer_without_decoder_is_an_error():
    codebook = {'quantize.embedding.weight': torch.zeros(4, 4)}
    with pytest.raises(LayoutError, match='no decoder'):
        convert_sections(dict(g_model=codebook))


@pytest.mark.parametrize('dataset', PUBLISHED)
def test_the_data_set_is_found_by_what_files_hold_and_are_called(dataset):
    sections = cheap_sections(dataset)
    stem = PUBLISHED[dataset][0]
    names = [f'c2f_seg_{stem}.pth', f'vqgan_{stem}.pth']
    assert find_datasets(sections, names) == (dataset,)
    assert find_datasets(sections, [], dataset) == (dataset,)
    same_shapes = ('kins', 'cocoa') if dataset in ('kins', 'cocoa') else (dataset,)
    assert find_datasets(sections) == same_shapes
    stage1 = {'g_model': sections['g_model']}
    expected = ('fishbowl',) if dataset == 'fishbowl' else ('kins', 'cocoa', 'movid_a')
    assert find_datasets(stage1) == expected


def test_what_does_not_fit_a_data_set_is_said_in_one_sentence():
    kins, fishbowl = cheap_sections('kins'), cheap_sections('fishbowl')
    tokenizer = {'g_model': fishbowl['g_model']}
    with pytest.raises(LayoutError, match=r'--dataset kins .* 32 codes, as those of Fishbowl;'):
        find_datasets(tokenizer, given='kins')
    with pytest.raises(LayoutError, match=r'vqgan_KINS.pth is called after KINS, but .* Fishbowl'):
        find_datasets(tokenizer, ['vqgan_KINS.pth'])
    with pytest.raises(LayoutError, match=r'tokenizer has 32 codes, but .* made for 256'):
        find_datasets({**kins, **tokenizer})
    names = ['vqgan_KINS.pth', 'c2f_seg_COCOA.pth']
    with pytest.raises(LayoutError, match='called after different data sets'):
        find_datasets(kins, names)
    assert find_datasets(kins, names, 'cocoa') == ('cocoa',)
    fishbowl['g_model']['quantize.embedding.weight'] = torch.zeros(64, 32)
    with pytest.raises(LayoutError, match=r'tokenizer of 64 codes, which no published .*--config'):
        find_datasets({'g_model': fishbowl['g_model']})


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(weights={}), 'expected sections'),
        (dict(model={}, img_encoder={}), r"lacks the sections \['refine'\]"),
        (dict(d_model={}), r"lacks the sections \['g_model'\]"),
        (dict(g_model={}, model={}), r"lacks the sections \['img_encoder', 'refine'\]"),
        (dict(g_model=[1, 2]), 'must map parameter names to tensors'),
        (dict(g_model={'a': 1}), 'must map parameter names to tensors'),
        (dict(g_model={}, ema={}), r"1 keys of unknown meaning .*\['ema'\]"),
    ],
)
def test_an_unknown_layout_is_an_error(tmp_path, content, message):
    path = tmp_path / 'strange.pth'
    torch.save(content, path)
    with pytest.raises(LayoutError, match=message):
        read_published_file(path)


def test_a_section_given_twice_is_an_error(kins):
    file = read_published_file(kins[0])
    with pytest.raises(LayoutError, match='repeats sections'):
        join_sections([file, file])


@pytest.mark.skipif(not SHARED.is_file(), reason='the optional folder ../shared is not there')
def test_shapes_are_those_of_the_manifest():
    manifest = json.loads(SHARED.read_text())
    assert len(manifest) == 5
    for dataset, (stem, clips, codes) in PUBLISHED.items():
        ours = published_shapes(dataset)
        theirs = {
            **manifest.get(f'vqgan_{stem}.pth', manifest['vqgan_KINS.pth']),
            **manifest.get(f'c2f_seg_{stem}.pth', manifest['c2f_seg_KINS.pth']),
        }
        assert clips == (dataset in ('movid_a', 'fishbowl'))
        assert codes == (32 if dataset == 'fishbowl' else 256)
        for section, shapes in theirs.items():
            if isinstance(shapes, str):  # a section like that of another file
                shapes = manifest[shapes.removeprefix('as ')][section]
            assert dict(ours[section]) == shapes, (dataset, section)
    assert transformer_shapes() == manifest['c2f_seg_KINS.pth']['model']
