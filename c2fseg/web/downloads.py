"""What the page gives to take home: masks as PNG files and as RLE, in one ZIP file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from c2fseg.web.workbench import FoundObject, Workbench

JSON_NAME = 'masks.json'


def write_masks(path: Path, bench: Workbench) -> Path:
    """Write the masks of all objects.

    The ZIP file holds ``picture.png``, for each object ``object_01_visible.png``, ``_hidden.png``
    and ``_whole.png`` (0 outside, 255 inside; the whole is the guess that is shown), and
    ``masks.json`` with the same masks and all other guesses as RLE.

    Args:
        path: The file to write.
        bench: The picture and its objects.

    Returns:
        The path.
    """
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as file:
        file.writestr('picture.png', _png(cv2.cvtColor(bench.image, cv2.COLOR_RGB2BGR)))
        for number, one in enumerate(bench.objects, start=1):
            visible, whole = one.visible_mask(), one.whole_mask()
            masks = {'visible': visible, 'hidden': whole & ~visible, 'whole': whole | visible}
            for name, mask in masks.items():
                file.writestr(f'object_{number:02d}_{name}.png', _png(mask.astype(np.uint8) * 255))
        file.writestr(JSON_NAME, json.dumps(describe(bench), indent=1))
    return path


def describe(bench: Workbench) -> dict[str, Any]:
    """All that is known of a picture's objects, as JSON can hold it.

    Args:
        bench: The picture and its objects.

    Returns:
        ``size`` (H, W), ``objects`` in the order of the page, and ``occlusion_order`` with
        positions in ``objects``, from 0.
    """
    order = [one._asdict() for one in bench.occlusions()]
    return {
        'picture': bench.name,
        'size': list(bench.image.shape[:2]),
        'objects': [_describe_object(one) for one in bench.objects],
        'occlusion_order': order,
    }


def _describe_object(one: FoundObject) -> dict[str, Any]:
    return {
        'category': one.category,
        'score': one.score,
        'hidden_share': one.hidden_share(),
        'uncertainty': one.uncertainty,
        'visible_rle': one.visible,
        'amodal_rle': one.wholes[one.chosen][0],
        'hypotheses': [{'amodal_rle': rle, 'score': score} for rle, score in one.wholes],
        'box': one.box,
        'clicks': one.clicks,
    }


def _png(image: np.ndarray) -> bytes:
    done, data = cv2.imencode('.png', image)
    assert done
    return data.tobytes()
