"""Peak memory of completing a video, by its length: it follows the window, not the video.

    python tools/analysis_tools/video_memory.py --model c2f_shapes --frames 48 240

Each length is measured in a process of its own (its peak resident set), on a made-up video with
its masks on disk, written as an MP4 and a JSON file, without arrays in the result. The last line
compares the longest with the shortest.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from c2fseg.apis import AmodalInferencer
from c2fseg.visualization import open_writer

# ru_maxrss is in KiB on Linux and in bytes on macOS.
MAXRSS_UNIT = 1 if sys.platform == 'darwin' else 1024


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--model', default='c2f_shapes_video', help='recipe name or config path (%(default)s)')
    add('--weights', help='checkpoint (default: the weights that ship)')
    add('--frames', type=int, nargs='+', default=[48, 240], help='lengths (%(default)s)')
    add('--size', type=int, nargs=2, default=[256, 256], help='height and width (%(default)s)')
    add('--objects', type=int, default=2)
    add('--window', type=int, default=24)
    add('--overlap', type=int, default=8)
    add('--device', default='cpu')
    add('--json', help='also write the numbers to this file')
    add('--measure', help=argparse.SUPPRESS)  # the folder of the video to complete, in a child
    return parser.parse_args()


def make_video(folder: Path, frames: int, size: tuple[int, int], objects: int) -> None:
    """Write a video of squares that move over noise, and their visible masks."""
    generator = np.random.default_rng(0)
    height, width = size
    side = min(size) // 4
    (folder / 'masks').mkdir(parents=True)
    with open_writer(folder / 'video.mp4', fps=24) as writer:
        for frame in range(frames):
            image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            ids = np.zeros(size, np.uint8)
            for number in range(objects):
                x = (7 * number + 2 * frame * (1 + number % 2)) % (width - side)
                y = (side * number // 2) % (height - side)
                ids[y : y + side, x : x + side] = number + 1
                image[ids == number + 1] = 40 * (number + 1)
            writer.write(image)
            cv2.imwrite(str(folder / 'masks' / f'{frame:05d}.png'), ids)


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Complete the video of a folder in this process."""
    folder = Path(args.measure)
    inferencer = AmodalInferencer(args.model, args.weights, args.device)
    start = time.perf_counter()
    result = inferencer.complete_video(
        folder / 'video.mp4',
        folder / 'masks',
        window=args.window,
        overlap=args.overlap,
        out=folder / 'completed.mp4',
        masks_out=folder / 'completed.json',
        return_arrays=False,
        progress=False,
    )
    return {
        'frames': result['num_frames'],
        'seconds': time.perf_counter() - start,
        'peak_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 2**20,
    }


def main() -> int:
    """Measure every length; returns the exit code."""
    args = parse_args()
    if args.measure:
        print(json.dumps(measure(args)))
        return 0
    rows = []
    for frames in sorted(args.frames):
        with tempfile.TemporaryDirectory() as folder:
            make_video(Path(folder), frames, tuple(args.size), args.objects)
            done = subprocess.run(
                [sys.executable, *sys.argv, '--measure', folder], stdout=subprocess.PIPE, text=True
            )
        if done.returncode:
            return done.returncode
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        row = rows[-1]
        print(f'{row["frames"]:6} frames: peak {row["peak_mb"]:7.0f} MB, {row["seconds"]:.1f} s')
    print(f'longest / shortest: {rows[-1]["peak_mb"] / rows[0]["peak_mb"]:.3f}')
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
