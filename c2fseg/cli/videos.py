"""Videos of ``c2fseg complete``, one after the other; finished ones are not done again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.fingerprint import digest, file_digest
from c2fseg.apis.journal import JournalError
from c2fseg.apis.picture_outputs import DRAWINGS, MASKS
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.visualization.image_io import unique_stems, writable_folder

# Folder of a file for each finished video, which says with what options it was made.
FINISHED = '.progress-videos'


def complete_videos(
    args: argparse.Namespace,
    inferencer: AmodalInferencer,
    masks: Mapping[str, Any],
    videos: Sequence[str],
    shard: tuple[int, int],
) -> str:
    """Complete all videos of the share.

    Args:
        args: The command line.
        inferencer: Completes them.
        masks: ``visible_masks``, ``boxes`` and ``points``, the same for all videos.
        videos: All videos.
        shard: Number and count of shares.

    Returns:
        A sentence about what was done.

    Raises:
        JournalError: A video was finished with other options, and the work is to go on.
        ValueError: Several guesses are asked for.
    """
    if args.num_hypotheses != 1:
        raise ValueError('--num-hypotheses is for pictures; leave it out for videos')
    folder = writable_folder(args.out_dir)
    settings = video_settings(args, inferencer, masks)
    stems = unique_stems(videos)
    frames = objects = before = 0
    share = range(shard[0], len(videos), shard[1])
    for position in share:
        stem = stems[position]
        marker = folder / FINISHED / f'{stem}.json'
        if args.resume and marker.is_file():
            check_marker(marker, {**settings, 'video': videos[position]})
            before += 1
            continue
        marker.unlink(missing_ok=True)
        result = complete_one(args, inferencer, masks, videos[position], stem)
        frames += result['num_frames']
        objects += len(result['objects'])
        text = json.dumps({**settings, 'video': videos[position]})
        write_whole(marker, text.encode(), sync=False)
    done = f'; {before} videos were done before' if before else ''
    return f'{objects} objects in {frames} frames of {len(share) - before} videos{done}'


def complete_one(
    args: argparse.Namespace,
    inferencer: AmodalInferencer,
    masks: Mapping[str, Any],
    video: str,
    stem: str,
) -> dict[str, Any]:
    """Complete one video; returns its result.

    Args:
        args: The command line.
        inferencer: Completes it.
        masks: ``visible_masks``, ``boxes`` and ``points``.
        video: Its path, or a webcam.
        stem: Name of its outputs, without suffix.
    """
    folder = Path(args.out_dir).expanduser()
    out = folder / DRAWINGS / f'{stem}.mp4' if 'pictures' in args.save else None
    masks_out = folder / MASKS / f'{stem}.json' if {'masks', 'json'} & set(args.save) else None
    return inferencer.complete_video(
        video,
        **masks,
        max_frames=args.max_frames,
        window=args.window,
        overlap=min(args.overlap, args.window - 1),
        batch_size=args.batch_size,
        out=out,
        masks_out=masks_out,
        return_arrays=False,
        seed=args.seed,
        side_by_side=args.side_by_side,
        post_process=args.post_process,
        on_error=args.on_error,
    )


def video_settings(
    args: argparse.Namespace, inferencer: AmodalInferencer, masks: Mapping[str, Any]
) -> dict[str, Any]:
    """What the result of a video depends on, as numbers and short texts by name."""
    given = masks['visible_masks']
    content = file_digest(given) if given is not None and Path(given).is_file() else None
    return {
        'model': digest(inferencer.model.cfg.model),
        'weights': digest(inferencer.model),
        'masks': digest((dict(masks), content, inferencer.mask_source)),
        'seed': args.seed,
        'window': args.window,
        'overlap': args.overlap,
        'max_frames': args.max_frames,
        'post_process': args.post_process,
        'side_by_side': args.side_by_side,
        'save': sorted(args.save),
    }


def check_marker(marker: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a finished video of another call.

    Args:
        marker: Its file.
        settings: Those of this call.

    Raises:
        JournalError: They differ; the message says in what.
    """
    try:
        former = json.loads(marker.read_text(encoding='utf-8'))
    except ValueError as error:
        raise JournalError(f'{marker} cannot be read ({error}): delete it') from error
    differ = [name for name in settings if former.get(name) != settings[name]]
    if differ:
        raise JournalError(
            f'{former.get("video")} was completed with other options ({", ".join(differ)}): resume '
            'with the same ones, or start over without --resume'
        )
