"""The registries of c2fseg: where a name in a config file becomes a component.

Roles that MMEngine knows are children of its registries, so that ``mmdet.X`` or ``mmpretrain.X``
resolve too. Each swappable role of this library has a root of its own, so that a typo names the
role and lists what exists.
"""

from __future__ import annotations

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import INFERENCERS as MMENGINE_INFERENCERS
from mmengine.registry import LOG_PROCESSORS as MMENGINE_LOG_PROCESSORS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import RUNNER_CONSTRUCTORS as MMENGINE_RUNNER_CONSTRUCTORS
from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISBACKENDS as MMENGINE_VISBACKENDS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import WEIGHT_INITIALIZERS as MMENGINE_WEIGHT_INITIALIZERS
from mmengine.registry import Registry

SCOPE = 'c2fseg'


def _child(name: str, parent: Registry, location: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=[location])


def _root(name: str, location: str) -> Registry:
    return Registry(name, scope=SCOPE, locations=[location])


# Roles of MMEngine that c2fseg has components for.
MODELS = _child('model', MMENGINE_MODELS, 'c2fseg.models')
DATASETS = _child('dataset', MMENGINE_DATASETS, 'c2fseg.datasets')
DATA_SAMPLERS = _child('data sampler', MMENGINE_DATA_SAMPLERS, 'c2fseg.engine')
TRANSFORMS = _child('transform', MMENGINE_TRANSFORMS, 'c2fseg.datasets.transforms')
METRICS = _child('metric', MMENGINE_METRICS, 'c2fseg.evaluation')
HOOKS = _child('hook', MMENGINE_HOOKS, 'c2fseg.engine')
LOOPS = _child('loop', MMENGINE_LOOPS, 'c2fseg.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor', MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS, 'c2fseg.engine'
)
VISUALIZERS = _child('visualizer', MMENGINE_VISUALIZERS, 'c2fseg.visualization')
INFERENCERS = _child('inferencer', MMENGINE_INFERENCERS, 'c2fseg.apis')

# Roles of MMEngine that the Runner touches: declared, so that the scope resolves in silence.
LOG_PROCESSORS = _child('log processor', MMENGINE_LOG_PROCESSORS, 'c2fseg.engine')
MODEL_WRAPPERS = _child('model wrapper', MMENGINE_MODEL_WRAPPERS, 'c2fseg.models')
OPTIM_WRAPPERS = _child('optimizer wrapper', MMENGINE_OPTIM_WRAPPERS, 'c2fseg.engine')
OPTIMIZERS = _child('optimizer', MMENGINE_OPTIMIZERS, 'c2fseg.engine')
PARAM_SCHEDULERS = _child('parameter scheduler', MMENGINE_PARAM_SCHEDULERS, 'c2fseg.engine')
RUNNERS = _child('runner', MMENGINE_RUNNERS, 'c2fseg.engine')
RUNNER_CONSTRUCTORS = _child('runner constructor', MMENGINE_RUNNER_CONSTRUCTORS, 'c2fseg.engine')
TASK_UTILS = _child('task util', MMENGINE_TASK_UTILS, 'c2fseg.tracking')
VISBACKENDS = _child('visualization backend', MMENGINE_VISBACKENDS, 'c2fseg.visualization')
WEIGHT_INITIALIZERS = _child('weight initializer', MMENGINE_WEIGHT_INITIALIZERS, 'c2fseg.models')

# Roles of c2fseg alone.
TOKENIZERS = _root('tokenizer', 'c2fseg.models.tokenizers')
MASKED_TRANSFORMERS = _root('masked transformer', 'c2fseg.models.transformers')
ST_BLOCKS = _root('transformer block', 'c2fseg.models.transformers')
REFINERS = _root('refiner', 'c2fseg.models.refiners')
MASK_SCHEDULERS = _root('mask scheduler', 'c2fseg.models.decoding')
MASK_SOURCES = _root('mask source', 'c2fseg.mask_sources')
