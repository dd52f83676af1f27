"""Losses that models are configured with."""

from __future__ import annotations

from .adversarial_loss import AdversarialLoss
from .perceptual_loss import PerceptualLoss
from .reconstruction_loss import MaskReconstructionLoss

__all__ = ['AdversarialLoss', 'MaskReconstructionLoss', 'PerceptualLoss']
