"""Where the pictures of an annotation file are: some files leave it to the reader."""

from __future__ import annotations

import os
from pathlib import Path

from ..image_io import read_rgb
from .source_objects import SourceImage

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def locate_picture(image: SourceImage, img_dir: str | os.PathLike[str]) -> Path:
    """Find the file of a picture.

    Args:
        image: The picture. One whose name is unknown, or not there, may be called as the file that
            holds its single annotation: 7.jpg beside 7.json.
        img_dir: Folder of the pictures.

    Returns:
        The file.

    Raises:
        FileNotFoundError: When there is none; names what was looked for.
    """
    folder = Path(img_dir)
    stem = Path(image.source).stem
    named = [] if image.file_name is None else [folder / image.file_name]
    candidates = [*named, *(folder / f'{stem}{suffix}' for suffix in SUFFIXES)]
    for candidate in candidates if image.may_be_renamed else named:
        if candidate.is_file():
            return candidate
    wanted = f'{image.file_name or stem + ".*"}'
    other = f' (nor {stem}.jpg or alike)' if image.may_be_renamed and image.file_name else ''
    raise FileNotFoundError(
        f'picture of image {image.image_id} not found: {folder / wanted}{other}'
    )


def complete_image(image: SourceImage, img_dir: str | os.PathLike[str] | None) -> SourceImage:
    """Fill in what the annotation file does not say about a picture.

    Args:
        image: The picture.
        img_dir: Folder of the pictures, None when unknown.

    Returns:
        The same with ``file_name``, ``height`` and ``width``.

    Raises:
        OSError: When the picture is needed, and missing or damaged.
        ValueError: When it is needed, and the folder is unknown.
    """
    if not image.may_be_renamed and None not in (image.height, image.width):
        return image
    if img_dir is None:
        raise ValueError(
            f'image {image.image_id} has no entry in images: the folder of the pictures is needed'
        )
    path = locate_picture(image, img_dir)
    height, width = image.height, image.width
    if height is None or width is None:
        height, width = read_rgb(str(path)).shape[:2]
    name = Path(os.path.relpath(path, img_dir)).as_posix()
    return image._replace(file_name=name, height=height, width=width)
