"""One scene: objects placed in depth order so that many are partly hidden, and its picture.

Rules that every scene keeps, so that each of its objects is annotated and nothing else occludes:

- An object covers at least ``MIN_AMODAL_AREA`` pixels of the image, and at least
  ``MIN_INSIDE_SHARE`` of it lies inside the image. Its amodal mask ends at the image border.
- A nearer object is only placed where every farther one keeps at least ``MIN_VISIBLE_AREA``
  visible pixels and is hidden by no more than ``MAX_HIDDEN``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2fseg.datasets.synthetic.families import FAMILIES, Family
from c2fseg.datasets.synthetic.rasterize import Patch, random_view, rasterize
from c2fseg.datasets.synthetic.rendering import (
    background,
    cast_shadow,
    distinct_colour,
    paint_object,
)

MEAN_SIZE = (240, 320)
SIZE_SPREAD = 16
MIN_OBJECTS, MAX_OBJECTS = 2, 7
MIN_RADIUS, MAX_RADIUS = 36.0, 72.0
MIN_AMODAL_AREA = 400
MIN_VISIBLE_AREA = 64
MIN_INSIDE_SHARE = 0.55
CUT_PENALTY = 0.6
MAX_HIDDEN = 0.95
OCCLUDER_SHARE = 0.75
PLACES_TRIED = 12
OBJECTS_TRIED = 4


@dataclass
class SceneObject:
    """One object of a scene.

    Attributes:
        family: Its silhouette family.
        patch: Its own pixels.
        corner: (row, column) of the patch's first pixel in the image; may lie outside.
        amodal: All its pixels inside the image, bool (H, W).
        visible: Those that no nearer object hides, bool (H, W).
    """

    family: Family
    patch: Patch
    corner: tuple[int, int]
    amodal: np.ndarray
    visible: np.ndarray

    @property
    def hidden_share(self) -> float:
        """1 - |visible| / |amodal|."""
        return 1.0 - np.count_nonzero(self.visible) / np.count_nonzero(self.amodal)


@dataclass(frozen=True)
class Scene:
    """A picture uint8 (H, W, 3) RGB, and its objects from the farthest to the nearest."""

    image: np.ndarray
    objects: list[SceneObject]


def make_scene(rng: np.random.Generator, families: list[str]) -> Scene:
    """Makes one scene from a seeded generator, of silhouettes from ``families``.

    Raises:
        KeyError: A family is not registered.
    """
    chosen = [FAMILIES[name] for name in families]
    height, width = (int(side + rng.integers(-SIZE_SPREAD, SIZE_SPREAD + 1)) for side in MEAN_SIZE)
    wanted = int(rng.integers(MIN_OBJECTS, MAX_OBJECTS + 1))
    objects: list[SceneObject] = []
    tries = 0
    while len(objects) < MIN_OBJECTS or (len(objects) < wanted and tries < OBJECTS_TRIED * wanted):
        tries += 1
        family = chosen[int(rng.integers(len(chosen)))]
        radius = rng.uniform(MIN_RADIUS, MAX_RADIUS)
        patch = rasterize(family.draw(rng), random_view(rng, family, radius))
        corner = _find_place(rng, patch, objects, height, width)
        if corner is None:
            continue
        amodal = paste(patch.mask, corner, height, width)
        for other in objects:
            other.visible &= ~amodal
        objects.append(SceneObject(family, patch, corner, amodal, amodal.copy()))
    return Scene(_render(rng, objects, height, width), objects)


def paste(patch: np.ndarray, corner: tuple[int, int], height: int, width: int) -> np.ndarray:
    """Puts a patch (h, w) at ``corner`` into an empty (height, width) array, cut at the border."""
    canvas = np.zeros((height, width), patch.dtype)
    inside, part = overlap(patch.shape, corner, height, width)
    canvas[inside] = patch[part]
    return canvas


def overlap(
    shape: tuple[int, ...], corner: tuple[int, int], height: int, width: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch meets the image: slices of the image, and slices of the patch."""
    inside, part = [], []
    for start, length, limit in zip(corner, shape, (height, width)):
        first, last = max(start, 0), max(min(start + length, limit), max(start, 0))
        inside.append(slice(first, last))
        part.append(slice(first - start, last - start))
    return (inside[0], inside[1]), (part[0], part[1])


def _find_place(
    rng: np.random.Generator, patch: Patch, objects: list[SceneObject], height: int, width: int
) -> tuple[int, int] | None:
    """Finds a corner for a new nearest object, or None where all places tried break a rule.

    Most new objects are meant to hide a drawn share of one earlier object: of the places tried,
    the one that comes nearest to that share, and is cut least by the border, wins.
    """
    victim = None
    if objects and rng.random() < OCCLUDER_SHARE:
        shares = np.array([1.05 - item.hidden_share for item in objects]) ** 2
        victim = objects[int(rng.choice(len(objects), p=shares / shares.sum()))]
    target = rng.uniform(0.15, 0.9)
    size = np.array(patch.mask.shape)
    best, best_gap = None, np.inf
    for _ in range(PLACES_TRIED):
        if victim is None:
            centre = rng.uniform(0.12, 0.88, 2) * (height, width)
        else:
            spot = np.array(victim.corner) + 0.5 * np.array(victim.patch.mask.shape)
            reach = rng.uniform(0.05, 0.42) * (size + victim.patch.mask.shape)
            turn = rng.uniform(0.0, 2.0 * np.pi)
            centre = spot + reach * (np.sin(turn), np.cos(turn))
        row, column = np.rint(centre - 0.5 * size).astype(int)
        corner = (int(row), int(column))
        amodal = paste(patch.mask, corner, height, width)
        if not _is_allowed(patch, amodal, objects):
            continue
        if victim is None:
            return corner
        left = np.count_nonzero(victim.visible & ~amodal) / np.count_nonzero(victim.amodal)
        outside = 1.0 - np.count_nonzero(amodal) / np.count_nonzero(patch.mask)
        gap = abs(1.0 - left - target) + CUT_PENALTY * outside
        if gap < best_gap:
            best, best_gap = corner, gap
    return best


def _is_allowed(patch: Patch, amodal: np.ndarray, objects: list[SceneObject]) -> bool:
    """Whether a new nearest object ``amodal`` (H, W) keeps the rules of the module docstring."""
    area = np.count_nonzero(amodal)
    if area < max(MIN_AMODAL_AREA, MIN_INSIDE_SHARE * np.count_nonzero(patch.mask)):
        return False
    for other in objects:
        left = np.count_nonzero(other.visible & ~amodal)
        if left < max(MIN_VISIBLE_AREA, (1.0 - MAX_HIDDEN) * np.count_nonzero(other.amodal)):
            return False
    return True


def _render(
    rng: np.random.Generator, objects: list[SceneObject], height: int, width: int
) -> np.ndarray:
    """Paints the objects from the farthest to the nearest, uint8 (H, W, 3) RGB."""
    picture, taken = background(rng, height, width)
    turn = rng.uniform(0.2, np.pi - 0.2)
    light = np.array([np.cos(turn), np.sin(turn)])
    reach, strength = rng.uniform(3.0, 8.0), rng.uniform(0.2, 0.5)
    for item in objects:
        base = distinct_colour(rng, taken, (0.35, 0.95))
        taken.append(base)
        colours = paint_object(rng, item.patch, base, light)
        cast_shadow(
            picture, paste(item.patch.alpha, item.corner, height, width), light, reach, strength
        )
        inside, part = overlap(item.patch.mask.shape, item.corner, height, width)
        alpha = item.patch.alpha[part][..., None]
        picture[inside] += alpha * (colours[part] - picture[inside])
    return np.clip(np.rint(picture * 255.0), 0, 255).astype(np.uint8)
