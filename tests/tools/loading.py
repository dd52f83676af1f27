"""Loads a command-line tool as a module; tools are files and no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    """Loads ``tools/<name>.py``, for example ``analysis_tools/benchmark``, without running it."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, TOOLS / f'{name}.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
