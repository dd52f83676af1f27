"""The predict path of C2FSeg in three pieces with tensors in and tensors out.

What lies between them, the loop over the decoding steps, is arithmetic on tokens that the runtime
does: one graph then serves any number of steps, and its noise is the caller's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.models.data_preprocessors import AmodalDataPreprocessor
from c2fseg.models.segmentors.c2fseg import C2FSeg
from c2fseg.models.segmentors.predictions import enlarge
from c2fseg.models.tokenizers import MaskAutoencoder

PARTS = ('encoder', 'step', 'decoder')
FEATURES = ('feat_0', 'feat_1', 'feat_2', 'feat_3')
OUTPUTS = {
    'encoder': (*FEATURES, 'visible_tokens', 'condition'),
    'step': ('logits', 'state'),
    'decoder': ('coarse', 'visible', 'amodal'),
}


class EncoderPart(nn.Module):
    """Picture and visible mask to what does not change over the decoding steps.

    Args:
        model: The model; its parts are used, not copied.
        dtype: Of the network behind the tokenizer, whose tokens need full precision.
    """

    def __init__(self, model: C2FSeg, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, img: Tensor, visible_mask: Tensor) -> tuple[Tensor, ...]:
        """Encode crops.

        Args:
            img: (N,T,3,h,w) uint8, scaled here as the data preprocessor does it.
            visible_mask: (N,T,1,h,w) float32 of 0 and 1.

        Returns:
            Four maps (N,T,C_i,h_i,w_i), visible tokens (N,T,L) int64 and the condition
            (N,T,L,feature_dims + visible_dims), float32.
        """
        model, batch = self.model, visible_mask.shape[:2]
        inputs = dict(img=img, visible_mask=visible_mask)
        scaled = model.data_preprocessor(dict(inputs=inputs))['inputs']
        tokens = model.tokenizer.encode(visible_mask.flatten(0, 1))  # (N*T,L)
        tokens = tokens.unflatten(0, batch)  # (N,T,L)
        scaled = {name: value.to(self.dtype) for name, value in scaled.items()}
        feats = [feat.unflatten(0, batch) for feat in model.extract_feats(scaled)]
        condition = model.transformer.embed_condition(feats[-1], tokens)  # (N,T,L,D')
        return (*(feat.float() for feat in feats), tokens, condition.float())


class StepPart(nn.Module):
    """One decoding step: the condition and the tokens known so far to logits of all positions.

    Args:
        model: The model.
        dtype: Of the transformer.
    """

    def __init__(self, model: C2FSeg, dtype: torch.dtype) -> None:
        super().__init__()
        self.transformer, self.dtype = model.transformer, dtype

    def forward(self, condition: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Condition (N,T,L,D') and tokens (N,T,L) to logits (N,T,L,K+1) and state (N,T,L,D)."""
        logits, state = self.transformer.predict_tokens(condition.to(self.dtype), tokens)
        return logits.float(), state.float()


class DecoderPart(nn.Module):
    """Tokens to the coarse mask, and with the feature maps to the refined masks.

    Args:
        model: The model.
        dtype: Of the refiner; the tokenizer stays in full precision.
    """

    def __init__(self, model: C2FSeg, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(
        self,
        tokens: Tensor,
        feat_0: Tensor,
        feat_1: Tensor,
        feat_2: Tensor,
        feat_3: Tensor,
        visible_mask: Tensor | None = None,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode and refine.

        Args:
            tokens: (N,T,L) int64, none of them [MASK].
            feat_0, feat_1, feat_2, feat_3: Maps (N,T,C_i,h_i,w_i).
            visible_mask: (N,T,1,h,w), where the refiner asks for it.
            state: (N,T,L,D) of the last step, where the refiner asks for it.

        Returns:
            Probabilities of the coarse, visible and amodal mask, (N,T,h,w) each.
        """
        batch, dtype = tokens.shape[:2], self.dtype
        feats = [f.flatten(0, 1).to(dtype) for f in (feat_0, feat_1, feat_2, feat_3)]
        coarse = self._decode(tokens.flatten(0, 1))  # (N*T,1,h,w)
        options = {}
        if visible_mask is not None:
            options['visible_mask'] = visible_mask.flatten(0, 1)  # (N*T,1,h,w)
        if state is not None:
            grid = tuple(self.model.tokenizer.grid_size)
            rows = state.flatten(0, 1).transpose(1, 2)  # (N*T,D,L)
            options['state'] = rows.unflatten(2, grid)  # (N*T,D,gh,gw)
        refined = self.model.refiner(feats, coarse.to(dtype), **options)
        size, how = self.model.tokenizer.mask_size, self.model.test_cfg.upsample
        visible, amodal = (enlarge(logits, size, how) for logits in refined)  # (N*T,1,h,w) each
        return (
            coarse[:, 0].unflatten(0, batch),
            visible[:, 0].unflatten(0, batch),
            amodal[:, 0].unflatten(0, batch),
        )  # (N,T,h,w) each

    def _decode(self, tokens: Tensor) -> Tensor:
        """``tokenizer.decode`` of (M,L) without its look at the values, which no graph can hold."""
        tokenizer = self.model.tokenizer
        codes = F.embedding(tokens, tokenizer.quantizer.codebook)  # (M,L,C)
        codes = codes.transpose(1, 2).unflatten(2, tokenizer.grid_size)  # (M,C,gh,gw)
        return tokenizer.activate(tokenizer.decoder(tokenizer.post_quant_conv(codes)))


def decoder_inputs(model: C2FSeg) -> tuple[str, ...]:
    """Names of the inputs that the decoder of a model needs, in the order of its forward."""
    names = ['tokens', *FEATURES]
    if getattr(model.refiner, 'use_visible_mask', False):
        names.append('visible_mask')
    if getattr(model.refiner, 'state_channels', None) is not None:
        names.append('state')
    return tuple(names)


def split_model(model: C2FSeg, dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    """Take a model apart into what is exported.

    Args:
        model: A model in evaluation mode; with another dtype its networks are converted in place.
        dtype: Of everything but the tokenizer.

    Returns:
        Part by name, in the order of ``PARTS``.

    Raises:
        ValueError: The model is of a kind that cannot be taken apart.
    """
    check_exportable(model)
    if dtype != torch.float32:
        for part in (model.backbone, model.transformer, model.refiner):
            part.to(dtype)
    return dict(
        encoder=EncoderPart(model, dtype),
        step=StepPart(model, dtype),
        decoder=DecoderPart(model, dtype),
    )


def check_exportable(model: nn.Module) -> None:
    """Check that a model has the parts that an export knows.

    Raises:
        ValueError: It has not; the message says which part.
    """
    if not isinstance(model, C2FSeg):
        raise ValueError(
            f'{type(model).__name__} cannot be exported: expected a C2FSeg, the model of stage 2, '
            'such as that of configs/c2f_general.py'
        )
    for name, kind in (
        ('tokenizer', MaskAutoencoder),
        ('data_preprocessor', AmodalDataPreprocessor),
    ):
        part = getattr(model, name)
        if type(part) is not kind:
            raise ValueError(
                f'A C2FSeg with a {name} of type {type(part).__name__} cannot be exported: '
                f'its graphs are written for {kind.__name__} alone'
            )
    if model.training:
        raise ValueError('A model in training mode cannot be exported: call .eval() first')


def example_inputs(model: C2FSeg, objects: int, frames: int, seed: int = 0) -> dict[str, Tensor]:
    """Random inputs of the encoder: noise, and a mask of a random rectangle.

    Args:
        model: The model.
        objects: N.
        frames: T.
        seed: Of the noise.

    Returns:
        ``img`` (N,T,3,h,w) uint8 and ``visible_mask`` (N,T,1,h,w) float32.
    """
    height, width = model.tokenizer.mask_size
    generator = torch.Generator().manual_seed(seed)
    img = torch.randint(0, 256, (objects, frames, 3, height, width), generator=generator)
    mask = torch.zeros(objects, frames, 1, height, width)
    for index in range(objects):
        top, left = (
            int(torch.randint(0, side // 2, (), generator=generator)) for side in (height, width)
        )
        mask[index, ..., top : top + height // 2, left : left + width // 3] = 1
    return dict(img=img.to(torch.uint8), visible_mask=mask)
