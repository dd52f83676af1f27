"""``c2fseg complete INPUT ...``: whole objects of pictures and videos, into a folder."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.call_helpers import ON_ERROR
from c2fseg.apis.call_options import SAVE
from c2fseg.apis.inference_model import PRECISIONS
from c2fseg.apis.model_files import GENERAL_MODEL, VIDEO_MODEL
from c2fseg.cli.inputs import split_inputs
from c2fseg.cli.mask_arguments import add_mask_arguments, read_mask_arguments
from c2fseg.cli.shards import choose_device, find_shard
from c2fseg.cli.videos import complete_videos
from c2fseg.utils.launch import one_sentence_errors

DESCRIPTION = """\
Complete the hidden parts of objects.

  c2fseg complete photos/ --masks annotations.json --out-dir outputs/photos
  c2fseg complete photo.jpg --box 120 40 380 290
  c2fseg complete photos/ --detector mask-rcnn.py mask-rcnn.pth

Each INPUT is a picture, a folder, a glob pattern, a .txt file of paths, a video, or webcam:0.
"""
EPILOG = """\
Several processes share the inputs: torchrun --nproc_per_node 2 -m c2fseg complete ..., then
c2fseg merge OUT_DIR. docs/inference.md of the repository has the rest.
"""


def parse_args(
    arguments: Sequence[str] | None = None, prog: str | None = None
) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('inputs', nargs='+', metavar='INPUT')
    add('--out-dir', default='outputs/complete', help='folder of the results (%(default)s)')
    add('--save', nargs='*', choices=SAVE, default=SAVE, help='what is written (all)')
    add(
        '--model',
        help=f'recipe name or config path ({GENERAL_MODEL}; for videos {VIDEO_MODEL})',
    )
    add('--weights', help='checkpoint (default: the weights that ship for the recipe)')
    add('--device', help='cpu, cuda, cuda:1 (default: a GPU when there is one)')
    add('--precision', choices=PRECISIONS, help="of the model's arithmetic (default: the config's)")
    add('--compile', action='store_true', help='minutes at first, then faster: for long runs')
    add_mask_arguments(parser)
    work = parser.add_argument_group('work')
    add = work.add_argument
    add('--recursive', action='store_true', help='look into the folders of a folder, too')
    add('--num-hypotheses', type=int, default=1, help='guesses for each object (%(default)s)')
    add('--batch-size', type=int, default=8, help='objects the model sees at once (%(default)s)')
    add('--seed', type=int, default=0, help='(%(default)s)')
    add('--post-process', action='store_true', help='add the visible part to completed masks')
    add('--on-error', choices=ON_ERROR, default='raise', help='for unusable pictures and masks')
    add('--resume', action='store_true', help='go on with an interrupted run in --out-dir')
    add(
        '--shard',
        metavar='I/N',
        help='take only every N-th input, from number I (from 0) on; set by torchrun and srun',
    )
    video = parser.add_argument_group('videos')
    add = video.add_argument
    add('--window', type=int, default=24, help='frames the model sees at once (%(default)s)')
    add('--overlap', type=int, default=8, help='frames that two windows share (%(default)s)')
    add('--max-frames', type=int, help='stop after so many frames; for a webcam')
    add('--side-by-side', action='store_true', help='draw the input on the left')
    return parser.parse_args(arguments)


def complete_pictures(
    args: argparse.Namespace,
    inferencer: AmodalInferencer,
    masks: Mapping[str, Any],
    pictures: Sequence[str],
    shard: tuple[int, int],
) -> str:
    """Complete all pictures of the share.

    Args:
        args: The command line.
        inferencer: Completes them.
        masks: ``visible_masks``, ``boxes`` and ``points``.
        pictures: Paths, folders and patterns.
        shard: Number and count of shares.

    Returns:
        A sentence about what was done.
    """
    alone = len(pictures) == 1
    work = inferencer.stream(
        pictures[0] if alone else pictures,
        **masks,
        out_dir=args.out_dir,
        save=args.save,
        resume=args.resume,
        shard=shard,
        recursive=args.recursive,
        progress=sys.stderr.isatty(),
        num_hypotheses=args.num_hypotheses,
        batch_size=args.batch_size,
        seed=args.seed,
        post_process=args.post_process,
        on_error=args.on_error,
        return_arrays=False,
    )
    count = objects = errors = 0
    for entry in work:
        bad = sum('error' in item for item in entry['objects'])
        count += 1
        objects += len(entry['objects']) - bad
        errors += bad + ('error' in entry)
    failed = f', {errors} errors (errors.json)' if errors else ''
    return f'{objects} objects in {count} pictures{failed}'


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Complete as the command line says; returns the exit status."""
    args = parse_args(arguments, prog)
    start = time.perf_counter()
    with one_sentence_errors(ValueError, TypeError, KeyError):
        shard = find_shard(args.shard)
        args.device = args.device or choose_device()
        pictures, videos = split_inputs(args.inputs, args.recursive)
        source, masks = read_mask_arguments(args)
        said = []
        works = (pictures, complete_pictures, GENERAL_MODEL), (videos, complete_videos, VIDEO_MODEL)
        for inputs, complete, model in works:
            if inputs:
                recipe = args.model or model
                inferencer = AmodalInferencer(
                    recipe,
                    args.weights,
                    args.device,
                    source,
                    args.precision,
                    args.compile,
                )
                said.append(complete(args, inferencer, masks, inputs, shard))
    share = f'Process {shard[0]} of {shard[1]}: ' if shard[1] > 1 else ''
    print(f'{share}{"; ".join(said)}; {time.perf_counter() - start:.1f} s.')
    print(f'Results: {Path(args.out_dir).expanduser().resolve()}')
    if shard[1] > 1 and pictures:
        print(f'When all {shard[1]} processes are done: c2fseg merge {args.out_dir}')
    return 0
