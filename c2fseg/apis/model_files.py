"""Where a model's config and weights are: a path, or the bare name of a recipe that ships."""

from __future__ import annotations

import os
from pathlib import Path

# The recipe whose weights serve where nothing is known of the pictures.
GENERAL_MODEL = 'c2f_general'
# The one that takes videos where nothing else is said.
VIDEO_MODEL = 'c2f_shapes_video'
PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(kind: str) -> Path | None:
    """The folder of what ships beside the code.

    Args:
        kind: ``'configs'``, ``'weights'`` or ``'demo'``.

    Returns:
        The folder of the repository, else that of the installed package, else None.
    """
    for root in (PACKAGE.parent, PACKAGE / '.mim'):
        # A folder of that name beside an installed package need not be ours.
        if (root / kind).is_dir() and (root == PACKAGE / '.mim' or (root / 'setup.py').is_file()):
            return root / kind
    return None


def config_names() -> list[str]:
    """Names of the recipes that ship, such as ``'c2f_shapes'`` or ``'official/...'``."""
    folder = shipped_folder('configs')
    if folder is None:
        return []
    files = (path.relative_to(folder) for path in folder.rglob('*.py'))
    return sorted(
        path.with_suffix('').as_posix()
        for path in files
        if '_base_' not in path.parts and path.stem not in ('default_runtime', '__init__')
    )


def find_config(name: str | os.PathLike) -> Path:
    """Find a config file.

    Args:
        name: Path of a config file, or the name of a recipe that ships, with or without ``.py``.

    Returns:
        Path of the file.

    Raises:
        FileNotFoundError: There is neither; the message lists the names that ship.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    folder = shipped_folder('configs')
    bare = str(name).removesuffix('.py').removeprefix('configs/')
    if folder is not None and bare in config_names():
        return folder / f'{bare}.py'
    names = ', '.join(config_names()) or 'none was found'
    raise FileNotFoundError(
        f'{name} is neither a config file nor a recipe that ships; the recipes are: {names}'
    )


def recipe_path(name: str) -> str:
    """The config of a recipe that ships, by its bare name; any other name as it is.

    Args:
        name: Path of a config file, or a name such as ``c2f_kins``.
    """
    path = Path(name)
    if path.suffix or path.is_file() or name not in config_names():
        return name
    return str(find_config(name))


def find_weights(config_path: str | os.PathLike) -> Path:
    """Find the weights that ship for a recipe.

    Args:
        config_path: Path of the config file.

    Returns:
        Path of ``weights/<name>.pth``.

    Raises:
        FileNotFoundError: No weights ship for it.
    """
    path = Path(config_path).resolve()
    name = path.stem
    folder, configs = shipped_folder('weights'), shipped_folder('configs')
    # A config of the user's own may bear the name of one that ships.
    ours = configs is not None and path.is_relative_to(configs.resolve())
    if ours and folder is not None and (folder / f'{name}.pth').is_file():
        return folder / f'{name}.pth'
    found = sorted(path.stem for path in folder.glob('*.pth')) if folder is not None else []
    raise FileNotFoundError(
        f'No weights ship for {name} (they do for: {", ".join(found) or "no recipe"}); pass the '
        'checkpoint of a training as weights='
    )
