"""AmodalInferencer: pictures and visible masks in, whole objects out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass, replace
from hashlib import blake2b
from numbers import Integral
from typing import Any, cast

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from c2fseg.apis.init_model import find_device, init_model, load_config, load_weights
from c2fseg.apis.inputs import VisibleMasks, decode_object, list_images
from c2fseg.apis.mask_files import MaskEntry
from c2fseg.apis.model_files import find_weights
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.apis.results import object_result
from c2fseg.registry import INFERENCERS
from c2fseg.visualization import PanelObject, draw_picture, write_png
from c2fseg.visualization.image_io import PicturePaths

ON_ERROR = ('raise', 'skip')
# What a wrong picture or mask raises; anything else is a defect and is never skipped.
INPUT_ERRORS = (OSError, ValueError, TypeError, KeyError)


@dataclass
class _Picture:
    """A picture under way: its results, and the objects that the model still has to see."""

    image: np.ndarray | None
    entry: dict[str, Any]
    waiting: int = 0
    drawn: dict[int, PanelObject] = field(default_factory=dict)
    drawing: str | None = None


@dataclass
class _Job:
    """One object on its way through the model."""

    picture: _Picture
    place: int
    visible: np.ndarray
    packed: dict[str, Any]
    info: dict[str, Any]


@INFERENCERS.register_module()
class AmodalInferencer:
    """Complete objects of pictures, given their visible masks.

    Args:
        model: Config path, name of a recipe that ships, a ``Config``, or a model of ``init_model``.
        weights: Checkpoint. None takes the weights that ship for the recipe; a model given as such
            keeps those it has.
        device: Where the model runs; None takes the GPU when there is one, and leaves a model given
            as such where it is.

    Raises:
        FileNotFoundError: There is no such config, or no weights ship for it.
        CheckpointError: The weights cannot be used.
        KeyError, ValueError: The config has no test pipeline that crops objects, or this machine no
            such device.
    """

    def __init__(
        self,
        model: str | os.PathLike | Config | nn.Module,
        weights: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if isinstance(model, nn.Module):
            self.model = model
        else:
            cfg = load_config(model)
            self.model = init_model(cfg)
            if weights is None and any(True for _ in self.model.parameters()):
                weights = find_weights(cfg.filename or 'a config without a file')
            device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        device = None if device is None else find_device(device)
        if not isinstance(getattr(self.model, 'cfg', None), Config):
            raise ValueError('The model has no config as .cfg: build it with init_model')
        if weights is not None:
            load_weights(self.model, weights)
        if device is not None:
            self.model.to(device)
        self.model.eval()
        self.pipeline = InferencePipeline(self.model.cfg)

    def __call__(
        self,
        images: Any,
        visible_masks: Any,
        batch_size: int = 8,
        out_dir: str | os.PathLike | None = None,
        progress: bool = True,
        seed: int = 0,
        return_arrays: bool = True,
        post_process: bool = False,
        on_error: str = 'raise',
    ) -> dict[str, Any]:
        """Complete the objects of pictures.

        The result of an object depends on the picture, its visible mask and the seed; neither on
        the batch size nor on the other objects.

        Args:
            images: Path, folder, glob pattern, RGB array (H, W, 3) uint8, or a list of these.
            visible_masks: The visible parts, at the size of the picture. One picture: an array
                (H, W) or (M, H, W), or a list of masks and RLE dicts. Several: one such entry for
                each. Or the path of a JSON file: KINS, COCO, or a COCO result list. An array or
                tensor is 0 outside the object and has one other value inside.
            batch_size: Objects that the model sees at once, over all pictures.
            out_dir: Folder for one PNG a picture, made where it is missing; None draws nothing.
            progress: Show a bar while several pictures are under way.
            seed: Seed of the decoding.
            return_arrays: Return masks as arrays beside the RLE.
            post_process: Add the given visible part to the amodal and coarse masks.
            on_error: What an unusable picture or mask does: ``'raise'``, or ``'skip'``: its entry
                holds ``'error'`` with the reason and all others are completed.

        Returns:
            ``predictions``, one entry a picture in the order given: ``image`` (its name), ``size``
            (H, W) and ``objects`` in the order given, or ``error``. An object holds
            ``amodal_rle``, ``visible_rle``, ``coarse_rle`` (of models with a coarse stage),
            ``score`` (mean probability inside the amodal mask), ``box`` (xyxy px, end exclusive,
            of the amodal mask), ``occlusion_rate`` (share of the whole object that is hidden),
            what the mask file says of it (``annotation_id``, ``category_id``, ``category``), and
            with ``return_arrays`` ``visible_mask``, ``amodal_mask``, ``coarse_mask``: (H, W) bool.
            ``visualization``, the paths of the drawings, None where there is none.

        Raises:
            FileNotFoundError, OSError: A picture or a mask file cannot be read, or ``out_dir`` not
                be written to.
            TypeError, ValueError, KeyError: Pictures and masks do not fit, or a mask is empty.
        """
        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise ValueError(f'batch_size must be a whole number of at least 1, got {batch_size!r}')
        if not isinstance(seed, Integral):
            raise TypeError(f'seed must be a whole number, got {seed!r}')
        if on_error not in ON_ERROR:
            raise ValueError(f'on_error must be one of {ON_ERROR}, got {on_error!r}')
        sources, alone = list_images(images)
        masks = VisibleMasks(visible_masks, sources, alone)
        pictures: list[_Picture] = []
        pending: list[_Job] = []
        paths = None if out_dir is None else PicturePaths(out_dir)
        options = {'return_arrays': return_arrays, 'post_process': post_process}
        with _seeded(self.model, seed), _bar(progress and len(sources) > 1) as bar:
            task = bar.add_task('completing objects', total=len(sources))
            for position, source in enumerate(sources):
                picture = _Picture(None, {'image': source.name})
                pictures.append(picture)
                try:
                    picture.image = source.read(self.pipeline.exif)
                    entries = masks.objects(position)
                except INPUT_ERRORS as error:
                    _record(picture.entry, error, on_error)
                    bar.advance(task)
                    continue
                pending.extend(self._prepare(picture, entries, on_error))
                while len(pending) >= batch_size:
                    self._run(pending[:batch_size], options, paths)
                    del pending[:batch_size]
                self._finish(picture, paths)
                bar.advance(task)
            if pending:
                self._run(pending, options, paths)
        return {
            'predictions': [picture.entry for picture in pictures],
            'visualization': [] if paths is None else [picture.drawing for picture in pictures],
        }

    def _prepare(
        self, picture: _Picture, entries: list[MaskEntry], on_error: str
    ) -> Iterator[_Job]:
        """Decode, crop and pack the objects of a picture."""
        image = picture.image
        assert image is not None
        size = (image.shape[0], image.shape[1])
        picture.entry.update(size=size, objects=[dict(entry.info) for entry in entries])
        # All objects count from the start, so that no batch finds the picture done too early.
        picture.waiting = len(entries)
        for place, entry in enumerate(entries):
            where = f'Object {place} of {picture.entry["image"]}'
            if 'annotation_id' in entry.info:
                where += f' (annotation {entry.info["annotation_id"]})'
            try:
                visible = decode_object(entry, size, where)
            except INPUT_ERRORS as error:
                _record(picture.entry['objects'][place], error, on_error)
                picture.waiting -= 1
                continue
            packed = self.pipeline(image, visible, _sample_id(visible), picture.entry['image'])
            yield _Job(picture, place, visible, packed, entry.info)

    @torch.inference_mode()
    def _run(self, jobs: list[_Job], options: dict[str, bool], paths: PicturePaths | None) -> None:
        """Send objects through the model and put their results into their pictures."""
        model: Any = self.model
        samples = model.test_step(pseudo_collate([job.packed for job in jobs]))
        for job, sample in zip(jobs, samples, strict=True):
            result, drawing = object_result(sample, job.visible, job.info, **options)
            job.picture.entry['objects'][job.place] = result
            job.picture.waiting -= 1
            if paths is not None:
                job.picture.drawn[job.place] = drawing
            self._finish(job.picture, paths)

    def _finish(self, picture: _Picture, paths: PicturePaths | None) -> None:
        """Draw a picture whose objects are all done, and let it go."""
        if picture.waiting or picture.image is None:
            return
        if paths is not None:
            places = sorted(picture.drawn)
            drawn = draw_picture(picture.image, [picture.drawn[place] for place in places])
            picture.drawing = str(write_png(paths.choose(picture.entry['image']), drawn))
        picture.image = None
        picture.drawn.clear()


def _record(entry: dict[str, Any], error: Exception, on_error: str) -> None:
    """Write an error into an entry, or raise it again."""
    if on_error == 'raise':
        raise error
    # A KeyError quotes its own message.
    entry['error'] = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    if 'image' in entry:
        entry.setdefault('objects', [])


def _sample_id(visible: np.ndarray) -> str:
    """A name for an object that depends on its mask alone: the decoding is seeded with it."""
    digest = blake2b(np.packbits(visible).tobytes(), digest_size=8)
    digest.update(repr(visible.shape).encode())
    return digest.hexdigest()


@contextmanager
def _seeded(model: Any, seed: int) -> Iterator[None]:
    """Give the model's decoding a seed for the time of a call."""
    settings = getattr(model, 'test_cfg', None)
    if settings is None or isinstance(settings, type) or not is_dataclass(settings):
        yield  # nothing random
        return
    model.test_cfg = replace(cast(Any, settings), seed=seed)
    try:
        yield
    finally:
        model.test_cfg = settings


def _bar(shown: bool) -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
        transient=True,
    )
