"""The look of a scene: colours, textures, shading, soft shadows. Colours are RGB in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from c2fseg.datasets.synthetic.rasterize import Patch

COLOUR_CANDIDATES = 16
TEXTURES = ('plain', 'stripes', 'checks', 'dots', 'clouds', 'grain')


def random_colour(rng: np.random.Generator, saturation: tuple[float, float]) -> np.ndarray:
    """Draws an RGB colour (3,) in [0, 1] of any hue, with the saturation in a range."""
    hue, strength = rng.random(), rng.uniform(*saturation)
    value = rng.uniform(0.35, 0.95)
    ramp = np.abs((hue * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0
    return value * (1.0 - strength * (1.0 - np.clip(ramp, 0.0, 1.0)))


def distinct_colour(
    rng: np.random.Generator, taken: Sequence[np.ndarray], saturation: tuple[float, float]
) -> np.ndarray:
    """Draws a few colours and keeps the one farthest from those ``taken``, so objects differ."""
    candidates = np.stack([random_colour(rng, saturation) for _ in range(COLOUR_CANDIDATES)])
    if not taken:
        return candidates[0]
    gaps = _hue_weighted(candidates)[:, None] - _hue_weighted(np.stack(taken))[None]
    return candidates[int(np.linalg.norm(gaps, axis=2).min(axis=1).argmax())]


def _hue_weighted(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3) in a space where hue counts more than brightness."""
    grey = colours.mean(axis=-1, keepdims=True)
    return (colours - grey) + 0.4 * grey


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """Noise (height, width) float32, about in [-1, 1], whose bumps are ``cell`` pixels wide."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    coarse = rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def texture(
    rng: np.random.Generator, height: int, width: int, base: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Paints a random texture of two colours, (height, width, 3) float32."""
    kind = TEXTURES[int(rng.integers(len(TEXTURES)))]
    turn, period = rng.uniform(0.0, np.pi), rng.uniform(7.0, 22.0)
    rows = np.arange(height, dtype=np.float64)[:, None]
    columns = np.arange(width, dtype=np.float64)[None, :]
    across = (columns * np.cos(turn) + rows * np.sin(turn)) * (2.0 * np.pi / period)
    along = (rows * np.cos(turn) - columns * np.sin(turn)) * (2.0 * np.pi / period)
    noise = smooth_noise(rng, height, width, rng.uniform(8.0, 30.0))
    share: np.ndarray
    if kind == 'plain':
        share = 0.3 * noise
    elif kind == 'stripes':
        share = 0.5 + 2.0 * np.sin(across + 0.3 * noise)
    elif kind == 'checks':
        share = 0.5 + 4.0 * np.sin(across) * np.sin(along)
    elif kind == 'dots':
        share = 6.0 * (np.sin(across) * np.sin(along) - 0.45)
    elif kind == 'clouds':
        share = 0.5 + 0.8 * noise
    else:
        share = 0.5 + 0.5 * np.sin(0.25 * along + 0.8 * across + 5.0 * noise)
    second_share = np.clip(share, 0.0, 1.0).astype(np.float32)[..., None]
    fine = 1.0 + 0.05 * smooth_noise(rng, height, width, 2.0)[..., None]
    painted = (base + second_share * (second - base)) * fine
    return painted.astype(np.float32)


def background(
    rng: np.random.Generator, height: int, width: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Paints a textured background, a wall or a wall with a floor.

    Returns:
        The picture (height, width, 3) float32, and its main colours, which objects avoid.
    """
    taken: list[np.ndarray] = []
    parts = []
    for _ in range(2 if rng.random() < 0.5 else 1):
        base = distinct_colour(rng, taken, (0.05, 0.5))
        second = np.clip(base * rng.uniform(0.65, 1.35) + rng.uniform(-0.08, 0.08, 3), 0.0, 1.0)
        parts.append(texture(rng, height, width, base, second))
        taken.append(base)
    picture = parts[0]
    if len(parts) == 2:
        edge = height * rng.uniform(0.3, 0.7)
        slope = rng.uniform(-0.15, 0.15)
        rows = np.arange(height, dtype=np.float32)[:, None]
        columns = np.arange(width, dtype=np.float32)[None, :]
        floor = np.clip(rows - edge - slope * (columns - 0.5 * width) + 0.5, 0.0, 1.0)[..., None]
        picture = picture + floor * (parts[1] - picture)
    glow = 1.0 + 0.15 * smooth_noise(rng, height, width, 0.7 * width)[..., None]
    return picture * glow, taken


def paint_object(
    rng: np.random.Generator, patch: Patch, base: np.ndarray, light: np.ndarray
) -> np.ndarray:
    """Paints one object with its own texture, shaded by a light from direction ``light`` (2,).

    Returns:
        The colours (h, w, 3) float32; those outside the object mean nothing.
    """
    colours = paint_texture(rng, patch, base)
    rim, slant = rng.uniform(3.0, 8.0), rng.uniform(0.05, 0.18)
    colours *= (patch.tone * shading(patch.mask, light, rim, slant))[..., None]
    return colours


def paint_texture(rng: np.random.Generator, patch: Patch, base: np.ndarray) -> np.ndarray:
    """Paints the texture and the accents of one object, without tone and shading, (h, w, 3)."""
    height, width = patch.mask.shape
    contrast = rng.uniform(0.6, 1.3)
    second = np.clip(base * contrast + rng.uniform(-0.12, 0.12, 3), 0.0, 1.0)
    accent_colour = distinct_colour(rng, [base], (0.2, 0.9))
    colours = texture(rng, height, width, base, second)
    colours += patch.accent[..., None] * (accent_colour.astype(np.float32) - colours)
    return colours


def shading(mask: np.ndarray, light: np.ndarray, rim: float, slant: float) -> np.ndarray:
    """What the brightness of an object is multiplied with, float32 (h, w).

    Args:
        mask: The object's pixels, bool (h, w).
        light: The direction (x, y) that the light shines in.
        rim: Width in pixels of the rounded rim that catches the light on one side.
        slant: Strength of the gradient over the object.
    """
    height, width = mask.shape
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    slope = 1.0 - np.clip(depth / rim, 0.0, 1.0)
    dome = cv2.GaussianBlur(np.sqrt(1.0 - slope**2), (0, 0), 1.2)
    across = cv2.Sobel(dome, cv2.CV_32F, 1, 0, ksize=3, scale=0.125).astype(np.float64)
    down = cv2.Sobel(dome, cv2.CV_32F, 0, 1, ksize=3, scale=0.125).astype(np.float64)
    tilt = across * light[0] + down * light[1]
    # Rounded to single precision first: the bytes of the pictures depend on it.
    rows = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None].astype(np.float64)
    columns = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :].astype(np.float64)
    gradient = -(columns * light[0] + rows * light[1]) * slant
    edge = 0.72 + 0.28 * np.clip(dome * 1.6, 0.0, 1.0)
    return ((1.0 + gradient) * edge + 1.3 * tilt).astype(np.float32)


def cast_shadow(
    picture: np.ndarray, alpha: np.ndarray, light: np.ndarray, reach: float, strength: float
) -> None:
    """Darkens ``picture`` (H, W, 3) in place under an object of coverage ``alpha`` (H, W).

    The shadow falls away from the light, ``reach`` pixels far, and is blurred as much.
    """
    # `tilt` in the shading grows towards the light, which therefore lies at -light.
    shift = np.array([[1.0, 0.0, reach * light[0]], [0.0, 1.0, reach * light[1]]])
    moved = cv2.warpAffine(alpha, shift, (alpha.shape[1], alpha.shape[0]))
    soft = cv2.blur(cv2.blur(moved, (7, 7)), (7, 7))
    picture *= 1.0 - strength * soft[..., None]
