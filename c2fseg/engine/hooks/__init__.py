"""Hooks: what happens around the iterations of a training or a test."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .invalid_loss_hook import InvalidLossError, InvalidLossHook
from .reconstruction_hook import ReconstructionVisualizationHook
from .seed_each_iteration_hook import SeedEachIterationHook
from .visualization_hook import AmodalVisualizationHook

__all__ = [
    'AmodalVisualizationHook',
    'AtomicCheckpointHook',
    'InvalidLossError',
    'InvalidLossHook',
    'ReconstructionVisualizationHook',
    'SeedEachIterationHook',
]
