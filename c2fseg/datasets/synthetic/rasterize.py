"""From a drawing to pixels: a random view, an exact mask, and smooth edges for the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from c2fseg.datasets.synthetic.families import Family
from c2fseg.datasets.synthetic.outlines import Drawing, Outline

SUPERSAMPLING = 4
FRACTION_BITS = 4
NEUTRAL_TONE = 100


@dataclass(frozen=True)
class Patch:
    """One rasterised object, alone on a patch of h x w pixels.

    Attributes:
        mask: Which pixels belong to the object, bool (h, w): those covered by half or more.
        alpha: The covered share of each pixel, float32 (h, w) in [0, 1].
        tone: What the brightness of each pixel is multiplied with, float32 (h, w).
        accent: The share of the object's second colour in each pixel, float32 (h, w) in [0, 1].
    """

    mask: np.ndarray
    alpha: np.ndarray
    tone: np.ndarray
    accent: np.ndarray


def random_view(rng: np.random.Generator, family: Family, radius: float) -> np.ndarray:
    """Draws a projective map (3, 3) from unit coordinates to pixels around (0, 0).

    It mirrors, scales unevenly, shears, turns as far as the family allows, and adds a mild
    perspective.
    """
    stretch = rng.uniform(0.85, 1.18)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    shape = np.array([[mirror * stretch, rng.uniform(-0.18, 0.18)], [0.0, 1.0 / stretch]])
    limit = np.deg2rad(family.max_rotation)
    turn = rng.uniform(-limit, limit)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    view = np.eye(3)
    view[:2, :2] = radius * rotation @ shape
    view[2, :2] = rng.uniform(-0.13, 0.13, 2)
    return view


def project(points: Outline, view: np.ndarray) -> np.ndarray:
    """Maps points (P, 2) by a projective map (3, 3); returns (P, 2)."""
    mapped = points @ view[:, :2].T + view[:, 2]
    return mapped[:, :2] / mapped[:, 2:]


def patch_bounds(solid_points: Outline) -> tuple[np.ndarray, tuple[int, int]]:
    """Where the patch of a silhouette lies: its first pixel (x, y), and its (height, width)."""
    corner = np.floor(solid_points.min(axis=0)) - 1.0
    width, height = (np.ceil(solid_points.max(axis=0)) - corner).astype(int) + 1
    return corner, (int(height), int(width))


def rasterize(drawing: Drawing, view: np.ndarray) -> Patch:
    """Rasterises a drawing under a view, at four times the resolution, then averages down."""
    layers = [(project(outline, view), solid) for outline, solid in drawing.layers]
    solid_points = np.concatenate([points for points, solid in layers if solid])
    corner, (height, width) = patch_bounds(solid_points)
    size = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    cover = np.zeros(size, np.uint8)
    tone = np.full(size, NEUTRAL_TONE, np.uint8)
    accent = np.zeros(size, np.uint8)
    for points, solid in layers:
        fill_outline(cover, points - corner, 255 if solid else 0)
    for outline, brightness, accented in drawing.paints:
        points = project(outline, view) - corner
        fill_outline(tone, points, round(min(brightness, 2.5) * NEUTRAL_TONE))
        if accented:
            fill_outline(accent, points, 255)
    covered = shrink(cover)
    return Patch(
        mask=covered >= 128,
        alpha=covered.astype(np.float32) / 255.0,
        tone=shrink(tone).astype(np.float32) / NEUTRAL_TONE,
        accent=shrink(accent).astype(np.float32) / 255.0,
    )


def fill_outline(canvas: np.ndarray, points: np.ndarray, value: int) -> None:
    """Fills an outline given in patch pixels on a supersampled canvas."""
    # OpenCV's integer coordinates are pixel centres, ours are pixel corners: hence the half.
    scaled = (points * SUPERSAMPLING - 0.5) * (1 << FRACTION_BITS)
    cv2.fillPoly(canvas, [np.rint(scaled).astype(np.int32)], value, cv2.LINE_8, FRACTION_BITS)


def shrink(canvas: np.ndarray) -> np.ndarray:
    """Averages a supersampled canvas down to pixels."""
    height, width = canvas.shape[0] // SUPERSAMPLING, canvas.shape[1] // SUPERSAMPLING
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
