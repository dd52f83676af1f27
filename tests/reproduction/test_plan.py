"""Which data, configs and weights a call means, and what it says to mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from c2fseg.reproduction import TABLES, Plan, RunSettings, find_families, make_plan
from c2fseg.reproduction.published import DATASETS
from c2fseg.utils.launch import UserError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/ablations'
FILES = {
    'kins': 'KINS/annotations/update_test_2020.json',
    'movid_a': 'MOViD_A/test_instance.txt',
    'shapes': 'shapes/annotations/shapes_test.json',
    'shapes_video': 'shapes_video/test_instance.txt',
}


def data(root: Path, *names: str) -> Path:
    for name in names:
        (root / FILES[name]).parent.mkdir(parents=True, exist_ok=True)
        (root / FILES[name]).write_text('')
    return root


def plan(root: Path, tables: str, *checkpoints: str, names=None, **settings) -> Plan:
    families = find_families(CONFIGS, root, names)
    chosen = [TABLES[name] for name in tables.split()]
    return make_plan(families, chosen, checkpoints, RunSettings(root / 'work', **settings))


def test_data_sets_below_a_folder_come_in_the_order_of_the_paper(tmp_path) -> None:
    families = find_families(CONFIGS, data(tmp_path, *FILES), None)
    assert [family.name for family in families] == ['kins', 'movid_a', 'shapes', 'shapes_video']
    assert [family.title for family in families][:3] == ['KINS', 'MOViD-A', 'shapes']
    assert families[1].data_root == tmp_path / 'MOViD_A'


def test_a_data_set_itself_may_be_given(tmp_path) -> None:
    data(tmp_path, 'shapes', 'shapes_video')
    [family] = find_families(CONFIGS, tmp_path / 'shapes', None)
    assert (family.name, family.data_root) == ('shapes', tmp_path / 'shapes')
    # MOViD-A has the same list, but the folder's name says which of the two it is.
    [family] = find_families(CONFIGS, tmp_path / 'shapes_video', None)
    assert family.name == 'shapes_video'
    renamed = tmp_path / 'clips'
    (tmp_path / 'shapes_video').rename(renamed)
    with pytest.raises(UserError, match='movid_a or shapes_video: say which with --dataset'):
        find_families(CONFIGS, renamed, None)
    [family] = find_families(CONFIGS, renamed, ['movid_a'])
    assert family.data_root == renamed


@pytest.mark.parametrize(
    ('names', 'words'),
    [
        (['kin'], '--dataset kin: expected some of kins, cocoa, fishbowl, movid_a'),
        (['shapes', 'kins'], 'expected KINS/annotations/update_test_2020.json'),
    ],
)
def test_unknown_and_missing_data_are_named(tmp_path, names, words) -> None:
    with pytest.raises(UserError, match=words):
        find_families(CONFIGS, data(tmp_path, 'shapes'), names)


def test_folders_without_data_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match='is no folder'):
        find_families(CONFIGS, tmp_path / 'nowhere', None)
    with pytest.raises(UserError, match=r'No data below .* expected KINS/annotations'):
        find_families(CONFIGS, tmp_path, None)


def test_one_model_serves_all_tables(tmp_path) -> None:
    """Table 1 tests the model that Table 3 trains; one test serves both where K is the same."""
    found = plan(data(tmp_path, 'shapes'), '1 3')
    assert found.trainings() == ['shapes/full', 'shapes/without_attention']
    runs = [(run.config, run.num_steps) for run in found.evaluations()]
    steps = [('full', k) for k in (1, 2, 3, 5, 8, 10, 12)]
    assert runs == [*steps, ('without_attention', 1)]  # the light model decodes in one step
    assert found.cells['3', 'with', 'shapes'] == found.cells['1', '1', 'shapes']


def test_seeds_are_tests_of_their_own(tmp_path) -> None:
    found = plan(data(tmp_path, 'shapes'), '3', seeds=(4, 7))
    assert [run.seed for run in found.cells['3', 'without', 'shapes']] == [4, 7]


def test_steps_follow_the_overrides(tmp_path) -> None:
    found = plan(data(tmp_path, 'shapes'), '3', options={'model.decoder.num_steps': 5})
    assert {run.num_steps for run in found.evaluations()} == {5}


def test_predictors_without_weights_are_not_trained(tmp_path) -> None:
    found = plan(data(tmp_path, 'shapes'), 'main')
    assert [run.stem for run in found.evaluations()] == [
        'shapes/visible',
        'shapes/convex_hull',
        'shapes/full_k1_seed0',
    ]
    assert found.trainings() == ['shapes/full']


@pytest.mark.parametrize('name', ['shapes/full', 'full', 'c2f_shapes'])
def test_weights_are_given_by_either_name(tmp_path, name) -> None:
    weights = tmp_path / 'a.pth'
    weights.write_text('')
    found = plan(data(tmp_path, 'shapes'), '1 3', f'{name}={weights}')
    assert found.checkpoints == {'shapes/full': weights}
    assert found.trainings() == ['shapes/without_attention']


def test_published_weights_take_the_place_of_the_full_model(tmp_path) -> None:
    weights = tmp_path / 'a.pth'
    weights.write_text('')
    root = data(tmp_path, 'kins')
    found = plan(root, '1 3', f'c2f_kins_official={weights}')
    assert found.cells['3', 'with', 'kins'][0].model == 'kins/official'
    assert found.trainings() == ['kins/without_attention']
    # Baselines are scored on the same published test set.
    main = plan(root, 'main', f'kins/official={weights}')
    visible = main.families['kins'].load('visible', None, tmp_path)
    assert visible.test_dataloader.dataset.ann_file == 'kins_intersection_list.txt'
    assert visible.model == dict(type='TrivialPredictor', method='visible')
    assert visible.test_dataloader.dataset.pipeline[-1].pack_full_visible
    with pytest.raises(UserError, match='kins/full and kins/official fill the same row'):
        plan(root, '1', f'kins/full={weights}', f'kins/official={weights}')


@pytest.mark.parametrize(
    ('tables', 'pair', 'words'),
    [
        ('1', 'shapes/nothing={file}', 'shapes/nothing is no config of these tables: expected'),
        ('1', 'without_attention={file}', 'expected one of shapes/full, shapes_video/full'),
        ('1', 'full={file}', 'full could be shapes/full or shapes_video/full'),
        ('1', 'shapes/full=gone.pth', r'gone\.pth does not exist'),
        ('1', '{file}', 'expected NAME=FILE, such as shapes/full=FILE'),
    ],
)
def test_wrong_weights_are_named(tmp_path, tables, pair, words) -> None:
    weights = tmp_path / 'a.pth'
    weights.write_text('')
    root = data(tmp_path, 'shapes', 'shapes_video')
    with pytest.raises(UserError, match=words):
        plan(root, tables, pair.format(file=weights))


def test_a_table_needs_its_configs(tmp_path) -> None:
    with pytest.raises(UserError, match='Table 2 needs the configs without_st, without_roll, full'):
        plan(data(tmp_path, 'shapes'), '2')


@pytest.mark.parametrize('family', DATASETS)
def test_families_of_the_paper_have_the_configs_of_its_tables(family, tmp_path) -> None:
    """Each config builds its own difference on the recipe, for the columns that the paper has."""
    folder = CONFIGS / family
    configs = {path.stem for path in folder.glob('*.py')}
    for table in TABLES.values():
        if family in table.datasets:
            needed = {v.config for v in table.variants if v.config} - {'visible', 'convex_hull'}
            assert needed <= configs
    [loaded] = find_families_anywhere(family, tmp_path)
    full = loaded.load('full', None, tmp_path)
    assert full.test_dataloader.dataset.data_root == str(loaded.data_root)
    if 'without_attention' in configs:
        assert full.model.refiner.attention
        assert not loaded.load('without_attention', None, tmp_path).model.refiner.attention
    if 'without_st' in configs:
        assert not loaded.load('without_st', None, tmp_path).model.transformer.block.temporal
        assert not loaded.load('without_roll', None, tmp_path).model.transformer.block.roll
        assert full.model.transformer.block.temporal
        assert full.model.transformer.block.roll


def find_families_anywhere(name: str, root: Path):
    """The family with the file of its test split made up."""
    from c2fseg.reproduction.families import _expected_files

    folder, files = _expected_files(CONFIGS / name)
    # The file of the published test set alone will do.
    (root / folder / files[-1]).parent.mkdir(parents=True, exist_ok=True)
    (root / folder / files[-1]).write_text('')
    return find_families(CONFIGS, root, [name])
