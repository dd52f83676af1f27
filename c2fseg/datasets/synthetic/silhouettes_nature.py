"""Silhouette families of living things and of signs."""

from __future__ import annotations

import numpy as np

from c2fseg.datasets.synthetic.families import family
from c2fseg.datasets.synthetic.outlines import (
    Drawing,
    box,
    ellipse,
    mirrored,
    polygon,
    rounded,
    smooth_path,
    strokes,
)


@family('fish', max_rotation=35)
def draw_fish(rng: np.random.Generator) -> Drawing:
    """A fish from the side: forked tail, back and belly fins, an eye, a gill."""
    deep = rng.uniform(0.3, 0.44)
    fork, tail = rng.uniform(0.08, 0.22), rng.uniform(0.32, 0.46)
    fish = Drawing()
    top, low = [(0.96, 0.02), (0.6, -0.7 * deep), (0.1, -deep)], [(0.1, deep), (0.62, 0.72 * deep)]
    end = [(-0.4, -0.5 * deep), (-0.7, -0.08), (-0.7, 0.08), (-0.4, 0.5 * deep)]
    fish.add(smooth_path([*top, *end, *low]))
    tail_fin = [(-0.62, -0.06), (-1.0, -tail), (-1.0 + fork, 0.0), (-1.0, tail), (-0.62, 0.06)]
    fish.add(rounded(tail_fin, 1))
    fish.paint(0.7, rounded(tail_fin, 1))
    lift = rng.uniform(0.2, 0.34)
    back = [
        (0.3, -0.85 * deep),
        (0.05, -deep - lift),
        (-0.4, -deep - 0.3 * lift),
        (-0.42, -0.4 * deep),
    ]
    belly = [(0.15, 0.9 * deep), (-0.08, deep + 0.8 * lift), (-0.3, 0.55 * deep)]
    fish.add(polygon(back), polygon(belly))
    fish.paint(0.75, polygon(back), polygon(belly))
    for x in np.linspace(-0.35, 0.2, int(rng.integers(1, 4))):
        fish.paint(1.1, ellipse(float(x), 0.0, 0.06, deep * 0.9), accent=True)
    fish.paint(
        0.7, *strokes(smooth_path([(0.46, -0.2), (0.4, 0.0), (0.46, 0.2)], closed=False), 0.02)
    )
    fish.paint(2.2, ellipse(0.68, -0.25 * deep, 0.075))
    fish.paint(0.1, ellipse(0.69, -0.25 * deep, 0.04))
    return fish


@family('leaf', max_rotation=180)
def draw_leaf(rng: np.random.Generator) -> Drawing:
    """A lobed leaf (oak or maple) with its stem and veins."""
    leaf = Drawing()
    if rng.random() < 0.5:
        lobes = int(rng.integers(3, 6))
        along = np.linspace(0.0, 1.0, 60)
        wave = 0.62 + 0.38 * np.cos(2.0 * np.pi * lobes * (along - 0.5))
        half = rng.uniform(0.44, 0.58) * np.sin(np.pi * along**0.85) ** 0.7 * wave
        leaf.add(mirrored(np.stack([half, -1.0 + 1.55 * along], axis=1)))
        tips = [(side * 0.3, -0.75 + 0.4 * i) for i in range(3) for side in (-1.0, 1.0)]
        veins = [[(0.0, y + 0.25), (x, y)] for x, y in tips]
    else:
        spread = rng.uniform(0.85, 1.0)
        right = [
            (0.0, -1.0), (0.12, -0.72), (0.26, -0.78), (0.22, -0.34), (0.5, -0.6), (0.58, -0.46),
            (spread, -0.5), (0.82, -0.24), (0.95, -0.14), (0.46, 0.14), (0.52, 0.32), (0.05, 0.28),
        ]  # fmt: skip
        leaf.add(mirrored(right))
        veins = [
            [(0.0, 0.28), (x, y)] for x, y in ((-0.7, -0.4), (0.7, -0.4), (0.3, 0.2), (-0.3, 0.2))
        ]
    bend = rng.uniform(-0.25, 0.25)
    stem = smooth_path([(0.0, 0.2), (0.0, 0.5), (bend, 1.0)], closed=False)
    leaf.add(*strokes(stem, 0.035))
    for vein in veins:
        leaf.paint(0.7, *strokes(vein, 0.016))
    leaf.paint(0.65, *strokes([(0.0, -0.85), (0.0, 0.5)], 0.022))
    return leaf


@family('star', max_rotation=180)
def draw_star(rng: np.random.Generator) -> Drawing:
    """A five-pointed star, its points sharp or blunt."""
    inner = rng.uniform(0.36, 0.5)
    turn = np.arange(10) * np.pi / 5.0 - 0.5 * np.pi
    radius = np.where(np.arange(10) % 2 == 0, 1.0, inner)
    points = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    star = Drawing()
    star.add(rounded(points, 1) if rng.random() < 0.4 else points)
    style = rng.integers(3)
    if style == 0:
        star.paint(1.0, 0.6 * points, accent=True)
    elif style == 1:
        for i in range(0, 10, 2):
            star.paint(0.75, np.stack([points[i], points[(i + 1) % 10], np.zeros(2)]))
    return star


@family('hand', max_rotation=60)
def draw_hand(rng: np.random.Generator) -> Drawing:
    """An open hand: a palm, four fingers and a thumb spread by a random amount, the wrist."""
    hand = Drawing()
    palm = rng.uniform(0.33, 0.4)
    spread = rng.uniform(0.06, 0.22)
    thick = rng.uniform(0.078, 0.095)
    hand.add(
        rounded(
            [(-palm, -0.1), (palm, -0.1), (palm, 0.5), (0.22, 0.68), (-0.22, 0.68), (-palm, 0.45)]
        )
    )
    hand.add(box(-0.22, 0.5, 0.22, 1.0))
    lengths = np.array([0.6, 0.76, 0.72, 0.55]) * rng.uniform(0.88, 1.08, 4)
    for i, length in enumerate(lengths):
        place = (i - 1.5) / 1.5
        angle = place * spread * 1.6 + rng.uniform(-0.03, 0.03)
        base = (place * (palm - thick), 0.02 + 0.03 * abs(place))
        tip = (base[0] + length * np.sin(angle), base[1] - length * np.cos(angle) - 0.1)
        hand.add(*strokes([base, tip], [thick * 1.05, thick * 0.88]))
        hand.paint(1.4, ellipse(tip[0], tip[1] - 0.02, thick * 0.5, thick * 0.6, angle))
    angle = rng.uniform(0.6, 1.1)
    base = (-palm + 0.12, 0.4)
    knee = (base[0] - 0.4 * np.sin(angle), base[1] - 0.4 * np.cos(angle))
    tip = (knee[0] - 0.24 * np.sin(angle - 0.3), knee[1] - 0.24 * np.cos(angle - 0.3))
    hand.add(*strokes([base, knee, tip], [0.15, 0.105, 0.085]))
    hand.paint(
        0.75, *strokes(smooth_path([(-0.2, 0.5), (-0.1, 0.25), (-0.25, 0.05)], closed=False), 0.014)
    )
    hand.paint(1.0, box(-0.3, 0.84, 0.3, 1.1), accent=True)
    return hand


@family('bird', max_rotation=25)
def draw_bird(rng: np.random.Generator) -> Drawing:
    """A standing bird from the side: head with a beak, tail, a wing, two thin legs."""
    deep = rng.uniform(0.3, 0.38)
    head = rng.uniform(0.19, 0.23)
    neck = rng.uniform(-0.62, -0.42)
    lift = rng.uniform(-0.15, 0.2)
    bird = Drawing()
    tail = [(-0.3, -0.02), (-1.0, lift), (-0.92, lift + 0.22), (-0.3, 0.3)]
    bird.add(polygon(tail))
    bird.paint(0.65, polygon(tail))
    chest = [(0.3, neck + 0.1), (0.56, -0.06), (0.38, 0.32), (0.0, 0.2 + 0.75 * deep)]
    bird.add(
        smooth_path([*chest, (-0.42, 0.24), (-0.52, 0.06), (-0.1, -0.16), (0.12, neck + 0.16)])
    )
    bird.add(ellipse(0.36, neck, head))
    beak = rng.uniform(0.2, 0.36)
    bill = polygon([(0.5, neck - 0.08), (0.54 + beak, neck + 0.05), (0.5, neck + 0.1)])
    bird.add(bill)
    bird.paint(1.4, bill, accent=True)
    for x in (-0.04, 0.16):
        leg = [(x, 0.35), (x + rng.uniform(-0.04, 0.04), 0.94)]
        foot = [(leg[1][0] - 0.1, 0.97), (leg[1][0] + 0.16, 0.97)]
        bird.add(*strokes(leg, 0.032), *strokes(foot, 0.032))
        bird.paint(0.5, *strokes(leg, 0.032), *strokes(foot, 0.032))
    wing = smooth_path(
        [(0.24, -0.04), (0.18, 0.24), (-0.2, 0.28), (-0.72, 0.12 + 0.4 * lift), (-0.1, -0.08)]
    )
    bird.paint(0.7, wing)
    bird.paint(2.2, ellipse(0.42, neck - 0.04, 0.055))
    bird.paint(0.05, ellipse(0.43, neck - 0.04, 0.035))
    return bird


@family('cactus', max_rotation=15, reserved=True)
def draw_cactus(rng: np.random.Generator) -> Drawing:
    """A cactus with bent arms in a pot."""
    cactus = Drawing()
    trunk = rng.uniform(0.15, 0.2)
    cactus.add(*strokes([(0.0, -1.0 + trunk), (0.0, 0.6)], trunk))
    for side in (-1.0, 1.0):
        reach, start = rng.uniform(0.38, 0.56), rng.uniform(-0.2, 0.28)
        rise = rng.uniform(0.3, 0.55)
        thick = trunk * rng.uniform(0.62, 0.8)
        arm = [(0.0, start), (side * reach, start), (side * reach, start - rise)]
        cactus.add(*strokes(arm, thick))
        cactus.paint(0.75, *strokes(arm[1:], 0.02))
    for x in (-0.4, 0.0, 0.4):
        cactus.paint(0.75, *strokes([(x * trunk, -1.0 + 1.5 * trunk), (x * trunk, 0.5)], 0.015))
    rim, foot = rng.uniform(0.38, 0.46), rng.uniform(0.25, 0.32)
    pot = mirrored([(rim, 0.5), (rim, 0.62), (rim - 0.06, 0.62), (foot, 1.0)])
    cactus.add(pot)
    cactus.paint(1.0, pot, accent=True)
    cactus.paint(0.75, box(-rim, 0.5, rim, 0.62), accent=True)
    return cactus
