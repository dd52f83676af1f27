"""A page in the browser: click an object of a picture, and see the whole of it.

    python demo/web_demo.py                          # then open http://127.0.0.1:7860
    python demo/web_demo.py --detector CONFIG WEIGHTS

The page listens on this machine alone, runs on the CPU with the weights that ship, and needs
gradio (`make web` installs it). docs/web_demo.md says what it does, and how to serve it to others.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sys
from pathlib import Path

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.inference_model import PRECISIONS
from c2fseg.apis.inputs import list_images
from c2fseg.apis.model_files import GENERAL_MODEL, shipped_folder
from c2fseg.mask_sources import BaseMaskSource
from c2fseg.registry import MASK_SOURCES
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.checkpoint import CheckpointError
from c2fseg.web.page_options import PageOptions
from c2fseg.web.temp_folder import TempFolder
from c2fseg.web.uploads import UploadLimits
from c2fseg.web.workbench import Completer

NO_DETECTOR = 'To find all objects at once, start the page with `--detector CONFIG WEIGHTS`.'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--host', default='127.0.0.1', help='address to listen at (%(default)s)')
    add('--port', type=int, default=7860, help='port to listen at (%(default)s)')
    add(
        '--allow-host',
        action='append',
        default=[],
        metavar='NAME',
        help='name by which browsers may call the page, besides those of this machine; repeatable',
    )
    add('--model', default=GENERAL_MODEL, help='recipe name or config path (%(default)s)')
    add('--weights', help='checkpoint (default: the weights that ship)')
    add('--device', default='cpu', help='where the models run (%(default)s)')
    add('--precision', choices=PRECISIONS, help="of the model's arithmetic (default: the config's)")
    add(
        '--detector',
        nargs=2,
        metavar=('CONFIG', 'WEIGHTS'),
        help='mmdet detector that finds all objects of a picture',
    )
    add('--samples', help='folder of pictures to pick from (default: demo/data)')
    add(
        '--max-side',
        type=positive,
        default=8000,
        help='longest side of an uploaded picture, px (%(default)s)',
    )
    add(
        '--work-side',
        type=positive,
        default=1024,
        help='larger pictures are scaled down to this side, px (%(default)s)',
    )
    add(
        '--max-megabytes',
        type=positive,
        default=20,
        help='largest upload, millions of bytes (%(default)s)',
    )
    add('--queue', type=positive, default=16, help='requests that may wait (%(default)s)')
    add(
        '--rate',
        type=positive,
        default=30,
        help='runs of the model that a client may start in a minute (%(default)s)',
    )
    return parser.parse_args()


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'expected a whole number of at least 1, got {text}')
    return number


def build_detector(args: argparse.Namespace) -> tuple[BaseMaskSource | None, str]:
    """The detector, or a sentence why there is none."""
    if args.detector is None:
        return None, NO_DETECTOR
    config, weights = args.detector
    try:
        source = dict(type='MMDetMaskSource', config=config, weights=weights, device=args.device)
        return MASK_SOURCES.build(source), ''
    except ImportError as error:
        print(f'web_demo: no detector: {error}', file=sys.stderr)
        return None, 'The detector is off: mmdet is not installed (requirements/detector.txt).'


def host_names(host: str, more: list[str]) -> list[str]:
    """Names by which browsers may call the page.

    A page on the loopback address answers to this machine's names only, so that a foreign page
    cannot reach it through a name of its own that leads here.
    """
    local = host == 'localhost' or (is_address(host) and ipaddress.ip_address(host).is_loopback)
    return ['127.0.0.1', 'localhost', '[::1]', host, *more] if local or more else ['*']


def is_address(host: str) -> bool:
    """Whether a host is given as a number."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def find_samples(folder: str | None) -> tuple[Path, ...]:
    """The pictures to pick from."""
    if folder is None:
        demo = shipped_folder('demo')
        if demo is None or not (demo / 'data').is_dir():
            return ()
        folder = str(demo / 'data')
    return tuple(Path(source.name) for source in list_images(folder)[0])


def serve(args: argparse.Namespace, folder: TempFolder) -> None:
    """Build the page and serve it until the process is told to stop."""
    # Before gradio is imported: where it puts files, and that it calls no one.
    os.environ.update(
        GRADIO_TEMP_DIR=str(folder.path), GRADIO_ANALYTICS_ENABLED='False', HF_HUB_OFFLINE='1'
    )
    from c2fseg.web.page import Page

    detector, note = build_detector(args)
    inferencer = AmodalInferencer(args.model, args.weights, args.device, precision=args.precision)
    options = PageOptions(
        samples=find_samples(args.samples),
        upload=UploadLimits(args.max_megabytes, args.max_side, args.work_side),
        queue=args.queue,
        runs_per_minute=args.rate,
        detector_note=note,
    )
    page = Page(Completer(inferencer, detector), folder, options)
    page.launch(args.host, args.port, host_names(args.host, args.allow_host))


def main() -> int:
    """Run the demo; returns the exit code."""
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder is removed, too
    try:
        with TempFolder() as folder:
            serve(args, folder)
    except (CheckpointError, ImportError, OSError, ValueError, TypeError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f'web_demo: {message}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == '__main__':
    keep_freed_memory()
    sys.exit(main())
