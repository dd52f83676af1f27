"""A moving object of a clip: a drawing, how it moves, and its silhouette in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from c2fseg.datasets.synthetic.families import Family
from c2fseg.datasets.synthetic.motion import (
    SIZE,
    Bend,
    Camera,
    Path,
    Pose,
    random_bend,
    random_pose,
)
from c2fseg.datasets.synthetic.outlines import Drawing, Outline
from c2fseg.datasets.synthetic.rasterize import (
    FRACTION_BITS,
    SUPERSAMPLING,
    fill_outline,
    patch_bounds,
    project,
    shrink,
)

# Families whose members may bend, and the share of them that do.
FLEXIBLE = frozenset(
    ('aeroplane', 'bird', 'cactus', 'fish', 'hand', 'leaf', 'star', 't-shirt', 'umbrella')
)
BEND_SHARE = 0.95
# Longest edge of an outline that bends, in units.
MAX_EDGE = 0.12
ROUGH_SCALE = 4


@dataclass(frozen=True)
class Cover:
    """The silhouette of an object in one frame, on a patch that may reach out of the frame.

    Attributes:
        corner: (row, column) of the patch's first pixel in the frame.
        alpha: The covered share of each pixel times 255, uint8 (h, w).
    """

    corner: tuple[int, int]
    alpha: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """The pixels covered by half or more, bool (h, w)."""
        return self.alpha >= 128


@dataclass(frozen=True)
class Actor:
    """One object of a clip.

    Attributes:
        family: Its silhouette family.
        drawing: Its member of the family, with long edges divided where it bends.
        pose: How its view changes.
        bend: How it deforms; None for a stiff one.
        path: Where it goes.
    """

    family: Family
    drawing: Drawing
    pose: Pose
    bend: Bend | None
    path: Path

    def view(self, camera: Camera, frame: float) -> np.ndarray:
        """The map (3, 3) from bent unit coordinates to the pixels of a frame."""
        moved = np.eye(3)
        moved[:2, 2] = self.path.at(frame)
        return camera.at(frame) @ moved @ self.pose.at(frame)

    def layers(self, camera: Camera, frame: float) -> list[tuple[Outline, bool]]:
        """The (outline, solid) pairs of the drawing in the pixels of a frame."""
        outlines = [outline for outline, _ in self.drawing.layers]
        points = np.concatenate(outlines)
        if self.bend is not None:
            points = self.bend.forward(points, frame)
        points = project(points, self.view(camera, frame))
        ends = np.cumsum([len(outline) for outline in outlines])[:-1]
        solids = [solid for _, solid in self.drawing.layers]
        return list(zip(np.split(points, ends), solids))

    def cover(self, camera: Camera, frame: float) -> Cover | None:
        """The exact silhouette in a frame, or None where the patch does not meet the frame."""
        layers = self.layers(camera, frame)
        corner, (height, width) = patch_bounds(np.concatenate([p for p, solid in layers if solid]))
        column, row = int(corner[0]), int(corner[1])
        if row >= SIZE or column >= SIZE or row + height <= 0 or column + width <= 0:
            return None
        canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
        for points, solid in layers:
            fill_outline(canvas, points - corner, 255 if solid else 0)
        return Cover((row, column), shrink(canvas))

    def rough_mask(self, camera: Camera, frame: float) -> np.ndarray:
        """The silhouette in a frame at a quarter of the resolution, bool (64, 64)."""
        canvas = np.zeros((SIZE // ROUGH_SCALE, SIZE // ROUGH_SCALE), np.uint8)
        for points, solid in self.layers(camera, frame):
            scaled = np.rint((points / ROUGH_SCALE - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
            cv2.fillPoly(canvas, [scaled], 1 if solid else 0, cv2.LINE_8, FRACTION_BITS)
        return canvas > 0

    def to_unit(self, pixels: np.ndarray, camera: Camera, frame: float) -> np.ndarray:
        """Maps pixels (P, 2) of a frame back to the unit coordinates of the drawing."""
        points = project(pixels, np.linalg.inv(self.view(camera, frame)))
        return points if self.bend is None else self.bend.backward(points, frame)


def random_actor(rng: np.random.Generator, family: Family, radius: float, path: Path) -> Actor:
    """Draws a member of a family and the way it moves along a path."""
    drawing = family.draw(rng)
    pose = random_pose(rng, family, radius)
    bend = None
    if family.name in FLEXIBLE and rng.random() < BEND_SHARE:
        solid_points = np.concatenate([points for points, solid in drawing.layers if solid])
        bend = random_bend(rng, solid_points)
        layers = [(_divided(outline), solid) for outline, solid in drawing.layers]
        drawing = Drawing(layers, drawing.paints)
    return Actor(family, drawing, pose, bend, path)


def _divided(outline: Outline) -> Outline:
    """The same outline with points so close that a bend can round its edges."""
    pieces = []
    for start, end in zip(outline, np.roll(outline, -1, axis=0)):
        steps = max(1, int(np.ceil(np.hypot(*(end - start)) / MAX_EDGE)))
        pieces.append(start + (end - start) * (np.arange(steps) / steps)[:, None])
    return np.concatenate(pieces)
