"""What can be exported and what is refused; the parts as torch.export files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from c2fseg.apis import init_model
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.export.description import describe_model
from c2fseg.export.manifest import Manifest, read_manifest
from c2fseg.export.object_crops import cut_object
from c2fseg.export.onnx_files import (
    ExportOptions,
    check_onnx,
    compare_with_model,
    export_model,
    load_parts,
)
from c2fseg.export.parts import (
    OUTPUTS,
    check_exportable,
    decoder_inputs,
    example_inputs,
    split_model,
)
from c2fseg.export.token_decoding import decode_tokens
from tests.tools.loading import load_tool

NARROW = {
    'model.transformer.depth': 2,
    'model.transformer.feature_dims': 16,
    'model.transformer.visible_dims': 8,
    'model.transformer.amodal_dims': 8,
    'model.transformer.num_heads': 2,
}
SMALL_TOKENIZER = {
    'model.tokenizer.base_channels': 8,
    'model.tokenizer.latent_channels': 8,
    'model.tokenizer.codebook_size': 16,
    'model.tokenizer.norm_groups': 4,
}
# The light refiner reads the state of the transformer, which is narrower here.
STATE = {'model.refiner.state_channels': 32}
# The published parts, each at its smallest: maps of strides 4, 8, 16, 16 and three steps.
PUBLISHED = {
    **NARROW,
    **SMALL_TOKENIZER,
    'model.backbone.depth': 18,
    'model.feature_channels': (64, 128, 256, 512),
    'model.refiner.channels': (8, 8, 8, 8),
    'model.refiner.feature_dims': 8,
}


def tiny(name: str, **options: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return init_model(name, cfg_options={**NARROW, **SMALL_TOKENIZER, **options})


def complete(model: nn.Module, inputs: dict[str, torch.Tensor], seeds: list[int]) -> dict:
    """What the parts make of inputs, one after the other, with the decoding in numpy between."""
    modules = split_model(model)
    values = dict(inputs)

    @torch.no_grad()
    def run(part: str, names: tuple[str, ...]) -> None:
        values.update(zip(OUTPUTS[part], modules[part](**{name: values[name] for name in names})))

    def predict_logits(tokens: np.ndarray) -> np.ndarray:
        values['tokens'] = torch.from_numpy(tokens)
        run('step', ('condition', 'tokens'))
        return values['logits'].numpy()

    run('encoder', ('img', 'visible_mask'))
    shape = tuple(values['visible_tokens'].shape)
    decoding = describe_model(model, model.cfg, None)['decoding']
    tokens = decode_tokens(predict_logits, shape, model.mask_token, decoding, seeds)
    values['tokens'] = torch.from_numpy(tokens)
    run('decoder', decoder_inputs(model))
    return {name: values[name] for name in OUTPUTS['decoder']}


@pytest.mark.parametrize('kind', ['published', 'video'])
def test_parts_together_are_the_model(kind: str) -> None:
    frames, objects = (1, 2) if kind == 'published' else (8, 1)
    if kind == 'published':
        model = tiny('c2f_kins', **PUBLISHED)
        assert decoder_inputs(model) == ('tokens', 'feat_0', 'feat_1', 'feat_2', 'feat_3')
    else:  # two windows of six frames, with a roll
        model = tiny('c2f_shapes_video', **STATE)
        for block in model.transformer.blocks:  # which begins as one that adds nothing
            nn.init.normal_(block.temporal_attn.proj.weight, std=0.5)
    inputs = example_inputs(model, objects, frames)
    seeds = [3, 4][:objects]
    found = complete(model, inputs, seeds)
    scaled = model.data_preprocessor(dict(inputs=inputs))['inputs']
    expected = model.complete(scaled, [torch.Generator().manual_seed(seed) for seed in seeds])
    for name, value in found.items():
        assert value.shape == (objects, frames, *model.tokenizer.mask_size)
        torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=0)


def test_parts_as_torch_export_files(tmp_path: Path) -> None:
    model = tiny('c2f_shapes', **STATE)
    options = ExportOptions(kind='torch_export')
    manifest = export_model(model, model.cfg, tmp_path, options=options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'decoder.pt2', 'encoder.pt2', 'model.json', 'step.pt2',
    ]  # fmt: skip
    assert manifest == read_manifest(tmp_path, 'torch_export')
    assert max(compare_with_model(model, tmp_path, options).values()) < 1e-4
    run = load_parts(tmp_path, 'torch_export')
    for objects in (1, 3):  # their number is free
        assert run('encoder', example_inputs(model, objects, 1))['condition'].shape[0] == objects


def test_a_model_of_another_stage_is_refused() -> None:
    with pytest.raises(ValueError, match='Linear cannot be exported: expected a C2FSeg'):
        check_exportable(nn.Linear(1, 1))
    model = tiny('c2f_shapes', **STATE)
    with pytest.raises(ValueError, match='training mode'):
        check_exportable(model.train())
    model.eval().tokenizer = nn.Identity()
    with pytest.raises(ValueError, match='tokenizer of type Identity'):
        check_exportable(model)


@pytest.mark.parametrize(
    ('step', 'message'),
    [
        (dict(type='PerturbVisibleMask'), "PerturbVisibleMask'"),
        (dict(type='CropObject', crop_size=128), '2 CropObject'),
    ],
)
def test_a_pipeline_that_the_runtime_cannot_repeat_is_refused(
    tmp_path: Path, step: dict, message: str
) -> None:
    model = tiny('c2f_shapes', **STATE)
    cfg = model.cfg.copy()
    cfg.test_dataloader.dataset.pipeline.insert(3, step)
    with pytest.raises(ValueError, match=message):
        export_model(model, cfg, tmp_path / 'out', options=ExportOptions(kind='torch_export'))
    assert not (tmp_path / 'out').exists()


def test_options_out_of_range_are_told() -> None:
    with pytest.raises(ValueError, match="got 'tensorrt'"):
        ExportOptions(kind='tensorrt')
    with pytest.raises(ValueError, match='must be at least 1, got 0'):
        ExportOptions(num_frames=0)


def test_missing_onnx_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    with pytest.raises(ImportError, match=r"onnxscript is not.*pip install 'c2fseg\[export\]'"):
        check_onnx()


def test_the_command_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = load_tool('model_converters/export_onnx')
    for arguments, message in (
        (['c2f_general', 'nowhere.pth', str(tmp_path)], 'nowhere.pth does not exist'),
        (['no_recipe', 'none', str(tmp_path)], 'no_recipe is neither a config file'),
        (['trivial_hull_shapes', 'none', str(tmp_path)], 'cannot be exported: expected a C2FSeg'),
    ):
        with pytest.raises(SystemExit, match=message):
            tool.main(arguments)
    with pytest.raises(SystemExit):
        tool.main(['c2f_general', 'none', str(tmp_path), '--frames', '0'])
    assert '--frames must be at least 1' in capsys.readouterr().err


def test_crops_are_those_of_the_pipeline() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 50, 70, 3), dtype=np.uint8)
    visible = np.zeros((3, 50, 70), np.uint8)
    visible[0, 20:40, 5:30], visible[2, 0:9, 40:70] = 1, 1  # hidden in the frame between
    for track_scale in (None, 'centre', 'corner'):
        model = tiny('c2f_shapes', **STATE)
        cfg = model.cfg.copy()
        cfg.test_dataloader.dataset.pipeline[2].track_scale = track_scale
        cfg.test_dataloader.dataset.pipeline[0].channel_order = 'bgr'
        fields = describe_model(model, cfg, None)
        manifest = Manifest(
            kind='onnx', parts={}, dtype='', opset=0, num_frames=3, batch_size=None, **fields
        )
        packed = InferencePipeline(cfg).pack_clip(frames, visible, 'name', 'name')
        img, mask, windows = cut_object(frames, visible, manifest)
        np.testing.assert_array_equal(img, packed['inputs']['img'].numpy())
        np.testing.assert_array_equal(mask, packed['inputs']['visible_mask'].numpy())
        np.testing.assert_array_equal(windows, packed['data_samples'].crop_boxes)
