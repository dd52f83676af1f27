"""The memory measurement runs, and counts frames; what it measures is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_numbers_of_two_lengths(tmp_path):
    tool = ROOT / 'tools' / 'analysis_tools' / 'video_memory.py'
    arguments = ['--model', 'trivial_visible_shapes', '--frames', '5', '2', '--window', '3']
    arguments += ['--overlap', '1', '--size', '32', '48', '--json', str(tmp_path / 'numbers.json')]
    done = subprocess.run(
        [sys.executable, str(tool), *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / 'numbers.json').read_text())
    assert [row['frames'] for row in rows] == [2, 5]
    assert all(row['peak_mb'] > 10 for row in rows)
    assert 'longest / shortest' in done.stdout
