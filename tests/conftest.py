"""What all tests share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from mmengine.logging import MMLogger


@pytest.fixture(autouse=True)
def _loggers_outlive_captured_streams() -> None:
    """Gives handlers a stream that is open: those of a logger that was made under ``capsys`` keep
    its stream, and what is logged in a later test would end in a traceback on its standard error.
    """
    for handler in _stream_handlers():
        if getattr(handler.stream, 'closed', False):
            handler.stream = sys.__stderr__  # setStream would flush the closed one


def _stream_handlers() -> Iterator[logging.StreamHandler]:
    named = logging.Logger.manager.loggerDict.values()
    loggers = [logging.root, *named, *MMLogger._instance_dict.values()]
    for logger in loggers:
        for handler in getattr(logger, 'handlers', []):
            if isinstance(handler, logging.StreamHandler):
                yield handler
