"""Scores a prediction file, ours or another system's, under any of the named protocols.

    python tools/analysis_tools/evaluate_predictions.py GT.json PRED.json --protocol c2f-image

GT is any annotation file that the data sets read; PRED a JSON list, as tools/test.py --out writes
it or as COCO results: image_id, segmentation (amodal), optionally annotation_id, category_id,
visible_segmentation, score; for clips annotation_id and frame. docs/train_and_test.md has more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from c2fseg.evaluation.functional import CLIP_PROTOCOLS, PROTOCOLS
from c2fseg.evaluation.functional.amodal_ar import MAX_PROPOSALS, REGIONS
from c2fseg.evaluation.metrics.sample_fields import check_source
from c2fseg.evaluation.scoring import (
    BUCKET_EDGES,
    DETECTION_PROTOCOLS,
    MATCH_IOU,
    MISSING_RULES,
    DetectionTable,
    Joined,
    Prediction,
    ProtocolScores,
    Scoring,
    SummaryRow,
    Truth,
    detections_as_json,
    draw_sheet,
    format_detections,
    format_scores,
    join,
    make_subsets,
    objects_as_csv,
    open_truth,
    read_predictions,
    score_clips,
    score_detections,
    score_images,
    scores_as_json,
    summarise,
    visible_source_of,
)
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.error_text import error_text, wants_traceback
from c2fseg.utils.launch import UserError, one_sentence_errors
from c2fseg.visualization import write_png

NAMED = 5  # missing objects and surplus predictions that are named in the report


class Outcome:
    """All that was found; filled step by step.

    Args:
        heading: Lines that stand above every table.
        facts: The same for JSON.

    Attributes:
        scoring: Scores of the objects; ``None`` without an IoU protocol.
        joined: Objects and predictions; ``None`` without an IoU protocol.
        summaries: The means of each IoU protocol.
        tables: The numbers of each detection protocol.
    """

    def __init__(self, heading: list[str], facts: dict[str, Any]) -> None:
        self.heading = heading
        self.facts = facts
        self.scoring: Scoring | None = None
        self.joined: Joined | None = None
        self.summaries: list[tuple[ProtocolScores, list[SummaryRow]]] = []
        self.tables: list[DetectionTable] = []


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('truth', metavar='GT', help='annotation file, track file or list of clips')
    parser.add_argument('predictions', metavar='PRED.json', help='prediction file')
    parser.add_argument(
        '--protocol',
        nargs='+',
        required=True,
        metavar='NAME',
        choices=[*PROTOCOLS, *CLIP_PROTOCOLS, *DETECTION_PROTOCOLS],
        help=f'one or more of {", ".join([*PROTOCOLS, *CLIP_PROTOCOLS, *DETECTION_PROTOCOLS])}',
    )
    parser.add_argument(
        '--missing',
        choices=MISSING_RULES,
        default='zero',
        help='objects without a prediction: score 0 and count, are left out, or stop (%(default)s)',
    )
    parser.add_argument(
        '--match-iou',
        type=float,
        default=MATCH_IOU,
        help='least IoU of a prediction without annotation_id and its object (%(default)s)',
    )
    parser.add_argument(
        '--join',
        choices=('id', 'iou'),
        default='id',
        help='id: by annotation_id where PRED has it, else by IoU; iou: never by annotation_id',
    )
    parser.add_argument(
        '--visible-source',
        metavar='gt|pred:NAME',
        help='where the visible masks came from that were completed (default: what PRED says)',
    )
    parser.add_argument('--trivial', action='store_true', help='rows of visible mask, convex hull')
    parser.add_argument(
        '--buckets',
        type=float,
        nargs='+',
        default=list(BUCKET_EDGES),
        metavar='SHARE',
        help='ends of the buckets of the hidden share (%(default)s)',
    )
    add_detailed_arguments(parser)
    return parser.parse_args(arguments)


def add_detailed_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what is written and drawn, and what single numbers and protocols take."""
    parser.add_argument('--resamples', type=int, default=1000, help='of images; 0: no intervals')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--regions', choices=REGIONS, default='things', help='for amodal-ar')
    parser.add_argument(
        '--max-proposals', type=int, nargs='+', default=list(MAX_PROPOSALS), help='for amodal-ar'
    )
    parser.add_argument('--json', metavar='FILE.json', help='write all numbers')
    parser.add_argument('--per-object', metavar='FILE.csv', help='write a line for each object')
    parser.add_argument(
        '--contact-sheet', metavar='FILE.png', help='draw best, median and worst objects'
    )
    parser.add_argument('--sheet-objects', type=int, default=4, help='in each group (%(default)s)')
    parser.add_argument(
        '--img-prefix', metavar='DIR', help='folder of the pictures; of the videos for clips'
    )


@contextmanager
def user_errors() -> Iterator[None]:
    """Says what is wrong with the files or the arguments in one sentence.

    With ``C2FSEG_TRACEBACK=1`` in the environment the error comes as it is.

    Raises:
        UserError: For errors of the reading and scoring functions, whose messages name the place.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        if wants_traceback():
            raise
        raise UserError(error_text(error)) from error


def check_args(args: argparse.Namespace) -> None:
    """Checks what argparse cannot.

    Raises:
        UserError: An argument does not fit.
    """
    for option, path, suffix in (
        ('--json', args.json, '.json'),
        ('--per-object', args.per_object, '.csv'),
        ('--contact-sheet', args.contact_sheet, '.png'),
    ):
        if path is not None and Path(path).suffix != suffix:
            raise UserError(f'{option} {path} must end with {suffix}.')
        if path is not None and Path(path).resolve() == Path(args.predictions).resolve():
            raise UserError(f'{option} {path} is the prediction file itself; give another name.')
    if len(set(args.protocol)) != len(args.protocol):
        raise UserError(f'--protocol names one twice: {" ".join(args.protocol)}.')
    by_object = [name for name in args.protocol if name not in DETECTION_PROTOCOLS]
    if not by_object and (args.per_object or args.contact_sheet or args.trivial):
        raise UserError(
            '--per-object, --contact-sheet and --trivial are of single objects: name a protocol '
            f'of objects too ({", ".join([*PROTOCOLS, *CLIP_PROTOCOLS])}).'
        )
    if args.resamples < 0 or args.seed < 0 or args.sheet_objects < 1:
        raise UserError('--resamples and --seed are 0 or more, --sheet-objects 1 or more.')


def evaluate(args: argparse.Namespace) -> tuple[Truth, Outcome]:
    """Reads both files and scores.

    Raises:
        FileNotFoundError, KeyError, TypeError, ValueError: A file is wrong or they do not belong
            together.
    """
    if args.visible_source is not None:
        check_source(args.visible_source)
    truth = open_truth(args.truth, args.img_prefix)
    known = {**CLIP_PROTOCOLS} if truth.clips else {**PROTOCOLS}
    by_object = [name for name in args.protocol if name not in DETECTION_PROTOCOLS]
    wrong = [name for name in by_object if name not in known]
    if wrong:
        raise ValueError(
            f'{args.truth} is of {"clips" if truth.clips else "images"}, and {", ".join(wrong)} '
            f'is not for these; there are {", ".join(known)}.'
        )
    predictions = read_predictions(args.predictions, truth.image_sizes, truth.clips)
    facts = {'ground_truth': str(args.truth), 'predictions': str(args.predictions)}
    heading = [f'split {args.truth} | predictions {args.predictions}, {len(predictions)} entries']
    outcome = Outcome(heading, {**facts, 'entries': len(predictions)})
    if by_object:
        score_objects(args, truth, predictions, by_object, outcome)
    detection = [name for name in args.protocol if name in DETECTION_PROTOCOLS]
    if detection:
        outcome.tables = score_detections(
            truth, predictions, detection, args.regions, args.max_proposals
        )
    return truth, outcome


def score_objects(
    args: argparse.Namespace,
    truth: Truth,
    predictions: Sequence[Prediction],
    protocols: Sequence[str],
    outcome: Outcome,
) -> None:
    """Joins objects and predictions, scores and averages; writes into ``outcome``."""
    source = visible_source_of(predictions, args.visible_source)
    joined = join(truth, predictions, args.match_iou, args.join == 'id')
    score = score_clips if truth.clips else score_images
    scoring = score(truth, joined, protocols, source, args.missing, args.trivial)
    subsets = make_subsets(truth.objects, scoring, args.buckets)
    outcome.joined, outcome.scoring = joined, scoring
    for scores in scoring.protocols:
        rows = summarise(scores, truth.objects, subsets, args.resamples, args.seed)
        outcome.summaries.append((scores, rows))
    kind = 'ground truth' if source == 'gt' else 'predicted'
    outcome.heading.append(f'visible masks given to the model: {source} ({kind})')
    outcome.heading += joining_lines(truth, joined, args) + scoring.notes
    outcome.facts |= {
        'visible_source': source,
        'joined': joining_facts(truth, joined, args),
        'bootstrap': {
            'level': 0.95,
            'resamples': args.resamples,
            'seed': args.seed,
            'of': 'images',
        },
        'notes': scoring.notes,
    }


def joining_lines(truth: Truth, joined: Joined, args: argparse.Namespace) -> list[str]:
    """Says how many objects have a prediction, and names some that have none."""
    rules = [rule for rule in joined.rules if rule]
    ways = ', '.join(f'{rules.count(rule)} by {rule}' for rule in dict.fromkeys(rules))
    lines = [f'{len(truth.objects)} objects, {len(rules)} with a prediction ({ways})']
    missing = [truth.objects[place] for place in joined.missing]
    if missing:
        became = {'zero': 'score 0 and count', 'skip': 'are left out'}[args.missing]
        names = ', '.join(f'{m.annotation_id} of image {m.image_id}' for m in missing[:NAMED])
        more = ', ...' if len(missing) > NAMED else ''
        lines.append(f'{len(missing)} objects without one {became}: {names}{more}')
    if joined.surplus:
        names = ', '.join(one.name for one in joined.surplus[:NAMED])
        more = ', ...' if len(joined.surplus) > NAMED else ''
        lines.append(f'{len(joined.surplus)} predictions belong to no object: {names}{more}')
    if args.resamples:
        unit = 'videos' if truth.clips else 'images'
        lines.append(f'[95 % interval: {args.resamples} resamples of {unit}, seed {args.seed}]')
    return lines


def joining_facts(truth: Truth, joined: Joined, args: argparse.Namespace) -> dict[str, Any]:
    """Returns the same for JSON, all names in it."""
    rules = [rule for rule in joined.rules if rule]
    gone = (truth.objects[place] for place in joined.missing)
    return {
        'objects': len(truth.objects),
        'by': {rule: rules.count(rule) for rule in dict.fromkeys(rules)},
        'match_iou': args.match_iou,
        'rule_for_missing': args.missing,
        'missing': [{'image_id': m.image_id, 'annotation_id': m.annotation_id} for m in gone],
        'surplus_entries': [one.number for one in joined.surplus],
    }


def report(args: argparse.Namespace, truth: Truth, outcome: Outcome) -> None:
    """Prints the tables and writes the files that were asked for."""
    texts = [format_scores(scores, rows, outcome.heading) for scores, rows in outcome.summaries]
    texts += [format_detections(table, outcome.heading[:1]) for table in outcome.tables]
    print('\n\n'.join(texts))
    if args.json is not None:
        protocols = {s.protocol: scores_as_json(s, rows) for s, rows in outcome.summaries}
        detections = {table.protocol: detections_as_json(table) for table in outcome.tables}
        content = {**outcome.facts, 'protocols': protocols, 'detections': detections}
        text = json.dumps(content, indent=1, allow_nan=False) + '\n'
        print(f'numbers: {write_whole(args.json, text.encode())}')
    if outcome.joined is None or outcome.scoring is None:
        return
    if args.per_object is not None:
        text = objects_as_csv(truth, outcome.joined, outcome.scoring)
        print(f'objects: {write_whole(args.per_object, text.encode())}')
    if args.contact_sheet is not None:
        pictures = args.img_prefix is not None
        sheet = draw_sheet(truth, outcome.joined, outcome.scoring, args.sheet_objects, pictures)
        print(f'contact sheet: {write_png(args.contact_sheet, sheet)}')


def main(arguments: list[str] | None = None) -> None:
    """Scores as the command line says."""
    args = parse_args(arguments)
    with one_sentence_errors(), user_errors():
        check_args(args)
        check_writable(args.json, args.per_object, args.contact_sheet)
        truth, outcome = evaluate(args)
        report(args, truth, outcome)


if __name__ == '__main__':
    main()
