"""Small labelme files, written as labelme writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HEIGHT, WIDTH = 30, 40


def write_picture(path: Path, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Path:
    """Writes a PNG of noise, so that no two seeds give the same picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def shape(
    label: str,
    points: Sequence[Sequence[float]],
    group: Any = None,
    shape_type: str = 'polygon',
    mask: np.ndarray | None = None,
) -> dict[str, Any]:
    """Gives an entry of ``shapes``."""
    return {
        'label': label,
        'points': [list(point) for point in points],
        'group_id': group,
        'description': '',
        'shape_type': shape_type,
        'flags': {},
        'mask': None if mask is None else png_text(mask),
    }


def box(label: str, x0: float, y0: float, x1: float, y1: float, group: Any = None) -> dict:
    """Gives a polygon around the pixels of a box with exclusive ends."""
    return shape(label, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], group)


def png_text(mask: np.ndarray) -> str:
    """Codes a mask as labelme does: a PNG in base64."""
    done, png = cv2.imencode('.png', mask.astype(np.uint8) * 255)
    assert done
    return base64.b64encode(png.tobytes()).decode('ascii')


def write_labels(
    path: Path,
    shapes: Sequence[Any],
    image_path: str | None = None,
    size: tuple[int | None, int | None] = (HEIGHT, WIDTH),
) -> Path:
    """Writes a labelme file; its picture has the same name unless it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        'version': '5.5.0',
        'flags': {},
        'shapes': list(shapes),
        'imagePath': f'{path.stem}.png' if image_path is None else image_path,
        'imageData': None,
        'imageHeight': size[0],
        'imageWidth': size[1],
    }
    path.write_text(json.dumps(content))
    return path
