"""Memory that a process keeps, seen from outside: page faults of a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from c2fseg.utils import allocator

SCRIPT = """
import resource, sys
import torch
from c2fseg.utils.allocator import keep_freed_memory

print(keep_freed_memory() if sys.argv[1] == 'keep' else False)
for _ in range(24):  # 64 MB each; small blocks come to lie between, and then no more do
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(how: str, **environment: str) -> tuple[bool, int]:
    """Whether memory is kept, and the page faults of eight allocations of 64 MB."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith('MALLOC_')}
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, how],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    changed, faults = done.stdout.split()
    return changed == 'True', int(faults)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='glibc is that of Linux')
def test_freed_blocks_are_used_again() -> None:
    # 64 MB are 16,384 pages of 4 KB, or fewer where the system hands out large ones.
    changed, kept = run('keep')
    if not changed:
        pytest.skip('this C library has no mallopt')
    _, given_back = run('plain')
    assert kept < 50
    assert given_back > 8 * kept
    assert given_back >= 8 * 32


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='glibc is that of Linux')
def test_what_the_environment_says_stands() -> None:
    changed, _ = run('keep', MALLOC_TRIM_THRESHOLD_='131072')
    assert not changed


def test_other_systems_are_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(sys, 'platform', 'darwin')
    monkeypatch.setattr(allocator.ctypes, 'CDLL', lambda name: pytest.fail('not to be loaded'))
    assert not allocator.keep_freed_memory()


def test_a_c_library_without_mallopt(monkeypatch) -> None:
    monkeypatch.setattr(sys, 'platform', 'linux')
    for name in [name for name in os.environ if name.startswith('MALLOC_')]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(allocator.ctypes, 'CDLL', lambda name: object())
    assert not allocator.keep_freed_memory()
