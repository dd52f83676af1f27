"""Options that say where visible masks come from, for every command that completes objects."""

from __future__ import annotations

import argparse
from typing import Any

from c2fseg.mask_sources import BaseMaskSource
from c2fseg.registry import MASK_SOURCES
from c2fseg.utils.config_files import read_config

# Lowest confidence of a detector's objects.
DETECTOR_SCORE = 0.3


def add_mask_arguments(parser: argparse.ArgumentParser, masks: bool = True) -> None:
    """Add the options.

    Args:
        parser: The parser.
        masks: Whether ``--masks`` is among them.
    """
    group = parser.add_argument_group('visible masks', 'one way to them')
    add = group.add_argument
    if masks:
        add('--masks', metavar='FILE', help='JSON file: KINS, COCO, or a COCO result list')
    add(
        '--detector',
        nargs=2,
        metavar=('CONFIG', 'WEIGHTS'),
        help='an mmdet detector finds the objects',
    )
    add(
        '--box',
        nargs=4,
        type=float,
        action='append',
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='a box around an object, px; give it once for each object of one picture',
    )
    add(
        '--point',
        nargs='+',
        type=float,
        action='append',
        metavar='N',
        help='a click on an object: X Y; or several: X Y LABEL X Y LABEL ..., label 1 on it, 0 '
        'beside it; give it once for each object of one picture',
    )
    add(
        '--mask-source',
        metavar='CONFIG',
        help='a config file with "mask_source = dict(type=...)": any source, also for prompts',
    )
    add(
        '--score-threshold',
        type=float,
        metavar='S',
        help='leave out objects of a detector or result list below this confidence '
        f'(detectors: {DETECTOR_SCORE})',
    )
    add(
        '--trust-checkpoint',
        action='store_true',
        help='load weights of the detector that hold more than numbers; only from people you trust',
    )


def read_points(given: list[list[float]] | None) -> list[list[list[float]]] | None:
    """Turn ``--point`` into clicks by object.

    Args:
        given: The numbers of each ``--point``.

    Returns:
        For each object a list of (x, y, label).

    Raises:
        ValueError: A number is missing.
    """
    if given is None:
        return None
    objects = []
    for numbers in given:
        if len(numbers) == 2:
            numbers = [*numbers, 1.0]
        if len(numbers) % 3:
            raise ValueError(
                f'--point takes X Y, or X Y LABEL several times; got {len(numbers)} numbers'
            )
        objects.append([numbers[start : start + 3] for start in range(0, len(numbers), 3)])
    return objects


def read_mask_arguments(
    args: argparse.Namespace,
) -> tuple[BaseMaskSource | None, dict[str, Any]]:
    """Turn the options into a mask source and the arguments of a call.

    Args:
        args: What was parsed, with ``device``.

    Returns:
        The source, None where none is needed, and ``visible_masks``, ``boxes`` and ``points``.

    Raises:
        ValueError: None or several ways are given, or an option needs another.
    """
    masks = getattr(args, 'masks', None)
    ways = {'--masks': masks, '--detector': args.detector, '--mask-source': args.mask_source}
    given = [name for name, value in ways.items() if value is not None]
    prompts = {'boxes': args.box, 'points': read_points(args.point)}
    prompted = args.box is not None or args.point is not None
    if len(given) > 1 or (prompted and given not in ([], ['--mask-source'])):
        both = ' and '.join([*given, *(['--box or --point'] if prompted else [])])
        raise ValueError(f'{both} are given: expected one way to visible masks')
    if not given and not prompted:
        raise ValueError(
            'there are no masks to complete: give --masks FILE, --detector CONFIG WEIGHTS, --box, '
            '--point or --mask-source CONFIG'
        )
    if args.trust_checkpoint and args.detector is None:
        raise ValueError('--trust-checkpoint is for --detector')
    if args.score_threshold is not None and args.detector is None and masks is None:
        raise ValueError('--score-threshold is for --detector and for --masks of a result list')
    source = None
    if args.detector is not None:
        config, weights = args.detector
        threshold = DETECTOR_SCORE if args.score_threshold is None else args.score_threshold
        source = dict(
            type='MMDetMaskSource',
            config=config,
            weights=weights,
            device=args.device,
            score_threshold=threshold,
            trust_checkpoint=args.trust_checkpoint,
        )
    elif args.mask_source is not None:
        config = read_config(args.mask_source)
        if 'mask_source' not in config:
            raise ValueError(f'{args.mask_source} has no "mask_source = dict(type=...)"')
        source = dict(config.mask_source)
    elif masks is not None and args.score_threshold is not None:
        source = dict(type='COCOResultsSource', path=masks, score_threshold=args.score_threshold)
        masks = None
    built = None if source is None else MASK_SOURCES.build(source)
    return built, {'visible_masks': masks, **prompts}
