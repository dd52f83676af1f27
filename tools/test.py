"""Test a model: ``python tools/test.py CONFIG [CHECKPOINT] [options]``, as ``c2fseg test``."""

from __future__ import annotations

from c2fseg.cli.test import main
from c2fseg.utils.allocator import keep_freed_memory

if __name__ == '__main__':
    keep_freed_memory()
    main()
