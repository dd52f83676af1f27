"""Silhouette families of made things: vehicles, tools, furniture, clothes."""

from __future__ import annotations

import itertools

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


@family('car', max_rotation=10)
def draw_car(rng: np.random.Generator) -> Drawing:
    """A car from the side: body with a cabin, two wheels, windows."""
    roof = -rng.uniform(0.48, 0.62)
    deck = -rng.uniform(0.1, 0.18)
    back, front = rng.uniform(-0.85, -0.5), rng.uniform(0.15, 0.35)
    wheel = rng.uniform(0.19, 0.23)
    rear_wheel, front_wheel = rng.uniform(-0.64, -0.54), rng.uniform(0.52, 0.62)
    car = Drawing()
    cabin_back = back - rng.uniform(0.05, 0.22)
    cabin_front = front + rng.uniform(0.2, 0.3)
    car.add(
        rounded(
            [
                (-1.0, 0.24), (-1.02, 0.0), (-0.97, deck), (cabin_back, deck - 0.02),
                (back, roof), (front, roof), (cabin_front, deck - 0.02),
                (0.88, deck + 0.08), (1.02, 0.04), (1.0, 0.24),
            ]
        )
    )  # fmt: skip
    middle = 0.5 * (back + front)
    pane = [(back + 0.06, roof + 0.08), (middle - 0.03, roof + 0.08), (middle - 0.03, deck - 0.02)]
    car.paint(1.75, polygon([*pane, (cabin_back + 0.12, deck - 0.02)]))
    pane = [(middle + 0.03, roof + 0.08), (front - 0.03, roof + 0.08)]
    car.paint(
        1.75, polygon([*pane, (cabin_front - 0.09, deck - 0.02), (middle + 0.03, deck - 0.02)])
    )
    car.paint(0.75, box(-0.95, 0.12, 0.95, 0.16))
    for x in (rear_wheel, front_wheel):
        car.add(ellipse(x, 0.25, wheel))
        car.paint(0.2, ellipse(x, 0.25, wheel))
        car.paint(1.5, ellipse(x, 0.25, 0.5 * wheel))
    return car


@family('chair', max_rotation=12)
def draw_chair(rng: np.random.Generator) -> Drawing:
    """A chair seen from the front: slatted back, seat, four legs."""
    half, leg = rng.uniform(0.4, 0.52), rng.uniform(0.05, 0.08)
    seat = rng.uniform(-0.02, 0.12)
    top = -rng.uniform(0.85, 1.0)
    chair = Drawing()
    chair.add(rounded(mirrored([(half, top), (half, seat)]), 1))
    slats = int(rng.integers(2, 5))
    inner = half - 2.0 * leg
    if rng.random() < 0.5:
        edges = np.linspace(-inner, inner, slats + 1)
        for left, right in itertools.pairwise(edges):
            chair.cut(box(left + 0.03, top + 3 * leg, right - 0.03, seat - 0.14))
    else:
        edges = np.linspace(top + 2.5 * leg, seat - 0.1, slats + 1)
        for above, below in itertools.pairwise(edges):
            chair.cut(box(-inner, above + 0.02, inner, below - 0.07))
    flare = rng.uniform(0.0, 0.12)
    outer = half + rng.uniform(0.06, 0.14)
    chair.paint(0.75, box(-half, top, half, seat))
    for side in (-1.0, 1.0):
        rear = [(side * (half - 0.12), seat), (side * (half - 0.12), 0.78)]
        chair.add(*strokes(rear, leg * 0.8))
        chair.paint(0.55, *strokes(rear, leg * 0.8))
        chair.add(
            *strokes([(side * (outer - leg), seat + 0.1), (side * (outer + flare), 1.0)], leg)
        )
    seat_top = mirrored([(half, seat - 0.06), (outer, seat + 0.14), (outer, seat + 0.22)])
    chair.add(seat_top)
    chair.paint(1.3, mirrored([(half, seat - 0.06), (outer, seat + 0.14)]))
    return chair


@family('mug', max_rotation=25)
def draw_mug(rng: np.random.Generator) -> Drawing:
    """A mug with a handle that one can see through."""
    half, height = rng.uniform(0.45, 0.6), rng.uniform(0.62, 0.82)
    taper = rng.uniform(0.78, 1.05)
    rim = rng.uniform(0.08, 0.15)
    mug = Drawing()
    reach, tall = rng.uniform(0.34, 0.46), rng.uniform(0.36, 0.5)
    thick = rng.uniform(0.09, 0.13)
    centre = half * 0.5 * (1 + taper) - 0.04
    mug.add(ellipse(centre, 0.02, reach, tall))
    mug.cut(ellipse(centre, 0.02, reach - thick, tall - thick))
    side = [(half, -height), (half * taper, height - 0.08), (half * taper * 0.9, height)]
    mug.add(mirrored(side), ellipse(0.0, -height, half, rim))
    mug.add(ellipse(0.0, height - 0.01, half * taper * 0.9, rim * 0.8))
    mug.paint(1.35, ellipse(0.0, -height, half, rim))
    mug.paint(0.4, ellipse(0.0, -height + 0.01, half * 0.87, rim * 0.74))
    if rng.random() < 0.7:
        band = rng.uniform(0.1, 0.3)
        mug.paint(1.0, box(-half * 1.1, -band, half * 1.04, band * 0.8), accent=True)
    return mug


@family('key', max_rotation=180)
def draw_key(rng: np.random.Generator) -> Drawing:
    """A key: a bow with a hole, a shaft, teeth."""
    bow = rng.uniform(0.3, 0.38)
    shaft = rng.uniform(0.07, 0.1)
    key = Drawing()
    centre = -1.0 + bow
    if rng.random() < 0.5:
        key.add(ellipse(centre, 0.0, bow, bow * rng.uniform(0.9, 1.15)))
    else:
        for turn in (0.0, 2.1, -2.1):
            key.add(
                ellipse(centre - 0.45 * bow * np.cos(turn), 0.5 * bow * np.sin(turn), bow * 0.62)
            )
    hole = bow * rng.uniform(0.38, 0.58)
    key.add(box(centre + 0.5 * bow, -shaft, 1.0, shaft))
    key.cut(ellipse(centre - 0.05, 0.0, hole))
    key.add(box(centre + bow, -shaft * 1.7, centre + bow + 0.08, shaft * 1.7))
    count = int(rng.integers(2, 5))
    right = 1.0
    for _ in range(count):
        width = rng.uniform(0.08, 0.13)
        key.add(box(right - width, 0.0, right, shaft + rng.uniform(0.12, 0.3)))
        right -= width + rng.uniform(0.04, 0.08)
    key.paint(0.7, box(centre + bow, -0.02, 0.95, 0.02))
    return key


@family('aeroplane', max_rotation=180)
def draw_aeroplane(rng: np.random.Generator) -> Drawing:
    """An airliner from above: fuselage, swept wings with engines, tailplane."""
    body = rng.uniform(0.09, 0.13)
    sweep, span = rng.uniform(0.2, 0.55), rng.uniform(0.8, 1.0)
    root = rng.uniform(-0.3, -0.12)
    chord, tip = rng.uniform(0.3, 0.4), rng.uniform(0.1, 0.16)
    plane = Drawing()
    for side in (-1.0, 1.0):
        wing = [(0.0, root), (side * span, root + sweep), (side * span, root + sweep + tip)]
        plane.add(polygon([*wing, (0.0, root + chord)]))
        plane.paint(0.85, polygon([*wing, (0.0, root + chord)]))
        tail = [(0.0, 0.68), (side * 0.36, 0.68 + 0.4 * sweep), (side * 0.36, 0.78 + 0.4 * sweep)]
        plane.add(polygon([*tail, (0.0, 0.88)]))
        for place in (0.38, 0.66)[: int(rng.integers(1, 3))]:
            x, y = side * span * place, root + sweep * place
            plane.add(ellipse(x, y, 0.055, 0.12))
            plane.paint(0.5, ellipse(x, y, 0.055, 0.12))
    nose = [(0.0, -1.0), (0.55 * body, -0.93), (body, -0.75), (body, 0.4), (0.03, 1.0)]
    plane.add(smooth_path(mirrored(nose)))
    plane.paint(1.2, smooth_path(mirrored(nose)))
    plane.paint(0.35, polygon([(-0.6 * body, -0.84), (0.6 * body, -0.84), (0.0, -0.92)]))
    plane.paint(1.0, polygon([(-0.03, 0.6), (0.03, 0.6), (0.02, 1.0), (-0.02, 1.0)]), accent=True)
    return plane


@family('gear', max_rotation=180)
def draw_gear(rng: np.random.Generator) -> Drawing:
    """A toothed wheel with a hole in the middle, sometimes with spokes."""
    teeth = int(rng.integers(7, 13))
    root, tip = rng.uniform(0.66, 0.74), rng.uniform(0.9, 0.98)
    lower, upper = rng.uniform(0.28, 0.34), rng.uniform(0.16, 0.22)
    points = []
    for tooth in range(teeth):
        for offset, radius in ((-lower, root), (-upper, tip), (upper, tip), (lower, root)):
            turn = 2.0 * np.pi * (tooth + offset) / teeth
            points.append((radius * np.cos(turn), radius * np.sin(turn)))
    gear = Drawing()
    gear.add(polygon(points))
    hub = rng.uniform(0.16, 0.28)
    if rng.random() < 0.5:
        spokes = int(rng.integers(3, 6))
        gear.cut(ellipse(0.0, 0.0, root - 0.16))
        gear.add(ellipse(0.0, 0.0, hub + 0.12))
        for spoke in range(spokes):
            turn = 2.0 * np.pi * spoke / spokes
            end = ((root - 0.1) * np.cos(turn), (root - 0.1) * np.sin(turn))
            gear.add(*strokes([(0.0, 0.0), end], 0.07))
    else:
        gear.paint(0.8, ellipse(0.0, 0.0, root - 0.12))
        gear.paint(1.15, ellipse(0.0, 0.0, hub + 0.12))
    gear.cut(ellipse(0.0, 0.0, hub))
    return gear


@family('bottle', max_rotation=35)
def draw_bottle(rng: np.random.Generator) -> Drawing:
    """A bottle with a long neck, a cap and a label."""
    half, neck = rng.uniform(0.26, 0.36), rng.uniform(0.085, 0.12)
    shoulder = rng.uniform(-0.35, -0.1)
    slope = rng.uniform(0.12, 0.28)
    bottle = Drawing()
    side = [
        (neck, -0.9), (neck, shoulder - slope),
        (neck + 0.3 * (half - neck), shoulder - 0.5 * slope),
        (half, shoulder), (half, 0.92), (half - 0.06, 1.0),
    ]  # fmt: skip
    bottle.add(rounded(mirrored(side), 1))
    bottle.add(box(-neck - 0.03, -1.0, neck + 0.03, -0.84))
    bottle.paint(0.45, box(-neck - 0.03, -1.0, neck + 0.03, -0.84))
    top = shoulder + rng.uniform(0.15, 0.25)
    label = box(-half - 0.02, top, half + 0.02, top + rng.uniform(0.35, 0.55))
    bottle.paint(1.25, label, accent=True)
    bottle.paint(1.5, box(-0.7 * half, shoulder + 0.02, -0.5 * half, 0.92))
    return bottle


@family('t-shirt', max_rotation=30)
def draw_t_shirt(rng: np.random.Generator) -> Drawing:
    """A T-shirt spread out: sleeves, a neckline, a print."""
    half, hem = rng.uniform(0.42, 0.52), rng.uniform(0.8, 0.98)
    sleeve, drop = rng.uniform(0.85, 1.0), rng.uniform(-0.28, 0.0)
    neck = rng.uniform(0.17, 0.24)
    cuff = rng.uniform(0.2, 0.28)
    right = [
        (neck, -0.8), (half + 0.06, -0.7), (sleeve, drop - cuff), (sleeve - 0.16, drop),
        (half, -0.26), (half - 0.02, 0.3), (half + rng.uniform(-0.04, 0.08), hem),
    ]  # fmt: skip
    shirt = Drawing()
    shirt.add(mirrored(right))
    depth = rng.uniform(0.14, 0.24)
    shirt.cut(ellipse(0.0, -0.82, neck, depth))
    collar = ellipse(0.0, -0.82, neck + 0.06, depth + 0.06)
    shirt.paint(0.65, collar)
    print_size = rng.uniform(0.16, 0.26)
    shirt.paint(1.15, ellipse(0.0, 0.0, print_size), accent=True)
    shirt.paint(0.8, box(-0.7, hem - 0.08, 0.7, hem - 0.04))
    return shirt


@family('umbrella', max_rotation=40)
def draw_umbrella(rng: np.random.Generator) -> Drawing:
    """An open umbrella: a scalloped canopy, a stick, a hooked handle."""
    height = rng.uniform(0.62, 0.8)
    scallops = int(rng.integers(3, 6))
    umbrella = Drawing()
    edge = -0.1
    turn = np.linspace(np.pi, 2.0 * np.pi, 40)
    umbrella.add(np.stack([np.cos(turn), edge + height * np.sin(turn)], axis=1))
    ribs = np.linspace(-1.0, 1.0, scallops + 1)
    for left, right in itertools.pairwise(ribs):
        middle, half = 0.5 * (left + right), 0.5 * (right - left)
        umbrella.cut(ellipse(middle, edge + 0.01, half, rng.uniform(0.1, 0.14)))
    for index, (left, right) in enumerate(itertools.pairwise(ribs)):
        if index % 2:
            top = (0.0, edge - height)
            umbrella.paint(1.0, polygon([(left, edge), top, (right, edge)]), accent=True)
    stick = rng.uniform(0.035, 0.05)
    bend = rng.uniform(0.12, 0.17)
    hook = np.linspace(0.0, np.pi, 9)
    curve = np.stack([bend - bend * np.cos(hook), 0.8 + bend * np.sin(hook)], axis=1)
    handle = np.concatenate([[[0.0, -height - 0.2]], [[0.0, 0.5]], curve])
    umbrella.add(*strokes(handle, stick))
    umbrella.paint(0.4, *strokes(handle[1:], stick * 1.3))
    return umbrella


@family('spanner', max_rotation=180)
def draw_spanner(rng: np.random.Generator) -> Drawing:
    """A combination spanner: an open jaw at one end, a ring at the other."""
    head, ring = rng.uniform(0.26, 0.34), rng.uniform(0.2, 0.26)
    shaft = rng.uniform(0.085, 0.12)
    jaw = head * rng.uniform(0.42, 0.52)
    turn = rng.uniform(-0.35, 0.35)
    spanner = Drawing()
    centre = 1.0 - head
    spanner.add(*strokes([(-1.0 + ring, 0.0), (centre, 0.0)], [shaft * 0.85, shaft]))
    spanner.paint(0.7, box(-0.5, -0.4 * shaft, 0.4, 0.4 * shaft))
    spanner.add(ellipse(centre, 0.0, head), ellipse(-1.0 + ring, 0.0, ring))
    mouth = np.array([[-0.12, -jaw], [0.6, -jaw * 1.05], [0.6, jaw * 1.05], [-0.12, jaw]])
    cos, sin = np.cos(turn), np.sin(turn)
    spanner.cut(mouth @ np.array([[cos, sin], [-sin, cos]]) + np.array([centre, 0.0]))
    nut = np.arange(6) * np.pi / 3.0
    hole = ring * rng.uniform(0.52, 0.64)
    spanner.cut(np.stack([-1.0 + ring + hole * np.cos(nut), hole * np.sin(nut)], axis=1))
    return spanner


@family('guitar', max_rotation=60)
def draw_guitar(rng: np.random.Generator) -> Drawing:
    """A guitar: waisted body, sound hole, neck, head with pegs."""
    lower, upper = rng.uniform(0.4, 0.48), rng.uniform(0.29, 0.36)
    waist = rng.uniform(0.22, 0.27)
    guitar = Drawing()
    side = [(0.1, -0.08), (upper, 0.06), (upper * 0.95, 0.22), (waist, 0.38), (lower, 0.64)]
    guitar.add(smooth_path(mirrored([*side, (lower * 0.86, 0.88), (0.1, 1.0)])))
    neck = rng.uniform(0.045, 0.06)
    guitar.add(box(-neck, -0.8, neck, 0.3))
    guitar.paint(0.5, box(-neck, -0.8, neck, 0.22))
    head = mirrored([(neck * 1.6, -1.0), (neck * 1.9, -0.95), (neck * 1.2, -0.72)])
    guitar.add(head)
    guitar.paint(0.65, head)
    for y in (-0.94, -0.86, -0.78)[: int(rng.integers(2, 4))]:
        pegs = strokes([(-neck - 0.08, y), (neck + 0.08, y)], 0.022)
        guitar.add(*pegs)
    guitar.paint(0.15, ellipse(0.0, 0.32, rng.uniform(0.1, 0.14)))
    guitar.paint(0.35, box(-0.16, 0.68, 0.16, 0.73))
    return guitar


@family('teapot', max_rotation=25, reserved=True)
def draw_teapot(rng: np.random.Generator) -> Drawing:
    """A teapot: round body, curved spout, handle that one can see through, lid with a knob."""
    half, tall = rng.uniform(0.48, 0.58), rng.uniform(0.4, 0.52)
    teapot = Drawing()
    reach, thick = rng.uniform(0.26, 0.36), rng.uniform(0.07, 0.1)
    rise = rng.uniform(0.26, 0.34)
    teapot.add(ellipse(-half - 0.02, -0.02, reach, rise))
    teapot.cut(ellipse(-half - 0.02, -0.02, reach - thick, rise - thick))
    tip = (half + rng.uniform(0.34, 0.42), -tall * rng.uniform(0.75, 1.0))
    spout = smooth_path(
        [(half - 0.12, 0.16), (half + 0.14, 0.02), (half + 0.2, -0.2), tip], closed=False
    )
    teapot.add(*strokes(spout, np.linspace(0.17, 0.06, len(spout)), round_ends=False))
    teapot.add(ellipse(0.0, 0.1, half, tall))
    teapot.add(rounded(mirrored([(half * 0.5, tall - 0.1), (half * 0.6, tall + 0.16)]), 1))
    lid = half * rng.uniform(0.5, 0.62)
    teapot.add(ellipse(0.0, 0.1 - tall * 0.86, lid, 0.13))
    teapot.paint(0.7, ellipse(0.0, 0.1 - tall * 0.86, lid, 0.13))
    teapot.add(ellipse(0.0, -tall * 0.86 - 0.06, rng.uniform(0.07, 0.1)))
    band = rng.uniform(0.05, 0.12)
    teapot.paint(1.0, box(-half * 0.97, 0.1 - band, half * 0.97, 0.1 + band), accent=True)
    return teapot
