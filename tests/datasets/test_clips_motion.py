"""How objects of the built-in clips move: expected places by hand, and maps that can be undone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.datasets.synthetic import FAMILIES, Drawing, plan_clip, split_families
from c2fseg.datasets.synthetic.actor import Actor, random_actor
from c2fseg.datasets.synthetic.clip import (
    ClipPlan,
    _random_plan,
    clear_share,
    find_silhouettes,
    occlusion_counts,
    visible_parts,
)
from c2fseg.datasets.synthetic.clip_rendering import _warp_wall, paint_skin
from c2fseg.datasets.synthetic.motion import (
    BEND_STRENGTHS,
    Bend,
    Camera,
    Path,
    Pose,
    Wave,
    random_bend,
    random_camera,
)
from c2fseg.datasets.synthetic.outlines import box, ellipse
from c2fseg.datasets.synthetic.rasterize import project

STILL = Wave(0.0, 24.0, 0.0)
REST = Camera((STILL, STILL), STILL, STILL)
ZERO = np.zeros(2)


def resting(x: float, y: float) -> Path:
    return Path(np.array([x, y]), bounded=False)


def stiff(drawing: Drawing, radius: float, path: Path) -> Actor:
    pose = Pose(np.eye(3), radius, STILL, 0.0, STILL, np.array([0.0, 1.0]), STILL)
    return Actor(FAMILIES['car'], drawing, pose, None, path)


def square() -> Drawing:
    drawing = Drawing()
    drawing.add(box(-1.0, -1.0, 1.0, 1.0))
    return drawing


# ---- waves, paths, poses, cameras: by hand


def test_a_wave_swings_between_its_amplitudes():
    wave = Wave(3.0, 8.0, 0.0)
    assert [wave.at(t) for t in (0, 2, 4, 6, 8)] == pytest.approx([0, 3, 0, -3, 0], abs=1e-9)
    assert Wave(3.0, 8.0, 0.5 * np.pi).at(0) == pytest.approx(3.0)


def test_a_path_adds_its_leader_its_swings_and_its_velocity():
    leader = Path(np.array([100.0, 50.0]), velocity=np.array([2.0, 0.0]), start=4.0, bounded=False)
    swing = (np.array([0.0, 1.0]), Wave(10.0, 8.0, 0.0))
    path = Path(np.array([5.0, 5.0]), [swing], leader=leader, bounded=False)
    np.testing.assert_allclose(leader.at(4.0), [100.0, 50.0])
    np.testing.assert_allclose(path.at(6.0), [100.0 + 4.0 + 5.0, 50.0 + 5.0 - 10.0])


def test_a_bounded_path_stays_in_the_picture():
    for place in (-1000.0, 0.0, 128.0, 1000.0):
        inside = Path(np.array([place, -place])).at(0)
        assert ((inside >= 128.0 - 108.0) & (inside <= 128.0 + 108.0)).all()
    np.testing.assert_allclose(Path(np.array([128.0, 130.0])).at(0), [128.0, 130.0], atol=1e-3)


def test_a_pose_scales_turns_and_foreshortens():
    quarter = Wave(90.0, 4.0, 0.5 * np.pi)
    turned = Pose(np.eye(3), 10.0, STILL, 0.0, quarter, np.array([0.0, 1.0]), STILL)
    np.testing.assert_allclose(project(np.array([[1.0, 0.0]]), turned.at(0)), [[0, 10]], atol=1e-9)
    sixty = Wave(60.0, 4.0, 0.5 * np.pi)
    aside = Pose(np.eye(3), 10.0, STILL, 0.0, STILL, np.array([0.0, 1.0]), sixty)
    right, left, low = project(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), aside.at(0))
    # Half as wide, the side that comes nearer is larger; nothing changes along the axis.
    near = 0.22 * np.sqrt(0.75)
    np.testing.assert_allclose(right, [10 * 0.5 / (1 - near), 0.0], atol=1e-9)
    np.testing.assert_allclose(left, [-10 * 0.5 / (1 + near), 0.0], atol=1e-9)
    np.testing.assert_allclose(low, [0.0, 10.0], atol=1e-9)


def test_a_camera_pans_and_zooms_about_the_middle():
    up = 0.5 * np.pi
    np.testing.assert_array_equal(REST.at(5), np.eye(3))
    camera = Camera((Wave(6.0, 9.0, up), STILL), Wave(0.5, 9.0, up), STILL)
    places = project(np.array([[134.0, 128.0], [136.0, 132.0]]), camera.at(0))
    np.testing.assert_allclose(places, [[128.0, 128.0], [131.0, 134.0]])


def test_the_background_goes_along_with_the_camera():
    wall = np.zeros((368, 368, 3), np.float32)
    rows, columns = np.mgrid[0:368, 0:368]
    # A soft spot at the world place (150, 100), which is the wall's (206, 156).
    wall += np.exp(-((columns + 0.5 - 206) ** 2 + (rows + 0.5 - 156) ** 2) / 50.0)[..., None]
    camera = random_camera(np.random.default_rng(5))
    for frame in (0, 7, 23):
        picture = _warp_wall(wall, camera, frame)[..., 0]
        rows, columns = np.mgrid[0:256, 0:256] + 0.5
        middle = [np.average(columns, weights=picture), np.average(rows, weights=picture)]
        expected = project(np.array([[150.0, 100.0]]), camera.at(frame))[0]
        np.testing.assert_allclose(middle, expected, atol=0.05)


# ---- bends


@pytest.mark.parametrize('kind', BEND_STRENGTHS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frame=st.floats(0.0, 50.0))
def test_a_bend_can_be_undone(kind, seed, frame):
    rng = np.random.default_rng(seed)
    wave = Wave(BEND_STRENGTHS[kind][1], rng.uniform(16.0, 32.0), rng.uniform(0.0, 6.0))
    bend = Bend(kind, int(rng.integers(2)), float(rng.choice([-1.0, 1.0])), wave)
    points = rng.uniform(-1.2, 1.2, (40, 2))
    np.testing.assert_allclose(bend.backward(bend.forward(points, frame), frame), points, atol=1e-9)


def test_a_swing_holds_one_end_and_moves_the_other():
    bend = Bend('swing', 1, -1.0, Wave(0.4, 8.0, 0.5 * np.pi))
    low, middle, top = bend.forward(np.array([[0.3, 1.0], [0.3, 0.0], [0.3, -1.0]]), 0.0)
    np.testing.assert_allclose(low, [0.3, 1.0])
    np.testing.assert_allclose(middle, [0.3 + 0.4 * 0.25, 0.0])
    np.testing.assert_allclose(top, [0.3 + 0.4, -1.0])


def test_a_swirl_keeps_the_distance_from_the_middle():
    bend = Bend('swirl', 0, 1.0, Wave(0.4, 8.0, 0.5 * np.pi))
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (30, 2))
    moved = bend.forward(points, 0.0)
    np.testing.assert_allclose(np.hypot(*moved.T), np.hypot(*points.T))
    assert np.abs(moved - points).max() > 0.1


def test_a_long_object_bends_along_its_length():
    rng = np.random.default_rng(0)
    upright = np.array([[-0.2, -1.0], [0.2, 1.0]])
    assert {random_bend(rng, upright).axis for _ in range(5)} == {1}
    assert {random_bend(rng, upright[:, ::-1]).axis for _ in range(5)} == {0}


# ---- actors: pixels counted by hand


def test_a_silhouette_is_exact_and_cut_at_the_border():
    actors = [stiff(square(), 10.0, resting(x, y)) for x, y in ((60, 90), (0, 128), (-30, 20))]
    found = find_silhouettes(ClipPlan(actors, REST), 1)
    whole, cut, outside = found.amodal[0]
    expected = np.zeros((256, 256), bool)
    expected[80:100, 50:70] = True
    np.testing.assert_array_equal(whole, expected)
    expected = np.zeros((256, 256), bool)
    expected[118:138, 0:10] = True
    np.testing.assert_array_equal(cut, expected)
    assert not outside.any()
    assert found.covers[0][2] is None


def test_the_rough_mask_resembles_the_exact_one():
    actor = stiff(square(), 40.0, resting(120.0, 100.0))
    rough = np.kron(actor.rough_mask(REST, 0.0), np.ones((4, 4), bool))
    exact = find_silhouettes(ClipPlan([actor], REST), 1).amodal[0, 0]
    assert np.count_nonzero(rough ^ exact) < 0.15 * np.count_nonzero(exact)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_pixels_lead_back_to_the_drawing(seed):
    rng = np.random.default_rng(seed)
    camera = random_camera(rng)
    actor = random_actor(rng, FAMILIES['fish'], 50.0, resting(110.0, 140.0))
    for frame in (0, 11):
        for (outline, _), (pixels, _) in zip(actor.drawing.layers, actor.layers(camera, frame)):
            np.testing.assert_allclose(actor.to_unit(pixels, camera, frame), outline, atol=1e-6)


def test_the_texture_is_fixed_to_the_object():
    drawing = square()
    drawing.paint(1.0, ellipse(0.5, -0.5, 0.3), accent=True)
    actor = stiff(drawing, 40.0, resting(128.0, 128.0))
    base = np.array([0.8, 0.1, 0.1])
    skin = paint_skin(np.random.default_rng(1), actor, base)
    inside, other = (skin.at(np.array([[[x, y]]]))[0, 0] for x, y in ((0.5, -0.5), (-0.5, 0.5)))
    assert np.abs(other - base).max() < 0.25
    assert np.abs(inside - base).max() > 0.3
    # The edge of the patch lies where the drawing has it: 0.3 units from its centre.
    step = skin.at(np.stack([np.linspace(0.1, 0.5, 81), np.full(81, -0.5)], axis=1)[None])[0]
    share = np.linalg.norm(step - other, axis=1) / np.linalg.norm(inside - other)
    assert np.linspace(0.1, 0.5, 81)[np.argmax(share > 0.5)] == pytest.approx(0.2, abs=0.02)


def test_motion_is_smooth():
    families = [FAMILIES[name] for name in split_families('train')]
    for seed in range(10):
        plan = _random_plan(np.random.default_rng([8, seed]), families, 24)
        for actor in plan.actors:
            middles = np.stack(
                [
                    np.concatenate([points for points, _ in actor.layers(plan.camera, t)]).mean(0)
                    for t in range(24)
                ]
            )
            assert np.hypot(*np.diff(middles, axis=0).T).max() < 40.0
            assert np.hypot(*np.diff(middles, 2, axis=0).T).max() < 12.0


def test_consecutive_masks_overlap():
    _, found = plan_clip(np.random.default_rng(2), split_families('train'), 10)
    for item, (before, after) in itertools.product(
        range(found.amodal.shape[1]), itertools.pairwise(range(10))
    ):
        first, second = found.amodal[before, item], found.amodal[after, item]
        if min(np.count_nonzero(first), np.count_nonzero(second)) > 800:
            assert np.count_nonzero(first & second) > 0.1 * np.count_nonzero(first | second)


# ---- counting what is hidden


def test_counts_of_hidden_objects_by_hand():
    # Two frames, three objects (farthest first) on a row of four pixels.
    amodal = np.zeros((2, 3, 1, 4), bool)
    amodal[0, 0, 0, :] = True
    amodal[0, 1, 0, 1:3] = True
    amodal[0, 2, 0, 1:4] = True
    amodal[1, 0, 0, :2] = True
    amodal[1, 1, 0, 2] = True
    visible = visible_parts(amodal)
    np.testing.assert_array_equal(
        visible[:, :, 0].astype(int),
        [[[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]], [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]],
    )
    # Seen: 0 and 2, then 0 and 1; hidden in part: 0 in the first frame; fully: 1 in the first.
    assert occlusion_counts(amodal, visible) == (4, 1, 1)
    # Object 0 shows a quarter, then all of itself; 1 nothing, then all; 2 all in its one frame.
    np.testing.assert_allclose(clear_share(amodal, visible), [0.5, 0.5, 1.0])
