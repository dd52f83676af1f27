"""Two processes train stage 1 as one process with the double batch does."""

from __future__ import annotations

import gc
import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.model import MMSeparateDistributedDataParallel
from mmengine.optim import build_optim_wrapper

import c2fseg.engine  # noqa: F401  registers the constructor
from c2fseg.registry import MODELS

SGD = {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}}
TWO_OPTIMIZERS = {
    'constructor': 'c2fseg.MultiOptimWrapperConstructor',
    'autoencoder': SGD,
    'discriminator': SGD,
}
STEPS = 3


def _build(autoencoder, with_gan):
    torch.manual_seed(0)
    cfg = {
        'type': 'MaskVQGAN',
        'autoencoder': autoencoder,
        'reconstruction_loss': {'type': 'MaskReconstructionLoss', 'kind': 'bce'},
        'data_preprocessor': {'type': 'BaseDataPreprocessor'},
    }
    if with_gan:
        cfg['discriminator'] = {'type': 'PatchDiscriminator', 'base_channels': 4, 'num_layers': 1}
        cfg['adversarial_loss'] = {'type': 'AdversarialLoss'}
    return MODELS.build(cfg)


def _train(model, masks, with_gan):
    optim = build_optim_wrapper(model, TWO_OPTIMIZERS if with_gan else SGD)
    for _ in range(STEPS):
        model.train_step({'inputs': {'mask': masks[:, None]}, 'data_samples': None}, optim)
    return {key.replace('.module.', '.'): value for key, value in model.state_dict().items()}


def _worker(rank, port, autoencoders, masks, out_dir):
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    for name, (autoencoder, with_gan) in autoencoders.items():
        torch.manual_seed(rank)
        model = MMSeparateDistributedDataParallel(_build(autoencoder, with_gan))
        torch.manual_seed(rank)
        state = _train(model, masks[2 * rank : 2 * rank + 2], with_gan)
        state = {key.removeprefix('module.'): value for key, value in state.items()}
        torch.save(state, f'{out_dir}/{name}_{rank}.pth')
        # Were the model the last to hold the process group, torch would end it without giving the
        # interpreter free, which a thread of gloo may be waiting for: a deadlock, now and then.
        del model, state
        gc.collect()
    torch.distributed.destroy_process_group()


@pytest.fixture
def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def test_two_processes_train_like_one(tiny_autoencoder, masks, tmp_path, free_port):
    fixed = {**tiny_autoencoder, 'revive_every': None}
    recipes = {
        'plain': (fixed, False),
        'gan': (fixed, True),
        'revived': ({**tiny_autoencoder, 'revive_every': 1}, False),
    }
    mp.spawn(_worker, args=(free_port, recipes, masks, str(tmp_path)), nprocs=2)
    for name, (autoencoder, with_gan) in recipes.items():
        first, second = (
            torch.load(tmp_path / f'{name}_{rank}.pth', weights_only=True) for rank in (0, 1)
        )
        for key, value in first.items():
            assert torch.equal(value, second[key]), (name, key)
        if name == 'revived':
            continue
        alone = _train(_build(autoencoder, with_gan), masks, with_gan)
        assert alone.keys() == first.keys()
        for key, value in alone.items():
            torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-5)
