"""AmodalInferencer: pictures and visible masks in, whole objects out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from c2fseg.apis.call_helpers import check_guesses, check_options
from c2fseg.apis.call_options import SAVE, CallOptions, OutputOptions
from c2fseg.apis.inference_model import model_for_inference
from c2fseg.apis.inputs import is_camera, list_images
from c2fseg.apis.model_files import GENERAL_MODEL
from c2fseg.apis.object_finders import choose_finder, choose_source
from c2fseg.apis.picture_outputs import (
    DRAWINGS,
    MASKS,
    PictureOutputs,
    call_settings,
    complete_pictures,
)
from c2fseg.apis.picture_stream import PictureStream
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.apis.video_inferencer import VideoInferencer, VideoOptions
from c2fseg.apis.video_io import is_video_path
from c2fseg.mask_sources.base_mask_source import BaseMaskSource
from c2fseg.registry import INFERENCERS, MASK_SOURCES
from c2fseg.tracking import MaskLinker
from c2fseg.visualization.image_io import unique_stems, writable_folder


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
        precision: ``'float32'``, or ``'bfloat16'`` (faster where the processor multiplies it, with
            practically the same masks); None takes that of the config.
        compiled: Let torch compile the model: minutes at the first call, faster from then on.

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
        precision: str | None = None,
        compiled: bool = False,
    ) -> None:
        self.model = model_for_inference(model, weights, device, precision, compiled)
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
        save: Sequence[str] = SAVE,
        resume: bool = False,
        shard: tuple[int, int] = (0, 1),
        recursive: bool = False,
        max_frames: int | None = None,
    ) -> dict[str, Any]:
        """Complete the objects of pictures, or of a video with :meth:`complete_video`.

        The visible masks are given, or found by the mask source: by itself, or after boxes or
        points. The result of an object depends on the picture, its visible mask and the seed;
        neither on the batch size nor on the other objects.

        Args:
            images: Path, folder, glob pattern, text file with a path a line, RGB array (H, W, 3)
                uint8, or a list of these; or one video: its path, or a webcam, by its number or as
                ``'webcam:0'``.
            visible_masks: The visible parts, at the size of the picture. One picture: an array
                (H, W) or (M, H, W), or a list of masks and RLE dicts. Several: one such entry for
                each. Or the path of a JSON file: KINS, COCO, or a COCO result list. An array or
                tensor is 0 outside the object and has one other value inside.
            boxes: A box around each object: (M, 4) xyxy px, or a list with such an entry for each
                picture.
            points: Clicks on each object: (x, y), (x, y, label) with label 1 on the object and 0
                beside it, or several of these; or a list with such a list for each picture.
            num_hypotheses: Whole shapes to guess for each object; of pictures only.
            batch_size: Objects that the model sees at once, over all pictures.
            out_dir: Folder for what ``save`` names, made where it is missing; docs/inference.md.
            progress: Show a bar while several pictures are under way.
            seed: Seed of the decoding.
            return_arrays: Return masks as arrays beside the RLE.
            post_process: Add the given visible part to the amodal and coarse masks.
            on_error: What an unusable picture or mask does: ``'raise'``, or ``'skip'``: its entry
                holds ``'error'`` with the reason and all others are completed.
            save: What is written: ``'pictures'`` (a drawing of each), ``'masks'`` (a PNG for each)
                and ``'json'`` (``predictions.json``, ``errors.json``, and the journal).
            resume: Go on with an interrupted call of the same inputs and options: pictures that its
                journal holds are not done again.
            shard: (number, count): take only every count-th picture, from this one on; the calls of
                all numbers together do the work, and :func:`merge_results` ends it.
            recursive: Look for pictures in the folders of a folder, too.
            max_frames: Stop after so many frames of a video; a webcam has no end of its own.

        Returns:
            ``predictions``, one entry a picture in the order given: ``image`` (its name), ``size``
            (H, W), ``objects`` in the order given and ``occlusion_order`` (dicts of ``front`` and
            ``back``, numbers of objects, and ``pixels`` that the one hides of the other), or
            ``error``. An object holds
            ``amodal_rle``, ``visible_rle``, ``coarse_rle`` (of models with a coarse stage),
            ``score`` (mean probability inside the amodal mask), ``box`` (xyxy px, end exclusive,
            of the amodal mask), ``occlusion_rate`` (share of the whole object that is hidden),
            what the mask file or source says of it (``image_id``, ``annotation_id``,
            ``category_id``, ``category``, ``visible_score``), and with ``return_arrays``
            ``visible_mask``, ``amodal_mask``, ``coarse_mask``: (H, W) bool. With several guesses
            ``hypotheses``, most likely first (``amodal_rle``, ``score``, ``amodal_mask``),
            ``uncertainty`` in [0, 1], and with ``return_arrays`` ``probability`` (H, W).
            ``visualization``, the paths of the drawings, None where there is none. Of a video,
            what :meth:`complete_video` returns is the only prediction.

        Raises:
            FileNotFoundError, OSError: A picture or a mask file cannot be read, or ``out_dir`` not
                be written to.
            TypeError, ValueError, KeyError: Pictures and masks do not fit, or a mask is empty;
                there is no way to masks, or more than one; a journal is of another call.
        """
        options = CallOptions(
            num_hypotheses, batch_size, seed, return_arrays, post_process, on_error
        )
        output = OutputOptions(out_dir, save, resume, shard)
        if is_video_path(images) or is_camera(images):
            extra = {'boxes': boxes, 'points': points, 'max_frames': max_frames}
            result = self._video_call(images, visible_masks, extra, options, output, progress)
            drawn = [] if result['out'] is None else [result['out']]
            return {'predictions': [result], 'visualization': drawn}
        if max_frames is not None:
            raise ValueError('max_frames is for videos; leave it out for pictures')
        work = self._pictures(
            images, visible_masks, boxes, points, options, output, progress, recursive
        )
        predictions = list(work)
        written = out_dir is not None and 'pictures' in save
        drawn = [entry['visualization'] for entry in predictions] if written else []
        return {'predictions': predictions, 'visualization': drawn}

    def stream(
        self,
        images: Any,
        visible_masks: Any = None,
        boxes: Any = None,
        points: Any = None,
        out_dir: str | os.PathLike | None = None,
        save: Sequence[str] = SAVE,
        resume: bool = False,
        shard: tuple[int, int] = (0, 1),
        recursive: bool = False,
        progress: bool = False,
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """Complete the objects of pictures one by one: memory does not grow with their number.

        Args:
            images, visible_masks, boxes, points: As for a call; pictures only.
            out_dir, save, resume, shard, recursive, progress: As for a call.
            options: ``num_hypotheses``, ``batch_size``, ``seed``, ``return_arrays``,
                ``post_process`` and ``on_error``, as for a call.

        Returns:
            Iterator over the entries of ``predictions``, in the order given, each as soon as it is
            finished. With ``out_dir`` an entry holds its own ``visualization``.

        Raises:
            TypeError, ValueError, KeyError, OSError: As for a call; what can be told before the
                work begins comes at once.
        """
        if is_video_path(images) or is_camera(images):
            raise ValueError(f'{images} is a video: expected pictures; see complete_video')
        output = OutputOptions(out_dir, save, resume, shard)
        chosen = CallOptions(**options)
        return self._pictures(
            images, visible_masks, boxes, points, chosen, output, progress, recursive
        )

    def _pictures(
        self,
        images: Any,
        visible_masks: Any,
        boxes: Any,
        points: Any,
        options: CallOptions,
        output: OutputOptions,
        progress: bool,
        recursive: bool,
    ) -> Iterator[dict[str, Any]]:
        """Check all that can be checked, then give the pictures one by one."""
        check_guesses(self.model, options.num_hypotheses)
        sources, alone = list_images(images, recursive)
        finder = choose_finder(
            sources, alone, visible_masks, boxes, points, self.mask_source, self._prompt_source
        )
        outputs = None
        if output.folder is not None:
            settings = {}
            if 'json' in output.save:
                settings = call_settings(self.model, sources, finder, options, output)
            outputs = PictureOutputs(output, sources, settings)
        drawn = output.folder is not None and 'pictures' in output.save
        stream = PictureStream(self.model, self.pipeline, finder, options, drawn)
        return complete_pictures(stream, sources, output.shard, outputs, progress)

    def _video_call(
        self,
        video: Any,
        visible_masks: Any,
        extra: dict[str, Any],
        options: CallOptions,
        output: OutputOptions,
        progress: bool,
    ) -> dict[str, Any]:
        """Complete a video with the options of a call for pictures."""
        if options.num_hypotheses != 1 or output.resume or output.shard != (0, 1):
            raise ValueError(
                'num_hypotheses, resume and shard are for pictures; leave them out for a video'
            )
        out = masks_out = None
        if output.folder is not None:
            name = unique_stems([str(video)])[0]
            if 'pictures' in output.save:
                out = writable_folder(output.folder / DRAWINGS) / f'{name}.mp4'
            if 'masks' in output.save:
                masks_out = writable_folder(output.folder / MASKS) / f'{name}.json'
        return self.complete_video(
            video,
            visible_masks,
            batch_size=options.batch_size,
            out=out,
            masks_out=masks_out,
            return_arrays=options.return_arrays,
            seed=options.seed,
            progress=progress,
            post_process=options.post_process,
            on_error=options.on_error,
            **extra,
        )

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
        propagate: bool = False,
        linker: MaskLinker | Mapping[str, Any] | None = None,
        max_frames: int | None = None,
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
                Of other frames, boxes and points are a dict from the number of the frame. What they
                show is carried on to the other frames.
            propagate: ``visible_masks`` are those of some frames, and are carried on to the others:
                an id map (H, W) of the first frame, a dict from the number of a frame to its id map
                or to a dict from object id to mask, or a file; docs/video.md.
            linker: How objects that the mask source finds become tracks, or arguments of it.
            max_frames: Frames after which to stop; a webcam needs it.

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
            propagate=propagate,
            linker=linker,
            max_frames=max_frames,
        )
        prompts = [name for name, one in (('boxes', boxes), ('points', points)) if one is not None]
        source = self._video_source(visible_masks is not None, prompts, propagate)
        runner = VideoInferencer(self.model, self.pipeline, options, mask_source=source)
        return runner.run(video, visible_masks, boxes=boxes, points=points)

    def _video_source(
        self, masks_given: bool, prompts: Sequence[str], propagate: bool
    ) -> BaseMaskSource | None:
        """What finds, or corrects, the visible masks of a video; None where the given ones do."""
        if not masks_given:
            return choose_source(prompts, self.mask_source, self._prompt_source)
        if prompts:
            raise ValueError(f'visible_masks and {" and ".join(prompts)} are given: expected one')
        return self.mask_source if propagate else None

    def _prompt_source(self, kind: str) -> BaseMaskSource:
        """The source for prompts without one given, built at its first use."""
        if kind not in self._prompt_sources:
            device = next(self.model.parameters(), torch.empty(0)).device
            self._prompt_sources[kind] = MASK_SOURCES.build(dict(type=kind, device=str(device)))
        return self._prompt_sources[kind]
