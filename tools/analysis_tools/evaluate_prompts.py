r"""How good masks from one click or one box are, and what C2F-Seg makes of them.

Examples::

    python tools/analysis_tools/evaluate_prompts.py configs/c2f_shapes.py weights/c2f_shapes.pth
    python tools/analysis_tools/evaluate_prompts.py configs/c2f_general.py weights/c2f_general.pth \
        --cfg-options test_dataloader.dataset.type=CocoInstanceDataset \
        test_dataloader.dataset.data_root=data/coco \
        test_dataloader.dataset.ann_file=annotations/instances_val2017.json \
        test_dataloader.dataset.data_prefix.img=val2017

Every object of the test set of CONFIG is asked for in each way: with its true visible mask, with
its box (the tight one), and with one click. The click lies on the pixel of its visible part that
is farthest from the edge, or with ``--click random`` on any pixel of it. Clicks are drawn from the
name of the object, so that every run asks the same.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.init_model import load_config, register_components
from c2fseg.evaluation.functional import mask_iou
from c2fseg.mask_sources import BaseMaskSource, BoxPromptSource, Picture, PointPromptSource
from c2fseg.registry import DATASETS, MASK_SOURCES
from c2fseg.structures import decode_mask, masks_to_boxes
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import check_files, one_sentence_errors
from c2fseg.utils.option_action import PairsAction

WAYS = ('given', 'box', 'click')
# Objects that are held at once.
CHUNK = 24
LOAD = ('LoadFrames', 'LoadAmodalMasks')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Score masks from clicks and boxes.')
    parser.add_argument('config', metavar='CONFIG', help='of the amodal model and its test set')
    parser.add_argument('checkpoint', metavar='CHECKPOINT', help='weights of the amodal model')
    parser.add_argument('--max-objects', type=int, metavar='N', help='N objects, evenly spread')
    parser.add_argument('--min-visible-area', type=int, default=30, help='px (default: 30)')
    parser.add_argument('--click', choices=['middle', 'random'], default='middle')
    parser.add_argument(
        '--prompt-weights', metavar='FILE', help='prompt model (default: the one that ships)'
    )
    parser.add_argument(
        '--source',
        nargs='+',
        action=PairsAction,
        metavar='KEY=VALUE',
        help='another mask source for box and click, as type=SAMPromptSource model=DIR',
    )
    parser.add_argument('--json', metavar='FILE', help='write the numbers to this file')
    parser.add_argument(
        '--cfg-options', nargs='+', action=PairsAction, metavar='KEY=VALUE', help='overrides'
    )
    return parser.parse_args(arguments)


def build_sources(args: argparse.Namespace) -> dict[str, BaseMaskSource]:
    """Builds the mask sources of box and click."""
    if args.source is not None:
        source = MASK_SOURCES.build(dict(args.source))
        return {'box': source, 'click': source}
    weights = args.prompt_weights
    return {'box': BoxPromptSource(weights), 'click': PointPromptSource(weights)}


def read_objects(
    config: Config, min_visible_area: int, max_objects: int | None
) -> Iterator[dict[str, Any]]:
    """Reads the objects of the test set of a config.

    Args:
        config: The config.
        min_visible_area: Objects with fewer visible pixels are left out.
        max_objects: So many, evenly spread over the data set; None takes all.

    Yields:
        Results of a pipeline that only loads.
    """
    given = dict(config.test_dataloader.dataset)
    steps = [step for step in given['pipeline'] if step['type'] in LOAD]
    dataset = DATASETS.build({**given, 'pipeline': steps, 'min_visible_area': min_visible_area})
    number = len(dataset) if max_objects is None else min(max_objects, len(dataset))
    for position in np.linspace(0, len(dataset) - 1, number).round().astype(int):
        yield dataset[int(position)]


def click_on(visible: np.ndarray, where: str, name: str) -> tuple[int, int]:
    """Gives the pixel that is clicked.

    Args:
        visible: (H, W) uint8, the visible mask.
        where: ``'middle'``, the pixel farthest from the edge, or ``'random'``.
        name: Name of the object, which the random pixel is drawn from.

    Returns:
        (x, y).
    """
    if where == 'random':
        rows, columns = np.nonzero(visible)
        place = np.random.default_rng(zlib.crc32(name.encode())).integers(len(rows))
        return int(columns[place]), int(rows[place])
    depth = cv2.distanceTransform(np.pad(visible, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y)


def find_masks(
    objects: Sequence[dict[str, Any]], sources: dict[str, BaseMaskSource], click: str
) -> dict[str, list[np.ndarray]]:
    """Finds the visible masks (H, W) bool of objects in every way."""
    visible = [item['gt_visible_mask'][0] for item in objects]
    masks = {'given': [mask != 0 for mask in visible]}
    for way, source in sources.items():
        pictures = []
        for item, mask in zip(objects, visible):
            picture = Picture(item['img'][0], item['sample_id'])
            if way == 'box':
                picture.boxes = masks_to_boxes(mask).astype(float)[None]
            else:
                x, y = click_on(mask, click, item['sample_id'])
                picture.points = [np.array([[x, y, 1.0]])]
            pictures.append(picture)
        found = source.find(pictures)
        masks[way] = [
            decode_mask(one[0].mask, *mask.shape) != 0 for one, mask in zip(found, visible)
        ]
    return masks


def complete(
    inferencer: AmodalInferencer, objects: Sequence[dict[str, Any]], masks: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Completes objects; what was not found stays empty."""
    amodal = [np.zeros_like(mask) for mask in masks]
    there = [number for number, mask in enumerate(masks) if mask.any()]
    if not there:
        return amodal
    result = inferencer(
        [objects[number]['img'][0] for number in there],
        [[masks[number]] for number in there],
        progress=False,
    )
    for number, picture in zip(there, result['predictions'], strict=True):
        amodal[number] = picture['objects'][0]['amodal_mask']
    return amodal


def score(
    objects: Sequence[dict[str, Any]],
    masks: dict[str, list[np.ndarray]],
    inferencer: AmodalInferencer,
) -> list[dict[str, dict[str, float]]]:
    """Scores objects in every way: ``visible``, ``full`` and, of hidden ones, ``occ``."""
    rows: list[dict[str, dict[str, float]]] = [{} for _ in objects]
    for way in WAYS:
        completed = complete(inferencer, objects, masks[way])
        for row, item, mask, prediction in zip(rows, objects, masks[way], completed):
            visible = item['gt_visible_mask'][0] != 0
            amodal = item['gt_amodal_mask'][0] != 0
            hidden = amodal & ~visible
            row[way] = {'visible': mask_iou(mask, visible), 'full': mask_iou(prediction, amodal)}
            if hidden.any():
                row[way]['occ'] = mask_iou(prediction & ~visible, hidden)
    return rows


def summarise(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Means over objects, in percent: of ``occ`` over those of which something is hidden."""
    summary: dict[str, dict[str, float]] = {}
    for way in WAYS:
        summary[way] = {}
        for key in ('visible', 'full', 'occ'):
            values = [row[way][key] for row in rows if key in row[way]]
            summary[way][key] = 100 * float(np.mean(values)) if values else float('nan')
        found = [row[way]['visible'] for row in rows]
        summary[way]['over_75'] = 100 * float(np.mean([value > 0.75 for value in found]))
    return summary


def print_table(summary: dict[str, dict[str, float]], rows: Sequence[dict]) -> None:
    """Prints the table."""
    hidden = sum('occ' in row['given'] for row in rows)
    print(f'{len(rows)} objects, {hidden} of them hidden in part; mIoU in percent')
    print('| visible mask from | visible | visible > 0.75 | completed: full | completed: occ |')
    print('| --- | --- | --- | --- | --- |')
    for way, values in summary.items():
        numbers = (values[key] for key in ('visible', 'over_75', 'full', 'occ'))
        print(f'| {way} | ' + ' | '.join(f'{number:.2f}' for number in numbers) + ' |')


def main(arguments: list[str] | None = None) -> None:
    """Scores as the command line says."""
    args = parse_args(arguments)
    if args.max_objects is not None and args.max_objects < 1:
        raise SystemExit(f'error: --max-objects is at least 1, got {args.max_objects}')
    with one_sentence_errors():
        check_writable(args.json)
        config = load_config(args.config, args.cfg_options)
        check_files(config, 'test', pretrained=False)
        register_components(config)
        inferencer = AmodalInferencer(config, args.checkpoint)
        sources = build_sources(args)
        rows: list[dict[str, dict[str, float]]] = []
        chunk: list[dict[str, Any]] = []
        for item in read_objects(config, args.min_visible_area, args.max_objects):
            chunk.append(item)
            if len(chunk) == CHUNK:
                rows += score(chunk, find_masks(chunk, sources, args.click), inferencer)
                chunk = []
        if chunk:
            rows += score(chunk, find_masks(chunk, sources, args.click), inferencer)
    summary = summarise(rows)
    print_table(summary, rows)
    if args.json is not None:
        content = json.dumps({'objects': len(rows), 'summary': summary}, indent=2)
        write_whole(Path(args.json), content.encode())


if __name__ == '__main__':
    keep_freed_memory()
    main()
