"""The exported light model, run by onnxruntime, against the model itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from c2fseg.apis import AmodalInferencer
from c2fseg.datasets.image_io import read_rgb
from c2fseg.export import OnnxC2FSeg
from c2fseg.export.manifest import ExportError
from c2fseg.export.parts import example_inputs
from c2fseg.models.decoding import ParallelDecoder, masked_counts
from c2fseg.utils.hashing import hash_file

ROOT = Path(__file__).resolve().parents[2]
SIZE = (60, 80)


@pytest.fixture(scope='module')
def runtime(folder: Path) -> OnnxC2FSeg:
    return OnnxC2FSeg(folder, threads=1)


@pytest.fixture(scope='module')
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) and the visible masks of two objects (2, H, W)."""
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 10:30, 20:50] = True
    masks[1, 40:60, 60:80] = True
    return image, masks


@pytest.mark.parametrize('objects', [1, 3])
@pytest.mark.parametrize('steps', [1, 3])
def test_crops_are_those_of_the_model(
    runtime: OnnxC2FSeg, inferencer: AmodalInferencer, objects: int, steps: int
) -> None:
    model, seeds = inferencer.model, [7, 11, 13][:objects]
    inputs = example_inputs(model, objects, 1, seed=objects)
    old = model.decoder
    decoder = ParallelDecoder(old.scheduler, steps, old.top_k, old.temperature)
    counts = masked_counts(decoder.scheduler, steps, 256)
    runtime = _with_decoding(runtime, masked_counts=counts)
    seen: list[torch.Tensor] = []

    def remember(*args, **kwargs) -> torch.Tensor:
        seen.append(decoder.decode(*args, **kwargs))
        return seen[-1]

    class Watched:
        decode = staticmethod(remember)

    try:
        model.decoder = Watched()
        data = model.data_preprocessor(dict(inputs=inputs))
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        expected = model.complete(data['inputs'], generators)
    finally:
        model.decoder = old
    found = runtime.complete_crops(*(value.numpy() for value in inputs.values()), seeds)
    np.testing.assert_array_equal(found['tokens'], seen[0].numpy())
    for name in ('coarse', 'visible', 'amodal'):
        assert found[name].shape == (objects, 1, 128, 128)
        assert np.abs(found[name] - expected[name].numpy()).max() < 1e-4


def _with_decoding(runtime: OnnxC2FSeg, **changes: object) -> OnnxC2FSeg:
    """A runtime on the same graphs, with other numbers in its decoding."""
    other = object.__new__(OnnxC2FSeg)
    other.__dict__.update(runtime.__dict__)
    decoding = dict(runtime.manifest.decoding, **changes)
    other.manifest = replace(runtime.manifest, decoding=decoding)
    return other


def test_demo_objects_get_the_masks_of_the_inferencer(
    runtime: OnnxC2FSeg, inferencer: AmodalInferencer
) -> None:
    data = ROOT / 'demo' / 'data'
    pictures = [str(data / f'00000{number}.png') for number in (0, 3)]
    result = inferencer(pictures, str(data / 'annotations.json'), progress=False)
    compared = 0
    for entry in result['predictions']:
        image = read_rgb(data / Path(entry['image']).name)
        objects = entry['objects']
        found = runtime.complete(image, np.stack([one['visible_mask'] for one in objects]))
        for index, one in enumerate(objects):
            for kind in ('amodal', 'coarse'):
                # Not a pixel differs, although the two resize masks by different libraries.
                assert np.array_equal(found[f'{kind}_masks'][index], one[f'{kind}_mask'])
            assert found['scores'][index] == pytest.approx(one['score'], abs=1e-4)
            assert found['boxes'][index].tolist() == one['box']
            assert found['occlusion_rates'][index] == pytest.approx(one['occlusion_rate'])
            compared += 1
    assert compared >= 6


def test_neither_batch_nor_neighbours_change_a_result(
    runtime: OnnxC2FSeg, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    image, masks = picture
    together = runtime.complete(image, masks)
    apart = runtime.complete(image, masks, batch_size=1)
    alone = runtime.complete(image, masks[1])  # (H, W): one object
    assert np.array_equal(together['amodal_masks'], apart['amodal_masks'])
    assert np.array_equal(together['amodal_masks'][1:], alone['amodal_masks'])
    assert (together['amodal_masks'].shape, together['boxes'].shape) == ((2, *SIZE), (2, 4))


def test_the_seed_changes_the_tokens(runtime: OnnxC2FSeg, inferencer: AmodalInferencer) -> None:
    img, mask = (v.numpy() for v in example_inputs(inferencer.model, 1, 1).values())
    tokens = [runtime.complete_crops(img, mask, [seed])['tokens'] for seed in (0, 0, 1)]
    assert np.array_equal(tokens[0], tokens[1])
    assert not np.array_equal(tokens[0], tokens[2])


def test_no_objects_give_no_masks(
    runtime: OnnxC2FSeg, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    found = runtime.complete(picture[0], np.zeros((0, *SIZE), bool))
    assert found['amodal_masks'].shape == (0, *SIZE)
    assert found['scores'].shape == (0,)


def test_a_graph_of_a_fixed_number_of_objects_is_filled_up(
    runtime: OnnxC2FSeg, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    image, masks = picture
    fixed = _with_decoding(runtime)
    fixed.manifest = replace(runtime.manifest, batch_size=3)
    fed = []
    fixed.run = lambda part, values: fed.append((part, values)) or runtime.run(part, values)
    found = fixed.complete(image, masks)
    assert np.array_equal(found['amodal_masks'], runtime.complete(image, masks)['amodal_masks'])
    assert all(len(values['visible_mask']) == 3 for _, values in fed)


def test_files_pass_the_checker_and_have_a_free_batch(folder: Path) -> None:
    manifest = json.loads((folder / 'model.json').read_text())
    for name, part in manifest['parts'].items():
        graph = onnx.load(folder / part['file'])
        onnx.checker.check_model(graph, full_check=True)
        for value in (*graph.graph.input, *graph.graph.output):
            shape = value.type.tensor_type.shape.dim
            assert shape[0].dim_param == 'batch', (name, value.name)
        assert [value.name for value in graph.graph.input] == part['inputs']
        assert graph.opset_import[0].version == manifest['opset']


def test_model_json_says_where_the_weights_came_from(folder: Path) -> None:
    manifest = json.loads((folder / 'model.json').read_text())
    weights = ROOT / 'weights' / 'c2f_general.pth'
    assert manifest['weights'] == {'file': weights.name, 'sha256': hash_file(weights)}
    assert manifest['mask_size'] == [128, 128]
    assert manifest['codebook_size'] == 256
    assert manifest['decoding']['temperature'] == 4.5
    assert manifest['normalisation']['mean'] == pytest.approx([123.675, 116.28, 103.53])


def test_it_runs_without_torch(folder: Path, picture: tuple[np.ndarray, np.ndarray]) -> None:
    image, masks = picture
    np.savez(folder / 'objects.npz', image=image, masks=masks)
    code = (
        'import sys; sys.modules["torch"] = None\n'
        'import numpy as np; from c2fseg.export import OnnxC2FSeg\n'
        'data = np.load(sys.argv[1] + "/objects.npz")\n'
        'found = OnnxC2FSeg(sys.argv[1], threads=1).complete(data["image"], data["masks"])\n'
        'print(found["amodal_masks"].sum(axis=(1, 2)).tolist())\n'
        'print("mmengine" in sys.modules)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(folder)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    expected = OnnxC2FSeg(folder).complete(image, masks)['amodal_masks'].sum(axis=(1, 2))
    assert done.stdout.splitlines() == [str(expected.tolist()), 'False']


@pytest.mark.parametrize(
    ('masks', 'message'),
    [
        (np.ones((1, 5, 6), bool), r'size of the picture, \(60, 80\).*\(1, 1, 5, 6\)'),
        (np.zeros(SIZE, bool), 'visible mask of object 0 is empty'),
        (np.arange(60 * 80).reshape(SIZE), 'object 0 has several values beside 0'),
    ],
)
def test_wrong_masks_are_told(
    runtime: OnnxC2FSeg, picture: tuple[np.ndarray, np.ndarray], masks: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        runtime.complete(picture[0], masks)


def test_wrong_pictures_are_told(
    runtime: OnnxC2FSeg, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    image, masks = picture
    with pytest.raises(TypeError, match='RGB array of uint8, got float64'):
        runtime.complete(image / 255, masks)
    with pytest.raises(TypeError, match='RGB array of uint8, got str'):
        runtime.complete('picture.png', masks)
    with pytest.raises(ValueError, match=r'shape \(H, W, 3\)'):
        runtime.complete(image[..., 0], masks)
    with pytest.raises(ValueError, match=r'exported for 1 frame.*--frames 2'):
        runtime.complete_clip(np.stack([image] * 2), masks[None])


def test_wrong_crops_are_told(runtime: OnnxC2FSeg) -> None:
    img, mask = np.zeros((2, 1, 3, 64, 64), np.uint8), np.zeros((2, 1, 1, 64, 64), np.float32)
    with pytest.raises(ValueError, match=r'For 2 seeds.*\(2, 1, 3, 128, 128\)'):
        runtime.complete_crops(img, mask, [0, 1])


def test_missing_and_foreign_files_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'model\.json does not exist'):
        OnnxC2FSeg(tmp_path)
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    (copy / 'step.onnx').write_bytes(b'other')
    with pytest.raises(ExportError, match=r'step\.onnx is not the file that was written'):
        OnnxC2FSeg(copy)
    (copy / 'step.onnx').unlink()
    with pytest.raises(FileNotFoundError, match=r'step\.onnx is missing'):
        OnnxC2FSeg(copy)
    content = json.loads((copy / 'model.json').read_text())
    for change, message in (
        ({'format': 'coco'}, 'lacks "format": "c2fseg-export"'),
        ({'version': 2}, 'version 2, this c2fseg reads version 1'),
        ({'kind': 'torch_export'}, '--format onnx'),
        ({'extra': 1}, r"unknown: \['extra'\]"),
    ):
        (copy / 'model.json').write_text(json.dumps({**content, **change}))
        with pytest.raises(ExportError, match=message):
            OnnxC2FSeg(copy)
    (copy / 'model.json').write_text('{')
    with pytest.raises(ExportError, match='is no JSON file'):
        OnnxC2FSeg(copy)


def test_missing_onnxruntime_names_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match=r"pip install 'c2fseg\[export\]'"):
        OnnxC2FSeg(folder)
