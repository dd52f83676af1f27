"""Folds BatchNorm into the convolution before it, by what modules compute."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from c2fseg.models.utils.plain_layers import is_plain


def fold_batch_norm(module: nn.Module) -> None:
    """Folds each BatchNorm that gets the output of one convolution alone into it, in place.

    The order in which a module was given its children does not say how it calls them: mmcv's
    bottleneck registers conv1, conv2, bn1, bn2. So the forward pass of each module that has a
    BatchNorm is recorded. One that cannot be recorded, whose layers are called or held more than
    once, or do more than a convolution and a BatchNorm, keeps its BatchNorm: it is slower and gives
    the same.

    Args:
        module: In eval mode; where a BatchNorm is folded an identity stands afterwards.
    """
    held = Counter(id(child) for parent in module.modules() for child in parent.children())
    for parent in list(module.modules()):
        if not any(isinstance(child, nn.BatchNorm2d) for child in parent.children()):
            continue
        for conv_name, norm_name in list(_pairs(parent)):
            conv, norm = parent.get_submodule(conv_name), parent.get_submodule(norm_name)
            if held[id(conv)] == held[id(norm)] == 1 and norm.running_mean is not None:
                parent.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
                parent.set_submodule(norm_name, nn.Identity())


def _pairs(parent: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a convolution and of the BatchNorm that alone reads its output."""
    try:
        graph = _record(parent)
    except Exception:  # whatever a forward pass may raise when it is handed no tensor
        return
    steps = [node for node in graph.nodes if node.op == 'call_module']
    calls = Counter(id(parent.get_submodule(node.target)) for node in steps)
    for node in steps:
        before = node.args[0] if node.args else None
        if before not in steps or len(before.users) > 1:
            continue
        conv, norm = (parent.get_submodule(one.target) for one in (before, node))
        if calls[id(conv)] > 1 or calls[id(norm)] > 1:
            continue
        if is_plain(conv, nn.Conv2d) and is_plain(norm, nn.BatchNorm2d):
            yield before.target, node.target


class _Recorder(fx.proxy.GraphAppendingTracer):
    """Notes what is done with the inputs of a forward pass, and leaves all modules as they are.

    torch.fx's own tracer changes how every module of the process is called while it works, so no
    other thread may run a model meanwhile.
    """

    def create_arg(self, a: Any) -> Any:
        """An argument of a step; parameters that a module reads itself do not matter here."""
        return None if isinstance(a, torch.Tensor) else super().create_arg(a)

    def child(self, name: str) -> Callable[..., fx.Proxy]:
        """What stands in for a child: calling it is one step."""

        def call(*args: Any, **kwargs: Any) -> fx.Proxy:
            return self.create_proxy('call_module', name, args, kwargs)

        return call


def _record(module: nn.Module) -> fx.Graph:
    """The graph of a forward pass in which each child that is called is one step."""
    recorder = _Recorder(fx.Graph())
    names = list(inspect.signature(type(module).forward).parameters)[1:]
    inputs = [recorder.create_proxy('placeholder', name, (), {}) for name in names]
    found = type(module).forward(_stand_in(module, '', recorder), *inputs)
    recorder.graph.output(recorder.create_arg(found))
    return recorder.graph


def _stand_in(module: nn.Module, prefix: str, recorder: _Recorder) -> nn.Module:
    """A module of the same class and attributes whose children do nothing but record calls."""
    children: dict[str, Any] = {}
    for name, child in module.named_children():
        nested = isinstance(child, nn.ModuleList | nn.ModuleDict)
        full = f'{prefix}{name}'
        children[name] = _stand_in(child, f'{full}.', recorder) if nested else recorder.child(full)
    twin = object.__new__(type(module))
    twin.__dict__.update(module.__dict__, _modules=children, _buffers=dict(module._buffers))
    return twin
