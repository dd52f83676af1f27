"""Folds BatchNorm into the convolution before it, by what modules compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _Children(fx.Tracer):
    """Follows what a module does with its children, without looking into them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Every module that is called is one step."""
        return True


def fold_batch_norm(module: nn.Module) -> None:
    """Folds each BatchNorm that gets the output of one convolution alone into it, in place.

    The order in which a module was given its children does not say how it calls them: mmcv's
    bottleneck registers conv1, conv2, bn1, bn2. So each module that has a BatchNorm is traced. One
    that cannot be traced, or whose layers are called or held more than once, keeps its BatchNorm:
    it is slower and gives the same.

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
        graph = _Children().trace(parent)
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
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            yield before.target, node.target
