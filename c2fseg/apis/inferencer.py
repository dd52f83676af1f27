"""AmodalInferencer: pictures and visible masks in, whole objects out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn

from c2fseg.apis.call_helpers import (
    INPUT_ERRORS,
    check_options,
    error_text,
    progress_bar,
    sample_name,
    seeded,
)
from c2fseg.apis.init_model import find_device, init_model, load_config, load_weights
from c2fseg.apis.inputs import ImageSource, decode_object, list_images
from c2fseg.apis.model_files import GENERAL_MODEL, find_weights
from c2fseg.apis.object_finders import ObjectFinder, choose_finder, choose_source
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.apis.results import object_result
from c2fseg.apis.video_inferencer import VideoInferencer, VideoOptions
from c2fseg.apis.video_io import is_video_path
from c2fseg.mask_sources.base_mask_source import BaseMaskSource
from c2fseg.mask_sources.mask_file import MaskEntry
from c2fseg.registry import INFERENCERS, MASK_SOURCES
from c2fseg.visualization import PanelObject, draw_picture, write_png
from c2fseg.visualization.image_io import PicturePaths, safe_name, writable_folder


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
        model: Config path, name of a recipe that ships, a ``Config``, or a model of ``init_model``;
            by default the recipe of the general weights, which know photographs and drawn shapes.
        weights: Checkpoint. None takes the weights that ship for the recipe; a model given as such
            keeps those it has.
        device: Where the model runs; None takes the GPU when there is one, and leaves a model given
            as such where it is.
        mask_source: Finds the objects of calls that give no visible masks: a source, or its config
            dict. None takes ``BoxPromptSource`` or ``PointPromptSource`` with the weights that ship
            where a call gives boxes or points.

    Raises:
        FileNotFoundError: There is no such config, or no weights ship for it.
        CheckpointError: The weights cannot be used.
        KeyError, ValueError: The config has no test pipeline that crops objects, or this machine no
            such device.
    """

    def __init__(
        self,
        model: str | os.PathLike | Config | nn.Module = GENERAL_MODEL,
        weights: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        mask_source: BaseMaskSource | Mapping[str, Any] | None = None,
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
        if isinstance(mask_source, Mapping):
            mask_source = MASK_SOURCES.build(dict(mask_source))
        if mask_source is not None and not isinstance(mask_source, BaseMaskSource):
            raise TypeError(
                'mask_source is a BaseMaskSource, a config dict of one, or None, got '
                f'{type(mask_source).__name__}'
            )
        self.mask_source = mask_source
        self._prompt_sources: dict[str, BaseMaskSource] = {}

    def __call__(
        self,
        images: Any,
        visible_masks: Any = None,
        boxes: Any = None,
        points: Any = None,
        num_hypotheses: int = 1,
        batch_size: int = 8,
        out_dir: str | os.PathLike | None = None,
        progress: bool = True,
        seed: int = 0,
        return_arrays: bool = True,
        post_process: bool = False,
        on_error: str = 'raise',
    ) -> dict[str, Any]:
        """Complete the objects of pictures, or of a video file with :meth:`complete_video`.

        The visible masks are given, or found by the mask source: by itself, or after boxes or
        points.

        The result of an object depends on the picture, its visible mask and the seed; neither on
        the batch size nor on the other objects.

        Args:
            images: Path, folder, glob pattern, RGB array (H, W, 3) uint8, or a list of these; or
                the path of one video file, which is drawn as an MP4 file.
            visible_masks: The visible parts, at the size of the picture. One picture: an array
                (H, W) or (M, H, W), or a list of masks and RLE dicts. Several: one such entry for
                each. Or the path of a JSON file: KINS, COCO, or a COCO result list. An array or
                tensor is 0 outside the object and has one other value inside.
            boxes: A box around each object: (M, 4) xyxy px, or a list with such an entry for each
                picture.
            points: Clicks on each object: (x, y), (x, y, label) with label 1 on the object and 0
                beside it, or several of these; or a list with such a list for each picture.
            num_hypotheses: Whole shapes to guess for each object.
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
            ``visualization``, the paths of the drawings, None where there is none. Of a video,
            what :meth:`complete_video` returns is the only prediction.

        Raises:
            FileNotFoundError, OSError: A picture or a mask file cannot be read, or ``out_dir`` not
                be written to.
            TypeError, ValueError, KeyError: Pictures and masks do not fit, or a mask is empty.
        """
        check_options(batch_size, seed, on_error, num_hypotheses)
        if is_video_path(images):
            if num_hypotheses != 1:
                raise ValueError('num_hypotheses is for pictures; leave it out for a video')
            name = f'{safe_name(Path(images).stem)}.mp4'
            result = self.complete_video(
                images,
                visible_masks,
                boxes=boxes,
                points=points,
                batch_size=batch_size,
                out=None if out_dir is None else writable_folder(out_dir) / name,
                return_arrays=return_arrays,
                seed=seed,
                progress=progress,
                post_process=post_process,
                on_error=on_error,
            )
            drawn = [] if out_dir is None else [result['out']]
            return {'predictions': [result], 'visualization': drawn}
        sources, alone = list_images(images)
        finder = choose_finder(
            sources, alone, visible_masks, boxes, points, self.mask_source, self._prompt_source
        )
        paths = None if out_dir is None else PicturePaths(out_dir)
        options = {'return_arrays': return_arrays, 'post_process': post_process}
        with seeded(self.model, seed, num_hypotheses):
            pictures = self._complete_pictures(
                sources, finder, options, paths, batch_size, progress, on_error
            )
        return {
            'predictions': [picture.entry for picture in pictures],
            'visualization': [] if paths is None else [picture.drawing for picture in pictures],
        }

    def _complete_pictures(
        self,
        sources: list[ImageSource],
        finder: ObjectFinder,
        options: dict[str, bool],
        paths: PicturePaths | None,
        batch_size: int,
        progress: bool,
        on_error: str,
    ) -> list[_Picture]:
        """Read picture after picture, and complete their objects in batches across pictures."""
        pictures: list[_Picture] = []
        pending: list[_Job] = []
        with progress_bar(progress and len(sources) > 1) as bar:
            task = bar.add_task('completing objects', total=len(sources))
            for position, source in enumerate(sources):
                picture = _Picture(None, {'image': source.name})
                pictures.append(picture)
                try:
                    picture.image = source.read(self.pipeline.exif)
                    (entries,) = finder.find([position], [picture.image])
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
        return pictures

    def complete_video(
        self,
        video: Any,
        visible_masks: Any = None,
        window: int | None = 24,
        overlap: int = 8,
        batch_size: int = 4,
        out: str | os.PathLike | None = None,
        masks_out: str | os.PathLike | None = None,
        return_arrays: bool = True,
        seed: int = 0,
        progress: bool = True,
        fps: float | None = None,
        side_by_side: bool = False,
        post_process: bool = False,
        on_error: str = 'raise',
        boxes: Any = None,
        points: Any = None,
    ) -> dict[str, Any]:
        """Complete the tracked objects of a video.

        Frames are read, completed and written as a stream: no more than a window is held, however
        long the video is. Frames that two windows share get the mean of what both say. The result
        of an object depends on the frames of its windows, its visible masks and the seed; neither
        on the batch size nor on the other objects.

        Args:
            video: Video file, folder, glob pattern or list of frame files, array (T, H, W, 3) uint8
                RGB, or an iterable of frames (H, W, 3).
            visible_masks: Folder of PNG id maps, JSON file, id maps (T, H, W), dict from object id
                to masks (T, H, W), or an iterable with an id map or a dict a frame; docs/video.md.
            window: Frames that the model sees at once; None gives it the whole video.
            overlap: Frames that a window shares with the one before.
            batch_size: Objects that the model sees at once.
            out: ``.mp4``, ``.gif``, or a folder for PNGs: the video with the objects drawn.
            masks_out: JSON file for the masks, in the form of a prediction file.
            return_arrays: Return masks as arrays too, which takes memory for every frame.
            seed: Seed of the decoding.
            progress: Show a bar.
            fps: Frames a second of ``out``; None takes those of the video, 10 where it has none.
            side_by_side: Draw the input on the left of the drawing.
            post_process: Add the given visible part to the amodal and coarse masks.
            on_error: What an unusable mask does: ``'raise'``, or ``'skip'``: its object counts as
                not visible in that frame, and ``errors`` says so.
            boxes: In place of masks, a box around each object in the first frame: (M, 4) xyxy px.
            points: In place of masks, clicks on each object in the first frame, as for pictures.

        Returns:
            ``video`` (its name), ``size`` (H, W), ``fps``, ``num_frames`` that were read,
            ``announced_frames``, ``broken_off`` (a sentence when the video could not be read to its
            end), ``notes``, ``errors``, ``out``, ``masks_out`` and ``objects`` by ascending
            ``object_id``. Lists of an object have an entry for each frame: ``states``
            (``'visible'``; ``'hidden'``: no visible pixel here, but in other frames of a window;
            ``'unseen'``: in no window that covers the frame, so that there is no mask),
            ``amodal_rles``, ``visible_rles``, ``coarse_rles`` (of models with a coarse stage),
            ``scores``, ``boxes`` and ``occlusion_rates`` (None where there is no mask), as for
            pictures; with ``return_arrays`` ``amodal_masks``, ``visible_masks``, ``coarse_masks``
            (num_frames, H, W) bool. ``frames`` are those where it is not unseen.

        Raises:
            FileNotFoundError, OSError: Video or masks cannot be read, or an output not be written.
            TypeError, ValueError, KeyError: They do not fit each other, or a mask is unusable.
        """
        check_options(batch_size, seed, on_error)
        options = VideoOptions(
            window=window,
            overlap=overlap,
            batch_size=batch_size,
            out=out,
            masks_out=masks_out,
            fps=fps,
            side_by_side=side_by_side,
            return_arrays=return_arrays,
            post_process=post_process,
            seed=seed,
            on_error=on_error,
            progress=progress,
        )
        given = [name for name, one in (('boxes', boxes), ('points', points)) if one is not None]
        if visible_masks is not None and not given:
            return VideoInferencer(self.model, self.pipeline, options).run(video, visible_masks)
        if visible_masks is not None:
            raise ValueError(f'visible_masks and {" and ".join(given)} are given: expected one')
        source = choose_source(given, self.mask_source, self._prompt_source)
        runner = VideoInferencer(self.model, self.pipeline, options, mask_source=source)
        return runner.run(video, None, boxes=boxes, points=points)

    def _prompt_source(self, kind: str) -> BaseMaskSource:
        """The source for prompts without one given, built at its first use."""
        if kind not in self._prompt_sources:
            device = next(self.model.parameters(), torch.empty(0)).device
            self._prompt_sources[kind] = MASK_SOURCES.build(dict(type=kind, device=str(device)))
        return self._prompt_sources[kind]

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
            packed = self.pipeline(image, visible, sample_name(visible), picture.entry['image'])
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
    entry['error'] = error_text(error)
    if 'image' in entry:
        entry.setdefault('objects', [])
