"""How the objects of a clip and its camera move: smooth functions of the frame number.

Three frames of reference follow each other. Unit coordinates are those of a drawing; the bend of an
object acts in them. World coordinates are the pixels of a camera at rest; the pose of an object
leads there. The camera leads from there to the pixels of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from c2fseg.datasets.synthetic.families import Family
from c2fseg.datasets.synthetic.rasterize import random_view

# Side of a frame in pixels.
SIZE = 256
MIDDLE = 0.5 * SIZE
# How far from the middle of the picture a bounded path may get, in pixels along x and y.
REACH = 108.0
PERSPECTIVE = 0.22
FREE_ROTATION = 180.0


@dataclass(frozen=True)
class Wave:
    """``amplitude * sin(2 pi * frame / period + phase)``; the period is in frames."""

    amplitude: float
    period: float
    phase: float

    def at(self, frame: float) -> float:
        """The value in a frame."""
        return self.amplitude * float(np.sin(2.0 * np.pi * frame / self.period + self.phase))


def random_wave(
    rng: np.random.Generator, amplitude: float, periods: tuple[float, float] = (24.0, 52.0)
) -> Wave:
    """Draws a wave of a given amplitude, of any phase, with a period in a range of frames."""
    return Wave(amplitude, rng.uniform(*periods), rng.uniform(0.0, 2.0 * np.pi))


@dataclass(frozen=True)
class Path:
    """Where the middle of an object is, in world pixels (x, y).

    Attributes:
        origin: The place it moves about; relative to the leader's place where there is a leader.
        swings: (direction (2,), wave) pairs, summed.
        velocity: Pixels a frame of a steady motion, (2,).
        start: The frame in which the steady motion passes the origin.
        leader: The path that this one goes along with.
        bounded: Whether the middle is kept inside the picture, gently.
    """

    origin: np.ndarray
    swings: list[tuple[np.ndarray, Wave]] = field(default_factory=list)
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    start: float = 0.0
    leader: Path | None = None
    bounded: bool = True

    def at(self, frame: float) -> np.ndarray:
        """The place (2,) in a frame."""
        place = self.origin + self.velocity * (frame - self.start)
        for direction, wave in self.swings:
            place = place + direction * wave.at(frame)
        if self.leader is not None:
            place = place + self.leader.at(frame)
        if self.bounded:
            place = MIDDLE + REACH * np.tanh((place - MIDDLE) / REACH)
        return place


@dataclass(frozen=True)
class Pose:
    """The smoothly changing projective view of an object, apart from its place.

    Attributes:
        base: The view at rest, (3, 3), of radius 1; see ``random_view``.
        radius: Pixels that one unit takes at rest.
        scale: Change of the size, a share of it.
        spin: Degrees a frame of a steady rotation in the picture plane.
        sway: Rotation to and fro in the picture plane, in degrees.
        axis: Direction in the picture plane (2,) of the axis that the object turns about.
        turn: The turn about that axis, in degrees; it foreshortens the silhouette.
    """

    base: np.ndarray
    radius: float
    scale: Wave
    spin: float
    sway: Wave
    axis: np.ndarray
    turn: Wave

    def at(self, frame: float) -> np.ndarray:
        """The map (3, 3) from unit coordinates to pixels around (0, 0)."""
        tilt = np.deg2rad(self.turn.at(frame))
        across = np.array([-self.axis[1], self.axis[0]])
        turned = np.eye(3)
        turned[:2, :2] += (np.cos(tilt) - 1.0) * np.outer(across, across)
        turned[2, :2] = PERSPECTIVE * np.sin(tilt) * across
        angle = np.deg2rad(self.spin * frame + self.sway.at(frame))
        size = self.radius * (1.0 + self.scale.at(frame))
        placed = np.eye(3)
        placed[:2, :2] = size * _rotation(angle)
        return placed @ turned @ self.base


def random_pose(rng: np.random.Generator, family: Family, radius: float) -> Pose:
    """Draws a pose; a family that must stay upright only sways, as far as it may be turned."""
    base = random_view(rng, family, 1.0)
    free = family.max_rotation >= FREE_ROTATION
    spin = rng.uniform(-5.0, 5.0) if free and rng.random() < 0.5 else 0.0
    most = 35.0 if free else min(family.max_rotation, 25.0)
    sway = random_wave(rng, most * rng.uniform(0.3, 1.0))
    lean = rng.normal(0.0, 0.25) if rng.random() < 0.65 else rng.uniform(0.0, np.pi)
    axis = np.array([np.sin(lean), np.cos(lean)])
    turn = random_wave(rng, rng.uniform(15.0, 52.0), (22.0, 44.0))
    scale = random_wave(rng, rng.uniform(0.02, 0.14))
    return Pose(base, radius, scale, spin, sway, axis, turn)


@dataclass(frozen=True)
class Bend:
    """A smooth deformation of unit coordinates that changes with time and can be undone exactly.

    ``kind`` is one of

    - ``'swing'``: one end swings sideways, the other is held;
    - ``'ripple'``: a wave runs along the object, as through a flag or a fish;
    - ``'squeeze'``: one end becomes narrower and wider;
    - ``'swirl'``: the rim turns about the middle.

    Attributes:
        kind: See above.
        axis: The coordinate along the object: 0 is x, 1 is y.
        side: The end that moves most: -1.0 or 1.0.
        wave: The strength: units for a swing or a ripple, a share for a squeeze, radians for a
            swirl.
    """

    kind: str
    axis: int
    side: float
    wave: Wave

    def forward(self, points: np.ndarray, frame: float) -> np.ndarray:
        """Deforms points (P, 2)."""
        return self._move(points, frame, 1.0)

    def backward(self, points: np.ndarray, frame: float) -> np.ndarray:
        """Undoes :meth:`forward`."""
        return self._move(points, frame, -1.0)

    def _move(self, points: np.ndarray, frame: float, sign: float) -> np.ndarray:
        strength = self.wave.at(frame)
        if self.kind == 'swirl':
            angle = sign * strength * np.minimum((points**2).sum(axis=1), 1.5)
            cos, sin = np.cos(angle), np.sin(angle)
            x, y = points[:, 0], points[:, 1]
            return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
        moved = points.copy()
        along = self.side * points[:, self.axis]
        share = np.clip(0.5 + 0.5 * along, 0.0, 1.3)
        if self.kind == 'swing':
            moved[:, 1 - self.axis] += sign * strength * share**2
        elif self.kind == 'ripple':
            wave = self.wave
            phase = 2.8 * along - 2.0 * np.pi * frame / wave.period + wave.phase
            moved[:, 1 - self.axis] += sign * wave.amplitude * share * np.sin(phase)
        else:
            factor = 1.0 - strength * share
            moved[:, 1 - self.axis] *= factor if sign > 0 else 1.0 / factor
        return moved


BEND_STRENGTHS = {
    'swing': (0.3, 0.6),
    'ripple': (0.09, 0.18),
    'squeeze': (0.2, 0.45),
    'swirl': (0.2, 0.4),
}


def random_bend(rng: np.random.Generator, points: np.ndarray) -> Bend:
    """Draws a bend for a silhouette, given by points (P, 2), along its longer side."""
    kinds = list(BEND_STRENGTHS)
    kind = str(rng.choice(kinds, p=[0.4, 0.3, 0.15, 0.15]))
    width, height = np.ptp(points, axis=0)
    axis = int(height >= width) if max(width, height) > 1.15 * min(width, height) else 1
    side = -1.0 if rng.random() < 0.5 else 1.0
    wave = random_wave(rng, rng.uniform(*BEND_STRENGTHS[kind]), (16.0, 32.0))
    return Bend(kind, axis, side, wave)


@dataclass(frozen=True)
class Camera:
    """A camera that pans, zooms and rolls a little about the middle of the picture."""

    pan: tuple[Wave, Wave]
    zoom: Wave
    roll: Wave

    def at(self, frame: float) -> np.ndarray:
        """The map (3, 3) from world pixels to the pixels of a frame."""
        view = np.eye(3)
        view[:2, :2] = (1.0 + self.zoom.at(frame)) * _rotation(np.deg2rad(self.roll.at(frame)))
        centre = np.array([MIDDLE + wave.at(frame) for wave in self.pan])
        view[:2, 2] = MIDDLE - view[:2, :2] @ centre
        return view


def random_camera(rng: np.random.Generator) -> Camera:
    """Draws the motion of a camera."""
    pan = tuple(random_wave(rng, rng.uniform(2.0, 18.0), (30.0, 70.0)) for _ in range(2))
    zoom = random_wave(rng, rng.uniform(0.0, 0.09), (30.0, 70.0))
    roll = random_wave(rng, rng.uniform(0.0, 2.5), (30.0, 70.0))
    return Camera((pan[0], pan[1]), zoom, roll)


def _rotation(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])
