"""install_mmcv: one build a machine, a ready wheel is taken, and nothing is lost where it fails.

pip never runs here: its calls are recorded, and a wheel is an empty archive with the right name.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.tools.loading import TOOLS, load_tool

WHEEL = 'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl'


def write_wheel(folder: Path, name: str = WHEEL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, 'w') as archive:
        archive.writestr('mmcv/__init__.py', '')
    return folder / name


class FakePip:
    """Stands for pip: records its calls; ``pip wheel`` leaves a wheel, as the real one does."""

    def __init__(self, fails: str = '') -> None:
        self.calls: list[tuple[str, ...]] = []
        self.environments: list[dict[str, str] | None] = []
        self.fails = fails

    def __call__(self, command, env=None, check=False):
        assert command[:3] == [sys.executable, '-m', 'pip']
        arguments = tuple(command[3:])
        self.calls.append(arguments)
        self.environments.append(env)
        if arguments[0] == 'wheel' and self.fails != 'wheel':
            write_wheel(Path(arguments[arguments.index('--wheel-dir') + 1]))
        return subprocess.CompletedProcess(command, int(arguments[0] == self.fails))

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


@pytest.fixture
def tool() -> ModuleType:
    return load_tool('install_mmcv')


@pytest.fixture
def pip(tool, monkeypatch) -> FakePip:
    """A machine without mmcv's operators until a wheel is installed."""
    fake = FakePip()

    def version():
        return '2.1.0' if 'install' in fake.names and fake.calls[-1][-2].endswith('.whl') else None

    monkeypatch.setattr(tool.subprocess, 'run', fake)
    monkeypatch.setattr(tool, 'version_with_operators', version)
    monkeypatch.setattr(tool.shutil, 'which', lambda name: '/usr/bin/c++')
    return fake


def run(tool: ModuleType, *arguments: object) -> None:
    tool.main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--jobs', '0'], '--jobs is at least 1, got 0'),
        (['--wheel', 'none.whl'], 'no file none.whl: name an existing wheel'),
        (['--wheel', 'setup.py'], 'setup.py is no whole wheel of mmcv'),
        (['--cashe-dir', 'x'], 'unrecognized arguments'),
    ],
)
def test_wrong_arguments_end_before_pip_is_called(
    tool, pip, monkeypatch, capsys, arguments, said
) -> None:
    monkeypatch.chdir(TOOLS.parent)
    with pytest.raises(SystemExit) as stop:
        run(tool, *arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert pip.calls == []


def test_a_damaged_or_lite_wheel_is_refused_while_mmcv_lite_is_still_there(
    tool, pip, tmp_path, capsys
) -> None:
    lite = write_wheel(tmp_path, 'mmcv_lite-2.1.0-py3-none-any.whl')
    whole = write_wheel(tmp_path)
    whole.write_bytes(whole.read_bytes()[:20])
    for wheel in (lite, whole):
        with pytest.raises(SystemExit):
            run(tool, '--wheel', wheel)
        assert f'{wheel} is no whole wheel' in capsys.readouterr().err
    assert pip.calls == []


def test_nothing_happens_where_the_operators_load(tool, pip, monkeypatch, capsys) -> None:
    monkeypatch.setattr(tool, 'version_with_operators', lambda: '2.1.0')
    run(tool)
    assert 'mmcv 2.1.0 with compiled operators is installed already' in capsys.readouterr().out
    assert pip.calls == []


def test_the_first_run_builds_and_the_second_takes_the_wheel(tool, pip, tmp_path, capsys) -> None:
    run(tool, '--cache-dir', tmp_path, '--jobs', '3', '--pip-args=--index-url URL')
    assert pip.names == ['install', 'wheel', 'uninstall', 'install']
    build, environment = pip.calls[1], pip.environments[1]
    assert 'mmcv==2.1.0' in build
    assert {'--no-build-isolation', '--index-url', 'URL'} <= set(build)
    assert environment is not None
    assert environment['MMCV_WITH_OPS'] == '1'
    assert environment['MAX_JOBS'] == '3'
    assert 'setuptools<81' in pip.calls[0]
    (kept,) = tmp_path.glob(f'torch-*/{WHEEL}')
    assert [path.name for path in kept.parent.iterdir() if path != kept] == ['.lock']
    assert str(kept) in pip.calls[3]

    pip.calls.clear()
    capsys.readouterr()
    run(tool, '--cache-dir', tmp_path)
    assert pip.names == ['uninstall', 'install']
    assert str(kept) in pip.calls[1]
    assert f'Taking {kept}' in capsys.readouterr().out


def test_a_named_wheel_is_installed_and_nothing_is_built(tool, pip, tmp_path) -> None:
    wheel = write_wheel(tmp_path / 'ready')
    run(tool, '--wheel', wheel, '--cache-dir', tmp_path / 'cache')
    assert pip.names == ['uninstall', 'install']
    assert {'mmcv-lite', 'mmcv'} <= set(pip.calls[0])
    assert str(wheel) in pip.calls[1]
    assert not (tmp_path / 'cache').exists()


def test_a_failed_build_leaves_no_wheel_and_keeps_mmcv_lite(tool, pip, tmp_path) -> None:
    pip.fails = 'wheel'
    with pytest.raises(SystemExit, match='pip wheel failed; see above'):
        run(tool, '--cache-dir', tmp_path)
    assert 'uninstall' not in pip.names
    assert list(tmp_path.rglob('*.whl')) == []


def test_no_compiler_is_said_before_anything_is_fetched(tool, pip, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tool.shutil, 'which', lambda name: None)
    with pytest.raises(SystemExit, match=r'compiler was found\. On Debian and Ubuntu: apt'):
        run(tool, '--cache-dir', tmp_path)
    assert pip.calls == []


def test_a_wheel_of_another_torch_is_named(tool, pip, monkeypatch, tmp_path) -> None:
    wheel = write_wheel(tmp_path)
    monkeypatch.setattr(tool, 'version_with_operators', lambda: None)
    with pytest.raises(SystemExit, match=f'{WHEEL} was installed, but its operators do not load'):
        run(tool, '--wheel', wheel)


def test_a_cut_wheel_in_the_cache_is_built_again(tool, pip, tmp_path) -> None:
    run(tool, '--cache-dir', tmp_path)
    (kept,) = tmp_path.glob(f'torch-*/{WHEEL}')
    kept.write_bytes(b'PK')
    pip.calls.clear()
    run(tool, '--cache-dir', tmp_path)
    assert 'wheel' in pip.names
    assert zipfile.is_zipfile(kept)


def test_two_processes_build_once(tmp_path: Path) -> None:
    """Both want the same wheel; the second waits, and takes what the first has built."""
    driver = tmp_path / 'driver.py'
    driver.write_text(
        textwrap.dedent(
            f"""
            import importlib.util, pathlib, sys, time, zipfile
            spec = importlib.util.spec_from_file_location('t', {str(TOOLS / 'install_mmcv.py')!r})
            tool = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(tool)

            def build(folder, jobs, pip_args):
                print('built', flush=True)
                time.sleep(1)
                with zipfile.ZipFile(folder / {WHEEL!r}, 'w') as archive:
                    archive.writestr('a', '')
                return folder / {WHEEL!r}

            tool.build_wheel = build
            print(tool.cached_wheel(pathlib.Path(sys.argv[1]), 1))
            """
        )
    )
    command = [sys.executable, str(driver), str(tmp_path / 'cache')]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(output.count('built\n') for output in outputs) == 1
    assert len({output.splitlines()[-1] for output in outputs}) == 1
