"""From file names and coded masks to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import decode_mask

from ..image_io import EXIF_RULES, check_size, fit_size, read_id_map, read_rgb
from ..picture_cache import PictureCache

CHANNEL_ORDERS = ('rgb', 'bgr', 'record')
SIZE_RULES = ('stop', 'resize')
MASK_KINDS = {
    'visible': 'gt_visible_mask',
    'amodal': 'gt_amodal_mask',
    'evaluable': 'evaluable_mask',
    'input': 'visible_mask',
}
OPTIONAL_KINDS = ('amodal', 'evaluable', 'input')


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

    A process keeps the pictures that it read last, so the objects of a picture that come one after
    another cost one reading. ``img`` of a single picture is therefore not writable; a transform
    that draws on it has to copy it.

    Required Keys: ``img_paths``, ``height``, ``width``; ``channel_order`` for
    ``channel_order='record'``.

    Modified Keys: none.

    Added Keys: ``img`` uint8 (T, H, W, 3).

    Args:
        exif: 'apply' turns a photograph as its EXIF orientation says, 'ignore' leaves it as it is
            stored.
        cache_size: Most pictures that a process keeps.
        channel_order: 'rgb'; 'bgr', as the published models saw objects with given masks in
            training; or 'record', which of the two each record says.
        size_mismatch: A picture of another size than its annotations say: 'stop' raises, 'resize'
            resizes it (Lanczos), as the published test set of KINS is read.

    Raises:
        FileNotFoundError: When a file is missing.
        KeyError: When a record does not say its ``channel_order``.
        OSError: When it is no picture, truncated or damaged.
        ValueError: When its size is not the annotation file's, or an argument is unknown.

    Source: C2F-Seg, ICCV 2023, reference implementation ('bgr', 'resize').
    """

    def __init__(
        self,
        exif: str = 'apply',
        cache_size: int = 4,
        channel_order: str = 'rgb',
        size_mismatch: str = 'stop',
    ) -> None:
        if exif not in EXIF_RULES:
            raise ValueError(f'exif is one of {EXIF_RULES}, got {exif!r}')
        if channel_order not in CHANNEL_ORDERS:
            raise ValueError(f'channel_order is one of {CHANNEL_ORDERS}, got {channel_order!r}')
        if size_mismatch not in SIZE_RULES:
            raise ValueError(f'size_mismatch is one of {SIZE_RULES}, got {size_mismatch!r}')
        self.exif = exif
        self.channel_order = channel_order
        self.size_mismatch = size_mismatch
        self._pictures = PictureCache(cache_size)

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
                frames[path] = self._fit(path, results['height'], results['width'])
            except (OSError, ValueError) as error:
                raise type(error)(f'{error} [{origin(results)}]') from error
        pictures = [frames[path] for path in results['img_paths']]
        clip = pictures[0][None] if len(pictures) == 1 else np.stack(pictures)  # (T, H, W, 3)
        results['img'] = clip[..., ::-1] if self._order(results) == 'bgr' else clip
        return results

    def _fit(self, path: str, height: int, width: int) -> np.ndarray:
        """Read one picture: RGB (H, W, 3), not to be written to."""
        picture = self._pictures.get(path, lambda name: read_rgb(name, self.exif))
        if self.size_mismatch == 'resize':
            return fit_size(picture, height, width)
        check_size(path, picture, height, width)
        return picture

    def _order(self, results: dict) -> str:
        if self.channel_order != 'record':
            return self.channel_order
        if results.get('channel_order') not in CHANNEL_ORDERS[:2]:
            raise KeyError(
                f"{origin(results)}: LoadFrames(channel_order='record') needs a record whose key "
                f"'channel_order' is 'rgb' or 'bgr', got {results.get('channel_order')!r}"
            )
        return results['channel_order']


@TRANSFORMS.register_module()
class LoadAmodalMasks(BaseTransform):
    """Decode the object's visible and amodal masks, and which pixels no other object covers.

    A coded mask is what :func:`c2fseg.structures.to_rle` reads, or a reference to an id map,
    ``dict(file=path, values=(v, ...))``: the pixels of that single-channel PNG that have one of the
    values. A file is read once, however many masks refer to it. Single frames may be empty: the
    object is hidden there, or out of view.

    Required Keys: ``visible_segmentations`` (T), ``height``, ``width``.

    Optional Keys: ``amodal_segmentations`` (T), which only data for inference lack;
    ``evaluable_segmentations`` (T); ``input_segmentations`` (T), visible masks for
    the model that are not the true ones; ``occlusion_rate``; ``frame_valid`` (T,).

    Modified Keys: ``occlusion_rate``, where it is nan and A is known: 1 - |V| / |A| over the valid
    frames.

    Added Keys: ``visible_mask`` (what the model will see), ``gt_visible_mask``,
    ``gt_amodal_mask`` and ``evaluable_mask`` where they are known, all uint8 (T, H, W).

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
            # As bool, numpy stops at the first pixel that it finds.
            if kind != 'evaluable' and not results[target].view(np.bool_).any():
                raise ValueError(f'{origin(results)}: its {kind} mask is empty')
        if 'input_segmentations' not in results:
            results['visible_mask'] = results['gt_visible_mask'].copy()
        if 'gt_amodal_mask' in results and np.isnan(results.get('occlusion_rate', 0.0)):
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
        masks = np.zeros((len(coded), *size), np.uint8)
        for frame, mask in enumerate(coded):
            try:
                if isinstance(mask, dict) and 'file' in mask:
                    masks[frame] = _select(mask, size, id_maps)
                else:
                    decode_mask(mask, *size, out=masks[frame])
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
