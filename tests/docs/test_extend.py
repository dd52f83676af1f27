"""Every Python block of docs/extend.md runs as it stands, in a namespace of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope, Registry

from c2fseg import registry
from c2fseg.evaluation.functional import PROTOCOLS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'extend.md'
# The roles that the page has to have an example for.
ROLES = (
    'TOKENIZERS',
    'MASKED_TRANSFORMERS',
    'ST_BLOCKS',
    'REFINERS',
    'MASK_SCHEDULERS',
    'MASK_SOURCES',
    'MODELS',
    'DATASETS',
    'TRANSFORMS',
    'METRICS',
    'HOOKS',
    'VISUALIZERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'DATA_SAMPLERS',
    'INFERENCERS',
)


def read_blocks() -> dict[str, str]:
    """Returns the Python blocks of the page by heading, padded so that line numbers agree."""
    text = PAGE.read_text(encoding='utf-8')
    blocks = {}
    for match in re.finditer(r'^```python\n(.*?)^```$', text, flags=re.MULTILINE | re.DOTALL):
        heading = re.findall(r'^## (.+)$', text[: match.start()], flags=re.MULTILINE)[-1]
        lines_before = text[: match.start(1)].count('\n')
        blocks[heading] = '\n' * lines_before + match.group(1)
    return blocks


BLOCKS = read_blocks()


@pytest.fixture
def clean_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes the components and protocols of an example out of the registries again."""
    monkeypatch.chdir(ROOT)
    registries = [value for value in vars(registry).values() if isinstance(value, Registry)]
    before = [dict(item._module_dict) for item in registries]
    scopes = dict(DefaultScope._instance_dict)
    state = np.random.get_state()
    protocols = dict(PROTOCOLS)
    yield
    PROTOCOLS.clear()
    PROTOCOLS.update(protocols)
    np.random.set_state(state)
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(scopes)
    for item, modules in zip(registries, before, strict=True):
        # What an example imported for the first time stays; what it defined itself goes.
        for name in set(item._module_dict) - set(modules):
            if item._module_dict[name].__module__ == 'extend_example':
                del item._module_dict[name]


@pytest.mark.parametrize('heading', BLOCKS)
def test_example_runs(heading: str, clean_registries: None) -> None:
    code = compile(BLOCKS[heading], str(PAGE), 'exec')
    exec(code, {'__name__': 'extend_example'})


@pytest.mark.parametrize('role', ROLES)
def test_every_role_has_an_example(role: str) -> None:
    used = re.compile(rf'^@{role}\.register_module\(\)$', flags=re.MULTILINE)
    assert any(used.search(block) for block in BLOCKS.values())
    assert f'`{role}`' in PAGE.read_text(encoding='utf-8')
