"""The one place that makes mixed builds of torch and torchvision work.

PyPI has torchvision for CUDA only. Beside a CPU build of torch its compiled library does not load,
and ``import torchvision`` stops with ``operator torchvision::nms does not exist``, although c2fseg
and its dependencies need none of its compiled operators: lpips and mmengine's
``torchvision://resnet50`` want models and weight addresses, and every start of a Runner asks for
the version. Defining the schemas of the two operators that torchvision misses lets the import pass;
calling them still fails, as it should.

The import of c2fseg puts a finder in front of the import system. It does nothing until something,
wherever it may be, imports torchvision, and nothing then when torchvision is in order.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PACKAGE = 'torchvision'
OPERATOR_ERROR = 'operator torchvision::'
# Name and arguments of the operators whose absence stops the import.
MISSING_OPERATORS = {
    'nms': '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}

# torch forgets what a Library defined when the object goes away, so it is kept here.
_libraries: list[Any] = []


def install_torchvision_hook() -> None:
    """Puts the mending finder in front of the import system, once."""
    if not any(isinstance(finder, _TorchvisionFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TorchvisionFinder())


def ensure_torchvision() -> ModuleType:
    """Imports torchvision, mended if its build does not fit that of torch.

    Returns:
        ModuleType: The package ``torchvision``.

    Raises:
        ImportError: If torchvision is not installed.
    """
    install_torchvision_hook()
    return importlib.import_module(PACKAGE)


def define_missing_operators() -> None:
    """Defines the schemas of torchvision's operators that do not exist yet."""
    import torch

    for name, arguments in MISSING_OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            library = torch.library.Library(PACKAGE, 'FRAGMENT')
            library.define(name + arguments)
            _libraries.append(library)


class _TorchvisionFinder(MetaPathFinder):
    """Hands torchvision to a loader that mends its import; leaves every other name alone."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        spec.loader = _MendingLoader(spec.loader)
        return spec


class _MendingLoader(Loader):
    """Runs the package; where an operator is missing, defines it and runs the package again."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # A failed import before ours leaves submodules behind that would not run again.
        _forget_submodules()
        _use_loader(module, self.loader)
        try:
            self.loader.exec_module(module)
        except RuntimeError as error:
            if OPERATOR_ERROR not in str(error):
                raise
            _forget_submodules()
            define_missing_operators()
            self.loader.exec_module(module)


def _use_loader(module: ModuleType, loader: Loader) -> None:
    """Gives the module its own loader back, which reads its resources and source."""
    module.__loader__ = loader
    if module.__spec__ is not None:
        module.__spec__.loader = loader


def _forget_submodules() -> None:
    for name in [name for name in sys.modules if name.startswith(PACKAGE + '.')]:
        del sys.modules[name]
