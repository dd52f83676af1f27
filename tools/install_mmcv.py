"""Replaces mmcv-lite by mmcv with compiled operators, which mmdet needs: ``make detector``.

The package index holds mmcv 2.1.0 as source only. Its operators are compiled once a machine, and
the wheel is kept in a folder outside the repository that names the versions it was built for:

    ~/.cache/c2fseg/wheels/torch-2.13.0+cpu-cp311-x86_64/mmcv-2.1.0-cp311-cp311-linux_x86_64.whl

so that another environment, or the next clone, installs it in seconds. Nothing is compiled where
mmcv with operators is installed already (``mim install mmcv==2.1.0`` has ready wheels for many
releases of torch), or where ``--wheel`` names a wheel. Run it with the Python of the environment:

    python tools/install_mmcv.py [--wheel FILE] [--cache-dir FOLDER] [--jobs N]

mmcv-lite goes only when the wheel is there. A second process that wants the same wheel waits for
the first.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

VERSION = '2.1.0'  # mmdet 3.3.0 refuses 2.2.0.
CONSTRAINTS = Path(__file__).resolve().parents[1] / 'requirements/constraints.txt'
# What mmcv's own build file imports; a build in isolation would compile against another torch.
BUILD_PACKAGES = ('setuptools<81', 'wheel', 'ninja', 'psutil')
GIB_PER_JOB = 3  # One compiler process was seen to take 2.7 GiB.


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
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
    parser.add_argument(
        '--pip-args',
        type=shlex.split,
        default=[],
        metavar='ARGUMENTS',
        help='for the calls of pip that fetch packages, such as --pip-args="--index-url URL"',
    )
    args = parser.parse_args(arguments)
    if args.jobs is not None and args.jobs < 1:
        parser.error(f'--jobs is at least 1, got {args.jobs}')
    if args.wheel is not None:
        check_wheel(parser, args.wheel)
    return args


def check_wheel(parser: argparse.ArgumentParser, wheel: Path) -> None:
    """Refuses a file that pip would not take, before mmcv-lite is gone."""
    if not wheel.is_file():
        parser.error(f'no file {wheel}: name an existing wheel of mmcv, or leave --wheel out')
    if wheel.suffix != '.whl' or not wheel.name.startswith('mmcv-') or not is_whole(wheel):
        parser.error(
            f'{wheel} is no whole wheel of mmcv (mmcv-{VERSION}-....whl, a zip archive; mmcv-lite'
            ' has no operators): name another file, or leave --wheel out'
        )


def is_whole(wheel: Path) -> bool:
    """Tells whether a file is a zip archive to its end."""
    return zipfile.is_zipfile(wheel)


def main(arguments: Sequence[str] | None = None) -> None:
    """Finds, builds or takes the wheel and installs it."""
    args = parse_args(arguments)
    installed = None if args.wheel is not None else version_with_operators()
    if installed == VERSION:
        print(f'mmcv {installed} with compiled operators is installed already.')
        return
    wheel = args.wheel
    if wheel is None:
        wheel = cached_wheel(args.cache_dir, args.jobs or default_jobs(), args.pip_args)
    install(wheel)


def install(wheel: Path) -> None:
    """Puts a wheel in the place of whichever mmcv is there, and tries its operators."""
    print(f'Installing {wheel.name} in place of mmcv-lite', flush=True)
    run_pip('uninstall', '--yes', '--quiet', '--quiet', 'mmcv-lite', 'mmcv')
    run_pip(
        'install',
        '--quiet',
        '--no-deps',
        '--no-index',
        str(wheel),
        advice=f' No mmcv is installed now: pip install mmcv-lite=={VERSION} brings it back.',
    )
    if version_with_operators() is None:
        sys.exit(
            f'{wheel} was installed, but its operators do not load with torch'
            f' {metadata.version("torch")}: python -c "import mmcv.ops" tells why. Delete the wheel'
            ' and run this again, or take one that was built for this torch.'
        )


def version_with_operators() -> str | None:
    """The version of mmcv whose operators load in this environment (in a process of its own)."""
    command = [sys.executable, '-c', 'import mmcv.ops; print(mmcv.__version__)']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def cached_wheel(cache_dir: Path, jobs: int, pip_args: Sequence[str] = ()) -> Path:
    """The wheel for this torch, Python and machine, built first where the cache has none."""
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
    folder = cache_dir / f'torch-{metadata.version("torch")}-{tag}-{platform.machine()}'
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / '.lock'):
        ready = [path for path in sorted(folder.glob(f'mmcv-{VERSION}-*.whl')) if is_whole(path)]
        if ready:
            print(f'Taking {ready[0]}, which was compiled before')
            return ready[0]
        return build_wheel(folder, jobs, pip_args)


def build_wheel(folder: Path, jobs: int, pip_args: Sequence[str] = ()) -> Path:
    """Compiles the wheel in a temporary folder and moves it, whole, into ``folder``."""
    if shutil.which(os.environ.get('CXX', 'c++')) is None:
        sys.exit(
            'mmcv has to be compiled, and no C++ compiler was found. On Debian and Ubuntu: apt'
            ' install g++. Or install a ready wheel: mim install mmcv==2.1.0'
        )
    print(
        f'Compiling the operators of mmcv {VERSION} with {jobs} compilers at once. This happens'
        ' once a machine and takes 7 to 15 minutes on two cores.',
        flush=True,
    )
    begin = time.monotonic()
    run_pip('install', '--quiet', '-c', str(CONSTRAINTS), *pip_args, *BUILD_PACKAGES)
    environment = os.environ | {
        'CFLAGS': '-g0',  # Without debug symbols: half the time.
        'MMCV_WITH_OPS': '1',
        'MAX_JOBS': str(jobs),
        'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')]),
    }
    with tempfile.TemporaryDirectory(dir=folder) as build_dir:
        options = ['--quiet', '--no-deps', '--no-build-isolation', '--wheel-dir', build_dir]
        run_pip('wheel', *options, *pip_args, f'mmcv=={VERSION}', env=environment)
        (built,) = Path(build_dir).glob('*.whl')
        target = folder / built.name
        built.replace(target)
    print(f'Compiled in {(time.monotonic() - begin) / 60:.1f} min; kept as {target}', flush=True)
    return target


def run_pip(*arguments: str, env: dict[str, str] | None = None, advice: str = '') -> None:
    """Runs pip of this Python; its failure ends the program with pip's own message above."""
    command = [sys.executable, '-m', 'pip', *arguments, '--disable-pip-version-check']
    if subprocess.run(command, env=env, check=False).returncode:
        sys.exit(f'pip {arguments[0]} failed; see above.{advice}')


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
