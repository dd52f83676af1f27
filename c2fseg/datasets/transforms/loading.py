"""From file names and coded masks to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import decode_mask

from ..image_io import EXIF_RULES, check_size, read_id_map, read_rgb

MASK_KINDS = {
    'visible': 'gt_visible_mask',
    'amodal': 'gt_amodal_mask',
    'evaluable': 'evaluable_mask',
    'input': 'visible_mask',
}
OPTIONAL_KINDS = ('evaluable', 'input')


def origin(results: dict) -> str:
    """Say where an object comes from, for messages.

    Args:
        results: Results of the pipeline so far.

    Returns:
        'annotation 3 of file.json', with '(video 000012)' behind it for a clip.
    """
    video = f' (video {results.get("image_id")})' if len(results.get('img_paths', ())) > 1 else ''
    return f'annotation {results.get("annotation_id")} of {results.get("ann_file")}{video}'


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Read the object's T pictures as RGB.

    Required Keys: ``img_paths``, ``height``, ``width``.

    Modified Keys: none.

    Added Keys: ``img`` uint8 (T, H, W, 3).

    Args:
        exif: 'apply' turns a photograph as its EXIF orientation says, 'ignore' leaves it as it is
            stored.

    Raises:
        FileNotFoundError: When a file is missing.
        OSError: When it is no picture, truncated or damaged.
        ValueError: When its size is not the annotation file's.
    """

    def __init__(self, exif: str = 'apply') -> None:
        if exif not in EXIF_RULES:
            raise ValueError(f'exif is one of {EXIF_RULES}, got {exif!r}')
        self.exif = exif

    def transform(self, results: dict) -> dict:
        """Read the pictures.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with ``img``.
        """
        frames: dict[str, np.ndarray] = {}  # a padded clip names its last picture many times
        for path in results['img_paths']:
            if path in frames:
                continue
            try:
                frames[path] = read_rgb(path, self.exif)
                check_size(path, frames[path], results['height'], results['width'])
            except (OSError, ValueError) as error:
                raise type(error)(f'{error} [{origin(results)}]') from error
        results['img'] = np.stack([frames[path] for path in results['img_paths']])
        return results


@TRANSFORMS.register_module()
class LoadAmodalMasks(BaseTransform):
    """Decode the object's visible and amodal masks, and which pixels no other object covers.

    A coded mask is what :func:`c2fseg.structures.to_rle` reads, or a reference to an id map,
    ``dict(file=path, values=(v, ...))``: the pixels of that single-channel PNG that have one of the
    values. A file is read once, however many masks refer to it. Single frames may be empty: the
    object is hidden there, or out of view.

    Required Keys: ``visible_segmentations``, ``amodal_segmentations`` (T each), ``height``,
    ``width``.

    Optional Keys: ``evaluable_segmentations`` (T); ``input_segmentations`` (T), visible masks for
    the model that are not the true ones; ``occlusion_rate``; ``frame_valid`` (T,).

    Modified Keys: ``occlusion_rate``, where it is nan: 1 - |V| / |A| over the valid frames.

    Added Keys: ``visible_mask`` (what the model will see), ``gt_visible_mask``,
    ``gt_amodal_mask``, and ``evaluable_mask`` where it is known, all uint8 (T, H, W).

    Raises:
        FileNotFoundError: When an id map is missing.
        OSError: When an id map is no picture, truncated or damaged.
        TypeError, ValueError: When a mask cannot be decoded, has another size than its image, an id
            map is not single-channel, or no frame has a visible or an amodal pixel.
    """

    def transform(self, results: dict) -> dict:
        """Decode the masks.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the masks.
        """
        id_maps: dict[str, np.ndarray] = {}
        for kind, target in MASK_KINDS.items():
            if kind in OPTIONAL_KINDS and f'{kind}_segmentations' not in results:
                continue
            results[target] = self._decode_all(kind, results, id_maps)
            if kind != 'evaluable' and not results[target].any():
                raise ValueError(f'{origin(results)}: its {kind} mask is empty')
        if 'input_segmentations' not in results:
            results['visible_mask'] = results['gt_visible_mask'].copy()
        if np.isnan(results.get('occlusion_rate', 0.0)):
            valid = np.asarray(results.get('frame_valid', True), bool)
            visible, amodal = (
                np.count_nonzero(results[key], axis=(1, 2))[valid].sum()
                for key in ('gt_visible_mask', 'gt_amodal_mask')
            )
            results['occlusion_rate'] = 1.0 - float(visible) / max(float(amodal), 1.0)
        return results

    def _decode_all(self, kind: str, results: dict, id_maps: dict[str, np.ndarray]) -> np.ndarray:
        coded = results[f'{kind}_segmentations']
        size = results['height'], results['width']
        masks = np.empty((len(coded), *size), np.uint8)
        for frame, mask in enumerate(coded):
            try:
                if isinstance(mask, dict) and 'file' in mask:
                    masks[frame] = _select(mask, size, id_maps)
                else:
                    masks[frame] = decode_mask(mask, *size)
            except (OSError, TypeError, ValueError) as error:
                where = f'{origin(results)}, {kind} mask of frame {frame}'
                raise type(error)(f'{where}: {error}') from error
        return masks


def _select(
    reference: dict[str, Any], size: tuple[int, int], id_maps: dict[str, np.ndarray]
) -> np.ndarray:
    """Give the pixels of an id map that a reference means: bool (H, W)."""
    path, values = reference['file'], reference['values']
    if path not in id_maps:
        ids = read_id_map(path)
        if ids.shape != size:
            raise ValueError(f'id map {path} is of size (H, W) = {ids.shape}, expected {size}')
        id_maps[path] = ids
    mask = id_maps[path] == values[0]
    for value in values[1:]:
        mask |= id_maps[path] == value
    return mask
