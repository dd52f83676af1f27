"""Complete the hidden parts of tracked objects in a video: a drawn video, a table on the screen.

    python demo/video_demo.py                                  # the clips that ship
    python demo/video_demo.py VIDEO MASKS --out completed.mp4

VIDEO is a video file, a GIF or a folder of frames. MASKS are the visible masks of its objects: a
folder of PNG id maps or a JSON file, see docs/video.md; a folder in the MOVi layout holds both.
Without masks of every frame:

    python demo/video_demo.py VIDEO --detector CFG WEIGHTS     # objects are found and tracked
    python demo/video_demo.py VIDEO MASKS --propagate          # masks of some frames
    python demo/video_demo.py VIDEO --box 40 30 90 80          # x1 y1 x2 y2 of an object
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.frame_files import MOVI_FRAME, list_frames
from c2fseg.apis.inference_model import PRECISIONS
from c2fseg.apis.model_files import shipped_folder
from c2fseg.datasets.image_io import read_id_map
from c2fseg.evaluation.functional import mask_iou
from c2fseg.structures import decode_mask
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.checkpoint import CheckpointError
from c2fseg.visualization.image_io import safe_name

# An object counts as occluded in a frame from this hidden share on.
OCCLUDED = 0.05


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('video', nargs='?', help='video file or folder of frames (default: demo/data_video)')
    add('masks', nargs='?', help='folder of id maps or JSON file of its visible masks')
    add('--model', default='c2f_shapes_video', help='recipe name or config path (%(default)s)')
    add('--weights', help='checkpoint (default: the weights that ship)')
    add('--out', help='.mp4, .gif or a folder for PNGs (default: an MP4 in outputs/demo_video)')
    add('--masks-out', help='JSON file for the masks')
    add('--window', type=int, default=24, help='frames the model sees at once (%(default)s)')
    add('--overlap', type=int, default=8, help='frames that two windows share (%(default)s)')
    add('--batch-size', type=int, default=4, help='objects the model sees at once (%(default)s)')
    add('--fps', type=float, help='frames a second of the output (default: as the input)')
    add('--side-by-side', action='store_true', help='draw the input on the left')
    add('--on-error', choices=('raise', 'skip'), default='raise', help='for unusable masks')
    add('--device', default='cpu')
    add('--precision', choices=PRECISIONS, help="of the model's arithmetic (default: the config's)")
    add('--seed', type=int, default=0)
    add('--detector', nargs=2, metavar=('CFG', 'WEIGHTS'), help='finds the objects (mmdet)')
    add('--score-threshold', type=float, default=0.3, help='of the detector (%(default)s)')
    add('--trust-checkpoint', action='store_true', help='load detector weights that hold code')
    add('--box', type=float, nargs=4, action='append', metavar=('X1', 'Y1', 'X2', 'Y2'))
    add('--point', type=float, nargs=2, action='append', metavar=('X', 'Y'))
    add('--frame', type=int, default=0, help='frame of boxes, points, or a PNG of masks (0)')
    add('--propagate', action='store_true', help='MASKS are those of some frames: carry them on')
    add('--max-frames', type=int, help='stop after so many frames; a webcam needs it')
    args = parser.parse_args()
    if args.box and args.point:
        parser.error('give --box or --point')
    args.own = bool(args.detector or args.box or args.point)
    if args.video is None and (args.own or args.propagate):
        parser.error('--detector, --box, --point and --propagate are for a video of your own')
    if args.masks is not None and (args.box or args.point):
        parser.error('masks need no --box and no --point')
    if args.video is None:
        args.clips = sample_clips()
        if not args.clips:
            parser.error('demo/data_video holds no clip; give a video and its masks')
        if len(args.clips) > 1 and (args.out or args.masks_out):
            parser.error('--out and --masks-out are for one video: give it and its masks')
    else:
        if args.masks is None and not args.own and not is_movi(Path(args.video)):
            parser.error('your own video needs MASKS, the visible masks of its objects')
        args.clips = [(args.video, args.masks or (None if args.own else args.video))]
    return args


def mask_options(args: argparse.Namespace, masks: str | None) -> dict[str, Any]:
    """What the command line says of the visible masks, as arguments of a call."""
    if args.box:
        return {'boxes': {args.frame: args.box}}
    if args.point:
        return {'points': {args.frame: [[point] for point in args.point]}}
    if args.propagate and masks is not None and masks.lower().endswith('.png'):
        return {'visible_masks': {args.frame: read_id_map(masks)}, 'propagate': True}
    return {'visible_masks': masks, 'propagate': args.propagate}


def detector(args: argparse.Namespace) -> dict[str, Any] | None:
    """The mask source of the command line."""
    if args.detector is None:
        return None
    config, weights = args.detector
    return {
        'type': 'MMDetMaskSource',
        'config': config,
        'weights': weights,
        'device': args.device,
        'score_threshold': args.score_threshold,
        'trust_checkpoint': args.trust_checkpoint,
    }


def sample_clips() -> list[tuple[str, str]]:
    """The clips that ship: each a folder with frames and masks in the MOVi layout."""
    demo = shipped_folder('demo')
    folders = sorted((demo / 'data_video').glob('*')) if demo is not None else []
    return [(str(folder), str(folder)) for folder in folders if is_movi(folder)]


def is_movi(folder: Path) -> bool:
    """Whether a folder holds frames in the MOVi layout."""
    return folder.is_dir() and any(MOVI_FRAME.fullmatch(path.name) for path in folder.iterdir())


def compare(result: dict[str, Any], truth: list[str], size: tuple[int, int]) -> list[float]:
    """Mean IoU of visible and amodal masks with the truth over the frames that hide something.

    Args:
        result: An object of the inferencer's result.
        truth: Id maps in which the whole object has its own value, one a frame.
        size: (H, W).

    Returns:
        IoU of the visible and of the amodal mask; empty when nothing is hidden.
    """
    rows = []
    for frame in result['frames']:
        whole = read_id_map(truth[frame]) == result['object_id']
        given = decode_mask(result['visible_rles'][frame], *size).astype(bool)
        if np.count_nonzero(given & whole) > (1 - OCCLUDED) * np.count_nonzero(whole):
            continue
        found = decode_mask(result['amodal_rles'][frame], *size).astype(bool)
        rows.append([mask_iou(given, whole), mask_iou(found, whole)])
    return np.mean(rows, axis=0).tolist() if rows else []


def report(result: dict[str, Any]) -> Table:
    """Fill the table of a video; with the truth beside the frames, compare with it."""
    name, total = Path(result['video']).name, result['num_frames']
    table = Table(title=f'{name}: {total} frames; IoU in frames where over 5 % is hidden')
    categories = any('category' in item for item in result['objects'])
    columns = ('object', 'visible in', 'hidden in', 'unseen in', 'hidden %', 'IoU visible')
    for column in (*columns, 'IoU amodal', *(['category'] if categories else [])):
        table.add_column(column, justify='left' if column == 'category' else 'right')
    for item in result['objects']:
        counts = [str(item['states'].count(state)) for state in ('visible', 'hidden', 'unseen')]
        rates = [rate for rate in item['occlusion_rates'] if rate is not None]
        hidden = f'{100 * np.mean(rates):.0f}' if rates else '-'
        truth = truth_files(result, item['object_id'])
        scores = compare(item, truth, result['size']) if truth else []
        cells = [f'{score:.3f}' for score in scores] or ['-', '-']
        names = [str(item.get('category', ''))] if categories else []
        table.add_row(str(item['object_id']), *counts, hidden, *cells, *names)
    return table


def truth_files(result: dict[str, Any], object_id: int | str) -> list[str]:
    """The id maps of an object's whole mask: in the MOVi layout its file is numbered id - 1."""
    folder = Path(result['video'])
    if not is_movi(folder) or not isinstance(object_id, int):
        return []
    frames = list_frames(folder, MOVI_FRAME)
    numbers = [Path(name).stem.rsplit('_', 1)[1] for name in frames]
    files = [folder / f'segmentation_{object_id - 1}_{number}.png' for number in numbers]
    return [str(path) for path in files] if all(path.is_file() for path in files) else []


def main() -> int:
    """Run the demo; returns the exit code."""
    args = parse_args()
    console = Console()
    start = time.perf_counter()
    frames = 0
    try:
        source = detector(args)
        inferencer = AmodalInferencer(args.model, args.weights, args.device, source, args.precision)
        for video, masks in args.clips:
            result = inferencer.complete_video(
                video,
                **mask_options(args, masks),
                window=args.window,
                overlap=min(args.overlap, args.window - 1),
                batch_size=args.batch_size,
                out=args.out or Path('outputs/demo_video') / f'{safe_name(Path(video).stem)}.mp4',
                masks_out=args.masks_out,
                return_arrays=False,
                seed=args.seed,
                fps=args.fps,
                side_by_side=args.side_by_side,
                on_error=args.on_error,
                max_frames=args.max_frames,
            )
            frames += result['num_frames']
            console.print(report(result))
            console.print(f'Written: {Path(result["out"]).resolve()}', highlight=False)
            if result['masks_out']:
                console.print(f'Masks: {Path(result["masks_out"]).resolve()}', highlight=False)
    except (CheckpointError, OSError, ValueError, TypeError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f'video_demo: {message}', file=sys.stderr)
        return 1
    seconds = time.perf_counter() - start
    console.print(f'{frames} frames in {len(args.clips)} videos, {seconds:.1f} s.')
    return 0


if __name__ == '__main__':
    keep_freed_memory()
    sys.exit(main())
