"""The block of the image model: full attention over the positions of each frame."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.registry import ST_BLOCKS


class SelfAttention(nn.Module):
    """Multi-head attention over the last but one axis, without a mask.

    Args:
        embed_dims: Channels D.
        num_heads: Heads; must divide ``embed_dims``.
        dropout: Dropout of the attention weights and of the output.

    Raises:
        ValueError: If ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(self, embed_dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(
                f'SelfAttention: num_heads={num_heads} must divide embed_dims={embed_dims}'
            )
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within each row: (B,L,D) -> (B,L,D)."""
        rows, length, dims = x.shape
        qkv = self.qkv(x).view(rows, length, 3, self.num_heads, -1)  # (B,L,3,heads,D/heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B,heads,L,D/heads) each
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        out = out.transpose(1, 2).reshape(rows, length, dims)  # (B,L,D)
        return self.proj_dropout(self.proj(out))


@ST_BLOCKS.register_module()
class SpatialBlock(nn.Module):
    """Pre-norm transformer block over the positions of each frame, frames apart.

    Source: C2F-Seg, ICCV 2023, section 3.2.

    Args:
        embed_dims: Channels D.
        num_heads: Attention heads.
        mlp_ratio: Width of the MLP in units of ``embed_dims``.
        dropout: Dropout of attention, attention output and MLP output.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = int(embed_dims * mlp_ratio)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.attn = SelfAttention(embed_dims, num_heads, dropout)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, hidden),
            nn.GELU(),
            nn.Linear(hidden, embed_dims),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens.

        Args:
            x: Tokens (N,T,L,D).

        Returns:
            Tokens (N,T,L,D).
        """
        shape = x.shape
        x = x.flatten(0, 1)  # (N*T,L,D)
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x.view(shape)  # (N,T,L,D)
