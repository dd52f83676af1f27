"""The losses of the second stage: tokens and refined masks, all in float32."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from c2fseg.models.decoding import BaseMaskScheduler
from c2fseg.models.segmentors.settings import TrainSettings


def mask_ratio(tokens: Tensor, scheduler: BaseMaskScheduler, cfg: TrainSettings) -> Tensor:
    """How much of the tokens to mask, at random by the schedule and not below the least ratio.

    Args:
        tokens: (N,T,L).
        scheduler: That of the decoding.
        cfg: Says whether all objects share a ratio, and the least.

    Returns:
        Fraction (1,) or (N,).
    """
    count = tokens.shape[0] if cfg.mask_ratio_per == 'object' else 1
    return scheduler(torch.rand(count, device=tokens.device)).clamp_min(cfg.min_mask_ratio)


def token_loss(
    logits: Tensor, target: Tensor, label_smoothing: float, positions: Tensor | None = None
) -> Tensor:
    """Cross entropy over all classes, [MASK] included.

    Source: C2F-Seg, ICCV 2023, section 3.2.

    Args:
        logits: (N,T,L,K+1).
        target: Tokens (N,T,L).
        label_smoothing: Mass spread evenly over the K+1 classes.
        positions: Bool (N,T,L), the positions that count; ``None`` counts all.

    Returns:
        Mean loss, a scalar.
    """
    loss = F.cross_entropy(
        logits.float().flatten(0, 2),
        target.flatten(),
        label_smoothing=label_smoothing,
        reduction='none',
    )  # (N*T*L,)
    if positions is None:
        return loss.mean()
    weight = positions.flatten().to(loss.dtype)
    return (loss * weight).sum() / weight.sum().clamp_min(1.0)


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - Dice coefficient per mask, with one pixel of smoothing, averaged over the masks.

    Args:
        logits: (M,1,h,w).
        target: (M,1,h,w) in [0, 1].

    Returns:
        Mean loss, a scalar.
    """
    probability = logits.float().sigmoid().flatten(1)  # (M,h*w)
    target = target.flatten(1)
    overlap = (probability * target).sum(dim=1)
    total = probability.sum(dim=1) + target.sum(dim=1)
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def refinement_losses(
    name: str, logits: Tensor, target: Tensor, weight: float, kind: str, size: str
) -> dict[str, Tensor]:
    """Losses of one refined mask.

    Source: C2F-Seg, ICCV 2023, section 3.3 (binary cross entropy at the size of the crop).

    Args:
        name: Name of the mask, part of the keys.
        logits: (M,1,h',w').
        target: True masks (M,1,h,w).
        weight: Weight of the losses.
        kind: ``bce`` or ``bce_dice``.
        size: ``crop`` enlarges the logits to (h,w), ``logits`` averages the target to (h',w').

    Returns:
        ``loss_NAME`` and, with ``bce_dice``, ``loss_NAME_dice``.
    """
    logits = logits.float()
    target = target.float()
    if logits.shape[-2:] != target.shape[-2:]:
        if size == 'crop':
            logits = F.interpolate(logits, size=target.shape[-2:], mode='nearest')
        else:
            target = F.interpolate(target, size=logits.shape[-2:], mode='area')
    losses = {f'loss_{name}': weight * F.binary_cross_entropy_with_logits(logits, target)}
    if kind == 'bce_dice':
        losses[f'loss_{name}_dice'] = weight * dice_loss(logits, target)
    return losses


def refined_losses(
    refined: tuple[Tensor, Tensor],
    truth: tuple[Tensor, Tensor],
    settings: TrainSettings,
    frame_valid: Tensor | None = None,
) -> dict[str, Tensor]:
    """Losses of both refined masks, and of their change over time where it has a weight.

    Args:
        refined: Visible and amodal logits (N*T,1,h',w').
        truth: True visible and amodal masks (N,T,1,h,w).
        settings: Weights and kinds of the losses.
        frame_valid: Bool (N,T), the frames that count; ``None``: all.

    Returns:
        Losses by name.
    """
    losses: dict[str, Tensor] = {}
    rows = slice(None) if frame_valid is None else frame_valid.flatten()  # of N*T
    weights = (settings.visible_weight, settings.amodal_weight)
    for name, weight, mask, gt in zip(('visible', 'amodal'), weights, refined, truth):
        target = gt.flatten(0, 1)  # (N*T,1,h,w)
        losses.update(
            refinement_losses(
                name, mask[rows], target[rows], weight, settings.refine_loss, settings.refine_size
            )
        )
    if settings.consistency_weight:
        losses['loss_consistency'] = settings.consistency_weight * consistency_loss(
            refined[1], truth[1].flatten(0, 1), truth[1].shape[1], frame_valid
        )
    return losses


def consistency_loss(
    logits: Tensor, target: Tensor, num_frames: int, frame_valid: Tensor | None = None
) -> Tensor:
    """How much the error of an amodal mask changes from one frame to the next.

    The true mask moves too, so it is not the prediction that is asked to stay but its difference
    to the truth: |(p[t+1] - g[t+1]) - (p[t] - g[t])|, averaged over pixels and adjacent frames.
    What flickers is punished; an error that stays is left to the other losses.

    Args:
        logits: (N*T,1,h',w').
        target: True masks (N*T,1,h,w).
        num_frames: Frames T.
        frame_valid: Bool (N,T), the frames that count; ``None``: all.

    Returns:
        Mean loss, a scalar; 0 for single frames.
    """
    target = F.interpolate(target.float(), size=logits.shape[-2:], mode='area')
    error = (logits.float().sigmoid() - target).unflatten(0, (-1, num_frames))  # (N,T,1,h',w')
    change = (error[:, 1:] - error[:, :-1]).abs().flatten(2)  # (N,T-1,h'*w')
    pairs = torch.ones(change.shape[:2], dtype=torch.bool, device=change.device)
    if frame_valid is not None:
        pairs = frame_valid[:, 1:] & frame_valid[:, :-1]
    weight = pairs.to(change.dtype)
    per_pair = change.sum(dim=-1) / max(change.shape[-1], 1)
    return (per_pair * weight).sum() / weight.sum().clamp_min(1.0)


def sample_tokens(logits: Tensor, top_k: int) -> Tensor:
    """Sample each token from its most likely candidates, with torch's global generator.

    Args:
        logits: (N,T,L,K), [MASK] left out.
        top_k: Candidates.

    Returns:
        Tokens (N,T,L).
    """
    top, ids = logits.float().topk(min(top_k, logits.shape[-1]), dim=-1)  # (N,T,L,top_k)
    noise = -torch.log(torch.empty_like(top).exponential_().clamp_min(torch.finfo(top.dtype).tiny))
    return ids.gather(-1, (top + noise).argmax(dim=-1, keepdim=True)).squeeze(-1)  # (N,T,L)


def hide_tokens(tokens: Tensor, ratio: Tensor, mask_token: int) -> tuple[Tensor, Tensor]:
    """Mask floor(ratio * L) random positions of each frame.

    Args:
        tokens: (N,T,L).
        ratio: Masked fraction (N,), or (1,) for all objects alike.
        mask_token: Id of [MASK].

    Returns:
        Tokens with [MASK] at hidden positions and the hidden positions (bool), both (N,T,L).
    """
    count = (ratio * tokens.shape[-1]).floor().view(-1, 1, 1)  # (N,1,1)
    rank = torch.rand(tokens.shape, device=tokens.device).argsort(dim=-1).argsort(dim=-1)
    hidden = rank < count  # (N,T,L)
    return tokens.masked_fill(hidden, mask_token), hidden
