"""Writing videos: round trips, rates, odd sizes, whole files or none."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from c2fseg.visualization import open_writer
from c2fseg.visualization.video_writers import EntryWriter


def levels(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    return [np.full((height, width, 3), 12 * t, np.uint8) for t in range(count)]


def read_back(path) -> tuple[list[np.ndarray], float]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        done, frame = capture.read()
        if not done:
            return frames, capture.get(cv2.CAP_PROP_FPS)
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


@pytest.mark.parametrize('fps', [1, 12.5, 24, 29.97])
def test_mp4_keeps_frames_order_and_rate(tmp_path, fps):
    path = tmp_path / 'new' / 'a.MP4'
    with open_writer(path, fps) as writer:
        for frame in levels(20):
            writer.write(frame)
    frames, rate = read_back(path)
    assert rate == pytest.approx(fps, rel=1e-4)
    assert [float(frame.mean()) for frame in frames] == pytest.approx(
        [12 * t for t in range(20)], abs=5
    )
    assert [one.name for one in path.parent.iterdir()] == ['a.MP4']


def test_mp4_of_odd_sides_is_made_even(tmp_path):
    frame = np.zeros((31, 45, 3), np.uint8)
    frame[:, -1] = 255
    with open_writer(tmp_path / 'a.mp4') as writer:
        writer.write(frame)
    (found,), _ = read_back(tmp_path / 'a.mp4')
    assert found.shape == (32, 46, 3)
    assert found[:, 45].mean() > 200
    assert found[:, :40].mean() < 20


@pytest.mark.parametrize('fps', [7, 10, 24, 30])
def test_gif_keeps_frames_order_and_rate(tmp_path, fps):
    path = tmp_path / 'a.gif'
    generator = np.random.default_rng(0)
    palette = generator.integers(0, 256, (200, 3), dtype=np.uint8)
    given = [palette[generator.integers(0, 200, (31, 45))] for _ in range(fps)]
    with open_writer(path, fps) as writer:
        for frame in [*given, given[-1]]:
            writer.write(frame)
    total = 0
    with Image.open(path) as image:
        # Equal neighbours stay two frames.
        assert image.n_frames == fps + 1
        assert image.info['loop'] == 0
        for t, frame in enumerate(given):
            image.seek(t)
            total += image.info['duration']
            # No more than 256 colours: nothing is lost, but for the median cut's rounding.
            assert np.abs(np.array(image.convert('RGB')).astype(int) - frame).mean() < 1
    assert total == pytest.approx(1000, abs=10)


def test_folder_of_pictures(tmp_path):
    out = tmp_path / 'frames'
    for count in (5, 3):
        with open_writer(out) as writer:
            for frame in levels(count):
                writer.write(frame)
        (out / 'notes.txt').write_text('kept')
    names = sorted(path.name for path in out.iterdir())
    assert names == ['000000.png', '000001.png', '000002.png', 'notes.txt']
    assert [cv2.imread(str(out / name))[0, 0, 0] for name in names[:3]] == [0, 12, 24]
    assert [path.name for path in tmp_path.iterdir()] == ['frames']


@pytest.mark.parametrize('name', ['a.mp4', 'a.gif', 'folder'])
def test_failure_leaves_nothing_behind(tmp_path, name):
    class Failure(Exception):
        pass

    def run():
        with open_writer(tmp_path / name) as writer:
            writer.write(levels(1)[0])
            raise Failure

    with pytest.raises(Failure):
        run()
    assert list(tmp_path.iterdir()) == []


def test_entries_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'a.json'
    with EntryWriter(path) as writer:
        assert not path.exists()
        for number in range(3):
            writer.write({'n': number})
    assert json.loads(path.read_text()) == [{'n': 0}, {'n': 1}, {'n': 2}]
    assert len(path.read_text().splitlines()) == 5

    def fail():
        with EntryWriter(path) as writer:
            writer.write({'n': float('nan')})

    with pytest.raises(ValueError, match='JSON'):
        fail()
    assert len(json.loads(path.read_text())) == 3
    assert [one.name for one in tmp_path.iterdir()] == ['a.json']


def test_targets_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='cannot be written'):
        open_writer(tmp_path / 'file' / 'a.mp4')
    with pytest.raises(ValueError, match=r'not as \.avi'):
        open_writer(tmp_path / 'a.avi')
    with pytest.raises(ValueError, match='fps must lie'):
        open_writer(tmp_path / 'a.gif', fps=0)
    with pytest.raises(ValueError, match=r'ends in \.json'):
        EntryWriter(tmp_path / 'a.txt')
    assert [path.name for path in tmp_path.iterdir()] == ['file']


def test_encoder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2.VideoWriter, 'fourcc', staticmethod(lambda *_: 0x12345678))
    with pytest.raises(OSError, match='no MPEG-4 encoder'), open_writer(tmp_path / 'a.mp4') as out:
        out.write(levels(1)[0])
    assert list(tmp_path.iterdir()) == []
