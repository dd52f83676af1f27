"""Writes the built-in data set "moving shapes": clips, in the layout of MOViD-A.

Layout under the output folder, ``F`` being the number of a frame with five digits::

    {train,val,test}_instance.txt     one line `video_object_value` for each object seen at all
    {train,val,test}_frame_list.txt   one line `video_object_frame` for each amodal mask with pixels
    {train,val,test}/000000/rgba_full_F.png          the picture, RGB
    {train,val,test}/000000/segmentation_full_F.png  value = object + 1 where visible, 0 = ground
    {train,val,test}/000000/segmentation_O_F.png     value on the amodal mask of object O
    {train,val,test}/000000/metadata.json            size, and the visible boxes of each object

Objects count from 0, from the farthest to the nearest. Every clip has a random generator of its
own, seeded by (seed, split, index): the same seed gives the same bytes whatever the number of
workers, and no two splits share a clip.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from c2fseg.datasets.synthetic.clip import ClipPlan, Silhouettes, occlusion_counts, plan_clip
from c2fseg.datasets.synthetic.clip_rendering import render_clip
from c2fseg.datasets.synthetic.writer import (
    check_arguments,
    is_whole,
    ordered_map,
    split_families,
)
from c2fseg.structures import masks_to_boxes
from c2fseg.utils.atomic_backend import write_whole

# The numbers below these seed the splits of the image data set.
CLIP_SPLIT_IDS = {'train': 10, 'val': 11, 'test': 12}
CLIP_SAMPLES_ID = 13
CLIP_COUNTS = {'train': 600, 'val': 40, 'test': 100}
CLIP_FRAMES = 24
PICTURE_PNG_LEVEL = 3
MASK_PNG_LEVEL = 3
MAX_SAMPLE_OBJECTS = 4

Lines = tuple[list[str], list[str]]


def generate_clips(
    out: str | os.PathLike[str],
    counts: Mapping[str, int] | None = None,
    seed: int = 0,
    workers: int = 2,
    frames: int = CLIP_FRAMES,
    progress: bool = True,
) -> dict[str, Path]:
    """Writes the data set, or some splits of it.

    Every file is written whole or not at all. A split's instance list is taken away first and
    written last, so one that exists belongs to complete clips.

    Args:
        out: The output folder; made where it is missing.
        counts: Clips for each split; splits left out or with 0 are not touched. Default: 600
            train, 40 val, 100 test.
        seed: A whole number of at least 0.
        workers: Processes to use; 1 works in this process.
        frames: Frames of each clip, at least 1.
        progress: Whether to draw a progress bar.

    Returns:
        The instance list of each split that was written.

    Raises:
        ValueError: An unknown split, a negative or wholly absent count, a bad seed, number of
            workers or number of frames.
        NotADirectoryError: ``out`` is a file.
    """
    counts = dict(CLIP_COUNTS if counts is None else counts)
    check_arguments(out, counts, seed, workers, CLIP_SPLIT_IDS, 'clips')
    _check_frames(frames)
    written = {}
    with ordered_map(workers, chunk=1) as run:
        for split, count in counts.items():
            if count == 0:
                continue
            folder = Path(out) / split
            folder.mkdir(parents=True, exist_ok=True)
            work = partial(write_clip, str(folder), seed, CLIP_SPLIT_IDS[split], frames)
            target = Path(out) / f'{split}_instance.txt'
            target.unlink(missing_ok=True)
            results = run(work, range(count))
            bar = tqdm(results, f'clips {split}', count, unit='clip', disable=not progress)
            _write_lists(Path(out), split, bar)
            written[split] = target
    return written


def generate_clip_samples(
    out: str | os.PathLike[str], count: int = 2, seed: int = 0, frames: int = CLIP_FRAMES
) -> list[Path]:
    """Writes a few sample clips, one folder each, in which some object is fully hidden for a while.

    Passed over are clips with more than four objects, and those in which no object is seen, then
    fully hidden, then seen again.

    Args:
        out: The output folder; made where it is missing.
        count: Clips wanted, at least 1.
        seed: A whole number of at least 0.
        frames: Frames of each clip, at least 8, so that something can vanish and come back.

    Returns:
        The folders of the clips.

    Raises:
        ValueError: ``count``, ``seed`` or ``frames`` out of range.
        NotADirectoryError: ``out`` is a file.
    """
    check_arguments(out, {'train': count}, seed, 1, CLIP_SPLIT_IDS, 'clips')
    _check_frames(frames, 8)
    families = split_families('train')
    written: list[Path] = []
    index = 0
    while len(written) < count:
        rng = np.random.default_rng([seed, CLIP_SAMPLES_ID, index])
        plan, silhouettes = plan_clip(rng, families, frames)
        if len(plan.actors) <= MAX_SAMPLE_OBJECTS and _comes_back(silhouettes):
            folder = Path(out) / f'{len(written):06d}'
            _write_files(folder, plan, silhouettes, render_clip(rng, plan, silhouettes))
            written.append(folder)
        index += 1
    return written


def write_clip(folder: str, seed: int, split_id: int, frames: int, index: int) -> Lines:
    """Makes clip ``index`` of a split and writes its files.

    Args:
        folder: The folder of the split.
        seed: The data set's seed.
        split_id: The split's number in the random seed.
        frames: Frames of the clip.
        index: The clip's number in the random seed and in its folder's name.

    Returns:
        Its lines of the split's instance list, and of its frame list.
    """
    rng = np.random.default_rng([seed, split_id, index])
    plan, silhouettes = plan_clip(rng, split_families('train'), frames)
    pictures = render_clip(rng, plan, silhouettes)
    video = f'{index:06d}'
    _write_files(Path(folder) / video, plan, silhouettes, pictures)
    seen = silhouettes.visible.any(axis=(0, 2, 3))
    instances = [f'{video}_{item}_{item + 1}' for item in np.flatnonzero(seen)]
    pairs = np.argwhere(silhouettes.amodal.any(axis=(2, 3)).T)
    return instances, [f'{video}_{item}_{frame}' for item, frame in pairs]


def _write_files(
    folder: Path, plan: ClipPlan, silhouettes: Silhouettes, pictures: list[np.ndarray]
) -> None:
    """Writes one clip; files of a former one that it does not replace are removed."""
    files: dict[str, bytes] = {}
    for frame, picture in enumerate(pictures):
        files[f'rgba_full_{frame:05d}.png'] = _png(picture[..., ::-1], PICTURE_PNG_LEVEL)
        # An object's value lies where it is visible, so no pixel has two.
        values = np.arange(1, len(plan.actors) + 1, dtype=np.uint8)[:, None, None]
        full = (silhouettes.visible[frame] * values).max(axis=0)
        files[f'segmentation_full_{frame:05d}.png'] = _png(full, MASK_PNG_LEVEL)
        for item, amodal in enumerate(silhouettes.amodal[frame] * values):
            files[f'segmentation_{item}_{frame:05d}.png'] = _png(amodal, MASK_PNG_LEVEL)
    metadata = json.dumps(_metadata(plan, silhouettes), sort_keys=True, separators=(',', ':'))
    files['metadata.json'] = f'{metadata}\n'.encode()
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ('rgba_full_*.png', 'segmentation_*.png'):
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()
    for name, content in files.items():
        write_whole(folder / name, content, sync=False)


def _metadata(plan: ClipPlan, silhouettes: Silhouettes) -> dict[str, Any]:
    """The size of a clip, and of each object its family and its visible boxes."""
    frames, _, height, width = silhouettes.visible.shape
    instances = []
    for item, actor in enumerate(plan.actors):
        visible = silhouettes.visible[:, item]
        shown = np.flatnonzero(visible.any(axis=(1, 2)))
        bboxes = []
        for frame in shown:
            left, top, right, bottom = masks_to_boxes(visible[frame]).tolist()
            bboxes.append([top / height, left / width, bottom / height, right / width])
        instances.append(
            {'category': actor.family.name, 'bboxes': bboxes, 'bbox_frames': shown.tolist()}
        )
    size = {'num_frames': frames, 'height': height, 'width': width}
    return {'metadata': size, 'instances': instances}


def _write_lists(root: Path, split: str, results: Iterable[Lines]) -> None:
    """Writes the frame list of a split and then, as the last file, its instance list."""
    instances: list[str] = []
    pairs: list[str] = []
    for seen, listed in results:
        instances.extend(seen)
        pairs.extend(listed)
    for name, lines in (('frame_list', pairs), ('instance', instances)):
        write_whole(root / f'{split}_{name}.txt', ''.join(f'{x}\n' for x in lines).encode())


def _png(picture: np.ndarray, level: int) -> bytes:
    done, png = cv2.imencode('.png', picture, [cv2.IMWRITE_PNG_COMPRESSION, level])
    assert done, 'a uint8 picture can always be encoded'
    return png.tobytes()


def _comes_back(silhouettes: Silhouettes) -> bool:
    """Whether some object is seen, then fully hidden inside the picture, then seen again."""
    for item in range(silhouettes.amodal.shape[1]):
        amodal, visible = silhouettes.amodal[:, item], silhouettes.visible[:, item]
        shown = np.flatnonzero(visible.any(axis=(1, 2)))
        between = slice(shown[0], shown[-1] + 1)
        if occlusion_counts(amodal[between, None], visible[between, None])[2] >= 2:
            return True
    return False


def _check_frames(frames: int, fewest: int = 1) -> None:
    if not is_whole(frames) or frames < fewest:
        raise ValueError(
            f'the number of frames must be a whole number of at least {fewest}, got {frames!r}'
        )
