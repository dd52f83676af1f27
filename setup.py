"""Packaging of c2fseg: ``pip install -e .`` or, through the Makefile, ``make demo``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What an installed package carries beside its code, in c2fseg/.mim, where OpenMIM looks for it.
MIM_CONTENT = ('configs', 'tools', 'demo', 'weights')


def read_version() -> str:
    """Returns ``__version__`` of c2fseg/version.py without running the file."""
    text = (ROOT / 'c2fseg' / 'version.py').read_text(encoding='utf-8')
    match = re.search(r"^__version__ = '([^']+)'$", text, flags=re.MULTILINE)
    if match is None:
        raise RuntimeError("c2fseg/version.py holds no line of the form __version__ = 'X.Y.Z'.")
    return match.group(1)


def read_requirements(name: str) -> list[str]:
    """Returns the requirement lines of requirements/<name>.txt, included files resolved."""
    requirements: list[str] = []
    for raw in (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines():
        line = raw.split('#', maxsplit=1)[0].strip()
        if line.startswith('-r '):
            requirements += read_requirements(line[3:].strip().removesuffix('.txt'))
        elif line:
            requirements.append(line)
    return requirements


class BuildWithConfigs(build_py):
    """Copies configs, tools, the demo and the shipped weights into c2fseg/.mim of the build.

    An editable install skips the copy: there the folders of the repository are used as they are.
    """

    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        target = Path(self.build_lib) / 'c2fseg' / '.mim'
        for name in MIM_CONTENT:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
                shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True, ignore=ignore)


setup(
    name='c2fseg',
    version=read_version(),
    description='Amodal segmentation: from the visible part of an object to the whole of it',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='computer vision, amodal segmentation, OpenMMLab',
    python_requires='>=3.10',
    packages=find_packages(include=['c2fseg', 'c2fseg.*']),
    cmdclass={'build_py': BuildWithConfigs},
    install_requires=read_requirements('runtime'),
    extras_require={
        name: read_requirements(name)
        for name in ('detector', 'tests', 'demo', 'export', 'sam', 'dev')
    },
    classifiers=[
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    entry_points={'console_scripts': ['c2fseg = c2fseg.cli.main:main']},
    zip_safe=False,
)
