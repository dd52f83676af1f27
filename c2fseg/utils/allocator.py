"""Keeps the memory that a process has freed for its next allocation."""

from __future__ import annotations

import ctypes
import os
import sys

# Numbers of options in glibc's <malloc.h>.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have the C library keep freed blocks, for a process that is a model's alone.

    Each prediction allocates the same feature maps. By default glibc gives every large block back
    to the system when it is freed, and the next one comes as empty pages, one page fault for every
    4 KB. Kept, the process holds the memory of its largest batch until it ends. For programs, not
    for libraries: it concerns the whole process. Where the environment sets one of glibc's
    ``MALLOC_*_`` variables, that choice stands.

    Returns:
        Whether something was changed: on Linux with glibc, unless the environment says otherwise.
    """
    if not sys.platform.startswith('linux'):
        return False
    if any(name.startswith('MALLOC_') and name.endswith('_') for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    # In this order: without the first, the second would still return blocks mapped one by one.
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST))
