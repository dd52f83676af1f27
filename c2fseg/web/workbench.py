"""A picture that someone works on: what was clicked, what was found, what is shown."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from c2fseg.apis import AmodalInferencer
from c2fseg.evaluation.functional.occlusion_order import Occlusion, occlusion_order
from c2fseg.mask_sources import BaseMaskSource, Picture
from c2fseg.structures import decode_mask

# Objects of a picture, and whole shapes for each: they bound what a session may hold.
MAX_OBJECTS = 30
MAX_HYPOTHESES = 8
MAX_CLICKS = 20


class WorkError(ValueError):
    """Something that cannot be done, with a sentence for the person who asked for it."""


@dataclass(eq=False)
class FoundObject:
    """An object of the picture. All masks are RLE at the size of the picture.

    Attributes:
        visible: Its visible part.
        wholes: Guesses of the whole object with their confidence, the most likely first.
        score: Mean probability inside the whole object.
        category: What it is, empty where unknown.
        uncertainty: How much the guesses differ, 0 to 1; None where there is but one.
        box: The box that was drawn around it, xyxy px.
        clicks: The clicks on it (x, y, 1) and beside it (x, y, 0).
        chosen: Position of the guess that is shown.
    """

    visible: dict[str, Any]
    wholes: list[tuple[dict[str, Any], float]]
    score: float
    category: str = ''
    uncertainty: float | None = None
    box: tuple[float, float, float, float] | None = None
    clicks: list[tuple[float, float, int]] = field(default_factory=list)
    chosen: int = 0

    def visible_mask(self) -> np.ndarray:
        """The visible part, (H, W) bool."""
        return decode_mask(self.visible, *self.visible['size']).astype(bool)

    def whole_mask(self, guess: int | None = None) -> np.ndarray:
        """A guess of the whole object, (H, W) bool.

        Args:
            guess: Its position; None takes the one that is shown.
        """
        rle = self.wholes[self.chosen if guess is None else guess][0]
        return decode_mask(rle, *rle['size']).astype(bool)

    def hidden_share(self) -> float:
        """Share of the whole object that is not visible, 0 to 1."""
        visible, whole = self.visible_mask(), self.whole_mask()
        return 1 - np.count_nonzero(visible) / np.count_nonzero(visible | whole)


@dataclass(eq=False)
class Workbench:
    """A picture and its objects.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        name: What the picture is called.
        objects: What was found, in the order of finding.
        selected: Position of the object that is looked at, None where there is none.
        corner: First corner of a box under way, (x, y) px.
        lock: Held by whoever changes or draws it.
    """

    image: np.ndarray
    name: str = 'picture'
    objects: list[FoundObject] = field(default_factory=list)
    selected: int | None = None
    corner: tuple[float, float] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def current(self) -> FoundObject | None:
        """The object that is looked at."""
        return None if self.selected is None else self.objects[self.selected]

    def object_at(self, x: float, y: float) -> int | None:
        """Position of the object whose visible part covers a pixel, None where there is none."""
        for place, one in enumerate(self.objects):
            if one.visible_mask()[int(y), int(x)]:
                return place
        return None

    def select(self, place: int) -> None:
        """Look at an object.

        Raises:
            WorkError: There is no such object.
        """
        if not 0 <= place < len(self.objects):
            raise WorkError('There is no such object any more.')
        self.selected = place

    def choose(self, place: int) -> None:
        """Show another guess of the whole of the selected object.

        Raises:
            WorkError: There is no such guess.
        """
        if self.current is None or not 0 <= place < len(self.current.wholes):
            raise WorkError('There is no such shape any more.')
        self.current.chosen = place

    def remove_selected(self) -> None:
        """Take the selected object away."""
        if self.selected is not None:
            del self.objects[self.selected]
            self.selected = len(self.objects) - 1 if self.objects else None

    def clear(self) -> None:
        """Take all objects away."""
        self.objects, self.selected, self.corner = [], None, None

    def check_inside(self, x: float, y: float) -> None:
        """Refuse what is no pixel of the picture.

        Raises:
            WorkError: It lies outside.
        """
        height, width = self.image.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            raise WorkError('Click inside the picture.')

    def occlusions(self) -> list[Occlusion]:
        """Which object hides which, by the guesses that are shown."""
        visible = [one.visible for one in self.objects]
        return occlusion_order(visible, [one.wholes[one.chosen][0] for one in self.objects])


class Completer:
    """Finds and completes the objects of a workbench.

    Args:
        inferencer: The model.
        detector: Finds objects without being told where; None where there is no such thing.

    Attributes:
        max_hypotheses: Whole shapes that can be guessed for an object; 1 where the model makes one
            guess only.
    """

    def __init__(
        self, inferencer: AmodalInferencer, detector: BaseMaskSource | None = None
    ) -> None:
        self.inferencer = inferencer
        self.detector = detector
        settings = getattr(inferencer.model, 'test_cfg', None)
        self.max_hypotheses = MAX_HYPOTHESES if hasattr(settings, 'num_hypotheses') else 1

    def add_click(self, bench: Workbench, x: float, y: float, num_hypotheses: int) -> None:
        """Complete the object under a click, or select it where it was completed before.

        Args:
            bench: Gains the object.
            x, y: The click, px.
            num_hypotheses: Guesses of its whole shape.

        Raises:
            WorkError: There is nothing, or no room for more objects.
        """
        bench.check_inside(x, y)
        known = bench.object_at(x, y)
        if known is not None:
            bench.select(known)
            return
        self._add(bench, self._complete(bench, num_hypotheses, clicks=[(x, y, 1)]))

    def add_corner(self, bench: Workbench, x: float, y: float, num_hypotheses: int) -> None:
        """Take a corner of a box; with the second one, complete the object in the box.

        Args:
            bench: Gains the corner, or the object.
            x, y: The corner, px.
            num_hypotheses: Guesses of its whole shape.

        Raises:
            WorkError: The box is too small, there is nothing in it, or no room for more objects.
        """
        bench.check_inside(x, y)
        if bench.corner is None:
            bench.corner = (x, y)
            return
        (x1, x2), (y1, y2) = sorted((x, bench.corner[0])), sorted((y, bench.corner[1]))
        bench.corner = None
        if min(x2 - x1, y2 - y1) < 3:
            raise WorkError('The box is too small; click two opposite corners.')
        self._add(bench, self._complete(bench, num_hypotheses, box=(x1, y1, x2, y2)))

    def correct(
        self, bench: Workbench, x: float, y: float, label: int, num_hypotheses: int
    ) -> None:
        """Complete the selected object anew, with one more click.

        Args:
            bench: Its selected object is replaced.
            x, y: The click, px.
            label: 1 on the object, 0 beside it.
            num_hypotheses: Guesses of its whole shape.

        Raises:
            WorkError: No object is selected, it came from no click or box, has too many clicks, or
                is not found any more.
        """
        bench.check_inside(x, y)
        old = bench.current
        if old is None or bench.selected is None:
            raise WorkError('Nothing is selected; click an object first.')
        if old.box is None and not old.clicks:
            raise WorkError('This object came from the detector; click or box it to correct it.')
        if len(old.clicks) >= MAX_CLICKS:
            raise WorkError(f'At most {MAX_CLICKS} clicks an object; remove it and start over.')
        clicks = [*old.clicks, (x, y, label)]
        found = self._complete(bench, num_hypotheses, box=old.box, clicks=clicks)
        bench.objects[bench.selected] = found

    def detect(self, bench: Workbench, num_hypotheses: int) -> int:
        """Complete all objects that the detector finds, in place of those that are there.

        Args:
            bench: Gains the objects.
            num_hypotheses: Guesses of each whole shape.

        Returns:
            How many there are.

        Raises:
            WorkError: There is no detector, or it finds nothing.
        """
        if self.detector is None:
            raise WorkError('There is no detector; click an object or draw a box.')
        (found,) = self.detector.find([Picture(bench.image, bench.name)])
        found = sorted(found, key=lambda one: -one.score)[:MAX_OBJECTS]
        if not found:
            raise WorkError('The detector finds nothing here; click an object or draw a box.')
        masks = [one.mask for one in found]
        completed = self._run(bench, num_hypotheses, visible_masks=masks)
        bench.clear()
        for one, result in zip(found, completed, strict=True):
            if 'error' not in result:
                category = str(one.info.get('category', ''))
                bench.objects.append(_found_object(result, category))
        bench.selected = 0 if bench.objects else None
        return len(bench.objects)

    def _add(self, bench: Workbench, found: FoundObject) -> None:
        if len(bench.objects) >= MAX_OBJECTS:
            raise WorkError(f'A picture takes at most {MAX_OBJECTS} objects; remove some.')
        bench.objects.append(found)
        bench.selected = len(bench.objects) - 1

    def _complete(
        self,
        bench: Workbench,
        num_hypotheses: int,
        box: tuple[float, float, float, float] | None = None,
        clicks: Sequence[tuple[float, float, int]] = (),
    ) -> FoundObject:
        """Complete the object that a box, or clicks, or both show."""
        prompts: dict[str, Any] = {}
        if box is not None:
            prompts['boxes'] = np.array([box])
        if clicks:
            prompts['points'] = [np.array(clicks)]
        (result,) = self._run(bench, num_hypotheses, **prompts)
        if 'error' in result:
            raise WorkError('No object was found there; click its middle, or draw a box around it.')
        found = _found_object(result, str(result.get('category', '')))
        found.box, found.clicks = box, list(clicks)
        return found

    def _run(self, bench: Workbench, num_hypotheses: int, **given: Any) -> list[dict[str, Any]]:
        if not 1 <= num_hypotheses <= self.max_hypotheses:
            raise WorkError(f'1 to {self.max_hypotheses} shapes can be guessed.')
        answer = self.inferencer(
            bench.image,
            num_hypotheses=num_hypotheses,
            post_process=True,
            return_arrays=False,
            progress=False,
            on_error='skip',
            **given,
        )
        prediction = answer['predictions'][0]
        if 'error' in prediction:
            raise WorkError(prediction['error'])
        return prediction['objects']


def _found_object(result: dict[str, Any], category: str) -> FoundObject:
    """Take what the page needs from a result of the inferencer."""
    wholes = [(one['amodal_rle'], float(one['score'])) for one in result.get('hypotheses', [])]
    return FoundObject(
        visible=result['visible_rle'],
        wholes=wholes or [(result['amodal_rle'], 1.0)],
        score=float(result['score']),
        category=category,
        uncertainty=result.get('uncertainty'),
    )
