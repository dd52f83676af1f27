"""The published numbers, each with its source, in the layout of the paper's tables.

C2F-Seg's own numbers are the exact ones of its supplementary material. They are post-processed, by
the word of its author (``docs/reproduce.md``). Numbers of other methods are quoted; ``sure`` tells
which of them were read in the work that is named.
"""

from __future__ import annotations

from dataclasses import dataclass

# Folders of configs/ablations that hold a data set of the paper, and how the paper writes it.
DATASETS = {'kins': 'KINS', 'cocoa': 'COCOA', 'fishbowl': 'Fishbowl', 'movid_a': 'MOViD-A'}
# Baselines without weights: a row of the table, and the method of TrivialPredictor.
TRIVIAL = {'visible': 'visible mask', 'convex_hull': 'convex hull of it'}


@dataclass(frozen=True)
class Published:
    """A published pair of scores.

    Attributes:
        full: mIoU of the whole object, percent.
        occluded: mIoU of the hidden part, percent.
        source: Where it was published.
        sure: Whether it was read there, for this very data set; otherwise it is hearsay.
        digits: Decimals that were published.
    """

    full: float
    occluded: float
    source: str
    sure: bool = True
    digits: int = 2


@dataclass(frozen=True)
class Variant:
    """A row of a table.

    Attributes:
        label: What the row is called.
        config: Config of the data set's family that makes it, or a key of ``TRIVIAL``; ``None``
            for a method that is quoted only.
        num_steps: Decoding steps K; ``None`` takes those of the config.
        published: The scores by data set.
    """

    label: str
    config: str | None
    num_steps: int | None
    published: dict[str, Published]


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        name: How the command line calls it.
        title: The heading.
        corner: What its rows (or columns) are.
        across: Whether the variants run across, a row a data set, instead of down.
        datasets: The data sets that the paper shows, in its order.
        variants: What is compared.
    """

    name: str
    title: str
    corner: str
    across: bool
    datasets: tuple[str, ...]
    variants: tuple[Variant, ...]


def _supplement(table: int, scores: dict[str, tuple[float, float]]) -> dict[str, Published]:
    source = f'C2F-Seg (ICCV 2023), supplementary material, Table {table}'
    return {name: Published(full, occluded, source) for name, (full, occluded) in scores.items()}


def _hearsay(
    source: str, scores: dict[str, tuple[float, float]], digits: int = 2
) -> dict[str, Published]:
    return {name: Published(*pair, source, False, digits) for name, pair in scores.items()}


_STEPS = {
    'cocoa': {
        1: (80.16, 27.70),
        2: (80.27, 27.68),
        3: (80.28, 27.71),
        5: (80.28, 27.60),
        8: (80.31, 27.57),
        10: (80.24, 27.28),
        12: (80.27, 27.44),
    },
    'movid_a': {
        1: (71.91, 36.57),
        2: (71.67, 36.30),
        3: (71.67, 36.13),
        5: (71.58, 35.88),
        8: (71.46, 35.53),
        10: (71.42, 35.60),
        12: (71.41, 35.44),
    },
}
_FULL_CLIPS = {'fishbowl': (91.68, 81.21), 'movid_a': (71.67, 36.13)}
_FULL_IMAGES = {'kins': (82.22, 53.60), 'cocoa': (80.28, 27.71)}
_BY_MEMORY = 'quoted from memory, not checked'
_MOVI_D = 'MOVi-D columns of EoRaS and diffusion-vas; that MOViD-A has the same test set is unsure'

TABLES: dict[str, PaperTable] = {
    '1': PaperTable(
        '1',
        'Table 1 of the supplement: decoding steps K',
        'K',
        True,
        ('cocoa', 'movid_a'),
        tuple(
            Variant(
                str(steps),
                'full',
                steps,
                _supplement(1, {name: scores[steps] for name, scores in _STEPS.items()}),
            )
            for steps in _STEPS['cocoa']
        ),
    ),
    '2': PaperTable(
        '2',
        'Table 2 of the supplement: the spatio-temporal module',
        'module',
        False,
        ('fishbowl', 'movid_a'),
        (
            Variant(
                'without it',
                'without_st',
                None,
                _supplement(2, {'fishbowl': (89.64, 78.93), 'movid_a': (67.19, 26.48)}),
            ),
            Variant(
                'without the roll',
                'without_roll',
                None,
                _supplement(2, {'fishbowl': (90.91, 80.01), 'movid_a': (69.92, 32.35)}),
            ),
            Variant('full', 'full', None, _supplement(2, _FULL_CLIPS)),
        ),
    ),
    '3': PaperTable(
        '3',
        'Table 3 of the supplement: attention in the refiner',
        'attention',
        False,
        ('kins', 'cocoa'),
        (
            Variant(
                'without',
                'without_attention',
                None,
                _supplement(3, {'kins': (82.07, 52.98), 'cocoa': (80.15, 26.85)}),
            ),
            Variant('with', 'full', None, _supplement(3, _FULL_IMAGES)),
        ),
    ),
    'main': PaperTable(
        'main',
        'The main comparison',
        'method',
        False,
        ('kins', 'cocoa', 'fishbowl', 'movid_a'),
        (
            *(Variant(label, method, None, {}) for method, label in TRIVIAL.items()),
            Variant(
                'PCNet-M',
                None,
                None,
                {
                    **_hearsay(_BY_MEMORY, {'kins': (78.02, 38.14), 'cocoa': (76.91, 20.34)}),
                    **_hearsay(f'about, {_BY_MEMORY}', {'fishbowl': (87.0, 65.0)}, digits=1),
                    **_hearsay(_MOVI_D, {'movid_a': (64.35, 27.31)}),
                },
            ),
            Variant(
                'VRSP',
                None,
                None,
                _hearsay(_BY_MEMORY, {'kins': (80.70, 47.33), 'cocoa': (78.98, 22.92)}),
            ),
            Variant(
                'AISFormer',
                None,
                None,
                {
                    **_hearsay(_BY_MEMORY, {'kins': (81.53, 48.54), 'cocoa': (72.69, 13.75)}),
                    **_hearsay(_MOVI_D, {'movid_a': (67.72, 33.65)}),
                },
            ),
            Variant(
                'SaVos',
                None,
                None,
                {
                    **_hearsay(_BY_MEMORY, {'fishbowl': (88.6, 71.6)}, digits=1),
                    **_hearsay(_MOVI_D, {'movid_a': (60.61, 22.64)}),
                },
            ),
            Variant(
                'C2F-Seg',
                'full',
                None,
                {**_supplement(3, _FULL_IMAGES), **_supplement(2, _FULL_CLIPS)},
            ),
        ),
    ),
}
