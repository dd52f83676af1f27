"""Scores the whole way from a bare picture to whole objects: a detector, then the amodal model.

    python tools/analysis_tools/evaluate_pipeline.py CONFIG WEIGHTS --detector CFG WEIGHTS
    python tools/analysis_tools/evaluate_pipeline.py configs/c2f_shapes.py weights/c2f_shapes.pth \\
        --detector configs/detectors/rtmdet_ins_shapes.py weights/rtmdet_ins_shapes.pth

COCO's average precision and recall of all detections, on amodal, visible and hidden masks, for

    detector            what the detector found, its visible mask taken for the whole object
    detector + hull     the convex hull of that mask
    detector + model    that mask, completed by the model
    given + model       the annotated visible masks, completed: what a perfect detector would give

The score of a detection is the detector's, so that the first three rows rank the same objects in
the same order and differ by their masks alone; with given masks it is the model's own. Classes of
the detector are matched with categories of the annotation file by name. Pictures and annotations
are those of the test split of CONFIG, unless --ann-file and --img-dir name others.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from pycocotools import mask as coco_mask

from c2fseg.apis import AmodalInferencer
from c2fseg.datasets.conversion import json_rle
from c2fseg.evaluation.functional.coco_ap import average_precision
from c2fseg.evaluation.functional.coco_objects import Detection, TruthObject
from c2fseg.evaluation.scoring import open_truth
from c2fseg.mask_sources import MMDetMaskSource
from c2fseg.models.segmentors.trivial_predictor import fill_convex_hull
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.slow_progress import track_if_slow

COLUMNS = {
    'amodal': ('AP', 'AP50', 'AP75', 'AR@100'),
    'visible': ('AP', 'AP50', 'AP75', 'AR@100'),
    'occluded': ('AP', 'AP50', 'AR@100'),
}


class Split(NamedTuple):
    """The pictures that are looked at.

    Attributes:
        paths: Their files by image id, in the order of the annotation file.
        truths: Their true objects.
        categories: Id of each category by its name.
    """

    paths: dict[Any, str]
    truths: list[TruthObject]
    categories: dict[str, Any]


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the amodal model')
    parser.add_argument('weights', help='its checkpoint')
    parser.add_argument(
        '--detector', nargs=2, required=True, metavar=('CFG', 'WEIGHTS'), help='a model of mmdet'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help="load the detector's file even if it carries code",
    )
    parser.add_argument('--score-threshold', type=float, default=0.05, help='default: %(default)s')
    parser.add_argument('--nms-iou', type=float, help='of two masks above it one goes')
    parser.add_argument('--ann-file', help='annotation file (default: of the test split)')
    parser.add_argument('--img-dir', help='folder of the pictures (default: of the test split)')
    parser.add_argument('--limit', type=int, help='only the first pictures')
    parser.add_argument('--batch-size', type=int, default=8, help='objects at once (%(default)s)')
    parser.add_argument('--device', help='default: the GPU when there is one')
    parser.add_argument('--json', type=Path, help='file for the numbers')
    parser.add_argument(
        '--out-dir', type=Path, help='folder for a prediction file of each row, in COCO form'
    )
    args = parser.parse_args(arguments)
    if args.limit is not None and args.limit < 1:
        parser.error(f'--limit is at least 1, got {args.limit}')
    if (args.ann_file is None) != (args.img_dir is None):
        parser.error('--ann-file and --img-dir belong together: give both or neither')
    return args


def read_split(args: argparse.Namespace) -> Split:
    """Reads the annotation file.

    Raises:
        UserError: The config has no test split of pictures.
    """
    ann_file, img_dir = args.ann_file, args.img_dir
    if ann_file is None:
        ann_file, img_dir = test_split(load_config(args.config, None, None), args.config)
    truth = open_truth(ann_file, img_dir)
    if truth.clips:
        raise UserError(f'{ann_file} is of clips: give pictures with --ann-file and --img-dir.')
    content = truth.dataset.read_content()
    images = content['images'][: args.limit]
    paths = {image['id']: str(Path(img_dir) / image['file_name']) for image in images}
    truths = [item for item in truth.detection_truth() if item.image in paths]
    if not truths:
        raise UserError(f'{ann_file}: no object in the first {len(paths)} pictures.')
    return Split(paths, truths, {item['name']: item['id'] for item in content['categories']})


def test_split(config: Config, name: str) -> tuple[str, str]:
    """Annotation file and folder of the pictures that a config is tested on."""
    dataset = (config.get('test_dataloader') or {}).get('dataset') or {}
    if not isinstance(dataset.get('ann_file'), str):
        raise UserError(f'{name} is tested on no annotation file: give --ann-file and --img-dir.')
    root = Path(dataset.get('data_root') or '')
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    return str(root / dataset.ann_file), str(root / prefix)


def detect(
    inferencer: AmodalInferencer, source: MMDetMaskSource, split: Split, batch_size: int
) -> dict[str, list[Detection]]:
    """Finds and completes the objects of all pictures; gives the first three rows.

    Raises:
        UserError: The detector has a class that the annotation file does not know.
    """
    unknown = [name for name in source.class_names if name not in split.categories]
    if unknown:
        raise UserError(
            f'The annotation file has no category {", ".join(unknown[:5])}, which the detector'
            f' finds; it has {", ".join(split.categories)}: give the detector of this data.'
        )
    rows: dict[str, list[Detection]] = {
        name: [] for name in ('detector', 'detector + hull', 'detector + model')
    }
    stream = inferencer.stream(
        list(split.paths.values()), batch_size=batch_size, return_arrays=False, progress=True
    )
    for image_id, entry in zip(split.paths, stream, strict=True):
        for item in entry['objects']:
            visible = item['visible_rle']
            masks = (visible, hull(visible), item['amodal_rle'])
            category = split.categories[item['category']]
            for row, amodal in zip(rows.values(), masks, strict=True):
                found = Detection(image_id, category, item['visible_score'], amodal, visible)
                row.append(found)
    return rows


def complete_given(inferencer: AmodalInferencer, split: Split, batch_size: int) -> list[Detection]:
    """Completes the annotated visible masks; gives the last row."""
    by_image: dict[Any, list[TruthObject]] = {}
    for truth in split.truths:
        if not truth.crowd:
            by_image.setdefault(truth.image, []).append(truth)
    stream = inferencer.stream(
        [split.paths[image] for image in by_image],
        [[truth.visible for truth in truths] for truths in by_image.values()],
        batch_size=batch_size,
        return_arrays=False,
        progress=True,
    )
    found = []
    for truths, entry in zip(by_image.values(), stream, strict=True):
        for truth, item in zip(truths, entry['objects'], strict=True):
            amodal, visible = item['amodal_rle'], item['visible_rle']
            detection = Detection(truth.image, truth.category, item['score'], amodal, visible)
            found.append(detection)
    return found


def hull(visible: dict[str, Any]) -> dict[str, Any]:
    """The convex hull of a coded mask."""
    filled = fill_convex_hull(np.ascontiguousarray(coco_mask.decode(visible)))
    return coco_mask.encode(np.asfortranarray(filled.astype(np.uint8)))


def score_row(
    truths: Sequence[TruthObject], detections: Sequence[Detection]
) -> dict[str, dict[str, float]]:
    """The numbers of a row by kind of mask, in [0, 1]; NaN where nothing asks for one."""
    return {
        mask: {
            key: average_precision(truths, detections, 'coco-amodal', mask).values[key]
            for key in keys
        }
        for mask, keys in COLUMNS.items()
    }


def format_table(scores: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown table in percent."""
    heads = [f'{mask} {key}' for mask, keys in COLUMNS.items() for key in keys]
    lines = [['masks', *heads], ['---', *(['--:'] * len(heads))]]
    for name, row in scores.items():
        values = (row[mask][key] for mask, keys in COLUMNS.items() for key in keys)
        lines.append([name, *('-' if math.isnan(v) else f'{100 * v:.1f}' for v in values)])
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def prediction_file(detections: Iterable[Detection]) -> bytes:
    """Detections in the form that evaluate_predictions.py and pycocotools read."""
    entries = [
        {
            'image_id': found.image,
            'category_id': found.category,
            'score': found.score,
            'segmentation': json_rle(found.amodal),
            'visible_segmentation': json_rle(found.visible or found.amodal),
        }
        for found in detections
    ]
    return f'{json.dumps(entries)}\n'.encode()


def report(
    args: argparse.Namespace, split: Split, rows: dict[str, list[Detection]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores the rows, prints the table and writes the files that were asked for."""
    scores = {}
    for name, detections in track_if_slow(rows.items(), len(rows), 'scoring'):
        scores[name] = score_row(split.truths, detections)
    print(f'{len(split.paths)} pictures, {len(split.truths)} objects, in %')
    print(format_table(scores))
    if args.out_dir is not None:
        for name, detections in rows.items():
            file = args.out_dir / f'{name.replace(" + ", "_")}.json'
            print(f'predictions: {write_whole(file, prediction_file(detections))}')
    if args.json is not None:
        content = {'pictures': len(split.paths), 'objects': len(split.truths), 'scores': scores}
        plain = json.loads(json.dumps(content), parse_constant=lambda name: None)  # NaN: null
        text = json.dumps(plain, indent=1) + '\n'
        print(f'numbers: {write_whole(args.json, text.encode())}')
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Scores as the command line says."""
    args = parse_args(arguments)
    with one_sentence_errors(ValueError, KeyError, TypeError, ImportError):
        check_writable(args.json)
        split = read_split(args)
        source = MMDetMaskSource(
            *args.detector,
            device=args.device,
            score_threshold=args.score_threshold,
            nms_iou=args.nms_iou,
            batch_size=args.batch_size,
            trust_checkpoint=args.trust_checkpoint,
        )
        inferencer = AmodalInferencer(args.config, args.weights, args.device, source)
        rows = detect(inferencer, source, split, args.batch_size)
        rows['given + model'] = complete_given(inferencer, split, args.batch_size)
        report(args, split, rows)


if __name__ == '__main__':
    keep_freed_memory()
    main()
