"""The model after optimize_for_inference: same masks, another form."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from functools import partial

import numpy as np
import pytest
import torch
from mmcv.cnn import ConvWS2d
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import load_state_dict
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from c2fseg.apis.init_model import init_model
from c2fseg.benchmarking.inputs import drawn_batches
from c2fseg.evaluation.functional import mask_iou
from c2fseg.models.backbones import ResNet
from c2fseg.models.transformers import MaskedTransformer
from c2fseg.models.utils import optimize_for_inference
from c2fseg.models.utils.fold_batch_norm import fold_batch_norm
from c2fseg.registry import MASKED_TRANSFORMERS, TOKENIZERS
from tests.models.segmentors.tiny import SIDE, tiny_batch, tiny_model


def random_model(name: str, **options: object) -> nn.Module:
    """A model with random weights and BatchNorm statistics that folding has to take in."""
    torch.manual_seed(0)
    cfg_options = {f'model.{key}': value for key, value in options.items()}
    model = init_model(name, cfg_options=cfg_options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


def inputs(frames: int = 1) -> dict[str, torch.Tensor]:
    """Two objects of 128 px."""
    generator = torch.Generator().manual_seed(1)
    visible = torch.zeros(2, frames, 1, 128, 128)
    visible[0, :, :, 30:90, 20:70] = 1
    visible[1, :, :, 64:, 10:50] = 1
    img = torch.randn(2, frames, 3, 128, 128, generator=generator)
    return dict(img=img, visible_mask=visible)


def complete(model: nn.Module, frames: int) -> dict[str, torch.Tensor]:
    """Probabilities with the same noise for every model."""
    generators = [torch.Generator().manual_seed(seed) for seed in (2, 3)]
    return model.complete(inputs(frames), generators)


PUBLISHED_ENCODER = {'backbone.depth': 50, 'feature_channels': (256, 512, 1024, 2048)}
PUBLISHED_TOKENIZER = dict(upsample='nearest', output_activation='clamp', patch_size=4)


@pytest.mark.parametrize(
    ('name', 'frames', 'options'),
    [
        ('c2f_shapes', 1, {}),
        ('c2f_shapes_video', 3, {}),
        ('c2f_shapes', 1, {f'tokenizer.{k}': v for k, v in PUBLISHED_TOKENIZER.items()}),
        ('lite/c2f_shapes_s', 1, {}),
        ('lite/c2f_shapes_published_128', 1, PUBLISHED_ENCODER),
    ],
)
def test_same_probabilities(name: str, frames: int, options: dict) -> None:
    model = random_model(name, **options)
    before = complete(model, frames)
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    after = complete(model.optimize_for_inference(), frames)
    assert norms > 0
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, rtol=1e-4, atol=2e-5)


def dtypes(*parts: nn.Module) -> set[torch.dtype]:
    """Of the weights of convolutions and linear layers."""
    modules = [module for part in parts for module in part.modules()]
    return {m.weight.dtype for m in modules if isinstance(m, nn.Conv2d | nn.Linear)}


@pytest.mark.parametrize('condition_autocast', [False, True])
def test_bfloat16_keeps_weights_of_products_in_it(condition_autocast: bool) -> None:
    options = {'test_cfg.autocast': 'bfloat16', 'test_cfg.condition_autocast': condition_autocast}
    model = random_model('c2f_shapes', **options)
    before = complete(model, 1)
    after = complete(model.optimize_for_inference(), 1)
    tokenizer, transformer = model.tokenizer, model.transformer
    rest = (transformer.blocks, model.refiner, tokenizer.decoder, tokenizer.post_quant_conv)
    assert dtypes(*rest) == {torch.bfloat16}
    condition = (tokenizer.encoder, tokenizer.quant_conv, model.backbone, transformer.feature_proj)
    assert dtypes(*condition) == {torch.bfloat16 if condition_autocast else torch.float32}
    assert dtypes(transformer.head) == {torch.float32}
    assert tokenizer.quantizer.codebook.dtype == torch.float32
    # Folding rounds the weights once more: the logits differ in the last digits of bfloat16.
    assert (after['amodal'] - before['amodal']).abs().mean() < 5e-3


@pytest.mark.parametrize('optimized', [False, True])
def test_decoding_starts_from_what_float32_gives(optimized: bool, monkeypatch) -> None:
    tokens, conditions = [], []
    for autocast in (None, 'bfloat16'):
        model = init_model('c2f_shapes', 'weights/c2f_shapes.pth')
        model.test_cfg = dataclasses.replace(model.test_cfg, autocast=autocast)
        model = model.optimize_for_inference() if optimized else model
        embed = model.transformer.embed_condition

        def watch(feat: torch.Tensor, visible: torch.Tensor, embed=embed) -> torch.Tensor:
            tokens.append(visible)
            conditions.append(embed(feat, visible))
            return conditions[-1]

        monkeypatch.setattr(model.transformer, 'embed_condition', watch)
        complete(model, 1)
    assert len(tokens[0].unique()) > 10
    assert torch.equal(*tokens)
    assert conditions[0].std() > 0
    assert torch.equal(*conditions)


@pytest.mark.parametrize('name', ['c2f_general', 'c2f_shapes'])
@pytest.mark.parametrize('steps', [1, 3])
def test_shipped_weights_give_the_same_masks_in_bfloat16(steps: int, name: str) -> None:
    # 24 objects. With the visible tokens, image features and logits in bfloat16, and noise that
    # belongs to ranks of candidates and not to the candidates, three steps gave an IoU of 0.984.
    cfg = Config.fromfile(f'configs/{name}.py')
    options = {'model.decoder.num_steps': steps}
    masks = []
    for autocast in (None, 'bfloat16'):
        model = init_model(
            name,
            f'weights/{name}.pth',
            cfg_options={**options, 'model.test_cfg.autocast': autocast},
        ).optimize_for_inference()
        with torch.no_grad():
            samples = [s for batch, _ in drawn_batches(cfg, 24, 1) for s in model.test_step(batch)]
        masks.append([sample.pred_masks.amodal.numpy() for sample in samples])
    assert all(mask.any() for mask in masks[0])
    assert np.mean([mask_iou(a, b) for a, b in zip(*masks)]) > 0.995


def test_cannot_be_trained_or_loaded_afterwards() -> None:
    model = random_model('c2f_shapes')
    state = model.state_dict()
    model.optimize_for_inference()
    assert model.optimize_for_inference() is model
    assert not model.training
    with pytest.raises(RuntimeError, match='build it again to train it'):
        model.train()
    for load in (model.load_state_dict, partial(load_state_dict, model)):
        with pytest.raises(RuntimeError, match='build it again to load'):
            load(state)


def test_copies_are_models_of_their_own() -> None:
    model = random_model('c2f_shapes').optimize_for_inference().compile_parts(backend='eager')
    before = complete(model, 1)['amodal']
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for parameter in model.parameters():
        parameter.zero_()
    assert not torch.equal(complete(model, 1)['amodal'], before)
    for one in copies:
        torch.testing.assert_close(complete(one, 1)['amodal'], before)
        with pytest.raises(RuntimeError, match='build it again to load'):
            one.load_state_dict({})


@pytest.mark.parametrize('patch_size', [1, 4])
def test_an_encoder_that_shares_pixels_is_not_compiled(patch_size: int) -> None:
    model = random_model('c2f_shapes', **{'tokenizer.patch_size': patch_size})
    model.compile_parts(backend='eager')
    compiled = model.tokenizer.encoder._compiled_call_impl is not None
    assert compiled == (patch_size == 4)
    assert model.tokenizer.decoder._compiled_call_impl is not None


def test_training_mode_is_refused() -> None:
    with pytest.raises(RuntimeError, match='call eval'):
        optimize_for_inference(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))


class PatchTokenizer(BaseModule):
    """What the role asks for and no more: it has no encoder and no decoder of its own."""

    codebook_size, grid_size, mask_size = 16, (4, 4), (SIDE, SIDE)

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Conv2d(1, 1, SIDE // 4, stride=SIDE // 4)

    def encode(self, mask: torch.Tensor) -> torch.Tensor:
        return (self.code(mask).sigmoid().flatten(1) * 15).round().long()

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        grey = tokens.float().unflatten(1, (1, *self.grid_size)) / 15
        return nn.functional.interpolate(grey, size=self.mask_size)


@pytest.mark.parametrize('condition_autocast', [False, True])
def test_a_tokenizer_of_another_kind(condition_autocast: bool, monkeypatch) -> None:
    monkeypatch.setitem(TOKENIZERS._module_dict, 'PatchTokenizer', PatchTokenizer)
    settings = dict(autocast='bfloat16', condition_autocast=condition_autocast)
    model = tiny_model(tokenizer=dict(type='PatchTokenizer'), test_cfg=settings).eval()
    model.optimize_for_inference()
    batch = tiny_batch(with_gt=False)
    before = [sample.pred_crop_masks.amodal for sample in model.test_step(batch)]
    model.compile_parts(backend='eager')
    after = [sample.pred_crop_masks.amodal for sample in model.test_step(batch)]
    for first, second in zip(before, after):
        assert first.std() > 0
        torch.testing.assert_close(first, second, rtol=0.02, atol=0.02)


class AdaptedTransformer(MaskedTransformer):
    """A layer more in the condition, of which the class that it derives from knows nothing."""

    def __init__(self, in_channels: int, **options: object) -> None:
        super().__init__(in_channels=in_channels, **options)
        self.adapter = nn.Conv2d(in_channels, in_channels, 1)

    def embed_condition(self, feat: torch.Tensor, visible_tokens: torch.Tensor) -> torch.Tensor:
        adapted = self.adapter(feat.flatten(0, 1)).unflatten(0, feat.shape[:2])
        return super().embed_condition(adapted, visible_tokens)


class SilentTransformer(MaskedTransformer):
    """It does not say what runs in its steps alone."""

    step_parts = ()


@pytest.mark.parametrize('condition_autocast', [False, True])
@pytest.mark.parametrize('kind', [AdaptedTransformer, SilentTransformer])
def test_a_transformer_of_another_kind(kind: type, condition_autocast: bool, monkeypatch) -> None:
    monkeypatch.setitem(MASKED_TRANSFORMERS._module_dict, kind.__name__, kind)
    settings = dict(autocast='bfloat16', condition_autocast=condition_autocast)
    model = tiny_model(transformer=dict(type=kind.__name__), test_cfg=settings).eval()
    batch = tiny_batch(with_gt=False)
    before = [sample.pred_crop_masks.amodal for sample in model.test_step(batch)]
    model.optimize_for_inference()
    after = [sample.pred_crop_masks.amodal for sample in model.test_step(batch)]
    low = kind is AdaptedTransformer or condition_autocast
    blocks = dtypes(model.transformer.blocks)
    assert blocks == {torch.bfloat16 if low else torch.float32}
    for first, second in zip(before, after):
        assert first.std() > 0
        torch.testing.assert_close(first, second, rtol=0.02, atol=0.02)


class ConvAndNorm(nn.Module):
    """Holds the two; how they are called is up to the forward pass of a subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)


class TestFolding:
    """What is folded, and that nothing else is: outputs stay the same."""

    @staticmethod
    def check(module: nn.Module, left: int, channels: int = 3) -> None:
        """Outputs before and after, with statistics at random; ``left`` norms stay."""
        torch.manual_seed(0)
        for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
            for values, low, high in (
                (norm.running_mean, -0.5, 0.5),
                (norm.running_var, 0.5, 2.0),
                (norm.weight, 0.5, 1.5),
                (norm.bias, -0.5, 0.5),
            ):
                nn.init.uniform_(values, low, high)
        x = torch.randn(2, channels, 32, 32)
        module.eval()
        before = module(x)
        fold_batch_norm(module)
        torch.testing.assert_close(module(x), before, rtol=1e-4, atol=1e-4)
        assert sum(isinstance(m, nn.BatchNorm2d) for m in module.modules()) == left

    @pytest.mark.parametrize('depth', [18, 50])
    def test_residual_networks(self, depth: int) -> None:
        # The bottleneck of depth 50 holds its layers in another order than it calls them.
        self.check(ResNet(depth), left=0)

    def test_a_convolution_whose_output_something_else_reads_too(self) -> None:
        class Fork(ConvAndNorm):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                y = self.conv(x)
                return y + self.norm(y)

        self.check(Fork(), left=1)

    def test_a_convolution_that_is_called_twice(self) -> None:
        class Twice(ConvAndNorm):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.norm(self.conv(self.conv(x)))

        self.check(Twice(), left=1)

    def test_a_convolution_that_two_modules_hold(self) -> None:
        conv = nn.Conv2d(3, 3, 1)
        one, two = (nn.Sequential(conv, nn.BatchNorm2d(3)) for _ in range(2))
        self.check(nn.Sequential(one, two), left=2)

    def test_a_module_that_cannot_be_traced(self) -> None:
        class Data(ConvAndNorm):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.norm(self.conv(x)) if x.sum() != 0 else x

        self.check(Data(), left=1)

    def test_a_convolution_whose_weights_something_else_reads_too(self) -> None:
        class Reads(ConvAndNorm):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.norm(self.conv(x)) + self.conv.weight.mean()

        self.check(Reads(), left=1)

    def test_a_module_with_weights_of_its_own_and_a_list_of_layers(self) -> None:
        class Stem(ConvAndNorm):
            def __init__(self) -> None:
                super().__init__()
                self.scale = nn.Parameter(torch.full((1, 3, 1, 1), 0.5))
                self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)])
                self.last = nn.BatchNorm2d(3)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                x = self.scale * self.norm(self.conv(x)).relu()
                for layer in self.layers:
                    x = layer(x)
                return self.last(x)

        self.check(Stem(), left=0)

    def test_buffers_stay_as_they_are(self) -> None:
        class Counting(ConvAndNorm):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer('calls', torch.zeros(()))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.calls = self.calls + 1
                self.seen = x
                return self.norm(self.conv(x))

        module = Counting().eval()
        fold_batch_norm(module)
        assert (module.calls, hasattr(module, 'seen')) == (0, False)
        assert isinstance(module.norm, nn.Identity)

    def test_layers_that_do_more(self) -> None:
        class NormAct(nn.BatchNorm2d):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return super().forward(x).relu()

        convs = [nn.Conv2d(3, 3, 1) for _ in range(4)]
        convs[0] = parametrizations.weight_norm(convs[0])
        convs[1] = spectral_norm(convs[1])
        convs[2].register_forward_hook(lambda conv, args, output: output.abs())
        convs.append(ConvWS2d(3, 3, 1))
        norms = [nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.BatchNorm2d(3), NormAct(3)]
        norms.append(nn.BatchNorm2d(3))
        layers = [layer for pair in zip(convs, norms) for layer in pair]
        self.check(nn.Sequential(*layers), left=5)

    def test_other_threads_run_and_fold_meanwhile(self) -> None:
        x, running = torch.randn(1, 3, 32, 32), ResNet(18).eval()
        expected, errors, done = running(x)[-1], [], threading.Event()

        def run() -> None:
            while not done.is_set():
                try:
                    torch.testing.assert_close(running(x)[-1], expected)
                except Exception as error:
                    errors.append(error)

        def fold() -> None:
            for _ in range(3):
                self.check(ResNet(18), left=0)

        threads = [threading.Thread(target=target) for target in (run, fold, fold)]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        done.set()
        threads[0].join()
        assert not errors


def test_layers_that_only_derive_from_torchs_keep_their_layout_and_dtype() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(ConvWS2d(3, 4, 3), nn.Conv2d(4, 4, 3)).eval()
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        before = module(x)
        optimize_for_inference(module, torch.bfloat16)
        torch.testing.assert_close(module(x), before)
    assert [layer.weight.dtype for layer in module] == [torch.float32, torch.bfloat16]
