"""Reading videos: every form, order, rates, sizes, and what breaks off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from c2fseg.apis.frame_files import frame_numbers, list_frames, natural_key
from c2fseg.apis.video_io import is_video_path, open_video
from c2fseg.visualization import open_writer

from .videos import make_clip, write_avi, write_frames


def levels(video) -> list[float]:
    """The mean brightness of the frames."""
    return [float(frame.mean()) for frame in video]


@pytest.mark.parametrize('suffix', ['.avi', '.mov', '.mkv', '.mp4'])
def test_files_keep_frames_order_and_rate(tmp_path, suffix):
    frames, _ = make_clip(9)
    path = tmp_path / f'clip{suffix}'
    code = 'MJPG' if suffix == '.avi' else 'mp4v'
    size = frames.shape[2], frames.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 12.5, size)
    for frame in frames:
        writer.write(4 * frame)
    writer.release()
    video = open_video(path)
    assert (video.num_frames, video.fps, video.exact) == (9, 12.5, False)
    assert levels(video) == pytest.approx([12 * t for t in range(9)], abs=5)
    assert video.broken_off is None


def test_colours_are_rgb(tmp_path):
    frames = np.zeros((3, 32, 32, 3), np.uint8)
    frames[..., 0] = 200
    write_frames(tmp_path / 'folder', frames)
    write_avi(tmp_path / 'clip.avi', frames)
    with open_writer(tmp_path / 'clip.gif') as writer:
        for frame in frames:
            writer.write(frame)
    for name in ('folder', 'clip.avi', 'clip.gif'):
        mean = np.mean(list(open_video(tmp_path / name)), axis=(0, 1, 2))
        assert mean == pytest.approx([200, 0, 0], abs=6)


def test_frames_of_other_forms():
    frames, _ = make_clip(4)
    for given in (frames, list(frames), (frame for frame in frames), iter(frames)):
        video = open_video(given)
        assert video.name == 'video'
        assert (np.stack(list(video)) == frames).all()
        assert video.fps is None
    assert open_video(frames).num_frames == 4
    assert open_video(iter(frames)).num_frames is None


def test_frames_made_in_the_same_memory_are_kept_apart():
    def source():
        frame = np.zeros((4, 5, 3), np.uint8)
        for t in range(3):
            frame[:] = t
            yield frame

    assert levels(list(open_video(source()))) == [0, 1, 2]


def test_folder_in_the_order_of_its_numbers(tmp_path):
    frames, _ = make_clip(11)
    write_frames(tmp_path, frames, 'frame_{}.png')
    (tmp_path / 'notes.txt').write_text('')
    (tmp_path / '.hidden.png').write_text('')
    expected = [3 * t for t in range(11)]
    assert levels(open_video(tmp_path)) == expected
    assert levels(open_video(f'{tmp_path}/frame_*.png')) == expected
    backwards = list_frames(tmp_path)[::-1]
    assert levels(open_video(backwards)) == expected[::-1]
    alone = open_video(tmp_path / 'frame_7.png')
    assert levels(alone) == [21]


def test_of_a_movi_folder_the_frames_alone(tmp_path):
    frames, ids = make_clip(3)
    for t, frame in enumerate(frames):
        rgba = np.dstack([frame, np.full(frame.shape[:2], 9, np.uint8)])
        Image.fromarray(rgba).save(tmp_path / f'rgba_full_{t:05d}.png')
    write_frames(tmp_path, ids, 'segmentation_full_{:05d}.png')
    write_frames(tmp_path, ids, 'segmentation_0_{:05d}.png')
    video = open_video(tmp_path)
    assert video.num_frames == 3
    assert levels(video) == [0, 3, 6]


@pytest.mark.parametrize(
    ('numbers', 'read', 'announced'),
    [
        ([0, 1, 2, 4, 5], 3, 6),
        ([0, 5, 10, 20, 25], 3, 6),
        ([7, 8, 9], 3, 3),
        ([0, 5, 7, 20], 4, 4),
        ([1, 4, 5, 6, 9, 11], 6, 6),
    ],
)
def test_a_gap_in_the_numbers_is_a_missing_frame(tmp_path, numbers, read, announced):
    frames, _ = make_clip(30)
    for number in numbers:
        write_frames(tmp_path, frames[number : number + 1], f'{number:05d}.png')
    video = open_video(tmp_path)
    assert video.num_frames == announced
    assert levels(video) == [3 * number for number in numbers[:read]]
    if read < announced:
        assert f'{read} of {announced} announced frames were read' in video.broken_off
        assert 'is missing between' in video.broken_off
    else:
        assert video.broken_off is None


def test_frames_of_several_sizes_are_refused_by_name(tmp_path):
    frames, _ = make_clip(3)
    write_frames(tmp_path, frames)
    Image.new('RGB', (20, 10)).save(tmp_path / '00001.png')
    with pytest.raises(ValueError, match=r'00001\.png is of size .*\(10, 20\), 00000\.png of'):
        open_video(tmp_path)
    with pytest.raises(ValueError, match='video, frame 1 is of size'):
        list(open_video([frames[0], frames[1][:5]]))


@pytest.mark.parametrize(('exif', 'size'), [('apply', (30, 20)), ('ignore', (20, 30))])
def test_orientation_is_as_the_pipeline_asks(tmp_path, exif, size):
    note = Image.Exif()
    note[0x0112] = 6
    Image.new('RGB', (30, 20)).save(tmp_path / 'a0.jpg', exif=note)
    Image.new('RGB', size[::-1]).save(tmp_path / 'a1.jpg')
    assert [frame.shape[:2] for frame in open_video(tmp_path, exif)] == [size, size]


@pytest.mark.parametrize('damage', ['cut', 'text', 'empty'])
def test_broken_frame_file_ends_the_video(tmp_path, damage):
    frames, _ = make_clip(5)
    paths = write_frames(tmp_path, frames)
    data = paths[3].read_bytes()
    paths[3].write_bytes({'cut': data[:-30], 'text': b'no picture', 'empty': b''}[damage])
    video = open_video(tmp_path)
    assert levels(video) == [0, 3, 6]
    assert '3 of 5 announced frames were read' in video.broken_off
    assert '00003.png' in video.broken_off
    paths[0].write_bytes(b'')
    with pytest.raises(OSError, match=r'no frame can be read: .*00000\.png'):
        list(open_video(tmp_path))


@pytest.mark.parametrize('share', [0.6, 0.8])
def test_cut_file_gives_what_is_there(tmp_path, share):
    path = write_avi(tmp_path / 'a.avi', make_clip(20)[0])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    video = open_video(path)
    found = levels(video)
    assert 0 < len(found) < 20
    assert found == pytest.approx([3 * t for t in range(len(found))], abs=3)
    assert f'{len(found)} of 20 announced frames were read' in video.broken_off


def test_mp4_without_its_index_is_named(tmp_path):
    path = tmp_path / 'a.mp4'
    with open_writer(path) as writer:
        for frame in make_clip(5)[0]:
            writer.write(frame)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(OSError, match=r'a\.mp4 cannot be opened .*cut off'):
        open_video(path)


def test_cut_gif(tmp_path):
    path = tmp_path / 'a.gif'
    noise = np.random.default_rng(0).integers(0, 256, (6, 20, 30, 3), dtype=np.uint8)
    with open_writer(path, fps=5) as writer:
        for frame in noise:
            writer.write(frame)
    whole = open_video(path)
    assert (whole.num_frames, whole.fps) == (6, 5)
    assert len(list(whole)) == 6
    assert whole.broken_off is None
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    video = open_video(path)
    assert 2 <= len(list(video)) <= 4
    assert 'breaks off' in video.broken_off
    path.write_bytes(data[:10])
    with pytest.raises(OSError, match='cannot be read as a GIF'):
        open_video(path)


@pytest.mark.parametrize(
    ('given', 'error', 'words'),
    [
        (np.zeros((4, 5, 3), np.uint8), ValueError, r'expected an array \(T, H, W, 3\)'),
        ('nowhere.mp4', FileNotFoundError, 'No video at nowhere'),
        ('nowhere/*.png', FileNotFoundError, 'No frame in'),
        (3.5, TypeError, 'video is a video file'),
        (97, OSError, 'There is no camera 97 here'),
        ('webcam:97', OSError, 'There is no camera 97 here'),
        ({'a': 1}, TypeError, 'got dict'),
        (b'abc', TypeError, 'got bytes'),
    ],
)
def test_what_is_no_video(given, error, words):
    with pytest.raises(error, match=words):
        open_video(given)


@pytest.mark.parametrize(
    ('frames', 'error', 'words'),
    [
        ([], OSError, 'no frame can be read: there is none'),
        ([np.zeros((4, 5), np.uint8)], ValueError, r'frame 0: expected \(H, W, 3\) RGB'),
        ([np.zeros((4, 5, 3))], TypeError, 'frame 0: expected uint8'),
        (np.zeros((2, 4, 5, 4), np.uint8), ValueError, r'frame 0: expected \(H, W, 3\)'),
    ],
)
def test_what_is_no_frame(frames, error, words):
    with pytest.raises(error, match=words):
        list(open_video(frames))


def test_file_that_is_no_video_and_folder_without_frames(tmp_path):
    path = tmp_path / 'text.mp4'
    path.write_text('no video')
    with pytest.raises(OSError, match='cannot be opened'):
        open_video(path)
    with pytest.raises(FileNotFoundError, match='No frame in'):
        open_video(tmp_path)


def test_names():
    names = ['f10.png', 'f9.png', 'f9b.png', 'a.png', '1.png']
    assert sorted(names, key=natural_key) == ['1.png', 'a.png', 'f9.png', 'f9b.png', 'f10.png']
    assert frame_numbers(['a_1', 'b2_07']) == [1, 7]
    assert frame_numbers(['a_1', 'b_1']) is None
    assert frame_numbers(['a_1', 'b']) is None
    assert is_video_path('a/B.MP4')
    assert not is_video_path('a.png')
    assert not is_video_path(['a.mp4'])
