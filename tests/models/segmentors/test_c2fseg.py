"""C2FSeg: gradients, frozen tokenizer, options, predictions, errors."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.utils.checkpoint import CheckpointError
from tests.models.segmentors.tiny import IMAGE, SIDE, run_loss, tiny_batch, tiny_config, tiny_model

OUR_OPTIONS = dict(
    backbone=dict(type='LightEncoder', in_channels=4, channels=(4, 6, 8, 10), blocks=(0, 0, 0, 1)),
    backbone_visible_mask=True,
    refiner=dict(
        type='ConvRefiner',
        feature_dims=5,
        channels=(8, 6, 4, 3),
        use_visible_mask=True,
        use_coarse_mask=True,
        state_channels=16,
    ),
    train_cfg=dict(
        mask_ratio_per='object',
        token_positions='masked',
        refine_loss='bce_dice',
        refine_size='logits',
        autocast='bfloat16',
    ),
    test_cfg=dict(upsample='bilinear'),
)


@pytest.mark.parametrize('options', [{}, OUR_OPTIONS], ids=['published', 'ours'])
def test_gradients_reach_all_trained_parameters_and_no_frozen_one(options):
    model = tiny_model(**options)
    losses = run_loss(model, tiny_batch())
    keys = {'loss_token', 'loss_visible', 'loss_amodal', 'token_accuracy'}
    if options:
        keys |= {'loss_visible_dice', 'loss_amodal_dice'}
    assert set(losses) == keys
    total, _ = model.parse_losses(losses)
    assert total.dtype == torch.float32
    total.backward()
    for name, parameter in model.named_parameters():
        if name.startswith('tokenizer.'):
            assert not parameter.requires_grad
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert bool(torch.isfinite(parameter.grad).all()), name


def test_the_tokenizer_stays_frozen_in_mode_and_in_value():
    model = tiny_model()
    before = {k: v.clone() for k, v in model.tokenizer.state_dict().items()}
    model.train()
    assert model.training
    assert model.backbone.training
    assert not any(module.training for module in model.tokenizer.modules())
    run_loss(model, tiny_batch())
    assert all(torch.equal(v, before[k]) for k, v in model.tokenizer.state_dict().items())
    assert not model.eval().training


def test_published_training_masks_at_least_half_and_the_same_share_for_all(monkeypatch):
    model = tiny_model()
    seen = []
    original = model.transformer.forward

    def spy(feat, visible_tokens, tokens, **options):
        seen.append((tokens == model.mask_token).sum(dim=-1))
        return original(feat, visible_tokens, tokens, **options)

    monkeypatch.setattr(model.transformer, 'forward', spy)
    for seed in range(8):
        torch.manual_seed(seed)
        run_loss(model, tiny_batch(4))
    assert all(len(counts.unique()) == 1 for counts in seen)
    assert all(8 <= int(counts.min()) <= 16 for counts in seen)
    assert len({int(counts.min()) for counts in seen}) > 1


def test_loss_is_repeatable_and_reads_only_crop_truth():
    model = tiny_model()
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(run_loss(model, tiny_batch()))
    for key, value in results[0].items():
        assert torch.equal(value, results[1][key])


@pytest.mark.parametrize('options', [{}, OUR_OPTIONS], ids=['published', 'ours'])
def test_predict_writes_probabilities_and_masks(options):
    model = tiny_model(**options).eval()
    batch = tiny_batch(2, num_frames=2, with_gt=False)
    samples = model.test_step(batch)
    assert len(samples) == 2
    for sample in samples:
        assert isinstance(sample.pred_crop_masks, PixelData)
        for name in ('coarse', 'visible', 'amodal'):
            crop = getattr(sample.pred_crop_masks, name)
            assert crop.shape == (2, SIDE, SIDE)
            assert crop.dtype == torch.float32
            assert 0 <= float(crop.min()) <= float(crop.max()) <= 1
            mask = getattr(sample.pred_masks, name)
            assert mask.shape == (2, *IMAGE)
            assert mask.dtype == torch.bool


def test_masks_are_pasted_where_the_crop_was(monkeypatch):
    model = tiny_model().eval()
    ones = torch.ones(1, 1, SIDE, SIDE)
    monkeypatch.setattr(
        model,
        'complete',
        lambda inputs, generator=None, frame_valid=None: dict(
            coarse=ones, visible=0.4 * ones, amodal=0.6 * ones
        ),
    )
    sample = model.test_step(tiny_batch(1, with_gt=False))[0]
    expected = torch.zeros(1, *IMAGE, dtype=torch.bool)
    expected[:, 3:38, 0:31] = True
    assert torch.equal(sample.pred_masks.amodal, expected)
    assert torch.equal(sample.pred_masks.coarse, expected)
    assert not bool(sample.pred_masks.visible.any())


def _crops(samples) -> torch.Tensor:
    return torch.stack([s.pred_crop_masks.amodal for s in samples])


def test_batching_does_not_change_a_prediction():
    model = tiny_model().eval()
    batch = tiny_batch(4, with_gt=False)
    together = model.test_step(batch)
    for index in range(4):
        part = tiny_batch(4, with_gt=False)
        alone = model.test_step(
            dict(
                inputs={k: v[index : index + 1] for k, v in part['inputs'].items()},
                data_samples=part['data_samples'][index : index + 1],
            )
        )[0]
        for name in ('coarse', 'amodal'):
            torch.testing.assert_close(
                getattr(alone.pred_crop_masks, name),
                getattr(together[index].pred_crop_masks, name),
                atol=1e-5,
                rtol=1e-4,
            )


@pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no GPU to compare with')
@pytest.mark.parametrize('options', [{}, OUR_OPTIONS], ids=['published', 'ours'])
def test_a_gpu_gives_the_masks_of_the_cpu(options, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)
    on_cpu, on_gpu = (
        tiny_model(**options).eval().to(device).test_step(tiny_batch(with_gt=False))
        for device in ('cpu', 'cuda')
    )
    for one, other in zip(on_cpu, on_gpu, strict=True):
        for name in ('coarse', 'visible', 'amodal'):
            crop = getattr(other.pred_crop_masks, name)
            assert crop.is_cuda
            torch.testing.assert_close(
                getattr(one.pred_crop_masks, name), crop.cpu(), rtol=0, atol=1e-3
            )


def test_the_seed_decides_the_masks():
    results = []
    for seed in (0, 0, 1):
        model = tiny_model(test_cfg=dict(seed=seed)).eval()
        torch.manual_seed(len(results))
        results.append(_crops(model.test_step(tiny_batch(with_gt=False))))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_without_a_seed_the_global_generator_decides():
    model = tiny_model(test_cfg=dict(seed=None)).eval()
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        results.append(_crops(model.test_step(tiny_batch(with_gt=False))))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_two_frames_equal_two_images():
    model = tiny_model(
        decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=3, greedy=True)
    ).eval()
    inputs = model.data_preprocessor(tiny_batch(2, with_gt=False))['inputs']
    images = model.complete(inputs)
    clip = model.complete({k: v.transpose(0, 1) for k, v in inputs.items()})
    for name, value in images.items():
        torch.testing.assert_close(clip[name], value.transpose(0, 1), atol=1e-5, rtol=1e-4)


def test_features_are_computed_once_for_all_steps():
    model = tiny_model(decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=5)).eval()
    calls = dict(backbone=0, feature_proj=0, head=0)

    def count(name):
        def hook(*_):
            calls[name] += 1

        return hook

    model.backbone.register_forward_hook(count('backbone'))
    model.transformer.feature_proj.register_forward_hook(count('feature_proj'))
    model.transformer.head.register_forward_hook(count('head'))
    model.test_step(tiny_batch(with_gt=False))
    assert calls == dict(backbone=1, feature_proj=1, head=5)


def test_tensor_mode_gives_crop_probabilities():
    model = tiny_model().eval()
    inputs = model.data_preprocessor(tiny_batch())['inputs']
    masks = model(inputs)
    assert set(masks) == {'coarse', 'visible', 'amodal'}
    assert all(mask.shape == (3, 1, SIDE, SIDE) for mask in masks.values())


def test_autocast_at_test_time_stays_close():
    plain = tiny_model().eval()
    fast = tiny_model(test_cfg=dict(autocast='bfloat16')).eval()
    batch = tiny_batch(with_gt=False)
    inputs = plain.data_preprocessor(batch)['inputs']
    assert plain.complete(inputs)['amodal'].dtype == fast.complete(inputs)['amodal'].dtype


def _watch_dtypes(module: torch.nn.Module) -> set[torch.dtype]:
    """Fills up with the dtypes that convolutions and linear layers give from here on."""
    found: set[torch.dtype] = set()
    for child in module.modules():
        if isinstance(child, torch.nn.Conv2d | torch.nn.Linear):
            child.register_forward_hook(lambda layer, inputs, out: found.add(out.dtype))
    return found


@pytest.mark.parametrize('outer', [False, True], ids=['alone', 'in an AMP wrapper'])
@pytest.mark.parametrize('encode_autocast', [False, True])
@pytest.mark.parametrize('autocast', [None, 'bfloat16'])
def test_mixed_precision_in_training_is_that_of_the_model_or_of_the_wrapper(
    autocast, encode_autocast, outer
):
    model = tiny_model(train_cfg=dict(autocast=autocast, encode_autocast=encode_autocast))
    transformer = (model.transformer.feature_proj, model.transformer.blocks)
    parts = (model.backbone, *transformer, model.refiner, model.tokenizer.decoder)
    found = [_watch_dtypes(part) for part in parts]
    encoding, head = _watch_dtypes(model.tokenizer.encoder), _watch_dtypes(model.transformer.head)
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=outer):
        total, _ = model.parse_losses(run_loss(model, tiny_batch()))
    low = outer or autocast is not None
    assert found == [{torch.bfloat16 if low else torch.float32}] * len(parts)
    assert encoding == {torch.bfloat16 if low and encode_autocast else torch.float32}
    assert head == {torch.float32}
    assert total.dtype == torch.float32


@pytest.mark.parametrize('outer', [False, True], ids=['alone', 'in a context'])
@pytest.mark.parametrize('condition_autocast', [False, True])
@pytest.mark.parametrize('autocast', [None, 'bfloat16'])
def test_decoding_starts_and_ends_in_float32_unless_asked(autocast, condition_autocast, outer):
    settings = dict(autocast=autocast, condition_autocast=condition_autocast)
    model = tiny_model(test_cfg=settings).eval()
    transformer = model.transformer
    condition = (model.tokenizer.encoder, model.backbone, transformer.feature_proj)
    rest = (transformer.blocks, model.tokenizer.decoder, model.refiner)
    before, after = ([_watch_dtypes(part) for part in parts] for parts in (condition, rest))
    head = _watch_dtypes(transformer.head)
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=outer):
        model.test_step(tiny_batch(with_gt=False))
    low = outer or autocast is not None
    assert after == [{torch.bfloat16 if low else torch.float32}] * len(rest)
    low = low and condition_autocast
    assert before == [{torch.bfloat16 if low else torch.float32}] * len(condition)
    assert head == {torch.float32}


def _save_tokenizer(tmp_path, change=None):
    torch.manual_seed(9)
    state = tiny_model().tokenizer.state_dict()
    state = {f'autoencoder.{k}': torch.full_like(v, 2) for k, v in state.items()}
    if change:
        change(state)
    path = tmp_path / 'vqgan.pth'
    torch.save(dict(state_dict={**state, 'discriminator.x': torch.zeros(1)}), path)
    return tiny_config()['tokenizer'] | dict(
        init_cfg=dict(type='Pretrained', checkpoint=str(path), prefix='autoencoder.')
    )


def test_the_tokenizer_is_read_from_the_checkpoint_of_its_trainer(tmp_path):
    model = tiny_model(tokenizer=_save_tokenizer(tmp_path))
    model.init_weights()
    assert all(bool((p == 2).all()) for p in model.tokenizer.parameters())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('autoencoder.quant_conv.bias'), r'1 missing \(quant_conv\.bias\)'),
        (lambda s: s.update({'autoencoder.x': torch.zeros(1)}), r'1 unexpected \(x\)'),
        (
            lambda s: s.update({'autoencoder.quant_conv.bias': torch.zeros(7)}),
            r'1 of other shape \(quant',
        ),
    ],
)
def test_a_tokenizer_checkpoint_that_does_not_fit_is_an_error(tmp_path, change, message):
    model = tiny_model(tokenizer=_save_tokenizer(tmp_path, change))
    with pytest.raises(RuntimeError, match=message):
        model.init_weights()


def test_a_missing_tokenizer_checkpoint_says_so(tmp_path):
    config = tiny_config()['tokenizer'] | dict(
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'none.pth'), prefix='a.')
    )
    with pytest.raises(CheckpointError, match='does not exist'):
        tiny_model(tokenizer=config).init_weights()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(backbone_visible_mask=True), 'needs in_channels=4, got 3'),
        (dict(feature_channels=(4, 6, 8)), 'four feature_channels'),
        (dict(train_cfg=dict(mask_ratio=0.5)), r"unknown keys \['mask_ratio'\]"),
        (dict(train_cfg=dict(token_positions='some')), 'token_positions must be one of'),
        (dict(train_cfg=dict(min_mask_ratio=2)), 'min_mask_ratio'),
        (dict(test_cfg=dict(threshold=0)), 'threshold'),
        (dict(test_cfg=dict(autocast='int8')), 'autocast must be one of'),
        (
            dict(transformer=dict(type='MaskedTransformer', codebook_size=99)),
            r'transformer\.codebook_size=99 contradicts 16',
        ),
    ],
)
def test_configs_that_contradict_themselves_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(**changes)


def test_a_backbone_with_other_maps_than_declared_is_an_error():
    model = tiny_model(backbone=dict(type='LightEncoder', channels=(4, 6, 8, 12), blocks=(0,) * 4))
    with pytest.raises(ValueError, match=r'declares \(4, 6, 8, 10\).*\(4, 6, 8, 12\) channels'):
        model.test_step(tiny_batch(with_gt=False))


def test_modes_and_missing_samples_are_checked():
    model = tiny_model()
    inputs = model.data_preprocessor(tiny_batch())['inputs']
    with pytest.raises(ValueError, match="got 'train'"):
        model(inputs, mode='train')
    with pytest.raises(ValueError, match='needs data_samples'):
        model(inputs, mode='predict')
