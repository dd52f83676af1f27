"""Videos in, completed videos out: the stream behind AmodalInferencer.complete_video."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from torch import nn

from c2fseg.apis.call_helpers import error_text, progress_bar, sample_name, seeded
from c2fseg.apis.clip_fusion import Guess, fuse, read_guesses
from c2fseg.apis.object_finders import HOW_TO_GIVE_MASKS
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.apis.sliding_windows import check_window, slide, window_weights
from c2fseg.apis.video_anchors import Anchors, mask_anchors, prompt_anchors
from c2fseg.apis.video_io import CameraVideo, Video, open_video
from c2fseg.apis.video_mask_forms import open_masks
from c2fseg.apis.video_masks import ObjectId
from c2fseg.apis.video_propagation import PropagatedFrames
from c2fseg.apis.video_results import Track, file_entry, frame_record, track_order, track_result
from c2fseg.apis.video_streams import FoundFrames, GivenFrames, MaskedFrame, MaskedFrames
from c2fseg.mask_sources.base_mask_source import BaseMaskSource
from c2fseg.registry import TASK_UTILS
from c2fseg.structures import decode_mask
from c2fseg.tracking import ColourRefinement, MaskLinker, MaskPropagator
from c2fseg.visualization import PanelObject, draw_objects
from c2fseg.visualization.video_writers import EntryWriter, FrameWriter, open_writer


@dataclass
class VideoOptions:
    """Options of a call, see :meth:`AmodalInferencer.complete_video`."""

    window: int | None = 24
    overlap: int = 8
    batch_size: int = 4
    out: str | os.PathLike | None = None
    masks_out: str | os.PathLike | None = None
    fps: float | None = None
    side_by_side: bool = False
    return_arrays: bool = True
    post_process: bool = False
    seed: int = 0
    on_error: str = 'raise'
    progress: bool = True
    propagate: bool = False
    linker: MaskLinker | Mapping[str, Any] | None = None
    max_frames: int | None = None


@dataclass
class ClipFrame:
    """A frame under way: read, not yet written.

    Attributes:
        index: Its number.
        image: (H, W, 3) uint8 RGB.
        visible: RLE of the objects with visible pixels.
        guesses: What windows said about objects in it.
    """

    index: int
    image: np.ndarray
    visible: dict[ObjectId, dict[str, Any]]
    guesses: dict[ObjectId, list[Guess]] = field(default_factory=dict)


class VideoInferencer:
    """Completes the objects of one video, window by window.

    Args:
        model: The model, in eval mode.
        pipeline: Crops and packs the objects.
        options: Options of the call.
        mask_source: Finds the visible masks where none are given, and corrects those that are
            carried on.
    """

    def __init__(
        self,
        model: nn.Module,
        pipeline: InferencePipeline,
        options: VideoOptions,
        mask_source: BaseMaskSource | None = None,
    ) -> None:
        check_window(options.window, options.overlap if options.window is not None else 0)
        limit = options.max_frames
        if limit is not None and (not isinstance(limit, Integral) or limit < 1):
            raise ValueError(f'max_frames must be a whole number of at least 1, got {limit!r}')
        self.mask_source = mask_source
        self.model: Any = model
        self.pipeline = pipeline
        self.options = options
        settings = getattr(model, 'test_cfg', None)
        self.threshold = float(getattr(settings, 'threshold', 0.5))
        self.fuse_coarse = bool(getattr(settings, 'fuse_coarse', False))
        self.tracks: dict[ObjectId, Track] = {}
        self.errors: list[dict[str, Any]] = []
        self.name = ''
        self.info: dict[ObjectId, dict[str, Any]] = {}

    def run(
        self, video: Any, visible_masks: Any = None, boxes: Any = None, points: Any = None
    ) -> dict[str, Any]:
        """Complete the objects of a video.

        Args:
            video: Frames in any of the forms that ``open_video`` reads.
            visible_masks: Masks in any of the forms that ``open_masks`` reads; with the option
                ``propagate`` of some frames only, as ``mask_anchors`` reads them. None: the mask
                source finds the objects of each frame, or those that boxes or points show.
            boxes: Boxes in the first frame, or a dict from the number of a frame to those in it.
            points: Clicks, likewise.

        Returns:
            See :meth:`AmodalInferencer.complete_video`.
        """
        options = self.options
        source = open_video(video, self.pipeline.exif)
        if isinstance(source, CameraVideo) and options.max_frames is None:
            raise ValueError(f'{source.name} has no end: give max_frames')
        masks = self._open_frames(source, visible_masks, boxes, points)
        place = Path(source.name)
        self.name = place.name if place.is_dir() else place.stem
        self.info = masks.info
        limit = options.max_frames
        count, size = 0, (0, 0)
        with ExitStack() as stack:
            writer, entries = self._open_outputs(stack, source, visible_masks)
            stack.enter_context(seeded(self.model, options.seed))
            bar = stack.enter_context(progress_bar(options.progress))
            task = bar.add_task('completing frames', total=limit or source.num_frames)
            frames = self._read(islice(masks, limit))
            for frame in slide(frames, options.window, options.overlap, self._process):
                self._finish(frame, writer, entries)
                count, size = count + 1, frame.image.shape[:2]
                del frame  # before another one is read
                bar.advance(task)
        return self._report(source, masks, count, size)

    def _open_outputs(
        self, stack: ExitStack, source: Video, visible_masks: Any
    ) -> tuple[FrameWriter | None, EntryWriter | None]:
        """Open the files to write before any work is done."""
        options, writer, entries = self.options, None, None
        inputs: list[str | os.PathLike] = [source.name]
        inputs += [Path(name).parent for name in (source.frame_names or ())[:1]]
        inputs += [visible_masks] if isinstance(visible_masks, (str, os.PathLike)) else []
        taken = {Path(one).expanduser().resolve() for one in inputs}
        for target in (options.out, options.masks_out):
            if target is not None and Path(target).expanduser().resolve() in taken:
                raise ValueError(f'{target} is what is read; write the result elsewhere')
        if options.masks_out is not None:
            entries = stack.enter_context(EntryWriter(options.masks_out))
        if options.out is not None:
            fps = source.fps if options.fps is None else options.fps
            writer = stack.enter_context(open_writer(options.out, fps))
        return writer, entries

    def _open_frames(
        self, video: Video, visible_masks: Any, boxes: Any, points: Any
    ) -> MaskedFrames:
        """Choose where the visible masks come from."""
        options, source = self.options, self.mask_source
        prompted = boxes is not None or points is not None
        if visible_masks is not None and prompted:
            raise ValueError('visible_masks, and boxes or points are given: expected one of them')
        if visible_masks is not None and not options.propagate:
            masks = open_masks(visible_masks, video, options.on_error)
            return GivenFrames(video, masks, self._reporter)
        if visible_masks is not None:
            anchors: Anchors = mask_anchors(visible_masks, video)
            propagator = MaskPropagator(source, refinement=ColourRefinement())
            return PropagatedFrames(video, anchors, propagator, self._reporter)
        if source is None:
            raise ValueError(f'There are no masks to complete: {HOW_TO_GIVE_MASKS}')
        if prompted:
            anchors = prompt_anchors(boxes, points, video, source)
            propagator = MaskPropagator(refinement=ColourRefinement())
            return PropagatedFrames(video, anchors, propagator, self._reporter)
        if source.prompts:
            raise ValueError(f'{type(source).__name__} needs {" or ".join(source.prompts)}')
        if options.propagate:
            raise ValueError(
                'propagate carries given masks on: give visible_masks, boxes or points'
            )
        linker = options.linker or MaskLinker()
        if not isinstance(linker, MaskLinker):
            linker = TASK_UTILS.build({'type': 'MaskLinker', **linker})
        return FoundFrames(video, source, linker)

    def _read(self, frames: Iterator[MaskedFrame]) -> Iterator[ClipFrame]:
        """Number the frames."""
        for index, (image, visible) in enumerate(frames):
            yield ClipFrame(index, image, visible)

    def _reporter(self, frame: int) -> Callable[[Exception, ObjectId | None], None]:
        def report(error: Exception, object_id: ObjectId | None) -> None:
            if self.options.on_error == 'raise':
                raise error
            entry = {'frame': frame, 'object_id': object_id, 'error': error_text(error)}
            self.errors.append(entry)

        return report

    def _process(self, held: list[ClipFrame]) -> None:
        """Send the objects of a window through the model."""
        ids = sorted({one for frame in held for one in frame.visible}, key=track_order)
        if not ids:
            return
        images = np.stack([frame.image for frame in held])  # (T, H, W, 3)
        weights = window_weights(len(held))
        for start in range(0, len(ids), self.options.batch_size):
            chosen = ids[start : start + self.options.batch_size]
            packed = [self._pack(images, held, object_id) for object_id in chosen]
            self._predict(held, chosen, packed, weights)

    def _pack(
        self, images: np.ndarray, held: Sequence[ClipFrame], object_id: ObjectId
    ) -> dict[str, Any]:
        visible = np.zeros(images.shape[:3], np.uint8)  # (T, H, W)
        for place, frame in enumerate(held):
            if object_id in frame.visible:
                visible[place] = decode_mask(frame.visible[object_id], *images.shape[1:3])
        name = sample_name(visible)
        return self.pipeline.pack_clip(images, visible, name, self.name, held[0].index)

    @torch.inference_mode()
    def _predict(
        self,
        held: Sequence[ClipFrame],
        ids: Sequence[ObjectId],
        packed: Sequence[dict[str, Any]],
        weights: np.ndarray,
    ) -> None:
        """Complete a batch of objects, and keep what was found with the frames."""
        samples = self.model.test_step(pseudo_collate(packed))
        for object_id, sample in zip(ids, samples, strict=True):
            for frame, guess in zip(held, read_guesses(sample, weights), strict=True):
                frame.guesses.setdefault(object_id, []).append(guess)

    def _finish(
        self, frame: ClipFrame, writer: FrameWriter | None, entries: EntryWriter | None
    ) -> None:
        """Turn the guesses about a frame into records, and write them and the picture."""
        size = frame.image.shape[:2]
        drawn = []
        for object_id in sorted(frame.guesses, key=track_order):
            track = self._track(object_id)
            visible = np.zeros(size, bool)
            if object_id in frame.visible:
                visible = decode_mask(frame.visible[object_id], *size).astype(bool)
            found, score = fuse(frame.guesses[object_id], size, self.threshold, self.fuse_coarse)
            record, found = frame_record(visible, found, score, self.options.post_process)
            track.records[frame.index] = record
            drawn.append(
                PanelObject(visible, found['amodal'], label=str(object_id), number=track.number)
            )
            if entries is not None:
                entries.write(file_entry(track, self.name, frame.index))
        if writer is not None:
            picture = draw_objects(frame.image, drawn)
            if self.options.side_by_side:
                picture = np.concatenate([frame.image, picture], axis=1)
            writer.write(picture)

    def _track(self, object_id: ObjectId) -> Track:
        if object_id not in self.tracks:
            info = dict(self.info.get(object_id, {}))
            self.tracks[object_id] = Track(object_id, len(self.tracks), info)
        return self.tracks[object_id]

    def _report(
        self, source: Video, masks: MaskedFrames, count: int, size: tuple[int, int]
    ) -> dict[str, Any]:
        """Collect the results, and say what went wrong on the way."""
        notes = list(masks.notes)
        if source.broken_off is not None:
            notes.append(source.broken_off)
        elif self.options.max_frames is None and masks.beyond(count):
            notes.append(
                f'{source.name} ends after {count} frames, with masks left for '
                f'{masks.beyond(count)} more: they were not used'
            )
        if self.errors:
            first = self.errors[0]['error']
            notes.append(f'{len(self.errors)} masks could not be used, the first: {first}')
        for note in notes:
            print_log(note, 'current', logging.WARNING)
        tracks = sorted(self.tracks.values(), key=lambda track: track_order(track.object_id))
        for track in tracks:
            track.info.update(self.info.get(track.object_id, {}))  # scores may have changed
        arrays = self.options.return_arrays
        out, masks_out = self.options.out, self.options.masks_out
        return {
            'video': source.name,
            'size': size,
            'fps': source.fps if self.options.fps is None else self.options.fps,
            'num_frames': count,
            'announced_frames': source.num_frames,
            'broken_off': source.broken_off,
            'notes': notes,
            'errors': self.errors,
            'objects': [track_result(track, count, size, arrays) for track in tracks],
            'out': None if out is None else os.fspath(out),
            'masks_out': None if masks_out is None else os.fspath(masks_out),
        }
