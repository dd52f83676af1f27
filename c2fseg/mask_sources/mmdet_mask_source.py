"""MMDetMaskSource: visible masks that an instance segmentation model of mmdet finds.

This is the one file that imports mmdet, and only when a source is built.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from pycocotools import mask as coco_mask
from torch import nn

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import to_rle
from c2fseg.utils.checkpoint import (
    CheckpointError,
    RefusedCheckpointError,
    load_checkpoint_safely,
    load_trusted_checkpoint,
)
from c2fseg.utils.checkpoint_fit import compare_states

SCOPE = 'mmdet'
INSTALL = (
    'MMDetMaskSource needs mmdet 3.3.0 and mmcv 2.1.0 with compiled operators (not mmcv-lite): '
    'run "make detector" in a clone of the project, or "python tools/install_mmcv.py" and '
    '"pip install -r requirements/detector.txt"'
)
# Read an annotation, which a picture that is looked at for the first time does not have.
TRUTH_STEPS = ('LoadAnnotations', 'LoadPanopticAnnotations')
# Batch norm counts its training steps; older files lack it, and no prediction reads it.
NOT_NEEDED = ('num_batches_tracked',)


@MASK_SOURCES.register_module()
class MMDetMaskSource(BaseMaskSource):
    """Finds objects with any instance segmentation model of mmdet.

    A picture goes through the test pipeline of the config. What is found does not depend on the
    batch: only pictures of one input size are put together. The masks of a picture come by
    descending score. ``info`` holds ``category``, the name of the class, and ``category_id``, its
    number in the detector, from 0.

    Args:
        config: Config file of mmdet (Mask R-CNN, RTMDet-Ins, Mask2Former, ...), or a ``Config``.
        weights: Its checkpoint.
        device: Where the detector runs; None takes the GPU when there is one.
        score_threshold: Objects below it are left out, in [0, 1].
        classes: Names or numbers of the classes that are looked for; None takes all.
        max_objects: Most objects of a picture; those of the highest scores stay.
        nms_iou: Of two masks that overlap by more than this IoU, whatever their classes, the one
            with the lower score is left out; None leaves both.
        batch_size: Pictures that the detector sees at once.
        trust_checkpoint: Load a checkpoint that holds more than tensors and plain values, as many
            files of OpenMMLab do. Loading such a file runs code that it may carry: say so only of
            files whose origin you trust.

    Raises:
        ImportError: mmdet, or mmcv with compiled operators, is not installed.
        FileNotFoundError: There is no such config.
        CheckpointError: The weights are missing, damaged, of another model, or not safe to load.
        TypeError, ValueError: A setting is out of range, a class is unknown, this machine has no
            such device, or the config has no test pipeline that loads pictures; while finding
            objects: the model gives no masks.
    """

    def __init__(
        self,
        config: str | os.PathLike | Config,
        weights: str | os.PathLike,
        device: str | torch.device | None = None,
        score_threshold: float = 0.3,
        classes: Sequence[str | int] | None = None,
        max_objects: int = 100,
        nms_iou: float | None = None,
        batch_size: int = 1,
        trust_checkpoint: bool = False,
    ) -> None:
        # The package apis draws on this one.
        from c2fseg.apis.init_model import find_device

        _check_settings(score_threshold, max_objects, nms_iou, batch_size)
        device = find_device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        _import_mmdet()
        cfg = _load_config(config)
        self.name = str(cfg.filename or 'the config')
        self.scope = cfg.get('default_scope') or SCOPE
        self.score_threshold = float(score_threshold)
        self.max_objects = max_objects
        self.nms_iou = nms_iou
        self.batch_size = batch_size
        with _in_scope(self.scope):
            self.pipeline = _build_pipeline(cfg, self.name)
            self.model = _build_model(cfg)
            meta = _load_weights(self.model, weights, trust_checkpoint)
            self.class_names = _class_names(meta, cfg)
        self.labels = _chosen_labels(classes, self.class_names)
        self.model.to(device).eval()

    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The objects of pictures; see :class:`BaseMaskSource`."""
        found: list[list[VisibleObject]] = []
        for start in range(0, len(pictures), self.batch_size):
            batch = pictures[start : start + self.batch_size]
            with _in_scope(self.scope):
                samples = self._predict([picture.image for picture in batch])
            found += [self._objects(sample) for sample in samples]
        return found

    @torch.no_grad()
    def _predict(self, images: Sequence[np.ndarray]) -> list[Any]:
        """The samples of mmdet of RGB images, those of one input size in one batch."""
        from mmengine.dataset import pseudo_collate

        ready = []
        for image in images:
            bgr = np.ascontiguousarray(image[..., ::-1])  # What mmdet's pipelines begin with.
            ready.append(self.pipeline(dict(img=bgr, img_id=len(ready))))
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, data in enumerate(ready):
            groups.setdefault(tuple(data['inputs'].shape), []).append(place)
        samples: list[Any] = [None] * len(ready)
        for places in groups.values():
            batch = self.model.test_step(pseudo_collate([ready[place] for place in places]))
            for place, sample in zip(places, batch, strict=True):
                samples[place] = sample
        return samples

    def _objects(self, sample: Any) -> list[VisibleObject]:
        """What is left of a sample's instances after all filters, by descending score."""
        instances = sample.get('pred_instances')
        if instances is None or 'masks' not in instances:
            raise ValueError(
                f'{self.name} finds no masks of objects ({type(self.model).__name__} gives '
                f'{", ".join(sorted(instances.keys())) if instances is not None else "none"}): '
                'give an instance segmentation config, such as one of Mask R-CNN, RTMDet-Ins or '
                'Mask2Former'
            )
        scores = instances.scores.float().cpu().numpy()
        labels = instances.labels.cpu().numpy()
        order = [
            int(place)
            for place in np.argsort(-scores, kind='stable')
            if scores[place] >= self.score_threshold and int(labels[place]) in self.labels
        ]
        objects = []
        for place in order:
            mask = np.asarray(_to_numpy(instances.masks[place]), bool).reshape(sample.ori_shape)
            if mask.any():
                label = int(labels[place])
                info = {'category_id': label, 'category': self.class_names[label]}
                score = float(min(max(scores[place], 0.0), 1.0))
                objects.append(VisibleObject(to_rle(mask, *mask.shape), score, info))
        return suppress_masks(objects, self.nms_iou)[: self.max_objects]


def suppress_masks(objects: Sequence[VisibleObject], nms_iou: float | None) -> list[VisibleObject]:
    """Leaves out masks that overlap one of a higher score.

    Args:
        objects: By descending score.
        nms_iou: Largest IoU of two masks that both stay; None keeps all.

    Returns:
        Those that stay, in their order.
    """
    if nms_iou is None or len(objects) < 2:
        return list(objects)
    masks = [item.mask for item in objects]
    overlap = np.asarray(coco_mask.iou(masks, masks, [0] * len(masks)))
    kept: list[int] = []
    for place in range(len(objects)):
        if not kept or overlap[place, kept].max() <= nms_iou:
            kept.append(place)
    return [objects[place] for place in kept]


def _check_settings(
    score_threshold: float, max_objects: int, nms_iou: float | None, batch_size: int
) -> None:
    for name, value in (('score_threshold', score_threshold), ('nms_iou', nms_iou)):
        if value is None and name == 'nms_iou':
            continue
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(f'{name} is a number in [0, 1], got {value!r}')
    for name, number in (('max_objects', max_objects), ('batch_size', batch_size)):
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f'{name} is a whole number of at least 1, got {number!r}')


def _import_mmdet() -> None:
    """Imports mmdet and registers its components; no default scope is set.

    Raises:
        ImportError: It is missing, or finds no mmcv that fits.
    """
    try:
        import mmcv.ops  # noqa: F401
        from mmdet.utils import register_all_modules
    except (ImportError, AssertionError) as error:
        raise ImportError(f'{INSTALL} ({type(error).__name__}: {error})') from error
    register_all_modules(init_default_scope=False)


@contextmanager
def _in_scope(scope: str) -> Iterator[None]:
    """Lets names in configs mean mmdet's components, and no longer than it takes."""
    with DefaultScope.overwrite_default_scope(scope), warnings.catch_warnings():
        # mmdet 3.3.0 calls torch by names that are on their way out.
        warnings.filterwarnings('ignore', '.*torch.cuda.amp', FutureWarning)
        warnings.filterwarnings('ignore', '.*torch.meshgrid', UserWarning)
        yield


def _load_config(config: str | os.PathLike | Config) -> Config:
    if isinstance(config, Config):
        cfg = config.copy()
    else:
        if not Path(config).is_file():
            raise FileNotFoundError(
                f'Config {config} does not exist: give a config file of mmdet, such as '
                'configs/detectors/rtmdet_ins_shapes.py.'
            )
        cfg = Config.fromfile(config)
    missing = [key for key in ('model', 'test_dataloader') if key not in cfg]
    if missing:
        raise ValueError(
            f'{cfg.filename or "The config"} has no {" and no ".join(missing)}: give a whole '
            'config of mmdet, not one of its parts'
        )
    return cfg


def _build_pipeline(cfg: Config, name: str) -> Any:
    """The test pipeline, which begins with an array in place of a file."""
    from mmcv.transforms import Compose

    steps = [dict(step) for step in _innermost(cfg.test_dataloader.dataset).get('pipeline') or []]
    if not steps or not _type_name(steps[0]).startswith('LoadImageFrom'):
        first = _type_name(steps[0]) if steps else 'none'
        raise ValueError(
            f'{name}: the first step of test_dataloader.dataset.pipeline is {first}, expected '
            'LoadImageFromFile: give a config whose test pipeline loads pictures'
        )
    loader = dict(type='mmdet.LoadImageFromNDArray', to_float32=steps[0].get('to_float32', False))
    rest = [step for step in steps[1:] if _type_name(step) not in TRUTH_STEPS]
    return Compose([loader, *rest])


def _build_model(cfg: Config) -> nn.Module:
    """The detector with random weights; no initial weights are fetched."""
    from mmdet.registry import MODELS
    from mmengine.model.utils import revert_sync_batchnorm

    from c2fseg.apis.init_model import without_init_cfg

    return revert_sync_batchnorm(MODELS.build(without_init_cfg(cfg.model)))


def _load_weights(model: nn.Module, weights: str | os.PathLike, trust: bool) -> Mapping[str, Any]:
    """Loads every weight, and gives what the file says of itself."""
    if trust:
        content = load_trusted_checkpoint(weights)
    else:
        try:
            content = load_checkpoint_safely(os.fspath(weights))
        except RefusedCheckpointError as error:
            raise RefusedCheckpointError(
                f'{error} Files of OpenMMLab hold such objects beside the weights: with '
                'MMDetMaskSource(trust_checkpoint=True) they are loaded all the same, and what '
                'code the file carries is run.'
            ) from error
    state = content.get('state_dict', content)
    state = {str(key).removeprefix('module.'): value for key, value in state.items()}
    tensors = {key: value for key, value in state.items() if torch.is_tensor(value)}
    difference = compare_states(model.state_dict(), tensors, NOT_NEEDED)
    if difference:
        raise CheckpointError(
            f'Checkpoint {weights} does not fit {type(model).__name__}: {difference}; give the '
            'config that the checkpoint was trained with.'
        )
    # Copies into the model's own dtype: half-precision weights become float32.
    model.load_state_dict(tensors, strict=False)
    meta = content.get('meta')
    return meta if isinstance(meta, Mapping) else {}


def _class_names(meta: Mapping[str, Any], cfg: Config) -> tuple[str, ...]:
    """Names of the classes: as the checkpoint has them, else the config, else its data set."""
    from mmdet.registry import DATASETS

    dataset = _innermost(cfg.test_dataloader.dataset)
    kind = dataset.get('type')
    data_class = DATASETS.get(kind) if isinstance(kind, str) else kind
    own = getattr(data_class, 'METAINFO', {})
    for source in (meta.get('dataset_meta'), meta, dataset.get('metainfo'), own):
        for key in ('classes', 'CLASSES'):
            names = source.get(key) if isinstance(source, Mapping) else None
            if names:
                return (names,) if isinstance(names, str) else tuple(map(str, names))
    raise ValueError(
        f'Neither the checkpoint nor {cfg.filename or "the config"} names the classes: add '
        'metainfo=dict(classes=(...)) to test_dataloader.dataset'
    )


def _chosen_labels(classes: Sequence[str | int] | None, names: Sequence[str]) -> frozenset[int]:
    """Numbers of the classes that are looked for."""
    if classes is None:
        return frozenset(range(len(names)))
    if isinstance(classes, str | int):
        classes = [classes]
    numbers: dict[str | int, int] = {name: number for number, name in enumerate(names)}
    numbers |= {number: number for number in range(len(names))}
    unknown = [item for item in classes if isinstance(item, bool) or item not in numbers]
    if unknown or not classes:
        known = ', '.join(f'{number} {name}' for number, name in enumerate(names))
        raise ValueError(
            f'classes: the detector knows no {", ".join(map(repr, unknown)) or "empty list"}; '
            f'it finds {known}'
        )
    return frozenset(numbers[item] for item in classes)


def _innermost(dataset: Any) -> Any:
    """The data set inside wrappers such as ConcatDataset."""
    while 'pipeline' not in dataset and ('dataset' in dataset or 'datasets' in dataset):
        dataset = dataset['dataset'] if 'dataset' in dataset else dataset['datasets'][0]
    return dataset


def _type_name(step: Mapping[str, Any]) -> str:
    """Name of a pipeline step, which may be given as a class or with a scope."""
    kind = step.get('type', '')
    return (kind if isinstance(kind, str) else kind.__name__).rsplit('.', maxsplit=1)[-1]


def _to_numpy(mask: Any) -> np.ndarray:
    return mask.cpu().numpy() if torch.is_tensor(mask) else np.asarray(mask)
