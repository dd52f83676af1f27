"""Measurements as text."""

from __future__ import annotations

from typing import Any

_HEAD = (
    f'{"part":<22}{"calls":>5}{"seconds":>10}{"share":>8}{"GFLOP":>9}{"of peak":>9}'
    f'{"MB":>9}{"of bandw.":>10}{"FLOP/B":>8}  bound by'
)


def format_result(name: str, result: dict[str, Any]) -> str:
    """Returns the measurements of one model.

    Args:
        name: Of the model.
        result: What :meth:`Subject.result` returned.
    """
    frames = result['frames']
    unit, sample = ('object', 'sample') if frames == 1 else (f'clip of {frames} frames', 'clip')
    size = 'x'.join(map(str, result['crop_size']))
    lines = [
        f'{name}: {size} px, {result["parameters"] / 1e6:.1f} M parameters, {result["dtype"]}'
        f'{"" if result["optimized"] else ", not optimized"}'
        f'{", compiled" if result["compiled"] else ""}, batch {result["batch_size"]}, median of '
        f'{result["repeats"]}; per {unit}:',
        _HEAD,
        '-' * len(_HEAD),
    ]
    total = result['seconds_per_object']
    for part_name, part in result['parts'].items():
        lines.append(_part_row(part_name, part, total))
    whole = dict(result, seconds=total, gflop=result['gflop_per_object'], calls=1)
    whole.update(megabytes=result['megabytes_per_object'], bound='')
    lines += [_part_row('total', whole, total), *_facts(result, sample)]
    return '\n'.join(lines)


def _part_row(name: str, part: dict[str, Any], total: float) -> str:
    return (
        f'{name:<22}{part["calls"]:>5}{part["seconds"]:>10.4f}{part["seconds"] / total:>8.1%}'
        f'{part["gflop"]:>9.2f}{part["fraction_of_peak"]:>9.1%}{part["megabytes"]:>9.1f}'
        f'{part["fraction_of_bandwidth"]:>10.1%}{part["flop_per_byte"]:>8.1f}  {part["bound"]}'
    ).rstrip()


def _facts(result: dict[str, Any], sample: str) -> list[str]:
    """Lines below the table."""
    peak, bandwidth = result['peak_gflop_per_second'], result['peak_gigabytes_per_second']
    train, train_gflop = result['train_seconds_per_sample'], result['train_gflop_per_sample']
    facts = {
        'one frame': f'{result["seconds_per_frame"]:.4f} s' if result['frames'] > 1 else None,
        'matrix product peak': f'{peak:.1f} GFLOP/s ({result["dtype"]})',
        'memory bandwidth peak': f'{bandwidth:.1f} GB/s; in balance at {peak / bandwidth:.1f} '
        'FLOP/B',
        'peak memory': f'{result["peak_memory_mb"]:.0f} MB',
        'compilation': None
        if result['compile_seconds'] is None
        else f'{result["compile_seconds"]:.1f} s, in no other number',
        'training step': 'not measured'
        if train is None
        else f'{train:.3f} s/{sample}, {train_gflop:.2f} GFLOP, '
        f'{result["train_fraction_of_peak"]:.1%} of the peak',
    }
    return [f'{key:<22}{value}' for key, value in facts.items() if value is not None]


def format_reference(results: dict[str, dict[str, Any]]) -> str:
    """Returns the comparison with the reference implementation, a row for each model that has one.

    Args:
        results: Entries with ``reference`` by name; those without (clips) have no row.
    """
    rows = {name: one['reference'] for name, one in results.items() if one.get('reference')}
    if not rows:
        return ''
    theirs = next(iter(rows.values()))
    width = max(map(len, rows))
    here = theirs['float32_peak_gflop_per_second_here']
    lines = [
        f'The reference implementation on {theirs["machine"]} (float32 matrix products at '
        f'{theirs["peak_gflop_per_second"]:.0f} GFLOP/s), published',
        f'architecture at 256 px: {theirs["seconds_per_object"]} s an object, '
        f'{theirs["train_seconds_per_sample"]} s a training sample. This is another machine, of '
        f'{here:.0f} GFLOP/s:',
        '"scaled" divides the times of the reference by the ratio of both peaks. Own time over '
        'theirs, below 1: faster.',
        f'{"":<{width}}{"object":>9}{"scaled":>9}{"training":>10}{"scaled":>9}',
    ]
    keys = ('seconds_ratio', 'seconds_ratio_scaled')
    for name, row in rows.items():
        cells = [row[key] for key in (*keys, *(f'train_{key}' for key in keys))]
        texts = ['-' if cell is None else f'{cell:.3g}' for cell in cells]
        lines.append(f'{name:<{width}}{texts[0]:>9}{texts[1]:>9}{texts[2]:>10}{texts[3]:>9}')
    return '\n'.join(lines)


def format_ratios(name: str, ratios: dict[str, Any], rounds: int) -> str:
    """Returns the comparison of a model with the first one.

    Args:
        name: Of the model.
        ratios: What :func:`compare` returned, with ``agreement`` where it was measured.
        rounds: Rounds of the measurement.
    """
    head = f'{"part":<22}{"seconds":>9}{"(lowest..highest)":>20}{"GFLOP":>9}{"MB":>9}'
    lines = [
        f'{name} over {ratios["relative_to"]}: median of the ratios of {rounds} rounds, below 1: '
        'less',
        head,
        '-' * len(head),
    ]
    for part_name, part in [*ratios['parts'].items(), ('total', ratios)]:
        lines.append(
            f'{part_name:<22}{_spread(part["seconds"])}{_cell(part["gflop"])}'
            f'{_cell(part["megabytes"])}'
        )
    if ratios['train_seconds'] is not None:
        lines.append(f'{"training step":<22}{_spread(ratios["train_seconds"])}')
    lines.append(f'{"peak memory":<22}{_cell(ratios["peak_memory"])}')
    lines.append(f'{"parameters":<22}{_cell(ratios["parameters"])}')
    found = ratios.get('agreement')
    if found is not None:
        lines.append(
            f'final masks of {found["objects"]} drawn objects: IoU between both '
            f'{found["mean_iou"]:.4f} on average, {found["lowest_iou"]:.4f} at least; '
            f'{found["changed_pixels"]:.2%} of the pixels differ;\nIoU with the truth '
            f'{found["first_mean_iou_truth"]:.4f} (first) and '
            f'{found["second_mean_iou_truth"]:.4f} (this one)'
        )
    return '\n'.join(lines)


def _spread(value: dict[str, float] | None) -> str:
    if value is None:
        return f'{"-":>9}{"":>20}'
    span = f'({value["lowest"]:.3f}..{value["highest"]:.3f})'
    return f'{value["median"]:>9.3f}{span:>20}'


def _cell(value: float | None) -> str:
    return f'{"-":>9}' if value is None else f'{value:>9.3f}'
