"""Prints a config with all its base files and overrides merged.

python tools/analysis_tools/print_config.py configs/c2f_kins.py
python tools/analysis_tools/print_config.py configs/c2f_kins.py --key model.decoder
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mmengine.config import Config

from c2fseg.utils.config_files import ConfigError, read_config
from c2fseg.utils.error_text import error_text
from c2fseg.utils.option_action import PairsAction


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--key', help='print this part only, for example model.decoder')
    parser.add_argument('--out', metavar='FILE.py', help='write the whole config to this file too')
    parser.add_argument('--cfg-options', nargs='+', action=PairsAction, help='k=v overrides')
    return parser.parse_args(arguments)


def pick(cfg: Config, key: str) -> Any:
    """Returns the value at a dotted key; positions in lists are numbers.

    Raises:
        KeyError: There is no such key; the message names the first part that is missing.
    """
    value: Any = cfg
    for part in key.split('.'):
        if isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict | Config) and part in value:
            value = value[part]
        else:
            found = ', '.join(map(str, value)) if isinstance(value, dict | Config) else value
            raise KeyError(f'{part!r} of {key!r} is not there; there is: {found}')
    return value


def main(arguments: list[str] | None = None) -> None:
    """Prints as the command line says."""
    args = parse_args(arguments)
    try:
        cfg = read_config(args.config)
        if args.cfg_options:
            cfg.merge_from_dict(args.cfg_options)
        if args.key is None:
            print(cfg.pretty_text)
        else:
            value = pick(cfg, args.key)
            print(Config(value).pretty_text if isinstance(value, dict) else repr(value))
    except (ConfigError, OSError, KeyError, TypeError) as error:
        sys.exit(f'print_config: {error_text(error)}')
    if args.out is not None:
        cfg.dump(args.out)


if __name__ == '__main__':
    main()
