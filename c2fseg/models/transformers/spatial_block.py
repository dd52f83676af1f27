"""The block of the image model: full attention over the positions of each frame."""

from __future__ import annotations

from torch import Tensor, nn

from c2fseg.models.transformers.clip_layout import ClipLayout
from c2fseg.models.transformers.self_attention import SelfAttention
from c2fseg.registry import ST_BLOCKS


@ST_BLOCKS.register_module()
class SpatialBlock(nn.Module):
    """Pre-norm transformer block over the positions of each frame, frames apart.

    Source: C2F-Seg, ICCV 2023, section 3.2.

    Args:
        embed_dims: Channels D.
        num_heads: Attention heads.
        mlp_ratio: Width of the MLP in units of ``embed_dims``.
        dropout: Dropout of attention, attention output and MLP output.

    Attributes:
        roll_frames: By how many frames the transformer rolls a clip after this block: none, since
            frames do not meet here.
    """

    roll_frames = 0

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

    def forward(self, x: Tensor, layout: ClipLayout) -> Tensor:
        """Transform tokens.

        Args:
            x: Tokens (N,T,L,D).
            layout: Where they lie; of no consequence here, but every block is told.

        Returns:
            Tokens (N,T,L,D).
        """
        x = self.attend_in_frames(x)
        return x + self.mlp(self.norm2(x))

    def attend_in_frames(self, x: Tensor) -> Tensor:
        """The first half of the block: attention over the positions of each frame, added.

        Args:
            x: Tokens (N,T,L,D).

        Returns:
            Tokens (N,T,L,D).
        """
        frames = x.flatten(0, 1)  # (N*T,L,D)
        return (frames + self.attn(self.norm1(frames))).view(x.shape)  # (N,T,L,D)
