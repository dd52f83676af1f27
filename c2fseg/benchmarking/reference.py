"""The published implementation of C2F-Seg as it was measured once, to compare with."""

from __future__ import annotations

from typing import Any

# Published architecture, KINS, 256 px, K = 3, float32, one object at a time.
MACHINE = 'two AMD EPYC cores'
SECONDS_PER_OBJECT = 4.8
TRAIN_SECONDS_PER_SAMPLE = 4.9
PEAK_GFLOP_PER_SECOND = 173.0  # a float32 matrix product of that machine


def compare_with_reference(
    seconds: float, train_seconds: float | None, float32_peak: float
) -> dict[str, Any]:
    """Returns the ratios of own times to those of the reference implementation.

    Args:
        seconds: Seconds an object.
        train_seconds: Seconds a training sample, None where they were not measured.
        float32_peak: GFLOP/s of a float32 matrix product on this machine.

    Returns:
        The constants of this module, ``seconds_ratio`` and ``train_seconds_ratio`` (own time over
        theirs, below 1: faster), and both ``..._scaled``: over the time that the reference would
        take on a machine of this peak, if it kept its fraction of the peak.
    """
    speed = PEAK_GFLOP_PER_SECOND / float32_peak
    theirs = dict(seconds=SECONDS_PER_OBJECT, train_seconds=TRAIN_SECONDS_PER_SAMPLE)
    ratios: dict[str, float | None] = {}
    for key, own in (('seconds', seconds), ('train_seconds', train_seconds)):
        ratios[f'{key}_ratio'] = None if own is None else own / theirs[key]
        ratios[f'{key}_ratio_scaled'] = None if own is None else own / (theirs[key] * speed)
    return dict(
        implementation='reference implementation',
        machine=MACHINE,
        seconds_per_object=SECONDS_PER_OBJECT,
        train_seconds_per_sample=TRAIN_SECONDS_PER_SAMPLE,
        peak_gflop_per_second=PEAK_GFLOP_PER_SECOND,
        float32_peak_gflop_per_second_here=float32_peak,
        **ratios,
    )
