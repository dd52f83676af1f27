"""The built-in data sets, written to disk in the formats of the real ones."""

from __future__ import annotations

from c2fseg.datasets.synthetic import silhouettes_nature, silhouettes_things  # noqa: F401
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
    'DEFAULT_COUNTS',
    'FAMILIES',
    'Drawing',
    'Family',
    'Scene',
    'SceneObject',
    'family',
    'generate_samples',
    'generate_shapes',
    'make_scene',
    'split_families',
]
