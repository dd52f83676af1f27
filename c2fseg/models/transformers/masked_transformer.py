"""Predicts the tokens of an amodal mask from features, visible tokens and known tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.models.transformers.clip_layout import ClipLayout
from c2fseg.models.utils import without_autocast
from c2fseg.registry import MASKED_TRANSFORMERS, ST_BLOCKS

_INIT_STD = 0.02


class TokenHead(nn.Module):
    """LayerNorm, Linear, GELU, LayerNorm, then a Linear to the classes with a bias of its own.

    It is small, and its logits decide between tokens: autocast does not reach it.

    Args:
        embed_dims: Channels D.
        num_classes: Codebook size plus one for [MASK].

    Attributes:
        keeps_dtype: Tells ``optimize_for_inference`` to leave the weights as they are.
    """

    keeps_dtype = True

    def __init__(self, embed_dims: int, num_classes: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dims)
        self.dense = nn.Linear(embed_dims, embed_dims)
        self.act = nn.GELU()
        self.norm2 = nn.LayerNorm(embed_dims)
        self.classifier = nn.Linear(embed_dims, num_classes, bias=False)
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (..., num_classes) of tokens (..., D), in the dtype of the weights."""
        with without_autocast(x.device):
            x = x.to(self.bias.dtype)
            x = self.norm2(self.act(self.dense(self.norm1(x))))
            return self.classifier(x) + self.bias


@MASKED_TRANSFORMERS.register_module()
class MaskedTransformer(BaseModule):
    """Bidirectional transformer over mask tokens (C2F-Seg, ICCV 2023, section 3.2).

    The state of a position is the concatenation of a 3x3 convolution of the last feature map, the
    embedding of the visible token and the embedding of the known or masked amodal token, plus a
    learned position embedding. Token id K (``codebook_size``) is [MASK].

    Args:
        in_channels: Channels C of the feature map.
        codebook_size: Codes K of the tokenizer.
        grid_size: Positions (rows, columns); L is their product.
        feature_dims: Channels of the features in the state.
        visible_dims: Channels of the visible-token embedding.
        amodal_dims: Channels of the amodal-token embedding.
        depth: Blocks.
        num_heads: Attention heads of a block.
        mlp_ratio: Width of a block's MLP in units of the state.
        dropout: Dropout of the state and inside the blocks.
        block: Config of a block in ST_BLOCKS (``SpatialBlock`` for images, ``SpatioTemporalBlock``
            for clips); it gets ``embed_dims``, ``num_heads``,
            ``mlp_ratio`` and ``dropout`` from here unless it sets them itself.
        init_cfg: MMEngine's initialisation config.
    """

    def __init__(
        self,
        in_channels: int = 2048,
        codebook_size: int = 256,
        grid_size: Sequence[int] = (16, 16),
        feature_dims: int = 384,
        visible_dims: int = 192,
        amodal_dims: int = 192,
        depth: int = 12,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        dropout: float = 0.01,
        block: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.codebook_size = codebook_size
        self.grid_size = (int(grid_size[0]), int(grid_size[1]))
        self.embed_dims = feature_dims + visible_dims + amodal_dims
        num_classes = codebook_size + 1
        length = self.grid_size[0] * self.grid_size[1]
        self.feature_proj = nn.Conv2d(in_channels, feature_dims, 3, padding=1)
        self.visible_embedding = nn.Embedding(num_classes, visible_dims)
        self.amodal_embedding = nn.Embedding(num_classes, amodal_dims)
        self.position_embedding = nn.Parameter(torch.zeros(length, self.embed_dims))
        self.dropout = nn.Dropout(dropout)
        block_cfg = dict(
            embed_dims=self.embed_dims, num_heads=num_heads, mlp_ratio=mlp_ratio, dropout=dropout
        )
        block_cfg.update(block or dict(type='SpatialBlock'))
        self.blocks = nn.ModuleList(ST_BLOCKS.build(dict(block_cfg)) for _ in range(depth))
        self.head = TokenHead(self.embed_dims, num_classes)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        nn.init.normal_(self.position_embedding, std=_INIT_STD)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=_INIT_STD)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if getattr(module, 'zero_init', False):
                nn.init.zeros_(module.weight)

    @property
    def step_parts(self) -> tuple[nn.Module, ...]:
        """What :meth:`predict_tokens` calls and :meth:`embed_condition` does not."""
        return (self.blocks,)

    def embed_condition(self, feat: Tensor, visible_tokens: Tensor) -> Tensor:
        """The part of the state that stays the same over the decoding steps.

        Args:
            feat: Last feature map (N,T,C,h,w) with (h,w) equal to ``grid_size``.
            visible_tokens: Tokens of the visible mask (N,T,L).

        Returns:
            Condition (N,T,L,feature_dims + visible_dims).

        Raises:
            ValueError: If the map has another size than the grid of the tokens.
        """
        if tuple(feat.shape[-2:]) != self.grid_size:
            raise ValueError(
                f'MaskedTransformer: the feature map must have the {self.grid_size} positions of '
                f'the token grid, got {tuple(feat.shape[-2:])}; the strides of the backbone and '
                'of the tokenizer have to agree'
            )
        x = self.feature_proj(feat.flatten(0, 1))  # (N*T,feature_dims,gh,gw)
        x = x.flatten(2).transpose(1, 2)  # (N*T,L,feature_dims)
        x = x.unflatten(0, feat.shape[:2])  # (N,T,L,feature_dims)
        return torch.cat([x, self.visible_embedding(visible_tokens).to(x.dtype)], dim=-1)

    def predict_tokens(
        self, condition: Tensor, tokens: Tensor, frame_valid: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One pass over the blocks; after each the clip is rolled in time as the block asks.

        Args:
            condition: What :meth:`embed_condition` returned (N,T,L,feature_dims + visible_dims).
            tokens: Amodal tokens (N,T,L), K where unknown.
            frame_valid: Bool (N,T), False for frames that only fill up a clip and that no other
                frame may look at; ``None``: all are real.

        Returns:
            Logits (N,T,L,K+1) and the state after the last block (N,T,L,D).
        """
        amodal = self.amodal_embedding(tokens).to(condition.dtype)
        x = torch.cat([condition, amodal], dim=-1)  # (N,T,L,D)
        x = self.dropout(x + self.position_embedding)
        roll = 0
        for block in self.blocks:
            # The frames stay where they are: a block is told by how much they are rolled.
            x = block(x, ClipLayout(self.grid_size, frame_valid, roll))
            roll += block.roll_frames
        return self.head(x), x

    def forward(
        self,
        feat: Tensor,
        visible_tokens: Tensor,
        tokens: Tensor,
        return_state: bool = False,
        frame_valid: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Predict the amodal tokens of all positions.

        Args:
            feat: Last feature map (N,T,C,h,w).
            visible_tokens: Tokens of the visible mask (N,T,L).
            tokens: Amodal tokens (N,T,L), K where unknown.
            return_state: Return the state after the last block too.
            frame_valid: Bool (N,T), see :meth:`predict_tokens`.

        Returns:
            Logits (N,T,L,K+1), or the pair of logits and state (N,T,L,D).
        """
        condition = self.embed_condition(feat, visible_tokens)
        logits, state = self.predict_tokens(condition, tokens, frame_valid)
        return (logits, state) if return_state else logits
