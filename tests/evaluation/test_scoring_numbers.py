"""Scores of prediction files: as our metrics give them, and by hand where they cannot."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest

from c2fseg.datasets.synthetic import generate_clips
from c2fseg.evaluation import AmodalIoU, VideoAmodalIoU
from c2fseg.evaluation.scoring import (
    Truth,
    format_scores,
    join,
    make_subsets,
    objects_as_csv,
    open_truth,
    read_predictions,
    score_clips,
    score_images,
    scores_as_json,
    summarise,
)
from tests.evaluation.prediction_files import (
    annotation,
    coded,
    entry,
    sample_of,
    write_predictions,
    write_truth,
)

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'
IMAGE_PROTOCOLS = ['c2f-image', 'c2f-image-strict', 'pcnet', 'vita']
CLIP_PROTOCOLS = ['c2f-video', 'c2f-video-strict', 'savos', 'eoras', 'diffusion-vas']


def table(truth: Truth, path: Path, protocols: list[str], source='gt', **kwargs) -> dict:
    """Protocol -> subset -> method -> form -> key -> numbers."""
    predictions = read_predictions(path, truth.image_sizes, truth.clips)
    joined = join(truth, predictions)
    score = score_clips if truth.clips else score_images
    scoring = score(truth, joined, protocols, source, **kwargs)
    subsets = make_subsets(truth.objects, scoring)
    return {
        scores.protocol: scores_as_json(scores, summarise(scores, truth.objects, subsets))
        for scores in scoring.protocols
    }


def values_of(found: dict, method: str = 'prediction') -> dict[str, float]:
    """'<form>/<key>' -> value, of one subset."""
    return {
        f'{form}/{key}': numbers['value']
        for form, forms in found[method].items()
        for key, numbers in forms.items()
    }


# ---------------------------------------------------------------- images


@pytest.mark.parametrize('given', [False, True])
def test_our_own_files_score_as_our_metric_does(tmp_path, given: bool) -> None:
    truth = open_truth(KINS_MINI / 'kins_v1.json')
    source = 'pred:moved' if given else 'gt'
    path = tmp_path / 'out.json'
    metric = AmodalIoU(
        protocols=IMAGE_PROTOCOLS, visible_source=source, per_category=True, out_file=path
    )
    samples = [sample_of(truth, position, given) for position in range(len(truth.objects))]
    metric.process(None, samples)
    expected = metric.evaluate(len(samples))
    found = table(truth, path, IMAGE_PROTOCOLS, source)
    compared = 0
    ends = {'all': '', 'hidden_5-95': '_hidden_5-95', 'category_car': '_category_car'}
    for protocol in IMAGE_PROTOCOLS:
        for subset, end in ends.items():
            for key, value in values_of(found[protocol][subset]).items():
                theirs = expected[f'{protocol}/{source}/refined/{key}{end}']
                assert value == pytest.approx(theirs, abs=1e-9)
                compared += 1
    assert compared == 3 * (4 + 4 + 2 + 3)
    all_of_them = found['c2f-image']['all']
    assert all_of_them['objects'] == expected[f'c2f-image/{source}/objects'] == 6
    occluded = all_of_them['prediction']['raw']['mIoU_occ']['counted']
    assert occluded == expected[f'c2f-image/{source}/occluded_objects']


@pytest.fixture
def truth(tmp_path) -> Truth:
    """Half hidden, free, hidden by a tenth; two images, two categories."""
    objects = [
        annotation(11, 0, 20, 10),
        annotation(12, 20, 40, 40),
        annotation(13, 0, 20, 18, image=2, category=2),
    ]
    return open_truth(write_truth(tmp_path, objects))


def entries() -> list[dict]:
    """IoU .75 (occluded .5), .8, .9 (occluded 0)."""
    return [
        entry(0, 15, annotation_id=11, visible_source='gt'),
        entry(20, 36, annotation_id=12, visible_source='gt'),
        entry(0, 18, image=2, annotation_id=13, visible_source='gt'),
    ]


def test_means_by_hand(truth, tmp_path) -> None:
    found = table(truth, write_predictions(tmp_path, entries()), ['c2f-image-strict'])
    rows = found['c2f-image-strict']
    assert values_of(rows['all'])['raw/mIoU_full'] == pytest.approx((0.75 + 0.8 + 0.9) / 3)
    assert values_of(rows['all'])['raw/mIoU_occ'] == pytest.approx(0.25)
    assert values_of(rows['all'])['post/mIoU_full'] == pytest.approx((0.75 + 1.0 + 0.9) / 3)
    assert values_of(rows['hidden_5-30'])['raw/mIoU_full'] == pytest.approx(0.9)
    assert values_of(rows['hidden_30-60'])['raw/mIoU_occ'] == pytest.approx(0.5)
    assert values_of(rows['category_car'])['raw/mIoU_full'] == pytest.approx(0.775)
    assert rows['hidden_60-95']['objects'] == 0
    assert values_of(rows['hidden_60-95'])['raw/mIoU_full'] is None
    assert rows['all']['prediction']['raw']['mIoU_occ']['counted'] == 2


def test_intervals_are_of_images(truth, tmp_path) -> None:
    # Image 1 has .75 and .8, image 2 has .9: a resample is one of them twice, or both.
    found = table(truth, write_predictions(tmp_path, entries()), ['c2f-image-strict'])
    numbers = found['c2f-image-strict']['all']['prediction']['raw']['mIoU_full']
    assert numbers['low'] == pytest.approx(0.775)
    assert numbers['high'] == pytest.approx(0.9)
    alone = found['c2f-image-strict']['category_dog']['prediction']['raw']['mIoU_full']
    assert alone['low'] is None


def test_missing_objects(truth, tmp_path) -> None:
    path = write_predictions(tmp_path, entries()[1:])

    def means(missing: str) -> dict[str, float]:
        return values_of(
            table(truth, path, ['c2f-image-strict'], missing=missing)['c2f-image-strict']['all']
        )

    assert means('zero')['raw/mIoU_full'] == pytest.approx(1.7 / 3)
    # The visible mask that a post-processing would paste is not given away either.
    assert means('zero')['post/mIoU_full'] == pytest.approx(1.9 / 3)
    assert means('zero')['raw/mIoU_occ'] == 0.0
    assert means('skip')['raw/mIoU_full'] == pytest.approx(1.7 / 2)
    with pytest.raises(ValueError, match=r'1 of 3 objects have no prediction, .* object 11 of im'):
        means('stop')
    with pytest.raises(ValueError, match='missing must be one of'):
        means('drop')


def test_missing_objects_under_every_protocol(truth, tmp_path) -> None:
    path = write_predictions(tmp_path, entries()[:1])
    found = table(truth, path, IMAGE_PROTOCOLS)
    assert values_of(found['c2f-image']['all'])['raw/mIoU_full'] == pytest.approx(0.25)
    # 15 of 60 true pixels.
    assert values_of(found['pcnet']['all']) == {
        'raw/mIoU': pytest.approx(0.25),
        'raw/pAcc': pytest.approx(0.25),
    }
    assert values_of(found['vita']['all'])['raw/visible_recall'] == pytest.approx(1 / 3)


def test_the_order_of_the_file_makes_no_difference(truth, tmp_path) -> None:
    first = table(truth, write_predictions(tmp_path, entries()), IMAGE_PROTOCOLS)
    shuffled = entries()
    random.Random(1).shuffle(shuffled)
    assert table(truth, write_predictions(tmp_path, shuffled), IMAGE_PROTOCOLS) == first


def test_files_of_other_systems(truth, tmp_path) -> None:
    """No ids and no source: the visible mask that comes along is what the model was given."""
    found = table(
        truth,
        write_predictions(
            tmp_path,
            [
                entry(0, 15, visible_segmentation=coded(2, 12)),
                entry(20, 36, visible_segmentation=coded(20, 38)),
                entry(0, 18, image=2, visible_segmentation=coded(0, 18)),
            ],
        ),
        ['c2f-image-strict'],
        'pred:file',
        trivial=True,
    )['c2f-image-strict']['all']
    assert values_of(found)['raw/mIoU_full'] == pytest.approx((0.75 + 0.8 + 0.9) / 3)
    assert values_of(found)['post/mIoU_full'] == pytest.approx((0.75 + 0.9 + 0.9) / 3)
    assert values_of(found, 'visible')['raw/mIoU_full'] == pytest.approx((0.5 + 0.9 + 0.9) / 3)
    assert values_of(found, 'convex_hull') == values_of(found, 'visible')  # bars are convex


def test_no_post_numbers_without_the_given_masks(truth, tmp_path) -> None:
    bare = [entry(0, 15), entry(20, 36)]
    path = write_predictions(tmp_path, bare)
    found = table(truth, path, ['c2f-image'], 'pred:file')['c2f-image']['all']
    assert set(found['prediction']) == {'raw'}
    with pytest.raises(ValueError, match='trivial rows are made of the visible masks'):
        table(truth, path, ['c2f-image'], 'pred:file', trivial=True)
    # Our own files hold the model's visible mask, which is not what it was given.
    ours = [one | {'visible_source': 'pred:x', 'visible_segmentation': coded(0, 9)} for one in bare]
    found = table(truth, write_predictions(tmp_path, ours), ['c2f-image'], 'pred:x')
    assert set(found['c2f-image']['all']['prediction']) == {'raw'}


def test_tables_and_lines_of_objects(truth, tmp_path) -> None:
    path = write_predictions(tmp_path, entries()[1:])
    joined = join(truth, read_predictions(path, truth.image_sizes))
    scoring = score_images(truth, joined, ['c2f-image-strict'], trivial=True)
    subsets = make_subsets(truth.objects, scoring)
    [scores] = scoring.protocols
    text = format_scores(scores, summarise(scores, truth.objects, subsets), ['split x'])
    lines = text.splitlines()
    assert lines[:2] == ['protocol c2f-image-strict | IoU in % at image size', 'split x']
    assert ' '.join(lines[3].split()) == ('objects occluded raw full raw occ post full post occ')
    assert lines[5].split()[:4] == ['all', '3', '2', '56.67']
    assert lines[6].split()[:2] == ['visible', 'mask']
    # V of the objects: 10, 20 and 18 of 20 pixels.
    assert f'{100 * (0.5 + 1 + 0.9) / 3:.2f}' in lines[6]
    rows = list(csv.DictReader(io.StringIO(objects_as_csv(truth, joined, scoring))))
    assert [row['joined_by'] for row in rows] == ['missing', 'annotation_id', 'annotation_id']
    key = 'c2f-image-strict/prediction/raw/mIoU_full'
    assert [float(row[key]) for row in rows] == [0.0, 0.8, 0.9]
    assert [row[key.replace('full', 'occ')] for row in rows] == ['0.000000', '', '0.000000']
    assert [row['hidden_share'] for row in rows] == ['0.500000', '0.000000', '0.100000']
    with pytest.raises(ValueError, match='ascending'):
        make_subsets(truth.objects, scoring, [0.5, 0.1])


# ---------------------------------------------------------------- clips


@pytest.fixture(scope='module')
def clips(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('clips')
    counts = {'train': 0, 'val': 0, 'test': 2}
    generate_clips(root, counts, workers=1, frames=6, progress=False)
    return root


@pytest.fixture(scope='module')
def clip_file(clips) -> tuple[Path, dict[str, float]]:
    """A prediction file of our metric, and its numbers."""
    truth = open_truth(clips / 'test_instance.txt')
    path = clips / 'out.json'
    metric = VideoAmodalIoU(protocols=CLIP_PROTOCOLS, out_file=path)
    samples = [sample_of(truth, position) for position in range(len(truth.objects))]
    metric.process(None, samples)
    return path, metric.evaluate(len(samples))


def test_our_own_clips_score_as_our_metric_does(clips, clip_file) -> None:
    truth = open_truth(clips / 'test_instance.txt')
    assert truth.clips
    path, expected = clip_file
    found = table(truth, path, CLIP_PROTOCOLS, missing='stop', trivial=True)
    compared = 0
    for protocol in CLIP_PROTOCOLS:
        values = values_of(found[protocol]['all'])
        assert values == values_of(found[protocol]['all'], 'convex_hull')
        for key, value in values.items():
            if value is not None:
                theirs = expected[f'{protocol}/gt/refined/{key}']
                assert value == pytest.approx(theirs, abs=1e-9), (protocol, key)
                compared += 1
    assert compared > 10


def test_missing_frames_of_a_clip(clips, clip_file, tmp_path) -> None:
    truth = open_truth(clips / 'test_instance.txt')
    every = json.loads(clip_file[0].read_text())
    first = every[0]['image_id'], every[0]['annotation_id']
    mine = [one for one in every if (one['image_id'], one['annotation_id']) == first]
    scored = [one for one in mine if one['iou_full'] and one['iou_occ'] is not None]
    gone = scored[0]
    path = write_predictions(tmp_path, [one for one in every if one is not gone])

    def mean(missing: str) -> float:
        found = table(truth, path, ['eoras'], missing=missing)['eoras']['all']
        return found['prediction']['raw']['mIoU_full']

    complete = table(truth, clip_file[0], ['eoras'])['eoras']['all']
    whole = complete['prediction']['raw']['mIoU_full']
    total = whole['value'] * whole['counted'] - gone['iou_full']
    assert mean('zero')['value'] == pytest.approx(total / whole['counted'])
    assert mean('skip')['counted'] == whole['counted'] - 1
    assert mean('skip')['value'] == pytest.approx(total / (whole['counted'] - 1))
    with pytest.raises(ValueError, match=f'no prediction in 1 frames.* frame {gone["frame"]}'):
        mean('stop')


def test_entries_of_frames_that_there_are_not(clips, clip_file, tmp_path) -> None:
    truth = open_truth(clips / 'test_instance.txt')
    every = json.loads(clip_file[0].read_text())
    every.append(every[0] | {'frame': 77})
    path = write_predictions(tmp_path, every)
    joined = join(truth, read_predictions(path, truth.image_sizes, clips=True))
    score_clips(truth, joined, ['c2f-video'])
    assert [one.frame for one in joined.surplus] == [77]


def test_protocols_that_need_more_than_the_file_holds(clips, clip_file) -> None:
    truth = open_truth(clips / 'test_instance.txt')
    path = clip_file[0]
    with pytest.raises(ValueError, match='savos-kins-car of clips whose visible masks are pred'):
        table(truth, path, ['savos-kins-car'], 'pred:x')
    with pytest.raises(ValueError, match='one for images'):
        table(truth, path, ['c2f-image'])
    with pytest.raises(ValueError, match='are for images'):
        truth.detection_truth()
    with pytest.raises(ValueError, match='joined by annotation_id only'):
        join(truth, read_predictions(path, truth.image_sizes, clips=True), use_ids=False)


def test_shares_are_of_all_frames_of_a_track(clips, clip_file) -> None:
    truth = open_truth(clips / 'test_instance.txt')
    joined = join(truth, read_predictions(clip_file[0], truth.image_sizes, clips=True))
    scoring = score_clips(truth, joined, ['c2f-video'])
    _, masks = truth.clip_masks(0)
    share = 1 - masks['visible'].sum() / masks['amodal'].sum()
    assert scoring.hidden[0] == pytest.approx(share)
    assert np.isfinite(scoring.hidden).all()
