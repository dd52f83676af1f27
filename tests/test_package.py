"""The package as a whole: import, its checks, torchvision, requirements, configs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from c2fseg.utils import dependencies

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / 'configs').rglob('*.py'))


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, check=False
    )


def config_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- import -----------------------------------------------------------------------------------


def test_import_is_silent_and_light() -> None:
    done = run_python('import sys, c2fseg; assert "torch" not in sys.modules')
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_import_of_all_parts_is_silent() -> None:
    done = run_python(
        'import c2fseg.apis, c2fseg.datasets, c2fseg.engine, c2fseg.evaluation,'
        ' c2fseg.mask_sources, c2fseg.models, c2fseg.structures, c2fseg.visualization'
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_import_without_mmcv_says_what_to_install() -> None:
    done = run_python(
        'import sys, importlib.metadata as metadata\n'
        'real = metadata.version\n'
        'def version(name):\n'
        '    if name in ("mmcv", "mmcv-lite"):\n'
        '        raise metadata.PackageNotFoundError(name)\n'
        '    return real(name)\n'
        'metadata.version = version\n'
        'class Blocker:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        '        if name.split(".")[0] == "mmcv":\n'
        '            raise ModuleNotFoundError(name)\n'
        'sys.meta_path.insert(0, Blocker())\n'
        'import c2fseg\n'
    )
    assert done.returncode != 0
    assert 'ImportError: c2fseg: neither mmcv nor mmcv-lite is installed.' in done.stderr
    assert 'pip install mmcv-lite==2.1.0' in done.stderr
    assert 'mim install mmcv' in done.stderr


def pretend(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], importable: bool) -> None:
    monkeypatch.setattr(dependencies, 'installed_version', versions.get)
    monkeypatch.setattr(dependencies, '_is_importable', lambda module: importable)


def test_two_flavours_of_one_version_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {'mmcv': '2.1.0', 'mmcv-lite': '2.1.0'}, importable=True)
    with pytest.warns(RuntimeWarning, match='both installed.*pip uninstall mmcv mmcv-lite'):
        dependencies.check_mmcv()


def test_two_flavours_of_two_versions_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {'mmcv': '2.2.0', 'mmcv-lite': '2.1.0'}, importable=True)
    with pytest.raises(ImportError, match=r'mmcv 2\.2\.0 and mmcv-lite 2\.1\.0'):
        dependencies.check_mmcv()


def test_files_taken_by_an_uninstall_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {'mmcv': '2.1.0'}, importable=False)
    with pytest.raises(ImportError, match='Start over'):
        dependencies.check_mmcv()


@pytest.mark.parametrize('version', ['1.7.2', '3.0.0'])
def test_mmcv_out_of_range_stops(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    pretend(monkeypatch, {'mmcv-lite': version}, importable=True)
    with pytest.raises(ImportError, match=re.escape(version)):
        dependencies.check_mmcv()


@pytest.mark.parametrize('version', ['0.9.1', '0.10.6', '0.11.0'])
def test_mmengine_out_of_range_stops(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    pretend(monkeypatch, {'mmengine': version}, importable=True)
    with pytest.raises(ImportError, match=re.escape(version)):
        dependencies.check_mmengine()


def test_missing_mmengine_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {}, importable=False)
    with pytest.raises(ImportError, match='pip install mmengine'):
        dependencies.check_mmengine()


@pytest.mark.parametrize(
    ('version', 'numbers'),
    [('2.1.0', (2, 1, 0)), ('2.13.0+cpu', (2, 13, 0)), ('0.10.7rc1', (0, 10, 7)), ('dev', ())],
)
def test_release_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert dependencies.release_numbers(version) == numbers


# --- torchvision ------------------------------------------------------------------------------

# A torchvision of our own making that fails like a CUDA build beside a CPU torch.
MIXED_BUILD = {
    '__init__.py': 'from . import extension, _meta\nfrom .version import __version__\n',
    'extension.py': '',
    'version.py': "__version__ = '0.28.0+fake'\n",
    '_meta.py': (
        'import torch\n'
        '@torch.library.register_fake("torchvision::nms")\n'
        'def nms(dets, scores, iou_threshold):\n'
        '    return dets\n'
    ),
}


def fake_torchvision(folder: Path, files: dict[str, str]) -> str:
    (folder / 'torchvision').mkdir()
    for name, text in files.items():
        (folder / 'torchvision' / name).write_text(text)
    return f'import sys; sys.path.insert(0, {str(folder)!r})\n'


def test_mixed_torchvision_build_fails_without_us(tmp_path: Path) -> None:
    done = run_python(fake_torchvision(tmp_path, MIXED_BUILD) + 'import torchvision')
    assert 'operator torchvision::nms does not exist' in done.stderr


def test_mixed_torchvision_build_imports(tmp_path: Path) -> None:
    done = run_python(
        fake_torchvision(tmp_path, MIXED_BUILD)
        + 'import c2fseg, torchvision, torchvision._meta\nprint(torchvision.__version__)'
    )
    assert (done.returncode, done.stdout) == (0, '0.28.0+fake\n'), done.stderr


def test_mixed_torchvision_build_imports_after_a_failure(tmp_path: Path) -> None:
    done = run_python(
        fake_torchvision(tmp_path, MIXED_BUILD)
        + 'try:\n    import torchvision\nexcept RuntimeError:\n    pass\n'
        'from c2fseg.utils.torchvision_compat import ensure_torchvision\n'
        'print(ensure_torchvision().__version__)'
    )
    assert (done.returncode, done.stdout) == (0, '0.28.0+fake\n'), done.stderr


def test_other_errors_of_torchvision_are_not_hidden(tmp_path: Path) -> None:
    files = {'__init__.py': 'raise RuntimeError("something else")\n'}
    done = run_python(fake_torchvision(tmp_path, files) + 'import c2fseg, torchvision')
    assert 'RuntimeError: something else' in done.stderr


def test_torchvision_of_this_machine_serves_mmengine_and_lpips() -> None:
    done = run_python(
        'import c2fseg\n'
        'from mmengine.utils.dl_utils import collect_env\n'
        'assert "TorchVision" in collect_env()\n'
        'import lpips\n'
        'from torchvision.models import resnet18\n'
    )
    assert done.returncode == 0, done.stderr


def write_resnet18(folder: Path) -> None:
    import torch

    import c2fseg.models
    from c2fseg.utils.torchvision_compat import ensure_torchvision

    assert c2fseg.models
    (folder / 'checkpoints').mkdir(parents=True)
    model = ensure_torchvision().models.resnet18()
    with torch.no_grad():
        model.fc.bias.fill_(7)
    torch.save(model.state_dict(), folder / 'checkpoints' / 'resnet18-f37072fd.pth')


def test_torchvision_weights_come_from_the_hub_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader

    write_resnet18(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    state = CheckpointLoader.load_checkpoint('torchvision://resnet18', map_location='cpu')
    assert state['fc.bias'].tolist() == [7] * 1000


def test_missing_torchvision_weights_say_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader

    import c2fseg.models

    def no_network(*args: object, **kwargs: object) -> None:
        raise OSError('no network')

    assert c2fseg.models
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    with pytest.raises(FileNotFoundError, match='no network') as caught:
        CheckpointLoader.load_checkpoint('torchvision://resnet50')
    assert str(tmp_path / 'checkpoints' / 'resnet50-') in str(caught.value)
    assert '/models/resnet50-' in str(caught.value)


def test_unknown_torchvision_weights_are_named() -> None:
    from mmengine.runner.checkpoint import CheckpointLoader

    import c2fseg.models

    assert c2fseg.models
    with pytest.raises(KeyError, match="no weights named 'resnet5000'"):
        CheckpointLoader.load_checkpoint('torchvision://resnet5000')


# --- packaging --------------------------------------------------------------------------------


def read_lines(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    stripped = (line.split('#', maxsplit=1)[0].strip() for line in lines)
    return [line for line in stripped if line]


def constraints() -> list[Requirement]:
    return [Requirement(line) for line in read_lines('constraints')]


@pytest.mark.parametrize('name', ['runtime', 'tests', 'dev', 'detector', 'demo', 'export', 'sam'])
def test_tested_versions_satisfy_the_requirements(name: str) -> None:
    lines = [line for line in read_lines(name) if not line.startswith('-r ')]
    for requirement in map(Requirement, lines):
        for pin in constraints():
            if pin.name.lower() == requirement.name.lower():
                version = next(iter(pin.specifier)).version
                assert requirement.specifier.contains(version), f'{requirement} against {pin}'


@pytest.mark.parametrize('name', ['runtime', 'tests', 'demo', 'export', 'sam'])
def test_every_direct_requirement_is_pinned(name: str) -> None:
    pinned = {pin.name.lower() for pin in constraints()}
    lines = [line for line in read_lines(name) if not line.startswith('-r ')]
    assert {Requirement(line).name.lower() for line in lines} <= pinned


def test_no_flavour_of_mmcv_is_required() -> None:
    names = {Requirement(line).name for line in read_lines('runtime')}
    assert not names & {'mmcv', 'mmcv-lite'}


def test_versions_of_the_code_agree_with_the_requirements() -> None:
    bounds = {Requirement(line).name: Requirement(line) for line in read_lines('runtime')}
    low, high = dependencies.MMENGINE_RANGE
    assert bounds['mmengine'].specifier == SpecifierSet(f'>={low},<{high}')
    mmcv = next(pin for pin in constraints() if pin.name == 'mmcv-lite')
    assert f'mmcv-lite{mmcv.specifier}' in dependencies.INSTALL_MMCV


def test_setup_reads_version_and_requirements() -> None:
    done = subprocess.run(
        [sys.executable, 'setup.py', '--quiet', '--version', '--license'],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    version, licence = done.stdout.split()[-2:]
    import c2fseg

    assert Version(version) == Version(c2fseg.__version__)
    assert licence == 'Apache-2.0'


# --- configs ----------------------------------------------------------------------------------


@pytest.mark.parametrize('path', CONFIGS, ids=config_name)
def test_config_parses(path: Path) -> None:
    cfg = Config.fromfile(path)
    if '_base_' not in path.parts:
        assert cfg.default_scope == ('mmdet' if 'detectors' in path.parts else 'c2fseg')
        assert cfg.model.type


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if path.name.endswith('_shapes.py')], ids=config_name
)
def test_model_of_a_light_config_builds(path: Path) -> None:
    from mmengine.registry import init_default_scope

    from c2fseg.registry import MODELS

    if '_base_' in path.parts or 'detectors' in path.parts:
        pytest.skip('a part of configs, or a config of mmdet')
    cfg = Config.fromfile(path)
    init_default_scope('c2fseg')
    assert MODELS.build(cfg.model) is not None


@pytest.mark.parametrize(
    ('stage_one', 'stage_two'),
    [
        ('vqgan_kins', 'c2f_kins'),
        ('vqgan_shapes', 'c2f_shapes'),
        ('vqgan_cocoa', 'c2f_cocoa'),
        ('vqgan_d2sa', 'c2f_d2sa'),
        ('official/vqgan_kins_official', 'official/c2f_kins_official'),
        ('official/vqgan_cocoa_official', 'official/c2f_cocoa_official'),
    ],
)
def test_stage_two_finds_what_stage_one_writes(stage_one: str, stage_two: str) -> None:
    first = Config.fromfile(ROOT / 'configs' / f'{stage_one}.py')
    second = Config.fromfile(ROOT / 'configs' / f'{stage_two}.py')
    init_cfg = second.model.tokenizer.get('init_cfg')
    if init_cfg is None:
        pytest.skip('its tokenizer comes with a checkpoint of the whole model')
    name = Path(stage_one).name
    written = f'work_dirs/{name}/iter_{first.train_cfg.max_iters}.pth'
    shipped = f'weights/{name}.pth'
    assert init_cfg.checkpoint in (written, shipped)
    assert init_cfg.checkpoint == written or (ROOT / shipped).is_file()
    assert init_cfg.prefix == 'autoencoder.'
    parts = (dict(first.model.autoencoder), dict(second.model.tokenizer))
    for part in parts:
        part.pop('init_cfg', None)
        part.pop('revive_every', None)  # matters in training only
    assert parts[0] == parts[1]
