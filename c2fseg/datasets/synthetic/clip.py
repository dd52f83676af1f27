"""The plan of a clip: objects whose paths cross, so that they pass behind each other and come back.

The depth order is constant. Every object but the nearest goes along with a nearer one and swings
past it. Of several plans drawn, the one is kept whose silhouettes, looked at roughly, come nearest
to the occlusion wished for; its exact silhouettes must then keep the rule of ``MIN_CLEAR_FRAMES``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2fseg.datasets.synthetic.actor import Actor, Cover, random_actor
from c2fseg.datasets.synthetic.families import FAMILIES, Family
from c2fseg.datasets.synthetic.motion import MIDDLE, SIZE, Camera, Path, random_camera, random_wave
from c2fseg.datasets.synthetic.scene import paste

MIN_OBJECTS, MAX_OBJECTS = 3, 6
# Pixels that a unit of a drawing takes: of the nearest and of the farthest object.
NEAR_RADIUS = (64.0, 88.0)
FAR_RADIUS = (24.0, 36.0)
# Each object shows CLEAR_SHARE of itself in at least MIN_CLEAR_FRAMES of its frames.
CLEAR_SHARE = 0.3
MIN_CLEAR_FRAMES = 1.0 / 3.0
# The hidden shares that count as partly hidden, and which part of the (object, frame) pairs is
# wished to be partly and, drawn anew for each clip, fully hidden.
PARTLY = (0.05, 0.95)
PARTLY_WANTED = 0.5
FULLY_WANTED = (0.02, 0.28)
# The search for a plan: at most so many, ended early by a cost that is good enough.
PLANS_TRIED = 32
GOOD_ENOUGH = 0.04
ROUNDS_TRIED = 20
ROUGH_STEP = 2
# Shares of objects that cross the picture; of clips whose nearest object comes from a family that
# hides well; and there, of the other objects that swing past it.
TRAVELLER_SHARE = 0.24
HIDING_SHARE = 0.8
FOLLOW_SHARE = 0.7
WIDE = frozenset(('car', 'gear', 'leaf', 'mug', 'star', 't-shirt'))


@dataclass(frozen=True)
class ClipPlan:
    """The objects of a clip from the farthest to the nearest, and its camera."""

    actors: list[Actor]
    camera: Camera


@dataclass(frozen=True)
class Silhouettes:
    """The exact masks of a clip of T frames and n objects, farthest first.

    Attributes:
        covers: For each frame, a :class:`Cover` of each object or None.
        amodal: All pixels of each object inside the frame, bool (T, n, H, W).
        visible: Those that no nearer object hides, bool (T, n, H, W).
    """

    covers: list[list[Cover | None]]
    amodal: np.ndarray
    visible: np.ndarray


def plan_clip(
    rng: np.random.Generator, families: list[str], frames: int
) -> tuple[ClipPlan, Silhouettes]:
    """Draws a clip in which objects hide each other, and each is clearly seen for a while.

    Args:
        rng: A seeded generator.
        families: Names of the silhouette families to draw from.
        frames: Length of the clip, at least 1.

    Raises:
        KeyError: A family is not registered.
        ValueError: No families, or no frames.
        RuntimeError: No plan of many kept the rule that each object is clearly seen.
    """
    if not families:
        raise ValueError('a clip needs at least one silhouette family to draw from, got none')
    if frames < 1:
        raise ValueError(f'a clip needs at least 1 frame, got {frames}')
    chosen = [FAMILIES[name] for name in families]
    for _ in range(ROUNDS_TRIED):
        wanted = rng.uniform(*FULLY_WANTED)
        best, best_cost = None, np.inf
        for _ in range(PLANS_TRIED):
            plan = _random_plan(rng, chosen, frames)
            cost = _cost(plan, frames, wanted)
            if cost < best_cost:
                best, best_cost = plan, cost
            if cost < GOOD_ENOUGH:
                break
        assert best is not None
        silhouettes = find_silhouettes(best, frames)
        if clear_share(silhouettes.amodal, silhouettes.visible).min() >= MIN_CLEAR_FRAMES:
            return best, silhouettes
    raise RuntimeError(
        f'none of {ROUNDS_TRIED * PLANS_TRIED} plans for a clip of {frames} frames shows all its '
        'objects; take another seed'
    )


def find_silhouettes(plan: ClipPlan, frames: int) -> Silhouettes:
    """Rasterises each object once in each frame."""
    covers = [[a.cover(plan.camera, frame) for a in plan.actors] for frame in range(frames)]
    amodal = np.zeros((frames, len(plan.actors), SIZE, SIZE), bool)
    for frame, row in enumerate(covers):
        for index, cover in enumerate(row):
            if cover is not None:
                amodal[frame, index] = paste(cover.mask, cover.corner, SIZE, SIZE)
    return Silhouettes(covers, amodal, visible_parts(amodal))


def visible_parts(amodal: np.ndarray) -> np.ndarray:
    """Takes what nearer objects hide off masks (T, n, H, W) given farthest first."""
    nearer = np.cumsum(amodal[:, ::-1], axis=1, dtype=np.uint8)[:, ::-1] - amodal
    return amodal & (nearer == 0)


def clear_share(amodal: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The share (n,) of its frames in which an object shows at least ``CLEAR_SHARE`` of itself.

    The frames of an object are those with an amodal pixel; without any, the share is 0.
    """
    whole, seen = _areas(amodal), _areas(visible)
    clear = (whole > 0) & (seen >= CLEAR_SHARE * whole)
    return clear.sum(axis=0) / np.maximum((whole > 0).sum(axis=0), 1)


def occlusion_counts(amodal: np.ndarray, visible: np.ndarray) -> tuple[int, int, int]:
    """Counts (object, frame) pairs of masks (T, n, H, W).

    Returns:
        Pairs with a visible pixel; those of them that are hidden by a share in ``PARTLY``; pairs
        with an amodal pixel and no visible one.
    """
    whole, seen = _areas(amodal), _areas(visible)
    hidden = 1.0 - seen / np.maximum(whole, 1)
    partly = (seen > 0) & (hidden >= PARTLY[0]) & (hidden <= PARTLY[1])
    return int((seen > 0).sum()), int(partly.sum()), int(((whole > 0) & (seen == 0)).sum())


def _areas(masks: np.ndarray) -> np.ndarray:
    return np.count_nonzero(masks, axis=(2, 3))


def _random_plan(rng: np.random.Generator, families: list[Family], frames: int) -> ClipPlan:
    count = int(rng.integers(MIN_OBJECTS, MAX_OBJECTS + 1))
    wide = [family for family in families if family.name in WIDE]
    hiding = bool(wide) and rng.random() < HIDING_SHARE
    actors: list[Actor] = []
    for place in np.linspace(0.0, 1.0, count) ** 0.6:  # nearest first
        low, high = (near + place * (far - near) for near, far in zip(NEAR_RADIUS, FAR_RADIUS))
        radius = rng.uniform(low, high)
        pool = wide if hiding and not actors else families
        family = pool[int(rng.integers(len(pool)))]
        path = _random_path(rng, actors, radius, frames, hiding)
        actors.append(random_actor(rng, family, radius, path))
    return ClipPlan(actors[::-1], random_camera(rng))


def _random_path(
    rng: np.random.Generator, nearer: list[Actor], radius: float, frames: int, hiding: bool
) -> Path:
    """Draws the path of an object that lies behind those ``nearer``."""
    if rng.random() < TRAVELLER_SHARE:
        return _traveller(rng, frames)
    turn = rng.uniform(0.0, 2.0 * np.pi)
    direction = np.array([np.cos(turn), 0.8 * np.sin(turn)])
    aside = np.array([-direction[1], direction[0]])
    if not nearer:
        swings = [
            (direction, random_wave(rng, rng.uniform(8.0, 45.0))),
            (aside, random_wave(rng, rng.uniform(4.0, 16.0))),
        ]
        return Path(MIDDLE + rng.uniform(-34.0, 34.0, 2), swings)
    hidden = hiding and rng.random() < FOLLOW_SHARE
    leader = nearer[0 if hidden else int(rng.integers(len(nearer)))]
    apart = radius + leader.pose.radius
    swings = [
        (direction, random_wave(rng, apart * rng.uniform(0.45, 0.9))),
        (aside, random_wave(rng, apart * rng.uniform(0.03, 0.08 if hidden else 0.2))),
    ]
    spread = 0.04 if hidden else 0.12
    miss = apart * (aside * rng.normal(0.0, spread) + direction * rng.normal(0.0, 0.2))
    return Path(miss, swings, leader=leader.path)


def _traveller(rng: np.random.Generator, frames: int) -> Path:
    """A path that crosses the picture steadily and may leave it."""
    turn = rng.uniform(0.0, 2.0 * np.pi)
    velocity = rng.uniform(6.0, 13.0) * np.array([np.cos(turn), np.sin(turn)])
    origin = MIDDLE + rng.uniform(-30.0, 30.0, 2)
    wobble = random_wave(rng, rng.uniform(2.0, 10.0))
    aside = np.array([-np.sin(turn), np.cos(turn)])
    start = rng.uniform(0.2, 0.8) * max(frames - 1, 1)
    return Path(origin, [(aside, wobble)], velocity, start, bounded=False)


def _cost(plan: ClipPlan, frames: int, fully_wanted: float) -> float:
    """How far a plan is from the occlusion wished for, by rough masks of some of its frames."""
    step = ROUGH_STEP if frames > ROUGH_STEP else 1
    amodal = np.stack(
        [
            np.stack([actor.rough_mask(plan.camera, frame) for actor in plan.actors])
            for frame in range(0, frames, step)
        ]
    )
    visible = visible_parts(amodal)
    seen, partly, fully = occlusion_counts(amodal, visible)
    whole = max(seen + fully, 1)
    cost = max(0.0, PARTLY_WANTED - partly / max(seen, 1))
    cost += 2.0 * abs(fully / whole - fully_wanted)
    lack = np.maximum(0.0, MIN_CLEAR_FRAMES + 0.06 - clear_share(amodal, visible))
    return cost + 3.0 * float(lack.sum())
