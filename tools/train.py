"""Train a model: ``python tools/train.py CONFIG [options]``, as ``c2fseg train``."""

from __future__ import annotations

from c2fseg.cli.train import main

if __name__ == '__main__':
    main()
