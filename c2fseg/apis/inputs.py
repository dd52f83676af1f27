"""What users give to the inferencer: pictures and visible masks in many forms, brought into one."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from c2fseg.datasets.image_io import read_rgb
from c2fseg.mask_sources.mask_file import MaskEntry, MaskFile
from c2fseg.structures import decode_mask

LIST_SUFFIX = '.txt'
CAMERA = re.compile(r'webcam:\d+')
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
MASK_FORMS = (
    'masks (H, W) or (M, H, W) as an array, a list of masks or RLE dicts, one such entry for each '
    'picture of a list, or the path of a JSON file'
)


@dataclass
class ImageSource:
    """One picture to come.

    Attributes:
        name: Its path, or ``'image_3'`` for the array at position 3.
        array: (H, W, 3) uint8 RGB when it was given as an array.
    """

    name: str
    array: np.ndarray | None = None

    def read(self, exif: str = 'apply') -> np.ndarray:
        """Give the picture as (H, W, 3) uint8 RGB.

        Args:
            exif: 'apply' turns a photograph as its EXIF orientation says, 'ignore' leaves it.

        Raises:
            OSError: The file is missing or cannot be decoded.
            TypeError, ValueError: The array is no RGB uint8 picture.
        """
        if self.array is None:
            return read_rgb(self.name, exif)
        if self.array.ndim != 3 or self.array.shape[2] != 3:
            raise ValueError(f'{self.name}: expected (H, W, 3) RGB, got {self.array.shape}')
        if self.array.dtype != np.uint8:
            raise TypeError(f'{self.name}: expected uint8 values 0..255, got {self.array.dtype}')
        return self.array


def is_camera(given: Any) -> bool:
    """Whether something names a webcam: a number, or ``'webcam:0'``."""
    if isinstance(given, str):
        return CAMERA.fullmatch(given) is not None
    return isinstance(given, Integral) and not isinstance(given, bool)


def list_images(images: Any, recursive: bool = False) -> tuple[list[ImageSource], bool]:
    """List the pictures that the user named.

    Args:
        images: Path of a picture, folder, glob pattern, text file with a path a line, RGB array
            (H, W, 3), or a list of these.
        recursive: Look into the folders of a folder, too.

    Returns:
        The pictures in the order given (folders and patterns sorted), and whether it is one picture
        given by itself.

    Raises:
        FileNotFoundError: A path, folder or pattern leads to no picture.
        TypeError: ``images`` is of another kind.
    """
    if isinstance(images, np.ndarray):
        if images.ndim == 4:
            return [ImageSource(f'image_{i}', image) for i, image in enumerate(images)], False
        return [ImageSource('image_0', images)], True
    if isinstance(images, (str, os.PathLike)):
        paths = _list_paths(images, recursive)
        alone = len(paths) == 1 and Path(images) == Path(paths[0])
        return [ImageSource(path) for path in paths], alone
    if isinstance(images, Sequence):
        sources: list[ImageSource] = []
        for image in images:
            if isinstance(image, np.ndarray):
                sources.append(ImageSource(f'image_{len(sources)}', image))
            elif isinstance(image, (str, os.PathLike)):
                sources.extend(ImageSource(path) for path in _list_paths(image, recursive))
            else:
                raise TypeError(f'A picture is a path or an array, got {type(image).__name__}')
        return sources, False
    raise TypeError(
        'images is a path, a folder, a glob pattern, a .txt file of paths, an RGB array or a list '
        'of these, or one video, got '
        f'{type(images).__name__}'
    )


def _list_paths(name: str | os.PathLike, recursive: bool) -> list[str]:
    text = os.path.expanduser(os.fspath(name))
    if os.path.isdir(text):
        found = _list_folder(text, recursive)
        if not found:
            raise FileNotFoundError(
                f'No picture in folder {text} (looked for {", ".join(IMAGE_SUFFIXES)}'
                f'{"" if recursive else "; recursive=True looks into its folders too"})'
            )
        return found
    if text.lower().endswith(LIST_SUFFIX) and os.path.isfile(text):
        lines = Path(text).read_text(encoding='utf-8').splitlines()
        found = [os.path.expanduser(line.strip()) for line in lines]
        found = [line for line in found if line and not line.startswith('#')]
        if not found:
            raise FileNotFoundError(f'{text} names no picture: expected a path on each line')
        return found
    if not os.path.exists(text) and glob.has_magic(text):
        found = sorted(path for path in glob.glob(text, recursive=True) if os.path.isfile(path))
        if not found:
            raise FileNotFoundError(f'No file fits the pattern {text}')
        return found
    # A missing file is reported when its turn comes, so that skipping can skip it.
    return [text]


def _list_folder(folder: str, recursive: bool) -> list[str]:
    """The pictures of a folder, sorted; hidden files and folders are left out."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if recursive and not one.startswith('.'))
        found += [
            os.path.join(root, one)
            for one in sorted(names)
            if one.lower().endswith(IMAGE_SUFFIXES) and not one.startswith('.')
        ]
    return found


class VisibleMasks:
    """The visible masks that the user gave, by picture.

    Args:
        given: See ``MASK_FORMS``.
        sources: The pictures.
        alone: The pictures are a single one given by itself, so that ``given`` is its objects.

    Raises:
        TypeError, ValueError: ``given`` is of another form, or not one entry for each picture.
        FileNotFoundError, KeyError: A mask file is missing or wrong.
    """

    def __init__(self, given: Any, sources: Sequence[ImageSource], alone: bool) -> None:
        self.sources = sources
        self.file: MaskFile | None = None
        self.entries: list[Any] = []
        if isinstance(given, (str, os.PathLike)):
            self.file = MaskFile(given)
            return
        given = as_array(given)
        if alone:
            nested = isinstance(given, Sequence) and len(given) == 1 and _holds_masks(given[0])
            self.entries = [given[0] if nested else given]
            return
        if not isinstance(given, (Sequence, np.ndarray)):
            raise TypeError(f'visible_masks: expected {MASK_FORMS}; got {type(given).__name__}')
        if len(given) != len(sources):
            raise ValueError(
                f'visible_masks has {len(given)} entries for {len(sources)} pictures: expected '
                'one entry, holding the masks of all its objects, for each picture'
            )
        self.entries = list(given)

    def objects(self, position: int) -> list[MaskEntry]:
        """The objects of a picture, still coded.

        Args:
            position: Number of the picture.

        Raises:
            KeyError: The mask file does not know the picture.
            TypeError: The entry is of an unknown form.
        """
        source = self.sources[position]
        if self.file is not None:
            return self.file.find(source.name)
        given = as_array(self.entries[position])
        if isinstance(given, MaskEntry):
            return [given]
        if isinstance(given, Mapping):
            return [MaskEntry(given)]
        if isinstance(given, np.ndarray) and given.ndim == 2:
            return [MaskEntry(given)]
        if isinstance(given, np.ndarray) and given.ndim == 3:
            return [MaskEntry(mask) for mask in given]
        if isinstance(given, Sequence) and not isinstance(given, str):
            return [one if isinstance(one, MaskEntry) else MaskEntry(one) for one in given]
        what = f'shape {given.shape}' if isinstance(given, np.ndarray) else type(given).__name__
        raise TypeError(f'Masks of {source.name}: expected {MASK_FORMS}; got {what}')


def decode_object(entry: MaskEntry, image_size: tuple[int, int], where: str) -> np.ndarray:
    """Decode the visible mask of an object and check it.

    Args:
        entry: The object.
        image_size: (H, W) of its picture.
        where: Names the object in messages.

    Returns:
        (H, W) uint8 of 0 and 1.

    Raises:
        ValueError: The mask is empty, broken, of another size than the picture, or has more values
            than 0 and one other.
        TypeError: It is no mask.
    """
    if entry.size is not None and entry.size != image_size:
        raise ValueError(
            f'{where}: its mask is for a picture of {entry.size} (H, W), the picture has '
            f'{image_size}; give the picture that the masks were drawn on'
        )
    coded = as_array(entry.visible)
    try:
        if isinstance(coded, np.ndarray):
            check_values(coded)
        mask = decode_mask(coded, *image_size)
    except (TypeError, ValueError, KeyError) as error:
        text = error.args[0] if error.args else error
        raise type(error)(f'{where}: its visible mask cannot be used: {text}') from error
    if not mask.any():
        raise ValueError(
            f'{where}: its visible mask is empty; an object needs at least one visible pixel'
        )
    return np.ascontiguousarray(mask)


def as_array(given: Any) -> Any:
    """A tensor as the array it holds; all else as it is."""
    if isinstance(given, torch.Tensor):
        return given.detach().cpu().numpy()
    return given


def check_values(mask: np.ndarray) -> None:
    """Refuse arrays in which it is not plain what belongs to the object."""
    if mask.dtype.kind not in 'biuf':
        raise TypeError(f'expected an array of bool or numbers, got {mask.dtype}')
    if mask.dtype.kind == 'f' and not np.isfinite(mask).all():
        raise ValueError('it holds NaN or infinity; expected 0 outside the object, 1 or 255 inside')
    values = np.unique(mask)
    values = values[values != 0]
    if len(values) > 1:
        shown = ', '.join(f'{value:g}' for value in values[:4])
        raise ValueError(
            f'expected 0 outside the object and one other value inside, got 0 and {len(values)} '
            f'others ({shown}{", ..." if len(values) > 4 else ""}); threshold probabilities '
            '(mask > 0.5), and split a label map into one mask for each object (labels == 3)'
        )


def _holds_masks(entry: Any) -> bool:
    """Whether an entry holds the masks of several objects, and is not itself a mask."""
    if isinstance(entry, (np.ndarray, torch.Tensor)):
        return entry.ndim == 3
    if isinstance(entry, Sequence) and not isinstance(entry, str) and entry:
        return isinstance(entry[0], (np.ndarray, torch.Tensor, Mapping, MaskEntry))
    return False
