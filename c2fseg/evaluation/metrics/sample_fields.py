"""Reading what metrics need from a data sample, and checks of arguments that metrics share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from c2fseg.evaluation.functional import mean_probability
from c2fseg.structures import encode_mask
from c2fseg.utils.data_errors import DataValueError

THRESHOLD = 0.5
STAGES = {'refined': 'amodal', 'coarse': 'coarse'}  # name in tables -> field of pred_masks


def sample_name(sample: Mapping[str, Any]) -> str:
    """Returns the ``sample_id``.

    Raises:
        ValueError: There is none.
    """
    if 'sample_id' not in sample:
        raise ValueError('A data sample has no sample_id; add it to the packed meta_keys.')
    return str(sample['sample_id'])


def field_values(sample: Mapping[str, Any], group: str, key: str, name: str) -> Any:
    """Returns ``sample[group][key]``.

    Raises:
        ValueError: It is not there; the sample ``name`` is named.
    """
    masks = sample.get(group)
    if masks is None or key not in masks:
        found = 'nothing' if masks is None else sorted(k for k in masks)
        advice = (
            "where the data set predicts no visible masks, visible_source is 'gt'"
            if group == 'input_masks'
            else 'let the pipeline or the model add it'
        )
        raise DataValueError(
            f'Sample {name!r} has no {group}.{key} to evaluate; {group}: {found}; {advice}.'
        )
    return masks[key]


def mask_field(sample: Mapping[str, Any], group: str, key: str, name: str) -> NDArray[np.bool_]:
    """Returns a mask as bool ``(T, H, W)``; it is made binary before it leaves its device.

    Raises:
        ValueError: It is not there; the sample ``name`` is named.
    """
    value = field_values(sample, group, key, name)
    if isinstance(value, torch.Tensor):
        value = value if value.dtype == torch.bool else value > THRESHOLD
        return value.cpu().numpy()
    return value if value.dtype == np.bool_ else value > THRESHOLD


def truth_and_predictions(
    sample: Mapping[str, Any], visible_source: str, metric: str
) -> dict[str, NDArray[np.bool_]]:
    """Returns ``amodal``, ``visible`` (true), ``refined`` and, if predicted, ``coarse``.

    Args:
        sample: A data sample.
        visible_source: ``'gt'`` or ``'pred:<detector>'``.
        metric: Name of the metric, for messages.

    Returns:
        dict: Masks ``(T, H, W)`` bool.

    Raises:
        ValueError: A mask is missing, or the sample shows that ``visible_source`` is wrong.
    """
    name = sample_name(sample)
    if visible_source == 'gt' and sample.get('input_masks') is not None:
        raise DataValueError(
            f'Sample {name!r} carries input_masks, so the model was not given the true '
            f"visible mask; set visible_source='pred:<detector>' in {metric}."
        )
    masks = {
        'amodal': mask_field(sample, 'gt_masks', 'amodal', name),
        'visible': mask_field(sample, 'gt_masks', 'visible', name),
        'refined': mask_field(sample, 'pred_masks', 'amodal', name),
    }
    if 'coarse' in sample['pred_masks']:
        masks['coarse'] = mask_field(sample, 'pred_masks', 'coarse', name)
    return masks


def check_shapes(masks: Mapping[str, NDArray], name: str) -> None:
    """Checks that all masks of a sample have one shape.

    Raises:
        ValueError: They have not.
    """
    shapes = {key: mask.shape for key, mask in masks.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f'Sample {name!r}: the masks must have one shape (T, H, W), got {shapes}.')


def valid_frames(sample: Mapping[str, Any], num_frames: int) -> NDArray[np.intp]:
    """Returns the positions of the frames that are not padding.

    Raises:
        ValueError: There is none, or ``frame_valid`` has another length.
    """
    valid = frame_flags(sample, 'frame_valid', np.ones(num_frames, bool))
    if not valid.any():
        raise ValueError(f'Sample {sample_name(sample)!r} has no valid frame.')
    return np.flatnonzero(valid)


def frame_flags(
    sample: Mapping[str, Any], key: str, default: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Returns ``sample[key]`` as bool ``(T,)``, or ``default`` where it is not there.

    Raises:
        ValueError: It has another length than ``default``.
    """
    flags = np.asarray(sample.get(key, default), dtype=bool)
    if flags.shape != default.shape:
        raise ValueError(
            f'Sample {sample_name(sample)!r}: {key} must have one value for each of '
            f'{len(default)} frames, got shape {flags.shape}.'
        )
    return flags


def prediction_entry(
    sample: Mapping[str, Any], masks: Mapping[str, NDArray[np.bool_]], t: int
) -> dict[str, Any]:
    """Returns what the prediction file says of one object in frame ``t``, apart from scores.

    Args:
        sample: The data sample.
        masks: ``refined`` and, if predicted, ``coarse``, ``(T, H, W)`` bool.
        t: Position of the frame in the masks.
    """
    name = sample_name(sample)
    has_visible = 'visible' in sample['pred_masks']
    visible = mask_field(sample, 'pred_masks', 'visible', name)[t] if has_visible else None
    coarse = masks['coarse'][t] if 'coarse' in masks else None
    entry = {key: plain(sample.get(key)) for key in ('image_id', 'annotation_id', 'category_id')}
    probability = field_values(sample, 'pred_crop_masks', 'amodal', name)[t]
    if sample.get('input_masks') is not None:  # a detector's; without it nobody can post-process
        given = mask_field(sample, 'input_masks', 'visible', name)[t]
        entry['given_segmentation'] = encode_mask(given)
    return {
        **entry,
        'segmentation': encode_mask(masks['refined'][t]),
        'visible_segmentation': None if visible is None else encode_mask(visible),
        'coarse_segmentation': None if coarse is None else encode_mask(coarse),
        'score': mean_probability(probability),
    }


def frame_numbers(sample: Mapping[str, Any], num_frames: int) -> list[int]:
    """Returns the numbers of the frames in their video; 0, 1, ... where the sample has none.

    Raises:
        ValueError: There are not as many as frames.
    """
    numbers = np.asarray(sample.get('frame_indices', np.arange(num_frames)))
    if numbers.shape != (num_frames,):
        raise ValueError(
            f'Sample {sample_name(sample)!r}: frame_indices must have one number for each of '
            f'{num_frames} frames, got shape {numbers.shape}.'
        )
    return numbers.astype(int).tolist()


def plain(value: Any) -> Any:
    """Turns a numpy scalar into the Python number that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def check_source(source: str) -> str:
    """Checks where visible masks are said to come from.

    Raises:
        ValueError: It is neither ``'gt'`` nor ``'pred:<detector>'``.
    """
    if source != 'gt' and not (source.startswith('pred:') and len(source) > len('pred:')):
        raise ValueError(f"visible_source must be 'gt' or 'pred:<detector>', got {source!r}.")
    return source


def check_protocols(
    metric: str,
    protocol: str | None,
    protocols: Sequence[str] | None,
    default: str,
    get: Callable[[str], Any],
) -> tuple[str, ...]:
    """Returns the names of the protocols that a metric is asked for.

    Args:
        metric: Its name, for messages.
        protocol: One name.
        protocols: Several names in place of one.
        default: The name when none is given.
        get: Raises ValueError for a name that the metric does not know.

    Raises:
        ValueError: Both are given, or ``protocols`` is no list of different, known names.
    """
    if protocol is not None and protocols is not None:
        raise ValueError(f'Give protocol or protocols to {metric}, not both.')
    if protocol is not None and not isinstance(protocol, str):
        raise ValueError(f'protocol must be one name, got {protocol!r}; give a list as protocols.')
    chosen = (protocol or default,) if protocols is None else tuple(protocols)
    if isinstance(protocols, str) or not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f'protocols must be a list of different names, got {protocols!r}.')
    for name in chosen:
        get(name)
    return chosen


def check_ranges(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Checks ranges of the hidden share.

    Raises:
        ValueError: One is not (low, high) with low < high, or they are not in ascending order.
    """
    checked = []
    for bounds in ranges:
        if len(bounds) != 2 or not bounds[0] < bounds[1]:
            raise ValueError(f'A range of hidden shares is (low, high) with low < high: {bounds}.')
        checked.append((float(bounds[0]), float(bounds[1])))
    if checked != sorted(checked):
        raise ValueError(f'The ranges of hidden shares must be in ascending order: {checked}.')
    return checked
