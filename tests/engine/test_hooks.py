"""Seeds before each iteration, and the stop at a loss that is not finite."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from c2fseg.engine import (
    InvalidLossError,
    InvalidLossHook,
    ResumableIterLoop,
    SeedEachIterationHook,
)
from c2fseg.utils.hashing import hash_numbers

from .processes import Process
from .toy_training import ToyDataset, train


def fake_runner(iteration: int = 0, seed: int = 0, last: str | None = None) -> SimpleNamespace:
    hub = SimpleNamespace(get_info=lambda key: last)
    return SimpleNamespace(iter=iteration, seed=seed, message_hub=hub)


def batch(*names: str) -> dict:
    return {'data_samples': [SimpleNamespace(sample_id=name) for name in names]}


def test_an_iteration_is_a_function_of_seed_and_number():
    hook = SeedEachIterationHook()

    def noise(iteration: int, seed: int) -> list:
        hook.before_train_iter(fake_runner(iteration, seed), iteration)
        return torch.rand(4).tolist()

    assert noise(3, 0) == noise(3, 0)
    assert len({tuple(noise(i, seed)) for i in range(5) for seed in range(3)}) == 15


def test_hashes_are_the_same_everywhere():
    # head -c 27 /dev/zero | b2sum -l 32 prints c4ff5249: three numbers of nine bytes each.
    assert hash_numbers(0, 0, 0) == 0x4952FFC4
    assert hash_numbers(1, 2) != hash_numbers(2, 1)
    assert max(hash_numbers(number, bits=64) for number in range(9)) >= 2**32


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_a_bad_loss_is_named(bad):
    hook = InvalidLossHook()
    good = {'loss': torch.tensor(1.0), 'loss_token': torch.tensor(1.0)}
    hook.after_train_iter(fake_runner(4), 4, batch('a_1'), good)
    broken = {**good, 'loss_token': torch.tensor(bad), 'dead_codes': torch.tensor(float('nan'))}
    with pytest.raises(InvalidLossError) as caught:
        hook.after_train_iter(fake_runner(5, last='w/iter_4.pth'), 5, batch('b_2', 'c_3'), broken)
    text = str(caught.value)
    assert f'iteration 6: loss_token = {bad}; samples of the batch: b_2, c_3.' in text
    assert 'resume from w/iter_4.pth' in text
    assert 'dead_codes' not in text


class DeviceLoss(torch.Tensor):
    """A loss that says it lives on a GPU."""

    @property
    def device(self):
        return SimpleNamespace(type='cuda')


def test_on_a_gpu_losses_are_looked_at_together():
    hook = InvalidLossHook(interval=3)

    def step(iteration: int, value: float) -> None:
        losses = {'loss': torch.tensor(value).as_subclass(DeviceLoss)}
        hook.after_train_iter(fake_runner(iteration), iteration, batch(f's_{iteration}'), losses)

    step(0, 1.0)
    step(1, float('nan'))
    with pytest.raises(InvalidLossError, match=r'iteration 2: loss = nan; .*: s_1'):
        step(2, float('nan'))
    step(3, float('nan'))
    with pytest.raises(InvalidLossError, match='iteration 4'):
        hook.before_save_checkpoint(fake_runner(), {})
    step(4, float('nan'))
    with pytest.raises(InvalidLossError, match='iteration 5'):
        hook.after_train(fake_runner())
    hook.after_train(fake_runner())


def test_a_training_stops_and_keeps_good_weights(tmp_path):
    changes = {
        'default_hooks.checkpoint.interval': 3,
        'default_hooks.checkpoint.save_best': None,
        'model.nan_at': 6,
    }
    output = Process(train, tmp_path / 'run', **changes).fail()
    assert 'The loss is not finite in iteration 6: loss = nan, loss_toy = nan' in output
    assert 'samples of the batch: toy_' in output
    assert f'resume from {tmp_path}/run/iter_3.pth' in output
    assert [path.name for path in (tmp_path / 'run').glob('*.pth')] == ['iter_3.pth']
    state = torch.load(tmp_path / 'run/iter_3.pth', weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in state.values())


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match='1 or more'):
        InvalidLossHook(interval=0)


def test_the_loop_needs_a_sampler_that_starts_anywhere():
    loader = torch.utils.data.DataLoader(ToyDataset(), batch_size=2, shuffle=True)
    runner = SimpleNamespace(visualizer=SimpleNamespace())
    with pytest.raises(TypeError, match='got RandomSampler: write sampler=dict'):
        ResumableIterLoop(runner, loader, max_iters=3)
    with pytest.raises(ValueError, match='whole number'):
        ResumableIterLoop(runner, loader, max_iters=2.5)
