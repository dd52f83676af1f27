"""Config files: read, or said in one sentence why not."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config

from c2fseg.utils.error_text import error_text

# What MMEngine reads configs from.
CONFIG_SUFFIXES = ('.py', '.yml', '.yaml', '.json')


class ConfigError(RuntimeError):
    """A file cannot be read as a config; the message names it and says why."""


def read_config(path: str | os.PathLike) -> Config:
    """Reads a config file that exists.

    Args:
        path: The file.

    Raises:
        ConfigError: The file is of another kind, or it or a file it builds on cannot be read.
    """
    if Path(path).suffix not in CONFIG_SUFFIXES:
        raise ConfigError(
            f'{path} is no config: its name has to end in {", ".join(CONFIG_SUFFIXES)}.'
        )
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program, and may raise anything
        if isinstance(error, SyntaxError):
            reason = f'line {error.lineno} of it or of a file it builds on: {error.msg}'
        else:
            reason = f'{type(error).__name__}: {error_text(error)}'
        raise ConfigError(f'Config {path} cannot be read: {reason}.') from error
