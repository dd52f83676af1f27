"""The video demo as a user runs it: another process, its table, its video, its complaints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg.apis.video_io import open_video
from c2fseg.structures import encode_mask

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / 'demo' / 'data_video'


def run_demo(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    return subprocess.run(
        [sys.executable, str(ROOT / 'demo' / 'video_demo.py'), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path, 'COLUMNS': '120'},
        cwd=cwd,
        timeout=500,
        check=False,
    )


@pytest.fixture
def clip(tmp_path) -> Path:
    """A MOVi folder of four frames: object 1, 20 x 10 px, is hidden by 0, 5, 10 and 20 columns."""
    folder = tmp_path / 'clip'
    folder.mkdir()
    for t, hidden in enumerate((0, 5, 10, 20)):
        whole, visible = np.zeros((2, 40, 60), np.uint8)
        whole[10:20, 20:40] = visible[10:20, 20 : 40 - hidden] = 1
        cv2.imwrite(str(folder / f'rgba_full_{t:05d}.png'), np.full((40, 60, 4), 50 * t, np.uint8))
        cv2.imwrite(str(folder / f'segmentation_full_{t:05d}.png'), visible)
        cv2.imwrite(str(folder / f'segmentation_0_{t:05d}.png'), whole)
    return folder


def test_folder_with_masks_and_truth(clip, tmp_path):
    done = run_demo(
        *(clip, '--model', 'trivial_visible_shapes', '--side-by-side'),
        *('--masks-out', 'masks.json', '--window', 3, '--overlap', 2, '--fps', 5),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith('│'))
    cells = [cell.strip() for cell in row.strip('│ ').split('│')]
    # Three frames hide something: IoU 0.75, 0.5 and 0.
    assert cells == ['1', '3', '1', '0', '0', f'{1.25 / 3:.3f}', f'{1.25 / 3:.3f}']
    video = open_video(tmp_path / 'outputs' / 'demo_video' / 'clip.mp4')
    assert (video.num_frames, video.fps) == (4, 5)
    assert {frame.shape for frame in video} == {(40, 120, 3)}
    entries = json.loads((tmp_path / 'masks.json').read_text())
    assert [entry['frame'] for entry in entries] == [0, 1, 2, 3]
    assert entries[3]['state'] == 'hidden'


def test_video_file_with_json_masks(clip, tmp_path):
    frames = [cv2.imread(str(path)) for path in sorted(clip.glob('rgba*'))]
    writer = cv2.VideoWriter(
        str(tmp_path / 'a.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 8, frames[0].shape[1::-1]
    )
    for frame in frames:
        writer.write(frame)
    writer.release()
    mask = encode_mask(np.eye(40, 60, dtype=bool))
    content = [{'frame': t, 'track_id': 'cup', 'segmentation': mask} for t in range(4)]
    (tmp_path / 'masks.json').write_text(json.dumps(content))
    done = run_demo(
        *('a.avi', 'masks.json', '--model', 'trivial_hull_shapes', '--out', 'out.gif'),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert 'cup' in done.stdout
    assert open_video(tmp_path / 'out.gif').num_frames == 4


def test_complaints_are_one_line(clip, tmp_path):
    own = run_demo('a.mp4', cwd=tmp_path)
    assert own.returncode == 2
    assert 'needs MASKS' in own.stderr
    (clip / 'segmentation_full_00002.png').unlink()
    done = run_demo(clip, '--model', 'trivial_hull_shapes', cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert 'frame 2 (rgba_full_00002.png)' in done.stderr
    assert not list(tmp_path.rglob('*.mp4'))


@pytest.mark.skipif(
    not (ROOT / 'weights' / 'c2f_shapes_video.pth').is_file() or not SAMPLES.is_dir(),
    reason='weights/c2f_shapes_video.pth or demo/data_video is not there',
)
def test_shipped_weights_complete_the_start_of_a_shipped_clip(tmp_path):
    source = sorted(SAMPLES.iterdir())[0]
    folder = tmp_path / 'start'
    folder.mkdir()
    for path in source.glob('*_0000[0-5].png'):
        shutil.copy(path, folder)
    done = run_demo(folder, '--batch-size', 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '6 frames in 1 videos' in done.stdout
    assert open_video(tmp_path / 'outputs' / 'demo_video' / 'start.mp4').num_frames == 6
