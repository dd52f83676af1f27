"""GroupNorm and swish in one, against torch's own two."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from c2fseg.models.tokenizers.norm_swish import GroupNormSwish

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 2e-2}


def build(channels: int, groups: int, dtype: torch.dtype, exact: bool = False) -> GroupNormSwish:
    """A layer with random parameters, single precision where its input has less."""
    layer = GroupNormSwish(channels, groups, 1e-6, exact)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    return layer.double() if dtype == torch.float64 else layer


def results(layer: GroupNormSwish, x: Tensor, grad: Tensor, ours: bool) -> list[Tensor]:
    """Output and gradients of input, weight and bias."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    layer.zero_grad()
    norm = F.group_norm(x, layer.num_groups, layer.weight, layer.bias, layer.eps)
    y = layer(x) if ours else F.silu(norm)
    y.backward(grad)
    return [y.detach(), x.grad, layer.weight.grad, layer.bias.grad]


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from(sorted(TOLERANCE, key=str)),
    masks=st.integers(1, 3),
    groups=st.sampled_from([1, 2, 4]),
    per_group=st.integers(1, 4),
    height=st.integers(1, 6),
    width=st.integers(2, 6),
    layout=st.sampled_from([torch.channels_last, torch.contiguous_format]),
    seed=st.integers(0, 99),
)
def test_values_and_gradients(
    dtype: torch.dtype,
    masks: int,
    groups: int,
    per_group: int,
    height: int,
    width: int,
    layout: torch.memory_format,
    seed: int,
) -> None:
    # The gradient of a few numbers is the small difference of large ones, for which double
    # precision alone has the digits; a group of a mask tokenizer has hundreds of numbers and more.
    assume(dtype == torch.float64 or per_group * height * width >= 16)
    torch.manual_seed(seed)
    layer = build(groups * per_group, groups, dtype)
    shape = (masks, groups * per_group, height, width)
    x, grad = (
        (torch.randn(shape) * 2 + 1).to(dtype).contiguous(memory_format=layout) for _ in 'xg'
    )
    for ours, expected in zip(results(layer, x, grad, True), results(layer, x, grad, False)):
        assert ours.dtype == expected.dtype
        scale = float(expected.abs().max()) + 1.0
        torch.testing.assert_close(ours / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


def test_gradient_against_finite_differences() -> None:
    torch.manual_seed(0)
    layer = build(4, 2, torch.float64)
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(layer, x.requires_grad_())


@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize('layout', [torch.channels_last, torch.contiguous_format])
def test_without_gradient_the_input_stays(layout: torch.memory_format, exact: bool) -> None:
    layer = build(4, 2, torch.float32, exact)
    x = torch.randn(2, 4, 3, 3).contiguous(memory_format=layout)
    before = x.clone()
    with torch.no_grad():
        y = layer(x)
    assert torch.equal(x, before)
    torch.testing.assert_close(y, layer(x).detach())


@pytest.mark.parametrize('offset', [0, 20])
def test_single_precision_keeps_its_digits(offset: int) -> None:
    # torch's group_norm in this layout is off by 1e-6 and 3e-5 here, and by 6e-4 in an encoder.
    torch.manual_seed(0)
    layer = build(64, 32, torch.float32, exact=True)
    x = torch.randn(2, 64, 64, 64) + offset * torch.randn(1, 64, 1, 1)
    x = x.contiguous(memory_format=torch.channels_last)
    expected = build(64, 32, torch.float64)
    expected.load_state_dict(layer.state_dict())
    with torch.no_grad():
        found, expected = layer(x), expected(x.double())
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=4e-7 * expected.abs().max())


def test_compiled_and_exported_code_has_torchs_own_layer() -> None:
    layer = build(8, 4, torch.float32, exact=True)
    x = torch.randn(1, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = layer(x)
        compiled = torch.compile(layer, backend='eager', fullgraph=True)
        torch.testing.assert_close(compiled(x), expected, rtol=1e-5, atol=1e-5)
        for strict in (False, True):
            program = torch.export.export(layer, (x,), strict=strict)
            calls = [str(node.target) for node in program.graph.nodes if node.op == 'call_function']
            assert len(calls) == 2
            assert 'group_norm' in calls[0]
            torch.testing.assert_close(program.module()(x), expected, rtol=1e-5, atol=1e-5)


def test_groups_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match='6 channels do not split into 4 groups'):
        GroupNormSwish(6, 4, 1e-6)
