"""What drives a training or a test beside the model: samplers, loops, hooks, constructors."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .hooks import (
    AmodalVisualizationHook,
    AtomicCheckpointHook,
    InvalidLossError,
    InvalidLossHook,
    ReconstructionVisualizationHook,
    SeedEachIterationHook,
)
from .loops import ResumableIterLoop
from .optim_wrapper_constructors import (
    MultiOptimWrapperConstructor,
    TrainableOptimWrapperConstructor,
)
from .plain_log_processor import PlainLogProcessor
from .samplers import ResumableInfiniteSampler

__all__ = [
    'AmodalVisualizationHook',
    'AtomicCheckpointHook',
    'BFloat16OptimWrapper',
    'InvalidLossError',
    'InvalidLossHook',
    'MultiOptimWrapperConstructor',
    'PlainLogProcessor',
    'ReconstructionVisualizationHook',
    'ResumableInfiniteSampler',
    'ResumableIterLoop',
    'SeedEachIterationHook',
    'TrainableOptimWrapperConstructor',
]
