"""The codebook of the mask tokenizer: latent vectors to tokens and back."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, broadcast, is_distributed
from torch import Tensor, nn

from c2fseg.models.utils import without_autocast


class QuantizerOutput(NamedTuple):
    """What one training pass through the codebook gives.

    Attributes:
        latent: Quantised latent map (M, C, gh, gw) with the straight-through gradient.
        tokens: Code of each position (M, L) int64.
        codebook_loss: Mean of ||sg[E(x)] - z_q||^2 over all numbers: moves the codes.
        commitment_loss: Mean of ||sg[z_q] - E(x)||^2 over all numbers: moves the encoder.
        perplexity: exp of the entropy of this batch's use of the codes, over all processes.
        dead_codes: How many codes this batch did not use, over all processes.
    """

    latent: Tensor
    tokens: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor
    perplexity: Tensor
    dead_codes: Tensor


class VectorQuantizer(nn.Module):
    """Replaces every latent vector by its nearest code, with a straight-through gradient.

    A code that no vector chose during the last ``revive_every`` training passes is dead: nothing
    moves it any more. At the start of the next pass it is put onto an encoder output of that
    batch, drawn with a probability that grows with the squared distance to the nearest code, so
    that codes go to where they are missing and not to the background, which every mask is full
    of. Uses are counted over all processes and the new codes come from the first one, so
    the replicas of a distributed training stay equal.

    Source: C2F-Seg, ICCV 2023, supplementary A.1; the revival is ours (None switches it off).

    Args:
        num_codes: Codes in the codebook (K).
        channels: Channels of a code.
        revive_every: Training passes between two revivals of dead codes; None for no revival.

    Raises:
        ValueError: If ``revive_every`` is not positive.
    """

    usage: Tensor
    num_passes: Tensor

    def __init__(self, num_codes: int, channels: int, revive_every: int | None = 20) -> None:
        super().__init__()
        if revive_every is not None and revive_every < 1:
            raise ValueError(
                f'revive_every must be a positive number of iterations, or None to leave dead '
                f'codes alone, got {revive_every}'
            )
        self.num_codes = num_codes
        self.channels = channels
        self.revive_every = revive_every
        self.codebook = nn.Parameter(torch.empty(num_codes, channels))
        nn.init.uniform_(self.codebook, -1.0 / num_codes, 1.0 / num_codes)
        self.register_buffer('usage', torch.zeros(num_codes, dtype=torch.int64))
        self.register_buffer('num_passes', torch.zeros((), dtype=torch.int64))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the nearest code of each vector.

        Args:
            vectors: (P, C); compared in the codebook's own precision.

        Returns:
            (P,) int64.
        """
        return self._distances(vectors).argmin(dim=1)  # (P,)

    def tokenize(self, latent: Tensor) -> Tensor:
        """Latent map (M, C, gh, gw) to tokens (M, L) int64; counts nothing, changes nothing."""
        return self.nearest(_to_vectors(latent)).view(latent.shape[0], -1)  # (M, L)

    def lookup(self, tokens: Tensor, grid_size: tuple[int, int]) -> Tensor:
        """Tokens (M, L) to the map of their codes (M, C, gh, gw).

        Raises:
            ValueError: If a token is not the number of a code.
        """
        # On a GPU the look would make the host wait; there torch's own check ends the process.
        if tokens.device.type == 'cpu' and tokens.numel():
            low, high = (int(value) for value in tokens.aminmax())
            if low < 0 or high >= self.num_codes:
                raise ValueError(
                    f'a token to decode must lie in [0, {self.num_codes - 1}], got values from '
                    f'{low} to {high} (the mask token has no code: fill it in before decoding)'
                )
        codes = F.embedding(tokens, self.codebook)  # (M, L, C)
        return codes.transpose(1, 2).unflatten(2, grid_size)  # (M, C, gh, gw)

    def forward(self, latent: Tensor) -> QuantizerOutput:
        """Quantises a latent map (M, C, gh, gw); counts and revives codes in training mode."""
        with without_autocast(latent.device):
            latent = latent.to(self.codebook.dtype)
            vectors = _to_vectors(latent)  # (P, C), P = M gh gw
            if self.training and self.revive_every is not None:
                self._revive_if_due(vectors.detach())
            indices = self.nearest(vectors.detach())  # (P,)
            codes = F.embedding(indices, self.codebook)  # (P, C)
            codebook_loss = F.mse_loss(codes, vectors.detach())
            commitment_loss = F.mse_loss(vectors, codes.detach())
            quantised = vectors + (codes - vectors).detach()  # (P, C)
            m, _, gh, gw = latent.shape
            quantised = quantised.view(m, gh, gw, -1).permute(0, 3, 1, 2)  # (M, C, gh, gw)
            counts = self._count(indices)
        return QuantizerOutput(
            latent=quantised,
            tokens=indices.view(m, -1),  # (M, L)
            codebook_loss=codebook_loss,
            commitment_loss=commitment_loss,
            perplexity=_perplexity(counts),
            dead_codes=(counts == 0).sum().to(codes.dtype),
        )

    def _distances(self, vectors: Tensor) -> Tensor:
        """Squared distances (P, K) of vectors (P, C) to all codes: |z|^2 - 2 z e + |e|^2."""
        vectors = vectors.to(self.codebook.dtype)
        norms = vectors.square().sum(1, keepdim=True) + self.codebook.square().sum(1)  # (P, K)
        return torch.addmm(norms, vectors, self.codebook.t(), alpha=-2.0)  # (P, K)

    @torch.no_grad()
    def _count(self, indices: Tensor) -> Tensor:
        """Uses of each code (K,) over all processes; added to ``usage`` in training mode."""
        counts = torch.bincount(indices, minlength=self.num_codes)  # (K,)
        if self.training:
            if is_distributed():
                all_reduce(counts)
            self.usage += counts
            self.num_passes += 1
        return counts

    @torch.no_grad()
    def _revive_if_due(self, vectors: Tensor) -> None:
        """Puts unused codes onto vectors (P, C) of this batch, every ``revive_every`` passes."""
        assert self.revive_every is not None
        passes = int(self.num_passes)
        if passes == 0 or passes % self.revive_every:
            return
        dead = (self.usage == 0).nonzero().flatten()  # (D,)
        if len(dead):
            distances = self._distances(vectors).amin(dim=1).clamp(min=0)  # (P,)
            # A small floor keeps the draw defined when every vector lies on a code.
            weights = distances + 1e-6 * distances.mean() + torch.finfo(distances.dtype).tiny
            picks = torch.multinomial(weights, len(dead), replacement=True)  # (D,)
            rows = vectors[picks].contiguous()  # (D, C)
            if is_distributed():
                broadcast(rows, src=0)
            self.codebook[dead] = rows
        self.usage.zero_()


def _to_vectors(latent: Tensor) -> Tensor:
    """Latent map (M, C, gh, gw) to vectors (P, C)."""
    return latent.permute(0, 2, 3, 1).flatten(0, 2)  # (P, C)


def _perplexity(counts: Tensor) -> Tensor:
    """exp of the entropy of code counts (K,): K when all are used alike, 1 when one is."""
    shares = counts / counts.sum().clamp(min=1)  # (K,)
    return torch.exp(-torch.xlogy(shares, shares).sum())
