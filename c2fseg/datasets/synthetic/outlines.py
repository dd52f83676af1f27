"""Closed outlines in unit coordinates: the strokes that silhouettes are drawn with.

Every outline is a float64 array (P, 2) of (x, y) points, x to the right and y down. A silhouette
fits about into the square from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Outline = np.ndarray
Points = Sequence[tuple[float, float]] | np.ndarray


@dataclass
class Drawing:
    """One silhouette: outlines added and cut in order, and patches painted on it.

    Attributes:
        layers: (outline, solid) pairs in drawing order. A solid outline adds its inside to the
            silhouette, the others cut theirs out, which is how holes are made.
        paints: (outline, tone, accent) triples that change the look and never the silhouette.
            ``tone`` multiplies the brightness (1 changes nothing); ``accent`` uses the object's
            second colour.
    """

    layers: list[tuple[Outline, bool]] = field(default_factory=list)
    paints: list[tuple[Outline, float, bool]] = field(default_factory=list)

    def add(self, *outlines: Outline) -> None:
        """Adds the inside of outlines to the silhouette."""
        self.layers.extend((outline, True) for outline in outlines)

    def cut(self, *outlines: Outline) -> None:
        """Cuts the inside of outlines out of the silhouette as drawn so far."""
        self.layers.extend((outline, False) for outline in outlines)

    def paint(self, tone: float, *outlines: Outline, accent: bool = False) -> None:
        """Paints the inside of outlines lighter (tone > 1) or darker (tone < 1)."""
        self.paints.extend((outline, tone, accent) for outline in outlines)


def polygon(points: Points) -> Outline:
    """Turns a list of points into an outline (P, 2)."""
    return np.asarray(points, dtype=np.float64)


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    """An upright rectangle, (4, 2)."""
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(
    x: float, y: float, width: float, height: float | None = None, angle: float = 0.0
) -> Outline:
    """An ellipse (48, 2) of half axes ``width`` and ``height``, turned by ``angle`` radians."""
    height = width if height is None else height
    turn = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    across, down = width * np.cos(turn), height * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x + across * cos - down * sin, y + across * sin + down * cos], axis=1)


def rounded(points: Points, rounds: int = 2) -> Outline:
    """A polygon with its corners cut ``rounds`` times at a quarter of each side (Chaikin)."""
    outline = polygon(points)
    for _ in range(rounds):
        following = np.roll(outline, -1, axis=0)
        cut = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], 1)
        outline = cut.reshape(-1, 2)
    return outline


def smooth_path(points: Points, steps: int = 8, closed: bool = True) -> Outline:
    """A Catmull-Rom curve through ``points`` with ``steps`` points a section."""
    knots = polygon(points)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    sections = []
    for before, start, end, after in zip(knots, knots[1:], knots[2:], knots[3:]):
        sections.append(
            0.5
            * (
                2.0 * start
                + (end - before) * t
                + (2.0 * before - 5.0 * start + 4.0 * end - after) * t**2
                + (3.0 * start - before - 3.0 * end + after) * t**3
            )
        )
    if not closed:
        sections.append(knots[-1:])
    return np.concatenate(sections)


def strokes(
    points: Points, radius: float | Sequence[float] | np.ndarray, round_ends: bool = True
) -> list[Outline]:
    """A thick line along ``points``: a four-sided piece for each section, a disc at each joint.

    Args:
        points: The middle line, (P, 2).
        radius: Half the thickness, one number or one for each point.
        round_ends: Whether the two ends get a disc too.
    """
    line = polygon(points)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(line),))
    pieces = []
    for i in range(len(line) - 1):
        along = line[i + 1] - line[i]
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
        first, second = normal * radii[i], normal * radii[i + 1]
        pieces.append(
            np.stack([line[i] + first, line[i + 1] + second, line[i + 1] - second, line[i] - first])
        )
    joints = range(len(line)) if round_ends else range(1, len(line) - 1)
    pieces.extend(ellipse(line[i, 0], line[i, 1], radii[i]) for i in joints)
    return pieces


def mirrored(points: Points) -> Outline:
    """The outline of a shape that equals its mirror image, from its right half, top to bottom."""
    half = polygon(points)
    other = half[::-1] * np.array([-1.0, 1.0])
    return np.concatenate([half, other])
