"""Draws what the pipeline of a config really feeds the model.

    python tools/analysis_tools/browse_dataset.py CONFIG [--split train] [--num 16]

One row an object: the cropped picture, the visible mask that the model is given (perturbed in
training), the true visible mask, the true amodal mask. Tokenizer recipes show their target mask. A
clip has a row for each of the frames drawn, from its first to its last.
Writes one contact sheet, ``OUT/<config>_<split>.png``.
"""

from __future__ import annotations

import argparse
import logging
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

import c2fseg.datasets  # noqa: F401 - registers the data sets
from c2fseg.datasets import SampleDraw
from c2fseg.registry import DATASETS
from c2fseg.structures import AmodalDataSample
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.option_action import PairsAction
from c2fseg.visualization import AmodalVisualizer, write_png

GAP = 6
CAPTION = 18
PAPER = 255


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--split', default='train', choices=('train', 'val', 'test'))
    parser.add_argument('--num', type=int, default=16, help='objects to draw (%(default)s)')
    parser.add_argument('--frames', type=int, default=4, help='rows of a clip (%(default)s)')
    parser.add_argument('--columns', type=int, default=2, help='objects side by side (%(default)s)')
    parser.add_argument('--tile', type=int, default=160, help='side of a tile, px (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='seed of choice and augmentation')
    parser.add_argument('--out', default='outputs/browse', help='folder (%(default)s)')
    parser.add_argument('--cfg-options', nargs='+', action=PairsAction, help='k=v overrides')
    args = parser.parse_args()
    if args.num < 1 or args.columns < 1 or args.frames < 1 or args.tile < 32:
        parser.error('--num, --columns and --frames are at least 1, --tile at least 32')
    if args.seed < 0:
        parser.error(f'--seed is at least 0, got {args.seed}')
    return args


def object_tiles(
    item: dict, visualizer: AmodalVisualizer, side: int, frame: int = 0
) -> list[tuple[str, np.ndarray]]:
    """Give captions and RGB tiles for one frame of an item of the data set."""
    inputs, sample = item['inputs'], item['data_samples']
    name = title(sample, frame)
    if 'mask' in inputs:
        return [(f'target  {name}', mask_tile(inputs['mask'][frame, 0].numpy(), side))]
    image = inputs['img'][frame].permute(1, 2, 0).numpy()  # (h, w, 3)
    picture = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
    fed = inputs['visible_mask'][frame, 0].numpy()
    tiles = [(name, picture), ('visible, as fed', overlay(visualizer, picture, fed))]
    if 'gt_crop_masks' in sample:
        visible = sample.gt_crop_masks.visible[frame].numpy()
        amodal = sample.gt_crop_masks.amodal[frame].numpy()
        tiles.append(('visible, truth', mask_tile(visible, side)))
        caption = f'amodal, truth  {hidden_share(sample, visible, amodal)}'
        tiles.append((caption, overlay(visualizer, picture, visible, amodal)))
    return tiles


def hidden_share(sample: AmodalDataSample, visible: np.ndarray, amodal: np.ndarray) -> str:
    """Say how much of an object is hidden, in a clip how much of what this frame's crop holds."""
    if len(sample.get('frame_indices', [0])) == 1:
        return f'{sample.get("occlusion_rate", float("nan")):.0%} hidden'
    return f'{1 - visible.sum() / amodal.sum():.0%} hidden' if amodal.any() else 'out of view'


def shown_frames(item: dict, most: int) -> list[int]:
    """Choose frames of an item evenly, the first and the last among them."""
    number = len(next(iter(item['inputs'].values())))
    return np.linspace(0, number - 1, min(number, most)).round().astype(int).tolist()


def title(sample: AmodalDataSample, frame: int) -> str:
    """Name an object, and the frame of a clip, in a few words."""
    name = f'{sample.get("category", "")} {sample.get("sample_id", "")}'
    indices, valid = sample.get('frame_indices', [0]), sample.get('frame_valid', [True])
    if len(indices) == 1:
        return name
    return f'{name} f{indices[frame]}' + ('' if valid[frame] else ' copy')


def enlarge(mask: np.ndarray, side: int) -> np.ndarray:
    """Resize a mask to a tile: bool (side, side)."""
    return cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST) > 0.5


def mask_tile(mask: np.ndarray, side: int) -> np.ndarray:
    """Draw a mask white on black: RGB (side, side, 3)."""
    return np.repeat((enlarge(mask, side) * np.uint8(255))[..., None], 3, axis=2)


def overlay(
    visualizer: AmodalVisualizer,
    picture: np.ndarray,
    visible: np.ndarray,
    amodal: np.ndarray | None = None,
) -> np.ndarray:
    """Draw masks over a tile's picture."""
    side = picture.shape[0]
    whole = None if amodal is None else enlarge(amodal, side)
    return visualizer.draw_amodal(picture, enlarge(visible, side), whole)


def contact_sheet(
    objects: list[list[tuple[str, np.ndarray]]], columns: int, side: int
) -> np.ndarray:
    """Lay objects out, each a row of captioned tiles: RGB picture."""
    per_object = max(len(tiles) for tiles in objects)
    rows = -(-len(objects) // columns)
    height, block = side + CAPTION + GAP, per_object * (side + GAP) + 2 * GAP
    sheet = np.full((rows * height + GAP, columns * block + GAP, 3), PAPER, np.uint8)
    for place, tiles in enumerate(objects):
        top = GAP + (place // columns) * height
        for number, (caption, tile) in enumerate(tiles):
            left = GAP + (place % columns) * block + number * (side + GAP)
            sheet[top + CAPTION : top + CAPTION + side, left : left + side] = tile
            strip = np.full((CAPTION, side, 3), PAPER, np.uint8)
            where = (1, CAPTION - 6)
            cv2.putText(
                strip, caption, where, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA
            )
            sheet[top : top + CAPTION, left : left + side] = strip
    return sheet


def side_by_side(
    clips: list[list[list[tuple[str, np.ndarray]]]], columns: int
) -> list[list[tuple[str, np.ndarray]]]:
    """Order the rows of clips so that those of one clip lie below each other in its column."""
    ordered = []
    for start in range(0, len(clips), columns):
        group = clips[start : start + columns]
        rest: list[list] = [[] for _ in range(columns - len(group))]
        for row in zip_longest(*group, fillvalue=[]):
            ordered += [*row, *rest]
    return ordered


def main() -> None:
    """Draws, and tells where."""
    args = parse_args()
    with one_sentence_errors():
        number, total, target = draw(args)
    print_log(f'{number} of {total} objects drawn: {target}', 'current', logging.INFO)
    print(target)


def draw(args: argparse.Namespace) -> tuple[int, int, Path]:
    """Draws as the command line says.

    Returns:
        The number of objects drawn, the number that there are, the picture.

    Raises:
        UserError: The config is missing, or has no such split.
        DataError, OSError: The data set cannot be read.
    """
    config = load_config(args.config, args.cfg_options, None)
    loader = config.get(f'{args.split}_dataloader')
    if loader is None:
        raise UserError(f'{args.config} has no {args.split}_dataloader: name another --split.')
    init_default_scope('c2fseg')
    dataset = DATASETS.build(loader.dataset)
    generator = np.random.default_rng(args.seed)
    number = min(args.num, len(dataset))
    chosen = generator.choice(len(dataset), number, replace=False)
    seeds = generator.integers(0, 2**32, number)
    visualizer = AmodalVisualizer()
    items = (dataset[SampleDraw(int(i), int(s))] for i, s in zip(chosen, seeds))
    clips = [
        [object_tiles(item, visualizer, args.tile, t) for t in shown_frames(item, args.frames)]
        for item in items
    ]
    objects = side_by_side(clips, args.columns)
    target = Path(args.out) / f'{Path(args.config).stem}_{args.split}.png'
    write_png(target, contact_sheet(objects, args.columns, args.tile))
    return number, len(dataset), target


if __name__ == '__main__':
    main()
