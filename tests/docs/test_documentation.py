"""What README and docs name exists: links, files, commands, options, config keys."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
# Folders whose content is the repository's, so that a path into them has to exist.
OWN_FOLDERS = ('c2fseg', 'configs', 'demo', 'docs', 'requirements', 'tests', 'tools', 'weights')
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
OWN_PATH = re.compile(rf'(?<![\w/.-])(?:{"|".join(OWN_FOLDERS)})/[\w./-]*[\w/]')
BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)
# Paths that a page names as an example of what a contributor would write.
EXAMPLES = {'tests/structures/test_boxes.py'}


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Returns the anchors that headings of a page make."""
    text = BLOCK.sub('', page.read_text(encoding='utf-8'))
    headings = re.findall(r'^#+ (.+)$', text, flags=re.MULTILINE)
    plain = (re.sub(r'[^\w\s-]', '', heading.lower()).strip() for heading in headings)
    return {heading.replace(' ', '-') for heading in plain}


def commands() -> Iterator[tuple[str, str]]:
    """Yields (page, command) for every command of the bash blocks."""
    for page in PAGES:
        for language, body in BLOCK.findall(page.read_text(encoding='utf-8')):
            if language == 'bash':
                for line in body.replace('\\\n', ' ').splitlines():
                    command = line.split(' #', maxsplit=1)[0].strip()
                    if command:
                        yield page_name(page), command


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub('', page.read_text(encoding='utf-8'))
    missing = []
    for link in LINK.findall(text):
        if link.startswith(('http://', 'https://')):
            continue
        name, _, anchor = link.partition('#')
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_paths_exist(page: Path) -> None:
    text = LINK.sub('', page.read_text(encoding='utf-8'))
    missing = {path for path in OWN_PATH.findall(text) if not (ROOT / path).exists()}
    # What a command is told to write need not be there yet.
    written = set(re.findall(r'--(?:out|json|show-dir|out-dir) (\S+)', text))
    assert not missing - written - EXAMPLES


def scripts_and_arguments() -> list[tuple[str, list[str]]]:
    found = []
    for _, command in commands():
        words = [
            path
            for word in shlex.split(command)
            for path in sorted(glob.glob(word, root_dir=ROOT)) or [word]
        ]
        if words[0] in ('python', 'bash') and words[1].endswith(('.py', '.sh')):
            found.append((words[1], words[2:]))
    return found


def test_commands_are_found_at_all() -> None:
    names = {Path(script).name for script, _ in scripts_and_arguments()}
    assert {'train.py', 'test.py', 'image_demo.py', 'benchmark.py'} <= names


@pytest.mark.parametrize(('script', 'arguments'), scripts_and_arguments(), ids=str)
def test_commands_are_ones_that_the_script_takes(script: str, arguments: list[str]) -> None:
    path = ROOT / script
    assert path.is_file(), script
    source = path.read_text(encoding='utf-8')
    # A thin script hands its arguments to modules of the package.
    called = r'^from c2fseg\.cli\.(\w+) import|-m c2fseg (\w+)'
    for pair in re.findall(called, source, flags=re.MULTILINE):
        source += cli_source(''.join(pair))
    for word in arguments:
        if word.startswith('--'):
            assert f"'{word}'" in source or script.endswith('make_shapes.py'), f'{script} {word}'
    if '--cfg-options' in arguments:
        # The config is the first argument; that of a table the full model of its data set.
        name = arguments[0]
        if '--dataset' in arguments:
            dataset = arguments[arguments.index('--dataset') + 1]
            name = f'configs/ablations/{dataset}/full.py'
        config = Config.fromfile(ROOT / name)
        for pair in arguments[arguments.index('--cfg-options') + 1 :]:
            if '=' in pair:
                check_key(config, pair.split('=', maxsplit=1)[0])


def cli_source(command: str) -> str:
    """Returns the source of a command, and of the options that several share."""
    files = (ROOT / 'c2fseg' / 'cli' / f'{name}.py' for name in (command, 'mask_arguments'))
    return ''.join(path.read_text(encoding='utf-8') for path in files)


def test_commands_of_c2fseg_are_ones_that_it_takes() -> None:
    from c2fseg.cli.main import COMMANDS

    count = 0
    for page, command in commands():
        words = shlex.split(command)
        if '-m' in words and 'c2fseg' in words:
            words = words[words.index('c2fseg') :]
        if words[0] != 'c2fseg':
            continue
        count += 1
        assert words[1] in COMMANDS, f'{page}: {command}'
        source = cli_source(words[1])
        for word in words[2:]:
            if word.startswith('--'):
                assert f"'{word}'" in source, f'{page}: {word}'
    assert count


def check_key(config: Config, key: str) -> None:
    """Checks that a dotted key overrides a value that is there or is an argument's default."""
    *parents, last = key.split('.')
    node = config
    for parent in parents:
        node = node[parent]
    assert isinstance(node, dict)
    assert last.isidentifier()


def test_make_targets_exist() -> None:
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = set(re.findall(r'^([a-z-]+):', makefile, flags=re.MULTILINE))
    named = {
        word
        for _, command in commands()
        if command.startswith('make ')
        for word in shlex.split(command)[1:]
        if re.fullmatch(r'[a-z-]+', word)
    }
    assert {'demo', 'test'} <= named <= targets


def test_makefile_runs_files_that_exist() -> None:
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    for path in re.findall(
        r'\$\(PY\) (\S+\.py)|(requirements/\w+\.txt)|(configs/\S+\.py)', makefile
    ):
        name = ''.join(path)
        assert (ROOT / name).is_file(), name


def run_readme_block(
    which: str, monkeypatch: pytest.MonkeyPatch, out: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """Runs the one block of Python that has a word in it; gives what it prints."""
    blocks = BLOCK.findall((ROOT / 'README.md').read_text(encoding='utf-8'))
    [code] = [body for language, body in blocks if language == 'python' and which in body]
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    monkeypatch.chdir(ROOT)
    exec(code.replace('outputs/readme', str(out)), {})
    return capsys.readouterr().out


def test_image_block_of_the_readme_runs(monkeypatch, tmp_path, capsys) -> None:
    printed = run_readme_block('AmodalInferencer() ', monkeypatch, tmp_path, capsys)
    assert 0 <= float(printed) <= 1
    assert len(list(tmp_path.glob('visualizations/*.png'))) == len(
        list((ROOT / 'demo' / 'data').glob('*.png'))
    )


def test_video_block_of_the_readme_runs(monkeypatch, tmp_path, capsys) -> None:
    printed = run_readme_block('c2f_shapes_video', monkeypatch, tmp_path / 'clip', capsys)
    assert printed.split()[0] == '24'
    assert (tmp_path / 'clip.gif').is_file()


def test_own_data_example_of_the_readme_is_read(tmp_path: Path) -> None:
    from c2fseg.datasets import CocoAmodalDataset

    blocks = BLOCK.findall((ROOT / 'README.md').read_text(encoding='utf-8'))
    [text] = [body for language, body in blocks if language == 'json']
    (tmp_path / 'train.json').write_text(text)
    dataset = CocoAmodalDataset(ann_file='train.json', data_root=str(tmp_path))
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['occlusion_rate'] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_lines_are_short_and_quiet(page: Path) -> None:
    for number, line in enumerate(page.read_text(encoding='utf-8').splitlines(), start=1):
        long_by_nature = (
            '|' in line or 'http' in line or line.startswith(('python', 'train', 'val'))
        )
        assert len(line) <= 120 or long_by_nature, f'{page_name(page)}:{number}'
        assert line == line.rstrip(), f'{page_name(page)}:{number} ends in blanks'
