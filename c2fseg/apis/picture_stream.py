"""PictureStream: pictures read, their objects found and completed, in batches across pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from c2fseg.apis.call_helpers import INPUT_ERRORS, error_text, sample_name, seeded
from c2fseg.apis.call_options import CallOptions
from c2fseg.apis.inputs import ImageSource, decode_object
from c2fseg.apis.object_finders import ObjectFinder
from c2fseg.apis.order import picture_order
from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.apis.results import object_result
from c2fseg.mask_sources.mask_file import MaskEntry
from c2fseg.utils.bounded_map import chunks, read_ahead
from c2fseg.visualization import PanelObject

# Pictures that are decoded before their turn.
PICTURES_AHEAD = 2
# What a source raises where it fails on a picture; torch's errors are RuntimeErrors.
SOURCE_ERRORS = (*INPUT_ERRORS, RuntimeError)


@dataclass
class PictureResult:
    """A picture under way, and at the end its result.

    Attributes:
        position: Its number among the pictures of the call.
        entry: Its result, as users get it.
        image: (H, W, 3) uint8 RGB, None where it is not needed any more.
        drawings: What is drawn of each object, by its place.
        waiting: Objects that the model still has to see.
    """

    position: int
    entry: dict[str, Any]
    image: np.ndarray | None = None
    drawings: dict[int, PanelObject] = field(default_factory=dict)
    waiting: int = 0


@dataclass
class _Job:
    """One object on its way through the model."""

    picture: PictureResult
    place: int
    visible: np.ndarray
    packed: dict[str, Any]
    info: dict[str, Any]


class PictureStream:
    """Completes the objects of pictures, one picture after the other.

    No more is held than a few pictures read ahead, those that a mask source looks at together, and
    those whose objects fill a batch.

    Args:
        model: The model, in eval mode.
        pipeline: Crops and packs the objects.
        finder: Finds the visible masks.
        options: Options of the call.
        drawn: Whether the pictures and what is drawn of their objects are kept to the end.
    """

    def __init__(
        self,
        model: nn.Module,
        pipeline: InferencePipeline,
        finder: ObjectFinder,
        options: CallOptions,
        drawn: bool,
    ) -> None:
        self.model: Any = model
        self.pipeline = pipeline
        self.finder = finder
        self.options = options
        self.drawn = drawn

    def run(self, sources: Iterable[tuple[int, ImageSource]]) -> Iterator[PictureResult]:
        """Complete the objects of pictures.

        Args:
            sources: Number and source of each picture.

        Yields:
            The pictures in their order.

        Raises:
            OSError, TypeError, ValueError, KeyError: A picture or a mask cannot be used, unless
                such errors are skipped.
            RuntimeError: The mask source failed, unless such errors are skipped.
        """
        under_way: deque[PictureResult] = deque()
        pending: list[_Job] = []
        batch_size = self.options.batch_size
        for picture, entries in self._find(sources):
            under_way.append(picture)
            for job in self._pack(picture, entries):
                pending.append(job)
                if len(pending) == batch_size:
                    self._predict(pending)
                    pending = []
            if not self.drawn:
                picture.image = None
            # Pictures without objects must not pile up behind one that waits for its batch.
            if len(under_way) > 2 * batch_size and pending:
                self._predict(pending)
                pending = []
            del picture, entries  # before another one is read
            while under_way and not under_way[0].waiting:
                yield _finished(under_way.popleft())
        if pending:
            self._predict(pending)
        while under_way:
            yield _finished(under_way.popleft())

    def _find(
        self, sources: Iterable[tuple[int, ImageSource]]
    ) -> Iterator[tuple[PictureResult, list[MaskEntry]]]:
        """Read pictures and find their objects, in batches of the finder's size."""
        loaded = read_ahead(self._load, sources, PICTURES_AHEAD)
        for batch in chunks(loaded, self.finder.batch_size):
            pictures = []
            for picture, error in batch:
                pictures.append(picture)
                if error is not None:
                    self._record(picture.entry, error)
            readable = [one for one in pictures if one.image is not None]
            found = dict(zip((one.position for one in readable), self._ask(readable)))
            # Nothing here may hold a picture that its reader has let go.
            batch.clear()
            readable.clear()
            del picture
            while pictures:
                picture = pictures.pop(0)
                yield picture, found.pop(picture.position, [])
                del picture

    def _load(self, item: tuple[int, ImageSource]) -> tuple[PictureResult, Exception | None]:
        position, source = item
        picture = PictureResult(position, {'image': source.name})
        try:
            picture.image = source.read(self.pipeline.exif)
        except INPUT_ERRORS as error:
            return picture, error
        return picture, None

    def _ask(self, pictures: Sequence[PictureResult]) -> list[list[MaskEntry]]:
        """The objects of pictures; where errors are skipped, those of all but the bad ones."""
        if not pictures:
            return []
        images = [one.image for one in pictures if one.image is not None]
        try:
            found = self.finder.find([one.position for one in pictures], images)
        except SOURCE_ERRORS as error:
            if len(pictures) == 1 or self.options.on_error == 'raise':
                self._record(pictures[0].entry, error)
                return [[]]
            return [entries for one in pictures for entries in self._ask([one])]
        for one, entries in zip(pictures, found, strict=True):
            assert one.image is not None
            size = (one.image.shape[0], one.image.shape[1])
            one.entry.update(size=size, objects=[dict(entry.info) for entry in entries])
        return found

    def _pack(self, picture: PictureResult, entries: list[MaskEntry]) -> Iterator[_Job]:
        """Decode, crop and pack the objects of a picture, one after the other."""
        # All objects count from the start, so that no batch finds the picture done too early.
        picture.waiting = len(entries)
        for place, entry in enumerate(entries):
            where = f'Object {place} of {picture.entry["image"]}'
            if 'annotation_id' in entry.info:
                where += f' (annotation {entry.info["annotation_id"]})'
            image = picture.image
            assert image is not None
            try:
                visible = decode_object(entry, (image.shape[0], image.shape[1]), where)
            except INPUT_ERRORS as error:
                self._record(picture.entry['objects'][place], error)
                picture.waiting -= 1
                continue
            packed = self.pipeline(image, visible, sample_name(visible), picture.entry['image'])
            yield _Job(picture, place, visible, packed, entry.info)

    @torch.inference_mode()
    def _predict(self, jobs: list[_Job]) -> None:
        """Send objects through the model and put their results into their pictures."""
        options = self.options
        with seeded(self.model, options.seed, options.num_hypotheses):
            samples = self.model.test_step(pseudo_collate([job.packed for job in jobs]))
        for job, sample in zip(jobs, samples, strict=True):
            result, drawing = object_result(
                sample, job.visible, job.info, options.return_arrays, options.post_process
            )
            job.picture.entry['objects'][job.place] = result
            job.picture.waiting -= 1
            if self.drawn:
                job.picture.drawings[job.place] = drawing

    def _record(self, entry: dict[str, Any], error: Exception) -> None:
        """Write an error into an entry, or raise it again."""
        if self.options.on_error == 'raise':
            raise error
        entry['error'] = error_text(error)
        if 'image' in entry:
            entry.setdefault('objects', [])


def _finished(picture: PictureResult) -> PictureResult:
    """Add what only all objects of a picture together tell."""
    if 'size' in picture.entry:
        picture.entry['occlusion_order'] = picture_order(picture.entry['objects'])
    return picture
