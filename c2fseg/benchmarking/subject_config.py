"""The config of a model under measurement: loaded, checked, with the options in it."""

from __future__ import annotations

from mmengine.config import Config

from c2fseg.apis.inference_model import builds_c2fseg
from c2fseg.apis.init_model import load_config
from c2fseg.benchmarking.options import VARIANT_KEYS, OptionError, SubjectOptions

# What a measurement reads of a config, and what a config may lack.
_READ = (
    'data_preprocessor',
    'default_scope',
    'optim_wrapper',
    'test_dataloader',
    'train_dataloader',
    'val_dataloader',
)


def load_subject_config(options: SubjectOptions) -> Config:
    """Loads the config of a model and sets its keys and its dtype as the options say.

    Args:
        options: What is measured.

    Returns:
        A config of its own.

    Raises:
        OptionError: A key to override begins with one that the config does not have, or the model
            cannot run in the dtype.
        FileNotFoundError: There is no such config.
    """
    cfg = load_config(options.config)
    unknown = sorted({key.split('.')[0] for key in options.cfg_options} - {*cfg, *_READ})
    if unknown:
        raise OptionError(
            f'{options.name}: nothing would read {", ".join(unknown)}; a variant takes '
            f'{", ".join(VARIANT_KEYS)}, and the keys of the config are {", ".join(sorted(cfg))}'
        )
    cfg = load_config(cfg, options.cfg_options)
    autocast = None if options.dtype == 'float32' else options.dtype
    if builds_c2fseg(cfg):
        for key in ('train_cfg', 'test_cfg'):
            cfg.model[key] = dict(cfg.model.get(key) or {}, autocast=autocast)
    elif autocast is not None:
        raise OptionError(
            f'{options.name}: {cfg.model.type} has no precision to choose; measure it with the '
            'dtype float32'
        )
    return cfg
