"""BFloat16OptimWrapper: the forward pass in bfloat16, parameters and steps in float32."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from c2fseg.engine import BFloat16OptimWrapper
from c2fseg.registry import OPTIM_WRAPPERS


def test_the_forward_pass_alone_is_in_bfloat16() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    wrapper = OPTIM_WRAPPERS.build(
        dict(type='BFloat16OptimWrapper', optimizer=torch.optim.SGD(model.parameters(), lr=0.5))
    )
    assert isinstance(wrapper, BFloat16OptimWrapper)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.ones(2, 4))
    assert output.dtype == torch.bfloat16
    assert model(torch.ones(2, 4)).dtype == torch.float32
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32
    # The gradient of the sum over two rows of ones is 2 for every weight.
    torch.testing.assert_close(model.weight.detach(), before - 0.5 * 2, rtol=0, atol=1e-2)


def test_an_error_inside_ends_the_context() -> None:
    model = nn.Linear(1, 1)
    wrapper = BFloat16OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(KeyError), wrapper.optim_context(model):
        raise KeyError('inside')
    assert not torch.is_autocast_enabled('cpu')
