"""Pictures and objects that are made for measuring: KITTI's size, the noise of a photograph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from c2fseg.utils.slow_progress import track_if_slow

IMAGE_SIZE = (375, 1242)  # (H, W) of a KITTI picture
# Standard deviations, in grey values, of the parts of a made picture: from the coarsest layer of
# smooth noise to the finest. A PNG of it takes as many bytes as one of KITTI, about 0.85 MB.
LAYERS = ((96, 45.0), (24, 20.0), (6, 9.0))
GRAIN = 3.0
CORNERS = 48


def make_picture(rng: np.random.Generator, size: tuple[int, int] = IMAGE_SIZE) -> np.ndarray:
    """Draws smooth noise of several scales with grain on it: BGR uint8 (H, W, 3)."""
    height, width = size
    picture = np.full((height, width, 3), 118.0, np.float32)
    for step, deviation in LAYERS:
        coarse = rng.normal(0, deviation, (height // step + 3, width // step + 3, 3))
        picture += cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    picture += rng.normal(0, GRAIN, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def make_outline(rng: np.random.Generator, size: tuple[int, int] = IMAGE_SIZE) -> np.ndarray:
    """Draws a smooth closed outline of a car's size: float (CORNERS, 2), x before y."""
    height, width = size
    radii = rng.uniform(30, 150), rng.uniform(25, 100)
    centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.3, 0.8) * height
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    waves = sum(rng.normal(0, 0.08) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(2, 6))
    points = np.stack([np.cos(angles), np.sin(angles)], -1) * (1 + waves)[:, None] * radii
    return (points + centre).clip(0, (width - 1, height - 1)).round(1)


def make_data(folder: Path, images: int, objects: int, seed: int, suffix: str = 'png') -> None:
    """Writes pictures and a KINS 2020 file ``made.json``.

    Args:
        folder: Where to write.
        images: Number of pictures.
        objects: Objects of each.
        seed: The same seed gives the same data.
        suffix: Of the picture files, 'png' or 'jpg' (OpenCV's quality of 95).
    """
    rng = np.random.default_rng(seed)
    entries: list[dict[str, Any]] = []
    names = [f'{number:06d}.{suffix}' for number in range(images)]
    for number, name in enumerate(track_if_slow(names, images, 'making pictures')):
        cv2.imwrite(str(folder / name), make_picture(rng))
        for _ in range(objects):
            amodal = make_outline(rng)
            centre = amodal.mean(axis=0)
            visible = amodal.copy()
            # The upper left quarter lies behind something.
            visible[(amodal < centre).all(axis=1)] = centre
            entry = {'id': len(entries), 'image_id': number, 'category_id': 1}
            entry |= {'a_segm': [amodal.ravel().tolist()], 'i_segm': [visible.ravel().tolist()]}
            entries.append(entry)
    height, width = IMAGE_SIZE
    content = {
        'images': [
            {'id': number, 'file_name': name, 'height': height, 'width': width}
            for number, name in enumerate(names)
        ],
        'categories': [{'id': 1, 'name': 'thing'}],
        'annotations': entries,
    }
    (folder / 'made.json').write_text(json.dumps(content), encoding='utf-8')
