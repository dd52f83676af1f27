"""Multi-head self-attention, and the rotation that tells it how far apart two frames are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head attention over the last but one axis.

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

    def forward(
        self, x: Tensor, allowed: Tensor | None = None, rotation: Tensor | None = None
    ) -> Tensor:
        """Attend within each row: (B,S,D) -> (B,S,D).

        Args:
            x: Tokens (B,S,D).
            allowed: Bool (B,1,S,S), who sees whom; ``None``: everyone everyone.
            rotation: Angles of :func:`rotary_angles` (B,1,S,D/heads/2) for queries and keys.
        """
        rows, length, dims = x.shape
        qkv = self.qkv(x).view(rows, length, 3, self.num_heads, -1)  # (B,S,3,heads,D/heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B,heads,S,D/heads) each
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        out = attend(q, k, v, allowed, self.dropout if self.training else 0.0)
        out = out.transpose(1, 2).reshape(rows, length, dims)  # (B,S,D)
        return self.proj_dropout(self.proj(out))


def attend(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None, dropout: float) -> Tensor:
    """Attention by torch's fused kernel, or, where that is slow, by the products written out.

    The backward pass of the fused kernel on a CPU in bfloat16 takes twice as long as that of the
    plain products, which run on the matrix units.

    Args:
        q: Queries (B,heads,S,d).
        k: Keys (B,heads,S,d).
        v: Values (B,heads,S,d).
        allowed: Bool (B,1,S,S), who sees whom; ``None``: everyone everyone.
        dropout: Dropout of the weights.

    Returns:
        (B,heads,S,d).
    """
    if not (q.device.type == 'cpu' and q.dtype == torch.bfloat16 and torch.is_grad_enabled()):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (B,heads,S,S)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    return F.dropout(scores.softmax(dim=-1), dropout) @ v  # (B,heads,S,d)


def rotary_angles(positions: Tensor, dims: int, base: float) -> Tensor:
    """Angles by which a token at a position is turned, one for each pair of channels.

    Two tokens then attend to each other by how far apart they are. Source: RoFormer (Su et al.,
    2021), section 3.2.

    Args:
        positions: Whole numbers (...).
        dims: Channels of a head, even.
        base: The slowest pair turns about ``base`` times slower than the fastest.

    Returns:
        float32 (..., dims / 2), in radians.
    """
    pairs = torch.arange(dims // 2, device=positions.device, dtype=torch.float32)
    return positions[..., None].float() * base ** (-2 * pairs / dims)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the channel pairs (i, i + d/2) of ``x`` (...,S,d) by ``angles`` (...,S,d/2)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
