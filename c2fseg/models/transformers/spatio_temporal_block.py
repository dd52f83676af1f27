"""The block of the video model: attention in each frame, then in windows over several frames."""

from __future__ import annotations

from torch import Tensor, nn

from c2fseg.models.transformers.clip_layout import ClipLayout, ClipWindows
from c2fseg.models.transformers.self_attention import SelfAttention, rotary_angles
from c2fseg.models.transformers.spatial_block import SpatialBlock
from c2fseg.registry import ST_BLOCKS

TEMPORAL_POSITIONS = (None, 'rotary')


@ST_BLOCKS.register_module()
class SpatioTemporalBlock(SpatialBlock):
    """A spatial block with attention over windows of W frames x 4 x 4 positions before its MLP.

    After every block the transformer rolls the clip by :attr:`roll_frames`, half a window, so that
    the windows of the next block lie across the borders of this one's. In a clip of at most W
    frames one window holds all of them and there is nothing to roll. With ``temporal=False`` it has
    the parameters of a :class:`SpatialBlock` and its results.

    Source: C2F-Seg, ICCV 2023, section 3.4 and supplementary C.1, Table 2. Not in the paper, and
    off for its checkpoints: ``temporal_position``, ``wrap_around=False`` and ``zero_init``.

    Args:
        embed_dims: Channels D.
        num_heads: Attention heads, in space and in time.
        mlp_ratio: Width of the MLP in units of ``embed_dims``.
        dropout: Dropout of attention, attention output and MLP output.
        window_frames: Frames W of a window.
        window_patch: Rows and columns of a window; must divide the token grid.
        temporal: Attend over frames at all (Table 2: without the ST module).
        roll: Roll the clip after this block (Table 2: without roll).
        wrap_around: Let the last and the first frames see each other where the roll joins them, as
            published.
        temporal_position: ``None``, as published, or ``'rotary'``: queries and keys are turned by
            their frame, so that distance in time counts.
        rotary_base: How much slower the slowest channels turn than the fastest.
        zero_init: Begin with an attention over frames that adds nothing.

    Raises:
        ValueError: If a number is out of range or the choice unknown.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        window_frames: int = 8,
        window_patch: int = 4,
        temporal: bool = True,
        roll: bool = True,
        wrap_around: bool = False,
        temporal_position: str | None = 'rotary',
        rotary_base: float = 100.0,
        zero_init: bool = True,
    ) -> None:
        super().__init__(embed_dims, num_heads, mlp_ratio, dropout)
        if window_frames < 1 or window_patch < 1:
            raise ValueError(
                'SpatioTemporalBlock: window_frames and window_patch must be at least 1, got '
                f'{window_frames} and {window_patch}'
            )
        if temporal_position not in TEMPORAL_POSITIONS:
            raise ValueError(
                f'SpatioTemporalBlock: temporal_position must be one of {TEMPORAL_POSITIONS}, got '
                f'{temporal_position!r}'
            )
        if temporal_position == 'rotary' and embed_dims // num_heads % 2:
            raise ValueError(
                'SpatioTemporalBlock: rotary positions need an even number of channels a head, got '
                f'{embed_dims // num_heads}'
            )
        self.window_frames = window_frames
        self.window_patch = window_patch
        self.wrap_around = wrap_around
        self.rotary = temporal_position == 'rotary'
        self.rotary_base = rotary_base
        self.temporal = temporal
        self.roll_frames = window_frames // 2 if temporal and roll else 0
        if temporal:
            self.temporal_norm = nn.LayerNorm(embed_dims)
            self.temporal_attn = SelfAttention(embed_dims, num_heads, dropout)
            self.temporal_attn.proj.zero_init = zero_init

    def forward(self, x: Tensor, layout: ClipLayout) -> Tensor:
        """Transform tokens.

        Args:
            x: Tokens (N,T,L,D).
            layout: Where they lie.

        Returns:
            Tokens (N,T,L,D).

        Raises:
            ValueError: If the token grid cannot be cut into windows.
        """
        x = self.attend_in_frames(x)
        if self.temporal:
            x = x + self._attend_over_frames(self.temporal_norm(x), layout)
        return x + self.mlp(self.norm2(x))

    def _attend_over_frames(self, x: Tensor, layout: ClipLayout) -> Tensor:
        if any(side % self.window_patch for side in layout.grid_size):
            raise ValueError(
                f'SpatioTemporalBlock: window_patch={self.window_patch} must divide the token grid '
                f'{layout.grid_size}'
            )
        cut = ClipWindows(
            layout, x.shape[1], self.window_frames, self.window_patch, self.wrap_around
        )
        windows = cut.split(x)  # (B,S,D)
        allowed = cut.allowed(x.shape[0], x.device)  # (B,1,S,S)
        rotation = None
        if self.rotary:
            heads = self.temporal_attn.num_heads
            angles = rotary_angles(
                cut.positions(x.device), x.shape[-1] // heads, self.rotary_base
            )  # (windows in time,S,D/heads/2)
            space = cut.rows * cut.columns
            rotation = angles.repeat_interleave(space, 0).repeat(x.shape[0], 1, 1)[:, None]
        return cut.merge(self.temporal_attn(windows, allowed, rotation))  # (N,T,L,D)
