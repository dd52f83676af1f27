"""How pictures are told to be the same, or nearly the same."""

from __future__ import annotations

import cv2
import numpy as np

from c2fseg.datasets.checking.duplicates import NEAR_LOOK
from c2fseg.datasets.checking.picture_checks import content_hash, look_hash


def test_looks_stay_and_contents_do_not() -> None:
    """A picture keeps its look when it is resized or compressed; other pictures have another."""
    rng = np.random.default_rng(0)
    pictures = [
        cv2.resize(
            rng.integers(0, 255, (6, 8, 3), np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC
        )
        for _ in range(6)
    ]
    for picture in pictures:
        small = cv2.resize(picture, (80, 60), interpolation=cv2.INTER_AREA)
        done, jpeg = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 50])
        assert done
        for changed in (small, cv2.imdecode(jpeg, cv2.IMREAD_COLOR)):
            assert (look_hash(picture) ^ look_hash(changed)).bit_count() <= NEAR_LOOK
            assert content_hash(picture) != content_hash(changed)
        assert content_hash(picture) == content_hash(picture.copy())
    looks = [look_hash(picture) for picture in pictures]
    apart = [(a ^ b).bit_count() for i, a in enumerate(looks) for b in looks[:i]]
    assert min(apart) > NEAR_LOOK
