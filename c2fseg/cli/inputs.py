"""What stands on the command line, divided into pictures and videos."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from c2fseg.apis.inputs import is_camera
from c2fseg.apis.video_io import is_video_path


def split_inputs(given: Sequence[str], recursive: bool = False) -> tuple[list[str], list[str]]:
    """Divide inputs into pictures and videos.

    Args:
        given: Paths of pictures and videos, folders and patterns of both, ``.txt`` files, webcams.
        recursive: Look for videos in the folders of a folder, too.

    Returns:
        What names pictures (folders and patterns as they are, unless they hold videos only), and
        the videos.
    """
    pictures, videos = [], []
    for text in given:
        path = os.path.expanduser(text)
        if is_camera(path) or (is_video_path(path) and not glob.has_magic(path)):
            videos.append(path)
            continue
        names: list[str] = []
        if os.path.isdir(path):
            names = _names(path, recursive)
        elif not os.path.exists(path) and glob.has_magic(path):
            names = sorted(glob.glob(path, recursive=True))
        found = [name for name in names if is_video_path(name)]
        videos += found
        if found and not os.path.isdir(path):
            pictures += [name for name in names if name not in set(found)]
        elif not found or len(found) < len(names):
            pictures.append(path)
    return pictures, videos


def _names(folder: str, recursive: bool) -> list[str]:
    """The files of a folder, hidden ones left out."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if recursive and not one.startswith('.'))
        found += [os.path.join(root, one) for one in sorted(names) if not one.startswith('.')]
    return found
