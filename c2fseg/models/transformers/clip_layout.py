"""How the tokens of a clip lie in space and time, and the windows they are cut into."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


class ClipLayout(NamedTuple):
    """What a transformer block may know of its tokens beside their values.

    Attributes:
        grid_size: Positions of a frame (rows, columns).
        frame_valid: Bool (N,T), False for frames that only fill up a clip; ``None``: all are real.
        roll: By how many frames the clip has been rolled so far.
    """

    grid_size: tuple[int, int]
    frame_valid: Tensor | None = None
    roll: int = 0


class ClipWindows:
    """Cuts clips into windows of a few frames times a patch of positions, and puts them together.

    A clip that is longer than a window and no multiple of it is filled up with masked frames. A
    clip of at most one window is a single window of its own length, which no roll can change.

    Args:
        layout: Where the tokens lie.
        num_frames: Frames T of the clip.
        window_frames: Frames W of a window.
        patch: Rows and columns of a window; must divide both sides of the grid.
        wrap_around: Whether frames that only the roll brought together, the last ones and the
            first ones of the clip, see each other.
    """

    def __init__(
        self, layout: ClipLayout, num_frames: int, window_frames: int, patch: int, wrap_around: bool
    ) -> None:
        self.num_frames = num_frames
        self.frames = min(window_frames, num_frames)
        self.patch = patch
        self.rows, self.columns = (side // patch for side in layout.grid_size)
        self.padding = -num_frames % self.frames
        self.length = num_frames + self.padding
        # Rolling by whole windows changes nothing but their order.
        self.roll = layout.roll % self.frames if self.length > self.frames else 0
        self.wrap_around = wrap_around
        self.frame_valid = layout.frame_valid

    def split(self, x: Tensor) -> Tensor:
        """Tokens (N,T,L,D) to windows (B,W*patch*patch,D); B counts clips, time, then space."""
        if self.padding:
            x = F.pad(x, (0, 0, 0, 0, 0, self.padding))  # (N,T',L,D)
        if self.roll:
            x = x.roll(-self.roll, dims=1)
        return rearrange(
            x,
            'n (t w) (r p c q) d -> (n t r c) (w p q) d',
            w=self.frames, r=self.rows, c=self.columns, p=self.patch, q=self.patch,
        )  # fmt: skip

    def merge(self, windows: Tensor) -> Tensor:
        """Windows (B,W*patch*patch,D) back to tokens (N,T,L,D)."""
        x = rearrange(
            windows,
            '(n t r c) (w p q) d -> n (t w) (r p c q) d',
            t=self.length // self.frames, r=self.rows, c=self.columns,
            w=self.frames, p=self.patch, q=self.patch,
        )  # fmt: skip
        if self.roll:
            x = x.roll(self.roll, dims=1)
        return x[:, : self.num_frames]

    def positions(self, device: torch.device) -> Tensor:
        """Frame of each token of each window, (windows in time, W*patch*patch) int64."""
        frames = (torch.arange(self.length, device=device) + self.roll) % self.length
        return frames.view(-1, self.frames).repeat_interleave(self.patch**2, dim=1)

    def allowed(self, num_clips: int, device: torch.device) -> Tensor | None:
        """Which tokens of a window see each other, bool (B,1,S,S), S=W*patch*patch.

        ``None`` where all do. A token that may see no other one sees its own frame.
        """
        separate = bool(self.roll) and not self.wrap_around
        if self.frame_valid is None and not self.padding and not separate:
            return None
        index = torch.arange(self.length, device=device) + self.roll
        lap = (index // self.length).view(-1, self.frames)  # 1 behind the end of the clip
        valid = torch.ones(1, self.num_frames, dtype=torch.bool, device=device)
        valid = valid if self.frame_valid is None else self.frame_valid
        valid = F.pad(valid, (0, self.padding))[:, index % self.length]  # (N or 1,T')
        pairs = valid.view(len(valid), -1, 1, self.frames)  # (N or 1,windows in time,1,W)
        if separate:
            pairs = pairs & (lap[:, :, None] == lap[:, None, :])
        pairs = pairs | torch.eye(self.frames, dtype=torch.bool, device=device)
        pairs = pairs.expand(num_clips, -1, self.frames, self.frames)
        space = self.patch**2
        pairs = pairs.repeat_interleave(space, dim=2).repeat_interleave(space, dim=3)
        return pairs.flatten(0, 1).repeat_interleave(self.rows * self.columns, dim=0)[:, None]
