"""The TensorBoard base config: in the place of default_runtime.py it writes event files."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from c2fseg.registry import VISUALIZERS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def test_scalars_reach_tensorboard_and_the_local_file(tmp_path):
    bases = [
        'models/c2f_light.py',
        'datasets/shapes.py',
        'schedules/c2f_light.py',
        'tensorboard.py',
    ]
    recipe = tmp_path / 'recipe.py'
    recipe.write_text(f'_base_ = {[str(CONFIGS / "_base_" / base) for base in bases]}\n')
    config = Config.fromfile(recipe)
    assert config.default_hooks.checkpoint.type == 'AtomicCheckpointHook'
    init_default_scope('c2fseg')
    # MMEngine keeps visualizers by name: another test of this process may have made one before.
    own = {'name': tmp_path.name, 'save_dir': str(tmp_path / 'run')}
    visualizer = VISUALIZERS.build({**config.visualizer, **own})
    visualizer.add_scalar('loss', 0.5, step=3)
    visualizer.close()
    assert list(tmp_path.glob('run/**/events.out.tfevents.*'))
    assert '"loss": 0.5' in (tmp_path / 'run/vis_data/scalars.json').read_text()
