"""Checks, on import, of the packages that pip cannot check for us.

mmcv comes as two distributions, ``mmcv`` (compiled operators) and ``mmcv-lite`` (without), that
share the import name and overwrite each other's files. A package cannot require "one of the two",
so the requirement is checked here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings

MMENGINE_RANGE = ('0.10.7', '0.11')
MMCV_RANGE = ('2.0.0', '3')
MMCV_FLAVOURS = ('mmcv', 'mmcv-lite')

INSTALL_MMCV = (
    'Install one of them: `pip install mmcv-lite==2.1.0` (or `mim install mmcv==2.1.0`, which '
    'has the compiled operators that detectors need).'
)


def installed_version(distribution: str) -> str | None:
    """Returns the version of an installed distribution, or None when it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def release_numbers(version: str) -> tuple[int, ...]:
    """Returns the leading numbers of a version: ``'0.10.7rc1'`` gives ``(0, 10, 7)``."""
    numbers: list[int] = []
    for part in version.split('+', maxsplit=1)[0].split('.'):
        digits = ''
        for character in part:
            if not character.isdigit():
                break
            digits += character
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def version_in_range(version: str, bounds: tuple[str, str]) -> bool:
    """Tells whether ``bounds[0] <= version < bounds[1]``, by release numbers."""
    return release_numbers(bounds[0]) <= release_numbers(version) < release_numbers(bounds[1])


def check_mmengine() -> None:
    """Checks that mmengine is installed in a version that c2fseg works with.

    Raises:
        ImportError: If mmengine is missing or its version is out of range.
    """
    low, high = MMENGINE_RANGE
    version = installed_version('mmengine')
    if version is None:
        if _is_importable('mmengine'):  # a source tree on the path carries no version
            return
        raise ImportError(
            f'c2fseg needs mmengine>={low},<{high}, and it is not installed. '
            'Install it: `pip install mmengine==0.10.7`.'
        )
    if not version_in_range(version, MMENGINE_RANGE):
        raise ImportError(
            f'c2fseg needs mmengine>={low},<{high}, and {version} is installed. '
            'Install one that fits: `pip install mmengine==0.10.7`.'
        )


def check_mmcv() -> None:
    """Checks that exactly one flavour of mmcv is installed, in a version that fits.

    Raises:
        ImportError: If there is no mmcv, if its version is out of range, or if the two flavours
            are installed in different versions, so that their files are a mixture.

    Warns:
        RuntimeWarning: If both flavours are installed in the same version. That works until one
            of them is uninstalled.
    """
    versions = {name: installed_version(name) for name in MMCV_FLAVOURS}
    found = {name: version for name, version in versions.items() if version is not None}
    if not _is_importable('mmcv'):
        if found:
            raise ImportError(_broken_mmcv(found))
        raise ImportError(f'c2fseg: neither mmcv nor mmcv-lite is installed. {INSTALL_MMCV}')
    low, high = MMCV_RANGE
    for name, version in found.items():
        if not version_in_range(version, MMCV_RANGE):
            raise ImportError(
                f'c2fseg needs mmcv or mmcv-lite >={low},<{high}, and {name} {version} is '
                f'installed. Uninstall it first: `pip uninstall {name}`. {INSTALL_MMCV}'
            )
    if len(found) == len(MMCV_FLAVOURS):
        if len(set(found.values())) > 1:
            raise ImportError(_broken_mmcv(found))
        warnings.warn(_both_flavours(found), RuntimeWarning, stacklevel=3)


def _is_importable(module: str) -> bool:
    """Tells whether a package with an ``__init__`` is on the path, without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    # Files that an uninstall left behind make a namespace package, which has no origin.
    return spec is not None and spec.origin is not None


def _both_flavours(found: dict[str, str]) -> str:
    names = ' and '.join(f'{name} {version}' for name, version in found.items())
    return (
        f'c2fseg: {names} are both installed. They share the folder `mmcv` and overwrite each '
        'other. Keep one: `pip uninstall mmcv mmcv-lite`, then install it again. ' + INSTALL_MMCV
    )


def _broken_mmcv(found: dict[str, str]) -> str:
    names = ' and '.join(f'{name} {version}' for name, version in found.items())
    return (
        f'c2fseg: the files of mmcv are broken ({names} installed). The two flavours share the '
        'folder `mmcv`: installing both mixes their files, uninstalling one takes files of the '
        f'other. Start over: `pip uninstall mmcv mmcv-lite`. {INSTALL_MMCV}'
    )
