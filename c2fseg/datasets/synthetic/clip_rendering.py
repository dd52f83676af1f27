"""The pictures of a clip: textures painted once, then warped into each frame. Colours are RGB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from c2fseg.datasets.synthetic.actor import Actor, Cover
from c2fseg.datasets.synthetic.clip import ClipPlan, Silhouettes
from c2fseg.datasets.synthetic.motion import SIZE, Camera
from c2fseg.datasets.synthetic.rasterize import patch_bounds, project, rasterize
from c2fseg.datasets.synthetic.rendering import (
    background,
    cast_shadow,
    distinct_colour,
    paint_texture,
    shading,
)
from c2fseg.datasets.synthetic.scene import overlap, paste

# Pixels that the background reaches beyond the picture of a camera at rest.
MARGIN = 56
# Resolution of a texture as a multiple of that of the object at rest.
SKIN_SCALE = 1.15
SHADOW_MARGIN = 18


@dataclass(frozen=True)
class Skin:
    """The painted surface of an object, in its own coordinates.

    Attributes:
        colours: The texture before shading, float32 (h, w, 3).
        scale: Pixels of the texture that one unit takes.
        corner: (x, y) of the texture's first pixel, in pixels from the drawing's origin.
        rim: Width of the rim in pixels; see ``shading``.
        slant: Strength of the gradient; see ``shading``.
    """

    colours: np.ndarray
    scale: float
    corner: np.ndarray
    rim: float
    slant: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """The colours at unit coordinates (h, w, 2), float32 (h, w, 3)."""
        places = (points * self.scale - self.corner - 0.5).astype(np.float32)
        return cv2.remap(
            self.colours, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


def paint_skin(rng: np.random.Generator, actor: Actor, base: np.ndarray) -> Skin:
    """Paints the surface of an object with a texture of main colour ``base`` (3,)."""
    scale = actor.pose.radius * SKIN_SCALE
    view = np.diag([scale, scale, 1.0])
    patch = rasterize(actor.drawing, view)
    colours = paint_texture(rng, patch, base)
    colours *= patch.tone[..., None]
    solid_points = np.concatenate([points for points, solid in actor.drawing.layers if solid])
    corner, _ = patch_bounds(project(solid_points, view))
    return Skin(colours, scale, corner, rng.uniform(3.0, 7.0), rng.uniform(0.05, 0.18))


def render_clip(
    rng: np.random.Generator, plan: ClipPlan, silhouettes: Silhouettes
) -> list[np.ndarray]:
    """Paints all frames of a clip, each uint8 (H, W, 3) RGB."""
    side = SIZE + 2 * MARGIN
    wall, taken = background(rng, side, side)
    turn = rng.uniform(0.2, np.pi - 0.2)
    light = np.array([np.cos(turn), np.sin(turn)])
    reach, strength = rng.uniform(3.0, 8.0), rng.uniform(0.2, 0.5)
    skins = []
    for actor in plan.actors:
        base = distinct_colour(rng, taken, (0.35, 0.95))
        taken.append(base)
        skins.append(paint_skin(rng, actor, base))
    pictures = []
    for frame, covers in enumerate(silhouettes.covers):
        picture = _warp_wall(wall.astype(np.float32), plan.camera, frame)
        for actor, skin, cover in zip(plan.actors, skins, covers):
            if cover is not None:
                _shade_below(picture, cover, light, reach, strength)
                _paint(picture, actor, skin, cover, plan.camera, frame, light)
        pictures.append(np.clip(np.rint(picture * 255.0), 0, 255).astype(np.uint8))
    return pictures


def _warp_wall(wall: np.ndarray, camera: Camera, frame: float) -> np.ndarray:
    """The background (side, side, 3) as a frame shows it, (H, W, 3)."""
    # World pixels count from corners, OpenCV's from centres: half a pixel on both sides.
    to_wall = np.eye(3)
    to_wall[:2, 2] = MARGIN - 0.5
    to_corners = np.eye(3)
    to_corners[:2, 2] = 0.5
    matrix = to_wall @ np.linalg.inv(camera.at(frame)) @ to_corners
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        wall, matrix[:2], (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REFLECT
    )


def _shade_below(
    picture: np.ndarray, cover: Cover, light: np.ndarray, reach: float, strength: float
) -> None:
    """Casts the shadow of an object on the part of the picture around it."""
    corner = (cover.corner[0] - SHADOW_MARGIN, cover.corner[1] - SHADOW_MARGIN)
    alpha = np.pad(cover.alpha, SHADOW_MARGIN).astype(np.float32) / 255.0
    inside, _ = overlap(alpha.shape, corner, SIZE, SIZE)
    region = picture[inside]
    shift = (corner[0] - inside[0].start, corner[1] - inside[1].start)
    cast_shadow(region, paste(alpha, shift, *region.shape[:2]), light, reach, strength)


def _paint(
    picture: np.ndarray,
    actor: Actor,
    skin: Skin,
    cover: Cover,
    camera: Camera,
    frame: float,
    light: np.ndarray,
) -> None:
    """Paints one object into a frame."""
    shade = shading(cover.mask, light, skin.rim, skin.slant)
    inside, part = overlap(cover.alpha.shape, cover.corner, SIZE, SIZE)
    rows, columns = (np.arange(axis.start, axis.stop) + 0.5 for axis in inside)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)  # (h, w, 2) of (x, y)
    points = actor.to_unit(pixels.reshape(-1, 2), camera, frame).reshape(pixels.shape)
    colours = skin.at(points) * shade[part][..., None]
    alpha = cover.alpha[part].astype(np.float32)[..., None] / 255.0
    picture[inside] += alpha * (colours - picture[inside])
