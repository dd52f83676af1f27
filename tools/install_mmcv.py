"""Replaces mmcv-lite by mmcv with compiled operators, which mmdet needs: ``make detector``.

The package index holds mmcv 2.1.0 as source only. Its operators are compiled once a machine, and the
wheel is kept in a folder outside the repository that names the versions it was built for:

    ~/.cache/c2fseg/wheels/torch-2.13.0+cpu-cp311-x86_64/mmcv-2.1.0-cp311-cp311-linux_x86_64.whl

so that another environment, or the next clone, installs it in seconds. Nothing is compiled where
mmcv with operators is installed already (``mim install mmcv==2.1.0`` has ready wheels for many
releases of torch), or where ``--wheel`` names a wheel. Run it with the Python of the environment:

    python tools/install_mmcv.py [--wheel FILE] [--cache-dir FOLDER] [--jobs N]
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

VERSION = '2.1.0'  # mmdet 3.3.0 refuses 2.2.0.
# What mmcv's own build file imports; a build in isolation would compile against another torch.
BUILD_PACKAGES = ('setuptools<81', 'wheel', 'ninja', 'psutil')
GIB_PER_JOB = 3  # One compiler process was seen to take 2.7 GiB.


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Install mmcv with compiled operators.')
    parser.add_argument('--wheel', type=Path, help='a ready wheel of mmcv; nothing is compiled')
    parser.add_argument(
        '--cache-dir',
        type=Path,
        default=Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'c2fseg/wheels',
        help='folder that keeps the wheels (default: ~/.cache/c2fseg/wheels)',
    )
    parser.add_argument('--jobs', type=int, help='compilers at once (default: by cores and memory)')
    return parser.parse_args()


def main() -> None:
    """Finds, builds or takes the wheel and installs it."""
    args = parse_args()
    if args.wheel is None and has_operators():
        print(f'mmcv {metadata.version("mmcv")} with compiled operators is installed already.')
        return
    wheel = args.wheel if args.wheel is not None else cached_wheel(args.cache_dir, args.jobs)
    if not wheel.is_file():
        sys.exit(f'No wheel of mmcv at {wheel}. Name an existing .whl file, or leave --wheel out.')
    print(f'Installing {wheel.name} in place of mmcv-lite')
    run_pip('uninstall', '--yes', '--quiet', 'mmcv-lite', 'mmcv')
    run_pip('install', '--quiet', '--no-deps', str(wheel))
    if not has_operators():
        sys.exit(
            f'{wheel} was installed, but its operators do not load with torch'
            f' {metadata.version("torch")}: "import mmcv.ops" tells why. Delete the wheel and run'
            ' this again, or take a wheel that was built for this torch.'
        )


def has_operators() -> bool:
    """Tells whether ``mmcv.ops`` loads in this environment (in a process of its own)."""
    command = [sys.executable, '-c', 'import mmcv.ops']
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def cached_wheel(cache_dir: Path, jobs: int | None) -> Path:
    """The wheel for this torch, Python and machine, built first where the cache has none."""
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
    folder = cache_dir / f'torch-{metadata.version("torch")}-{tag}-{platform.machine()}'
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / '.lock'):
        ready = sorted(folder.glob(f'mmcv-{VERSION}-*.whl'))
        return ready[0] if ready else build_wheel(folder, jobs or default_jobs())


def build_wheel(folder: Path, jobs: int) -> Path:
    """Compiles the wheel in a temporary folder and moves it, whole, into ``folder``."""
    if shutil.which(os.environ.get('CXX', 'c++')) is None:
        sys.exit(
            'mmcv has to be compiled, and no C++ compiler was found. On Debian and Ubuntu: apt'
            ' install g++. Or install a ready wheel: mim install mmcv==2.1.0'
        )
    print(
        f'Compiling the operators of mmcv {VERSION} with {jobs} compilers at once. This happens once'
        ' a machine and takes 7 to 15 minutes on two cores.',
        flush=True,
    )
    begin = time.monotonic()
    run_pip('install', '--quiet', *BUILD_PACKAGES)
    environment = os.environ | {
        'CFLAGS': '-g0',  # Without debug symbols: half the time.
        'MMCV_WITH_OPS': '1',
        'MAX_JOBS': str(jobs),
        'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')]),
    }
    with tempfile.TemporaryDirectory(dir=folder) as build_dir:
        options = ['--quiet', '--no-deps', '--no-build-isolation', '--wheel-dir', build_dir]
        run_pip('wheel', *options, f'mmcv=={VERSION}', env=environment)
        (built,) = Path(build_dir).glob('*.whl')
        target = folder / built.name
        built.replace(target)
    print(f'Compiled in {(time.monotonic() - begin) / 60:.1f} min; kept as {target}', flush=True)
    return target


def run_pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Runs pip of this Python; its failure ends the program with pip's own message above."""
    command = [sys.executable, '-m', 'pip', *arguments, '--disable-pip-version-check']
    if subprocess.run(command, env=env, check=False).returncode:
        sys.exit(f'pip {arguments[0]} failed; see above.')


def default_jobs() -> int:
    """As many compilers as there are cores and as fit into half of the memory."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return max(1, min(os.cpu_count() or 1, int(memory / 2 / GIB_PER_JOB)))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock on a file, so that two builds at once do not compile the same wheel twice."""
    with path.open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == '__main__':
    main()
