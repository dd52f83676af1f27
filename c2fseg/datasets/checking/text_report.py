"""The report of a check as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..conversion import Finding

BAR_WIDTH = 40
LABEL_WIDTH = 12
BINS_A_LINE = 2
CATEGORIES_SHOWN = 12
SIZES_SHOWN = 4


def split_text(summary: Mapping[str, Any]) -> str:
    """Describe a split.

    Args:
        summary: What :func:`c2fseg.datasets.checking.summary.summarise` gives.

    Returns:
        Several lines.
    """
    files = summary['annotation_files']
    more = f' and {len(files) - 1} more' if len(files) > 1 else ''
    lines = [
        f'{summary["name"]}: {files[0]}{more}',
        f'  read as      {summary["flavour"] or "unknown"}',
        f'  pictures     {_pictures(summary["pictures"])}',
        f'  objects      {_objects(summary)}',
        f'  categories   {_categories(summary["per_category"])}',
    ]
    for name in ('amodal', 'visible'):
        area = summary[f'{name}_area']
        if area:
            lines.append(
                f'  {name + " px":<13}median {area["50"]:.0f}, 5 % under {area["5"]:.0f}, '
                f'5 % over {area["95"]:.0f}'
            )
    lines += [f'  {line}' for line in _boxes(summary['boxes'])]
    outside = summary['outside']
    lines.append(
        f'  outside A    {outside["objects_over_1_percent"]} objects with over 1 % of it, at most '
        f'{outside["largest_share"]:.1%}'
    )
    return '\n'.join([*lines, *(f'  {line}' for line in histogram_lines(summary['hidden_share']))])


def histogram_lines(hidden: Mapping[str, Any]) -> list[str]:
    """Draw the histogram of hidden shares with characters.

    Args:
        hidden: ``hidden_share`` of a summary.

    Returns:
        One line for unoccluded objects, and one for each tenth.
    """
    edges, counts = hidden['bin_edges'], hidden['counts']
    bars = [('not hidden', hidden['unoccluded'])]
    for start in range(0, len(counts), BINS_A_LINE):
        low, high = edges[start], edges[start + BINS_A_LINE]
        label = f'{100 * low:.0f}-{100 * high:.0f} %'
        bars.append((label, sum(counts[start : start + BINS_A_LINE])))
    most = max(max(number for _, number in bars), 1)
    return [
        f'{label:<{LABEL_WIDTH}} {number:>7} {"#" * round(BAR_WIDTH * number / most)}'.rstrip()
        for label, number in bars
    ]


def findings_text(findings: Sequence[Finding], most: int) -> str:
    """List findings by kind, the broken ones first.

    Args:
        findings: All findings.
        most: How many of each kind are listed.

    Returns:
        Several lines.
    """
    lines: list[str] = []
    for broken, title in ((True, 'broken'), (False, 'remarks')):
        chosen = [finding for finding in findings if finding.broken == broken]
        if not chosen:
            continue
        lines.append(f'{title}: {len(chosen)}')
        for kind in dict.fromkeys(finding.kind for finding in chosen):
            messages = [finding.message for finding in chosen if finding.kind == kind]
            lines.append(f'  {kind}: {len(messages)}')
            lines += [f'    {message}' for message in messages[:most]]
            if len(messages) > most:
                lines.append(f'    ... and {len(messages) - most} more, all in the JSON report')
    return '\n'.join(lines) if lines else 'nothing is broken, and there is nothing to remark'


def _pictures(pictures: Mapping[str, Any]) -> str:
    sizes = [*pictures['sizes'].items()]
    shown = ', '.join(f'{number} of {size}' for size, number in sizes[:SIZES_SHOWN])
    more = f' and {len(sizes) - SIZES_SHOWN} more sizes' if len(sizes) > SIZES_SHOWN else ''
    read = f'{pictures["usable"]} of {pictures["read"]} usable' if pictures['read'] else 'not read'
    return (
        f'{pictures["listed"]} ({read}), {pictures["without_annotations"]} without annotations; '
        f'{shown}{more} px'
    )


def _objects(summary: Mapping[str, Any]) -> str:
    objects, hidden = summary['objects'], summary['hidden_share']
    usable = objects['with_usable_masks']
    text = f'{objects["read"]}, {usable} with usable masks'
    if objects['crowds']:
        text += f', {objects["crowds"]} crowds left out'
    if not usable:
        return text
    return (
        f'{text}; {hidden["over_5_percent"] / usable:.0%} over 5 % hidden, '
        f'{objects["fully_hidden"]} fully; at most {summary["pictures"]["most_objects"]} a picture'
    )


def _categories(names: Mapping[str, int]) -> str:
    shown = [f'{name} {number}' for name, number in [*names.items()][:CATEGORIES_SHOWN]]
    more = len(names) - CATEGORIES_SHOWN
    empty = sum(number == 0 for number in names.values())
    tail = f', and {more} more' if more > 0 else ''
    tail += f'; {empty} without objects' if empty else ''
    return f'{len(names)}: {", ".join(shown)}{tail}'


def _boxes(boxes: Mapping[str, Any]) -> Iterator[str]:
    for key, box in boxes.items():
        meaning = 'meaning not said' if box['meaning'] is None else box['meaning']
        parts = [
            f'{box[name]["within_2_px"]} within 2 px of the {name} box (median '
            f'{box[name]["median_px"]:.1f} px off, at most {box[name]["largest_px"]:.1f})'
            for name in ('amodal', 'visible')
            if box[name]['median_px'] is not None
        ]
        yield f'{key:<12} {meaning}; of {box["compared"]}: {"; ".join(parts)}'
