"""Counts and shares of a split, as a dict that JSON can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base_amodal_dataset import OCCLUDED_RATE, OUTSIDE_NOTE_RATE
from ..coco_amodal import BOX_TOLERANCE
from ..conversion import Finding, box_meaning
from .gather import SplitData
from .object_checks import ObjectRow

HIDDEN_BINS = 20
PERCENTILES = (0, 5, 25, 50, 75, 95, 100)


def summarise(data: SplitData) -> dict[str, Any]:
    """Summarise a split.

    Args:
        data: What was read.

    Returns:
        ``name``, ``annotation_files``, ``flavour``, ``pictures``, ``objects``, ``per_category``,
        ``hidden_share``, ``amodal_area``, ``visible_area``, ``boxes``, ``outside``.
    """
    rows = [row for row in data.rows if row.areas is not None and row.areas.amodal > 0]
    amodal = np.array([row.areas.amodal for row in rows if row.areas], dtype=np.int64)
    visible = np.array([row.areas.visible for row in rows if row.areas], dtype=np.int64)
    outside = np.array([row.areas.outside for row in rows if row.areas], dtype=np.int64)
    shares = outside / np.maximum(amodal, 1)
    names = Counter(dict.fromkeys(data.source.categories.values(), 0))
    names.update(row.name for row in data.rows)
    return {
        'name': data.split.name,
        'annotation_files': [*data.split.ann_files],
        'flavour': None if data.source.flavour is None else data.source.flavour.name,
        'pictures': _pictures(data),
        'objects': {
            'read': len(data.rows),
            'with_usable_masks': len(rows),
            'crowds': data.source.crowds,
            'fully_hidden': int((visible == 0).sum()),
        },
        'per_category': dict(names.most_common()),
        'hidden_share': _hidden_share(1.0 - visible / np.maximum(amodal, 1)),
        'amodal_area': _percentiles(amodal),
        'visible_area': _percentiles(visible),
        'boxes': _boxes(data, rows),
        'outside': {
            'objects_over_1_percent': int((shares > OUTSIDE_NOTE_RATE).sum()),
            'largest_share': float(shares.max(initial=0.0)),
        },
    }


def count_kinds(findings: Sequence[Finding]) -> dict[str, int]:
    """Count findings by kind, the broken ones first.

    Args:
        findings: All findings.

    Returns:
        Number for each kind.
    """
    ordered = sorted(findings, key=lambda finding: not finding.broken)
    return dict(Counter(finding.kind for finding in ordered))


def _pictures(data: SplitData) -> dict[str, Any]:
    images = data.source.images
    annotated = Counter(row.image_id for row in data.rows)
    read = {row.image_id: (row.height, row.width) for row in data.pictures}
    sizes = Counter(
        (image.height, image.width) if image.height is not None else read.get(number, (None, None))
        for number, image in images.items()
    )
    return {
        'listed': len(images),
        'read': len(data.pictures),
        'usable': sum(row.problem is None for row in data.pictures),
        'without_annotations': sum(number not in annotated for number in images),
        'most_objects': max(annotated.values(), default=0),
        'sizes': {
            f'{width} x {height}': number
            for (height, width), number in sizes.most_common()
            if height is not None
        },
    }


def _hidden_share(rates: np.ndarray) -> dict[str, Any]:
    """Histogram of hidden shares; objects of which nothing is hidden are counted apart."""
    edges = np.linspace(0.0, 1.0, HIDDEN_BINS + 1)
    counts, _ = np.histogram(rates[rates > 0], edges)
    return {
        'unoccluded': int((rates <= 0).sum()),
        'bin_edges': edges.round(6).tolist(),
        'counts': counts.tolist(),
        'over_5_percent': int((rates > OCCLUDED_RATE).sum()),
        'mean': float(rates.mean()) if rates.size else None,
    }


def _percentiles(values: np.ndarray) -> dict[str, float]:
    if values.size == 0:
        return {}
    found = np.percentile(values, PERCENTILES).round(1).tolist()
    return {str(place): value for place, value in zip(PERCENTILES, found)}


def _boxes(data: SplitData, rows: Sequence[ObjectRow]) -> dict[str, Any]:
    """For each key of a box: how far it is off the boxes of the masks."""
    distances: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for box in row.boxes:
            distances.setdefault(box.key, []).append((box.amodal, box.visible))
    found: dict[str, Any] = {}
    for key, pairs in distances.items():
        declared = data.split.bbox if key == 'bbox' and data.split.bbox else None
        found[key] = {
            'meaning': declared or box_meaning(key, data.source.flavour),
            'compared': len(pairs),
        }
        for name, off in zip(('amodal', 'visible'), np.array(pairs).T):
            off = off[np.isfinite(off)]
            found[key][name] = {
                'within_2_px': int((off <= BOX_TOLERANCE).sum()),
                'median_px': float(np.median(off)) if off.size else None,
                'largest_px': float(off.max()) if off.size else None,
            }
    return found
