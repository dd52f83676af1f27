"""The registry of silhouette families: what each is called, and how far it may be turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from c2fseg.datasets.synthetic.outlines import Drawing

DrawFunction = Callable[[np.random.Generator], Drawing]


@dataclass(frozen=True)
class Family:
    """One family of silhouettes.

    Attributes:
        name: The category name in the annotation file.
        draw: Draws one member with random shape parameters, in unit coordinates.
        max_rotation: How far a member may be turned from upright, in degrees, both ways.
        reserved: Whether the family is kept out of train, val and test, for test_unseen.
    """

    name: str
    draw: DrawFunction
    max_rotation: float
    reserved: bool = False


FAMILIES: dict[str, Family] = {}


def family(
    name: str, max_rotation: float, reserved: bool = False
) -> Callable[[DrawFunction], DrawFunction]:
    """Registers a drawing function under ``name``; see :class:`Family` for the arguments.

    Raises:
        KeyError: A family of this name exists.
    """

    def register(draw: DrawFunction) -> DrawFunction:
        if name in FAMILIES:
            raise KeyError(f'a silhouette family named {name!r} exists; choose another name')
        FAMILIES[name] = Family(name, draw, max_rotation, reserved)
        return draw

    return register
