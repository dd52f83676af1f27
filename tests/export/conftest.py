"""The shipped model, exported once by the command, and as it is in torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from c2fseg.apis import AmodalInferencer
from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / 'weights' / 'c2f_general.pth'


@pytest.fixture(scope='session')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes for the shipped model."""
    out = tmp_path_factory.mktemp('export') / 'general'
    tool = load_tool('model_converters/export_onnx')
    tool.main(['c2f_general', str(WEIGHTS), str(out)])
    return out


@pytest.fixture(scope='session')
def inferencer() -> AmodalInferencer:
    """The shipped model in torch."""
    return AmodalInferencer('c2f_general', WEIGHTS, device='cpu')
