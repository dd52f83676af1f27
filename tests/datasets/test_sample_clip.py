"""The sample clip under demo/data_video is what the generator makes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from c2fseg.datasets.synthetic import generate_clip_samples

SHIPPED = Path(__file__).parents[2] / 'demo' / 'data_video' / '000000'


def test_the_sample_clip_is_reproduced(tmp_path):
    generate_clip_samples(tmp_path, count=1, seed=4)
    made = tmp_path / '000000'
    names = sorted(path.name for path in SHIPPED.iterdir())
    assert sorted(path.name for path in made.iterdir()) == names
    assert (made / 'metadata.json').read_text() == (SHIPPED / 'metadata.json').read_text()
    for name in names:
        if not name.endswith('.png'):
            continue
        ours, shipped = (
            cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED).astype(int)
            for folder in (made, SHIPPED)
        )
        # Other processors may round a colour otherwise; masks are whole numbers all the way.
        assert np.abs(ours - shipped).max() <= (2 if name.startswith('rgba') else 0), name
