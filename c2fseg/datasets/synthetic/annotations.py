"""From scenes to the KINS 2020 annotation format.

Both masks of an object are COCO compressed RLE dicts and not polygons: KINS merges the polygons of
an object to their union, which cannot say that one sees through the handle of a mug.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from c2fseg.datasets.synthetic.families import FAMILIES
from c2fseg.datasets.synthetic.scene import Scene, SceneObject
from c2fseg.structures import encode_mask, masks_to_boxes


def category_list() -> list[dict[str, Any]]:
    """All families as COCO categories: ids from 1 in the order of registration."""
    return [{'id': index, 'name': name} for index, name in enumerate(FAMILIES, start=1)]


def annotate_scene(scene: Scene) -> list[dict[str, Any]]:
    """Describes the objects of a scene, farthest first, without ``id`` and ``image_id``.

    ``oco_id`` numbers the clusters of objects whose amodal masks overlap. ``ico_id`` is 0 for an
    object alone in its cluster, else 1 for one that nothing hides, and one more than the largest
    among those in front of it for the others. So the visible mask of an object is its amodal mask
    minus those in its cluster with a smaller ``ico_id``.
    """
    category_ids = {name: index for index, name in enumerate(FAMILIES, start=1)}
    clusters, orders = depth_order([item.amodal for item in scene.objects])
    annotations = []
    for item, cluster, order in zip(scene.objects, clusters, orders):
        annotations.append(
            {
                **_masks(item),
                'category_id': category_ids[item.family.name],
                'iscrowd': 0,
                'oco_id': cluster,
                'ico_id': order,
            }
        )
    return annotations


def depth_order(amodal_masks: Sequence[np.ndarray]) -> tuple[list[int], list[int]]:
    """Finds ``oco_id`` and ``ico_id`` of objects given from the farthest to the nearest.

    Args:
        amodal_masks: Bool masks (H, W).

    Returns:
        Two lists with one number for each object; see :func:`annotate_scene`.
    """
    count = len(amodal_masks)
    if count == 0:
        return [], []
    flat = np.stack([mask.ravel() for mask in amodal_masks]).astype(np.float32)
    touching = flat @ flat.T > 0
    orders = [1] * count
    for far in range(count - 2, -1, -1):
        in_front = [orders[near] for near in range(far + 1, count) if touching[far, near]]
        orders[far] = 1 + max(in_front, default=0)
    clusters = list(range(count))
    for far in range(count):
        for near in range(far + 1, count):
            if touching[far, near] and clusters[far] != clusters[near]:
                old, new = clusters[near], clusters[far]
                clusters = [new if cluster == old else cluster for cluster in clusters]
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    alone = [clusters.count(cluster) == 1 for cluster in clusters]
    orders = [0 if single else order for single, order in zip(alone, orders)]
    return [numbers[cluster] for cluster in clusters], orders


def _masks(item: SceneObject) -> dict[str, Any]:
    return {
        'a_segm': encode_mask(item.amodal),
        'a_bbox': _bbox(item.amodal),
        'i_segm': encode_mask(item.visible),
        'i_bbox': _bbox(item.visible),
        'area': int(np.count_nonzero(item.amodal)),
    }


def _bbox(mask: np.ndarray) -> list[int]:
    """The box [x, y, width, height] in pixels of a mask (H, W)."""
    left, top, right, bottom = masks_to_boxes(mask).tolist()
    return [left, top, right - left, bottom - top]
