"""Train a model: ``python tools/train.py CONFIG [options]``, as ``c2fseg train``."""

from __future__ import annotations

from c2fseg.cli.train import main
from c2fseg.utils.allocator import keep_freed_memory

if __name__ == '__main__':
    keep_freed_memory()
    main()
