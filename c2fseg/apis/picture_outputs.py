"""What a call for pictures writes into its folder: drawings, masks, and the journal behind JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.apis.call_helpers import progress_bar
from c2fseg.apis.call_options import CallOptions, OutputOptions
from c2fseg.apis.fingerprint import digest
from c2fseg.apis.inputs import ImageSource
from c2fseg.apis.journal import Journal
from c2fseg.apis.object_finders import ObjectFinder
from c2fseg.apis.picture_stream import PictureResult, PictureStream
from c2fseg.apis.result_files import ERRORS, PREDICTIONS, merge_results, plain, restore
from c2fseg.structures import decode_mask
from c2fseg.visualization import draw_picture, write_png
from c2fseg.visualization.image_io import unique_stems, writable_folder, write_masks

DRAWINGS = 'visualizations'
MASKS = 'masks'
# Names of mask files, without suffix.
MASK_FILE = r'\d{3,}_(visible|amodal|hypothesis_\d+)'


class PictureOutputs:
    """The outputs of a call.

    Args:
        options: What is written where, with an ``out_dir``.
        sources: All pictures of the call.
        settings: What the results depend on, as short texts by name.

    Raises:
        OSError: The folder cannot be written to.
        ValueError: It would write over what is read, or the journal to go on with is of another
            call.
    """

    def __init__(
        self, options: OutputOptions, sources: Sequence[ImageSource], settings: Mapping[str, Any]
    ) -> None:
        assert options.folder is not None
        self.options = options
        self.folder = writable_folder(options.folder)
        self.stems = unique_stems(source.name for source in sources)
        self.journal: Journal | None = None
        drawings = (self.folder / DRAWINGS).resolve()
        for source in sources:
            if source.array is None and Path(source.name).resolve().parent == drawings:
                raise ValueError(
                    f'{source.name} lies in the folder of the drawings: give another out_dir'
                )
        if 'json' in options.save:
            names = [source.name for source in sources]
            self.journal = Journal(self.folder, options.shard, settings, names, options.resume)
            if not options.resume:
                for name in (PREDICTIONS, ERRORS):
                    (self.folder / name).unlink(missing_ok=True)

    @property
    def done(self) -> Mapping[int, Any]:
        """The pictures that were finished before, by number."""
        return {} if self.journal is None else self.journal.done

    def restore(self, position: int, return_arrays: bool) -> dict[str, Any]:
        """The result of a picture that was finished before.

        Args:
            position: Its number.
            return_arrays: Decode the masks.
        """
        assert self.journal is not None
        entry = restore(self.journal.read(position), return_arrays)
        path = self._drawing(position)
        entry['visualization'] = str(path) if path.is_file() else None
        return entry

    def write(self, picture: PictureResult) -> None:
        """Write what there is of a finished picture; ``visualization`` of its entry is the drawing.

        Args:
            picture: The picture.
        """
        entry, stem = picture.entry, self.stems[picture.position]
        record = plain(entry)
        entry['visualization'] = None
        if 'size' in entry:
            if 'masks' in self.options.save:
                write_masks(self.folder / MASKS / stem, _masks(record), MASK_FILE)
            if 'pictures' in self.options.save:
                assert picture.image is not None
                items = [picture.drawings[place] for place in sorted(picture.drawings)]
                path = write_png(
                    self._drawing(picture.position), draw_picture(picture.image, items)
                )
                entry['visualization'] = str(path)
        if self.journal is not None:
            self.journal.write(picture.position, stem, record)

    def finish(self) -> None:
        """Write the JSON files, where a single process did all pictures."""
        if self.journal is not None and self.options.shard[1] == 1:
            merge_results(self.folder)

    def close(self) -> None:
        """Let go of the journal."""
        if self.journal is not None:
            self.journal.close()

    def _drawing(self, position: int) -> Path:
        return self.folder / DRAWINGS / f'{self.stems[position]}.png'


def _masks(record: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """The masks of a picture with their file names."""
    for place, item in enumerate(record['objects']):
        coded = {kind: item.get(f'{kind}_rle') for kind in ('visible', 'amodal')}
        for number, one in enumerate(item.get('hypotheses', ())):
            coded[f'hypothesis_{number}'] = one['amodal_rle']
        for kind, rle in coded.items():
            if rle is not None:
                yield f'{place:03d}_{kind}', decode_mask(rle, *record['size'])


def call_settings(
    model: Any,
    sources: Sequence[ImageSource],
    finder: ObjectFinder,
    options: CallOptions,
    output: OutputOptions,
) -> dict[str, Any]:
    """What the results of a call depend on, as numbers and short texts by name.

    Args:
        model: The model, with its config as ``cfg``.
        sources: The pictures.
        finder: Finds their objects.
        options: Options of the call.
        output: What is written.
    """
    pipeline = model.cfg.get('test_dataloader', {}).get('dataset')
    return {
        'model': digest((model.cfg.model, pipeline)),
        'weights': digest(model),
        'pictures': digest([source.name if source.array is None else source for source in sources]),
        'masks': finder.fingerprint(),
        'seed': int(options.seed),
        'num_hypotheses': int(options.num_hypotheses),
        'post_process': bool(options.post_process),
        'save': sorted(output.save),
    }


def complete_pictures(
    stream: PictureStream,
    sources: Sequence[ImageSource],
    shard: tuple[int, int],
    outputs: PictureOutputs | None,
    progress: bool,
) -> Iterator[dict[str, Any]]:
    """Complete the pictures of a share that are not done yet, and write what is finished.

    Args:
        stream: Completes pictures.
        sources: All pictures of the call.
        shard: Number and count of shares.
        outputs: What is written; None writes nothing.
        progress: Show a bar while several pictures are under way.

    Yields:
        The result of each picture of the share, in order.
    """
    share = range(shard[0], len(sources), shard[1])
    done = {} if outputs is None else outputs.done
    arrays = stream.options.return_arrays
    try:
        with progress_bar(progress and len(share) > 1) as bar:
            task = bar.add_task('completing objects', total=len(share))
            finished = stream.run((i, sources[i]) for i in share if i not in done)
            for position in share:
                if position in done:
                    assert outputs is not None
                    entry = outputs.restore(position, arrays)
                else:
                    picture = next(finished)
                    assert picture.position == position
                    if outputs is not None:
                        outputs.write(picture)
                    entry = picture.entry
                    del picture
                bar.advance(task)
                yield entry
                del entry
        if outputs is not None:
            outputs.finish()
    finally:
        if outputs is not None:
            outputs.close()
