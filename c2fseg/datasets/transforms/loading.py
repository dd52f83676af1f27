"""From file names and coded masks to arrays."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from c2fseg.registry import TRANSFORMS
from c2fseg.structures import decode_mask

from ..image_io import EXIF_FLAGS, check_size, read_rgb


def origin(results: dict) -> str:
    """Say where an object comes from, for messages.

    Args:
        results: Results of the pipeline so far.

    Returns:
        'annotation 3 of file.json'.
    """
    return f'annotation {results.get("annotation_id")} of {results.get("ann_file")}'


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
        if exif not in EXIF_FLAGS:
            raise ValueError(f'exif is one of {sorted(EXIF_FLAGS)}, got {exif!r}')
        self.exif = exif

    def transform(self, results: dict) -> dict:
        """Read the pictures.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with ``img``.
        """
        frames = []
        for path in results['img_paths']:
            try:
                frame = read_rgb(path, self.exif)
                check_size(path, frame, results['height'], results['width'])
            except (OSError, ValueError) as error:
                raise type(error)(f'{error} [{origin(results)}]') from error
            frames.append(frame)
        results['img'] = np.stack(frames)
        return results


@TRANSFORMS.register_module()
class LoadAmodalMasks(BaseTransform):
    """Decode the object's visible and amodal masks.

    Required Keys: ``visible_segmentations``, ``amodal_segmentations``, ``height``, ``width``.

    Modified Keys: none.

    Added Keys: ``visible_mask`` (what the model will see), ``gt_visible_mask``,
    ``gt_amodal_mask``, all uint8 (T, H, W).

    Raises:
        TypeError, ValueError: When a mask cannot be decoded, has another size than its image, or no
            frame has a visible or an amodal pixel.
    """

    def transform(self, results: dict) -> dict:
        """Decode the masks.

        Args:
            results: Results of the pipeline so far.

        Returns:
            ``results`` with the three masks.
        """
        for kind in ('visible', 'amodal'):
            try:
                mask = np.stack(
                    [
                        decode_mask(coded, results['height'], results['width'])
                        for coded in results[f'{kind}_segmentations']
                    ]
                )
            except (TypeError, ValueError) as error:
                raise type(error)(f'{origin(results)}, {kind} mask: {error}') from error
            if not mask.any():
                raise ValueError(f'{origin(results)}: its {kind} mask is empty')
            results[f'gt_{kind}_mask'] = mask
        results['visible_mask'] = results['gt_visible_mask'].copy()
        return results
