"""``python -m c2fseg``: the same as the command ``c2fseg``."""

from __future__ import annotations

import sys

from c2fseg.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
