"""Loops that the Runner drives."""

from .resumable_iter_loop import ResumableIterLoop

__all__ = ['ResumableIterLoop']
