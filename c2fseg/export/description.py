"""From a model and its config to what model.json says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from c2fseg.apis.pipeline import InferencePipeline
from c2fseg.datasets.transforms.cropping import CropObject
from c2fseg.datasets.transforms.packing import PackAmodalInputs
from c2fseg.models.decoding import masked_counts
from c2fseg.models.segmentors.c2fseg import C2FSeg
from c2fseg.utils.hashing import hash_file
from c2fseg.version import __version__


def describe_model(model: C2FSeg, cfg: Config, weights: str | Path | None) -> dict[str, Any]:
    """Say what a runtime must know of a model beside its graphs.

    Args:
        model: The model.
        cfg: Its config, whose test pipeline says how objects are cropped.
        weights: Its checkpoint; None for random weights.

    Returns:
        The fields of a :class:`Manifest` that do not depend on how the model is exported.

    Raises:
        ValueError: The test pipeline does what the runtime cannot.
    """
    tokenizer, decoder, settings = model.tokenizer, model.decoder, model.test_cfg
    length = tokenizer.grid_size[0] * tokenizer.grid_size[1]
    pipeline = InferencePipeline(cfg)
    processor = model.data_preprocessor
    scaling = None
    if processor.normalize:
        names = ('mean', 'std')
        scaling = {name: getattr(processor, name).flatten().tolist() for name in names}
    source = None
    if weights is not None:
        source = dict(file=Path(weights).name, sha256=hash_file(Path(weights)))
    return dict(
        config=Path(cfg.filename).name if cfg.filename else '',
        weights=source,
        c2fseg=__version__,
        mask_size=list(tokenizer.mask_size),
        num_tokens=length,
        codebook_size=tokenizer.codebook_size,
        decoding=dict(
            masked_counts=masked_counts(decoder.scheduler, decoder.num_steps, length),
            top_k=decoder.top_k,
            temperature=decoder.temperature,
            greedy=decoder.greedy,
        ),
        crop=_crop_settings(pipeline, tuple(tokenizer.mask_size)),
        channel_order=pipeline.channel_order if pipeline.channel_order == 'bgr' else 'rgb',
        normalisation=scaling,
        threshold=settings.threshold,
        fuse_coarse=settings.fuse_coarse,
        seed=0 if settings.seed is None else settings.seed,
    )


def _crop_settings(pipeline: InferencePipeline, mask_size: tuple[int, int]) -> dict[str, Any]:
    """Arguments of CropObject in a test pipeline that crops and packs, and does no more."""
    crops = [step for step in pipeline.transforms.transforms if type(step) is CropObject]
    others = [
        type(step).__name__
        for step in pipeline.transforms.transforms
        if type(step) not in (CropObject, PackAmodalInputs)
    ]
    if others or len(crops) != 1:
        raise ValueError(
            f'The test pipeline has {len(crops)} CropObject and the steps {others}: the runtime '
            'of an exported model crops once and does nothing else'
        )
    (crop,) = crops
    low, high = crop.enlarge
    if low != high or tuple(crop.crop_size) != mask_size:
        raise ValueError(
            f'CropObject of the test pipeline has crop_size={crop.crop_size} and '
            f'enlarge={crop.enlarge}: expected the size of the masks, {mask_size}, and one number'
        )
    names = ('square', 'clip', 'track_scale', 'image_interpolation', 'mask_interpolation')
    return dict(enlarge=low, **{name: getattr(crop, name) for name in names})
