"""What check_dataset reads: real files, and files in which anything may be anything."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c2fseg.datasets import COCOADataset, CocoAmodalDataset, KINSDataset
from c2fseg.datasets.checking import Split, gather_split
from tests.datasets import coco_files

COCOA_DEMO = Path(__file__).parents[3] / 'shared' / 'real' / 'cocoa_demo'
JUNK = [
    None, 'x', '', -1, 0, 7, 10**30, float('nan'), float('inf'), True, [], {}, ['a'], [[1, 2]],
    [[[1, 2], [3, 4]], [1]], [None] * 6, [[1e9] * 6], {'size': [40, 60], 'counts': 'abc'},
    {'size': None, 'counts': []}, {'size': [40, 60], 'counts': {}},
]  # fmt: skip


def kins_content() -> dict[str, Any]:
    entry = {
        'id': 1, 'image_id': 7, 'category_id': 3,
        'a_segm': [coco_files.box_polygon(10, 10, 50, 30)],
        'i_segm': coco_files.runs(coco_files.SEEN),
        'a_bbox': [10, 10, 40, 20], 'i_bbox': [30, 10, 20, 20],
    }  # fmt: skip
    return coco_files.objects(annotations=[entry, {**entry, 'id': 2}])


def places(node: Any, place: tuple = ()) -> Iterator[tuple]:
    """All places of a JSON value, but the numbers inside masks."""
    if place:
        yield place
    if isinstance(node, list | dict) and place[-1:] != ('counts',):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*place, key))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_stops_it_and_nothing_that_is_refused_passes(tmp_path: Path, data: Any) -> None:
    """One value of a good file becomes another: there is no error, and a finding where the data
    set that reads the file refuses it."""
    sources = [
        (kins_content, KINSDataset),
        (coco_files.objects, CocoAmodalDataset),
        (coco_files.original, COCOADataset),
        (coco_files.single, COCOADataset),
    ]
    make, dataset = data.draw(st.sampled_from(sources))
    content = make()
    *parents, last = data.draw(st.sampled_from(list(places(content))))
    node = content
    for key in parents:
        node = node[key]
    node[last] = copy.deepcopy(data.draw(st.sampled_from(JUNK)))
    path = coco_files.write(tmp_path / 'any.json', content)
    found = gather_split(Split('any', (str(path),), None), progress=False)
    if found.rows and not any(finding.broken for finding in found.findings):
        try:
            dataset(ann_file=str(path), test_mode=True)
        except ValueError as error:
            # Objects that are merely hidden are dropped, and may have been the only ones.
            if 'no object is left' not in str(error):
                raise


@pytest.mark.skipif(not COCOA_DEMO.is_dir(), reason='needs ../shared/real/cocoa_demo')
def test_the_real_regions_are_in_order() -> None:
    split = Split('demo', (str(COCOA_DEMO),), str(COCOA_DEMO))
    found = gather_split(split, progress=False)
    assert (found.findings, len(found.rows), len(found.pictures)) == ([], 48, 5)
    assert all(row.problem is None for row in found.pictures)
