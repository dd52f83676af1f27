"""The mask tokenizer: a binary mask to a grid of discrete tokens and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.models.utils import without_autocast
from c2fseg.registry import TOKENIZERS

from .decoder import MaskDecoder
from .encoder import MaskEncoder
from .vector_quantizer import VectorQuantizer

ACTIVATIONS = ('clamp', 'sigmoid')


class AutoencoderOutput(NamedTuple):
    """What one training pass through the autoencoder gives.

    Attributes:
        raw: Output of the last layer (M, 1, H, W): logits where the activation is a sigmoid.
        mask: The reconstruction that losses compare (M, 1, H, W): the sigmoid of ``raw``, or
            ``raw`` itself where the activation is a clamp (whose gradient would vanish).
        tokens: (M, L) int64.
        codebook_loss: See `QuantizerOutput`.
        commitment_loss: See `QuantizerOutput`.
        perplexity: See `QuantizerOutput`.
        dead_codes: See `QuantizerOutput`.
    """

    raw: Tensor
    mask: Tensor
    tokens: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor
    perplexity: Tensor
    dead_codes: Tensor


@TOKENIZERS.register_module()
class MaskAutoencoder(BaseModule):
    """Encoder, vector quantizer and decoder with a 1x1 convolution on either side of the codebook.

    The defaults are the published numbers (KINS, COCOA, MOViD-A). The same class is the light
    variant through its arguments: a strided stem (``patch_size``), fewer channels and blocks,
    pixel shuffle on the way up.

    Source: C2F-Seg, ICCV 2023, supplementary A.1.

    Args:
        mask_size: Height and width of the masks in pixels, or one number for both.
        base_channels: Channels of the first level.
        channel_multipliers: Channels of each level as multiples of ``base_channels``; one halving
            of the resolution between two levels.
        num_encoder_blocks: Residual blocks a level of the encoder.
        num_decoder_blocks: Residual blocks a level of the decoder.
        num_middle_blocks: Residual blocks at the lowest resolution, in encoder and decoder each.
        latent_channels: Channels of the latent map and of a code.
        codebook_size: Number of codes (K).
        patch_size: Side of the pixel patches that the stem folds into channels.
        upsample: ``nearest`` or ``shuffle``, see `MaskDecoder`.
        norm_groups: Groups of every GroupNorm.
        norm_eps: Epsilon of every GroupNorm.
        dropout: Dropout in the residual blocks.
        output_activation: ``clamp`` to [0, 1] (published: the last layer has no activation) or
            ``sigmoid``.
        revive_every: Training passes between two revivals of dead codes, None for none, see
            `VectorQuantizer`.
        init_cfg: MMEngine's description of where initial weights come from.

    Raises:
        ValueError: If a number does not fit the others.
    """

    def __init__(
        self,
        mask_size: int | Sequence[int] = 256,
        base_channels: int = 128,
        channel_multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        num_encoder_blocks: int = 2,
        num_decoder_blocks: int = 3,
        num_middle_blocks: int = 2,
        latent_channels: int = 256,
        codebook_size: int = 256,
        patch_size: int = 1,
        upsample: str = 'nearest',
        norm_groups: int = 32,
        norm_eps: float = 1e-6,
        dropout: float = 0.0,
        output_activation: str = 'clamp',
        revive_every: int | None = 20,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if output_activation not in ACTIVATIONS:
            raise ValueError(
                f"output_activation must be one of {ACTIVATIONS}, got '{output_activation}'"
            )
        self.output_activation = output_activation
        self.codebook_size = codebook_size
        shared = {
            'base_channels': base_channels,
            'channel_multipliers': channel_multipliers,
            'num_middle_blocks': num_middle_blocks,
            'patch_size': patch_size,
            'norm_groups': norm_groups,
            'norm_eps': norm_eps,
            'dropout': dropout,
        }
        c = latent_channels
        self.encoder = MaskEncoder(out_channels=c, num_blocks=num_encoder_blocks, **shared)
        self.quant_conv = nn.Conv2d(c, c, 1)
        self.quantizer = VectorQuantizer(codebook_size, c, revive_every)
        self.post_quant_conv = nn.Conv2d(c, c, 1)
        self.decoder = MaskDecoder(
            in_channels=c, num_blocks=num_decoder_blocks, upsample=upsample, **shared
        )
        self.mask_size = _pair(mask_size)
        self.grid_size = _grid_size(self.mask_size, self.encoder.stride)
        # A layout of memory, not of shapes: on a CPU convolutions are up to twice as fast in it.
        self.to(memory_format=torch.channels_last)

    @property
    def last_layer(self) -> nn.Conv2d:
        """The decoder's last convolution: where the adaptive weight is measured."""
        return self.decoder.conv_out

    @property
    def decoding_parts(self) -> tuple[nn.Module, ...]:
        """What turns the vectors of tokens into a mask."""
        return self.post_quant_conv, self.decoder

    @torch.no_grad()
    def encode(self, mask: Tensor) -> Tensor:
        """Mask to tokens; the same in training and evaluation mode, counts no use of the codes.

        Args:
            mask: (M, 1, H, W) with values in [0, 1]; (H, W) is ``mask_size``.

        Returns:
            Tokens (M, L) int64 in [0, K), rows of the grid one after another.

        Raises:
            ValueError: If the shape is another.
        """
        latent = self.encode_latent(mask)  # (M, C, gh, gw)
        # Which code is nearest is not left to autocast: distances cancel.
        with without_autocast(mask.device):
            return self.quantizer.tokenize(latent)  # (M, L)

    @torch.no_grad()
    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens to mask; the same in training and evaluation mode.

        Args:
            tokens: (M, L) int64 in [0, K).

        Returns:
            Mask (M, 1, H, W) with values in [0, 1].

        Raises:
            ValueError: If the shape is another, or a token has no code.
        """
        length = self.grid_size[0] * self.grid_size[1]
        if tokens.ndim != 2 or tokens.shape[1] != length:
            raise ValueError(
                f'tokens must have the shape (M, {length}), a grid of {self.grid_size} a mask, '
                f'got {tuple(tokens.shape)}'
            )
        codes = self.quantizer.lookup(tokens, self.grid_size)  # (M, C, gh, gw)
        raw = self.decoder(self.post_quant_conv(codes))  # (M, 1, H, W)
        return self.activate(raw)

    def encode_latent(self, mask: Tensor) -> Tensor:
        """Mask (M, 1, H, W) to the latent map before quantisation (M, C, gh, gw).

        Raises:
            ValueError: If the shape is not (M, 1, *mask_size).
        """
        if mask.ndim != 4 or tuple(mask.shape[1:]) != (1, *self.mask_size):
            raise ValueError(
                f'masks must have the shape (M, 1, {self.mask_size[0]}, {self.mask_size[1]}), '
                f'got {tuple(mask.shape)}; crop_size of the data and mask_size of the tokenizer '
                f'are to be the same'
            )
        return self.quant_conv(self.encoder(mask))  # (M, C, gh, gw)

    def activate(self, raw: Tensor) -> Tensor:
        """Output of the last layer to a mask with values in [0, 1]."""
        return raw.sigmoid() if self.output_activation == 'sigmoid' else raw.clamp(0, 1)

    def forward(self, mask: Tensor) -> AutoencoderOutput:
        """Encodes, quantises and decodes masks (M, 1, H, W), for training."""
        latent = self.encode_latent(mask)  # (M, C, gh, gw)
        codes = self.quantizer(latent)
        raw = self.decoder(self.post_quant_conv(codes.latent)).to(mask.dtype)  # (M, 1, H, W)
        return AutoencoderOutput(
            raw=raw,
            mask=raw.sigmoid() if self.output_activation == 'sigmoid' else raw,
            tokens=codes.tokens,
            codebook_loss=codes.codebook_loss,
            commitment_loss=codes.commitment_loss,
            perplexity=codes.perplexity,
            dead_codes=codes.dead_codes,
        )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    height, width = size
    return int(height), int(width)


def _grid_size(mask_size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns of the token grid."""
    if any(side % stride or side < stride for side in mask_size):
        raise ValueError(
            f'mask_size must be a multiple of the stride {stride} (patch_size times two for every '
            f'level but the last), got {mask_size}'
        )
    return mask_size[0] // stride, mask_size[1] // stride
