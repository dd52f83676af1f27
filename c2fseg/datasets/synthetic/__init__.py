"""The built-in data sets, written to disk in the formats of the real ones."""

from __future__ import annotations

from c2fseg.datasets.synthetic import silhouettes_nature, silhouettes_things  # noqa: F401
from c2fseg.datasets.synthetic.clip import ClipPlan, Silhouettes, plan_clip
from c2fseg.datasets.synthetic.clip_writer import (
    CLIP_COUNTS,
    CLIP_FRAMES,
    generate_clip_samples,
    generate_clips,
)
from c2fseg.datasets.synthetic.families import FAMILIES, Family, family
from c2fseg.datasets.synthetic.outlines import Drawing
from c2fseg.datasets.synthetic.scene import Scene, SceneObject, make_scene
from c2fseg.datasets.synthetic.writer import (
    DEFAULT_COUNTS,
    generate_samples,
    generate_shapes,
    split_families,
)

__all__ = [
    'CLIP_COUNTS',
    'CLIP_FRAMES',
    'DEFAULT_COUNTS',
    'FAMILIES',
    'ClipPlan',
    'Drawing',
    'Family',
    'Scene',
    'SceneObject',
    'Silhouettes',
    'family',
    'generate_clip_samples',
    'generate_clips',
    'generate_samples',
    'generate_shapes',
    'make_scene',
    'plan_clip',
    'split_families',
]
