"""What a visitor can have done to a picture: counted, answered in a sentence."""

from __future__ import annotations

from c2fseg.datasets.image_io import read_rgb
from c2fseg.web.canvas import zoom_of
from c2fseg.web.page_options import PageOptions
from c2fseg.web.page_texts import MODES, describe_bench
from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.uploads import fit_side, read_upload
from c2fseg.web.workbench import Completer, Workbench, WorkError


class Actions:
    """The doings that take time; each is counted against the client who asks for it.

    Args:
        completer: Finds and completes objects.
        options: How the page behaves.
    """

    def __init__(self, completer: Completer, options: PageOptions) -> None:
        self.completer = completer
        self.options = options
        self.runs = RateLimiter(options.runs_per_minute)

    def open_upload(self, content: bytes, client: str) -> Workbench:
        """Take an uploaded picture.

        Args:
            content: The file.
            client: Who asks.

        Raises:
            UploadError, WorkError: It is not taken, or the client asks too often.
        """
        self._count(client)
        return Workbench(read_upload(content, self.options.upload), 'upload')

    def open_sample(self, place: object, client: str) -> Workbench:
        """Take a picture that ships.

        Args:
            place: Its position among the samples.
            client: Who asks.

        Raises:
            WorkError: There is no such sample, or the client asks too often.
        """
        self._count(client)
        samples = self.options.samples
        if not isinstance(place, int) or not 0 <= place < len(samples):
            raise WorkError('There is no such sample.')
        image = fit_side(read_rgb(str(samples[place])), self.options.upload.work_side)
        return Workbench(image, samples[place].stem)

    def click(self, bench: Workbench, mode: str, at: object, number: int, client: str) -> str:
        """Answer a click into the drawn picture.

        Args:
            bench: The picture.
            mode: What a click means, a key of ``MODES``.
            at: The pixel of the drawn picture, [x, y].
            number: Guesses of the whole shape.
            client: Who asks.

        Returns:
            What came of it.

        Raises:
            WorkError: It cannot be done, or the client asks too often.
        """
        self._count(client)
        if mode not in MODES or not is_point(at):
            raise WorkError('Click inside the picture.')
        x, y = (float(value) // zoom_of(bench.image) for value in at)  # type: ignore[attr-defined]
        if mode == 'click':
            self.completer.add_click(bench, x, y, number)
        elif mode == 'box':
            self.completer.add_corner(bench, x, y, number)
            if bench.corner is not None:
                return 'Now click the opposite corner.'
        else:
            self.completer.correct(bench, x, y, int(mode == 'on'), number)
        return describe_bench(bench)

    def find_all(self, bench: Workbench, number: int, client: str) -> str:
        """Let the detector find all objects.

        Args:
            bench: The picture.
            number: Guesses of each whole shape.
            client: Who asks.

        Returns:
            What came of it.

        Raises:
            WorkError: It cannot be done, or the client asks too often.
        """
        self._count(client)
        found = self.completer.detect(bench, number)
        return f'{found} objects were found. {describe_bench(bench)}'

    def _count(self, client: str) -> None:
        wait = self.runs.take(client)
        if wait:
            raise WorkError(f'That was too much in a short time; try again in {wait + 1:.0f} s.')


def is_point(at: object) -> bool:
    """Whether something is two finite numbers."""
    return (
        isinstance(at, (list, tuple))
        and len(at) == 2
        and all(isinstance(one, (int, float)) and abs(one) < 1e6 for one in at)
    )
