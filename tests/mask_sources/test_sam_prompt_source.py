"""Segment Anything as a mask source, with tiny random models of the real library."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import numpy as np
import pytest

from c2fseg.mask_sources import Picture, SAMPromptSource
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import decode_mask
from c2fseg.utils.torchvision_compat import ensure_torchvision

ensure_torchvision()
transformers = pytest.importorskip('transformers')


@pytest.fixture(scope='module')
def sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SAM of 64 px with one layer of random weights."""
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    transformers.set_seed(0)
    config = SamConfig(
        vision_config={
            'hidden_size': 16, 'num_hidden_layers': 1, 'num_attention_heads': 2,
            'image_size': 64, 'patch_size': 8, 'output_channels': 16, 'mlp_dim': 32,
            'window_size': 4, 'global_attn_indexes': [0], 'num_pos_feats': 8,
        },
        prompt_encoder_config={
            'hidden_size': 16, 'image_size': 64, 'patch_size': 8, 'mask_input_channels': 4,
        },
        mask_decoder_config={
            'hidden_size': 16, 'mlp_dim': 32, 'num_hidden_layers': 1, 'num_attention_heads': 2,
            'iou_head_hidden_dim': 16, 'attention_downsample_rate': 2,
        },
    )  # fmt: skip
    folder = tmp_path_factory.mktemp('sam')
    SamModel(config).save_pretrained(folder)
    size = {'height': 64, 'width': 64}
    image_processor = SamImageProcessor(size={'longest_edge': 64}, pad_size=size)
    SamProcessor(image_processor).save_pretrained(folder)
    return folder


@pytest.fixture(scope='module')
def source(sam_folder: Path) -> SAMPromptSource:
    return SAMPromptSource(sam_folder, device='cpu', batch_size=2)


def _picture(seed: int = 0, **prompts: object) -> Picture:
    image = np.random.default_rng(seed).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    return Picture(image, f'picture_{seed}', **prompts)


def test_one_mask_for_each_prompt_at_the_size_of_the_picture(source: SAMPromptSource) -> None:
    clicks = [np.array([[10.0, 20.0, 1]]), np.array([[40.0, 20.0, 1], [5.0, 5.0, 0]])]
    boxes = np.array([[5.0, 5, 40, 30], [20, 10, 70, 40]])
    for prompts in ({'points': clicks}, {'boxes': boxes}, {'points': clicks, 'boxes': boxes}):
        (found,) = source.find([_picture(**prompts)])
        assert len(found) == 2
        for one in found:
            assert decode_mask(one.mask, 48, 80).shape == (48, 80)
            assert 0 <= one.score <= 1


def test_it_gives_what_the_library_gives_when_it_is_asked_directly(
    sam_folder: Path, source: SAMPromptSource
) -> None:
    from transformers import SamModel, SamProcessor

    picture = _picture(boxes=np.array([[5.0, 5, 40, 30]]))
    model, processor = (
        SamModel.from_pretrained(sam_folder),
        SamProcessor.from_pretrained(sam_folder),
    )
    inputs = processor(picture.image, input_boxes=[[[5.0, 5, 40, 30]]], return_tensors='pt')
    sizes = inputs['original_sizes'], inputs['reshaped_input_sizes']
    inputs['input_boxes'] = inputs['input_boxes'].float()
    output = model(**inputs, multimask_output=False)
    expected = processor.post_process_masks(output.pred_masks.detach(), *sizes)[0][0, 0].numpy()
    ((found,),) = source.find([picture])
    assert np.array_equal(decode_mask(found.mask, 48, 80) != 0, expected)


def test_batches_change_nothing(sam_folder: Path, source: SAMPromptSource) -> None:
    pictures = [_picture(seed, boxes=np.array([[5.0, 5, 40, 30]])) for seed in range(3)]
    alone = [source.find([picture])[0] for picture in pictures]
    together = source.find(pictures)
    assert [[one.mask for one in found] for found in together] == [
        [one.mask for one in found] for found in alone
    ]


def test_sam_2_is_read_by_the_same_source(tmp_path: Path) -> None:
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

    config = Sam2Config(
        vision_config={
            'backbone_config': {
                'model_type': 'sam2_hiera_det_model', 'hidden_size': 8, 'num_attention_heads': 1,
                'image_size': [64, 64], 'blocks_per_stage': [1, 1, 2, 1],
                'embed_dim_per_stage': [8, 16, 32, 64],
                'num_attention_heads_per_stage': [1, 1, 2, 2],
                'window_size_per_stage': [4, 4, 4, 4], 'global_attention_blocks': [3],
                'window_positional_embedding_background_size': [2, 2],
            },
            'backbone_channel_list': [64, 32, 16, 8],
            'backbone_feature_sizes': [[16, 16], [8, 8], [4, 4]],
            'fpn_hidden_size': 32,
        },
        prompt_encoder_config={'hidden_size': 32, 'image_size': 64, 'patch_size': 16},
        mask_decoder_config={
            'hidden_size': 32, 'mlp_dim': 32, 'num_hidden_layers': 1, 'num_attention_heads': 2,
            'iou_head_hidden_dim': 32,
        },
    )  # fmt: skip
    Sam2Model(config).save_pretrained(tmp_path)
    size = {'height': 64, 'width': 64}
    Sam2Processor(
        Sam2ImageProcessor(size=size, mask_size={'height': 16, 'width': 16})
    ).save_pretrained(tmp_path)
    source = MASK_SOURCES.build(dict(type='SAMPromptSource', model=str(tmp_path), device='cpu'))
    (found,) = source.find([_picture(points=[np.array([[10.0, 20.0, 1]])])])
    assert decode_mask(found[0].mask, 48, 80).shape == (48, 80)


def test_what_is_missing_is_said_in_one_sentence(
    tmp_path: Path, source: SAMPromptSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match='hf download'):
        SAMPromptSource(tmp_path)
    (tmp_path / 'config.json').write_text(json.dumps({'model_type': 'bert'}))
    with pytest.raises(ValueError, match="type 'bert', expected one of"):
        SAMPromptSource(tmp_path)
    with pytest.raises(ValueError, match='has no boxes and no points'):
        source.find([_picture()])
    with pytest.raises(ValueError, match='batch_size'):
        SAMPromptSource(tmp_path, batch_size=0)
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == 'transformers':
            raise ImportError('No module named transformers')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match='requirements/sam'):
        SAMPromptSource(tmp_path)
