"""The config of a model under measurement: loaded, checked, with the options in it."""

from __future__ import annotations

from mmengine.config import Config

from c2fseg.apis.inference_model import builds_c2fseg
from c2fseg.apis.init_model import load_config
from c2fseg.benchmarking.options import VARIANT_KEYS, OptionError, SubjectOptions
from c2fseg.utils.launch import building_errors

# What a measurement reads of a config.
_READ = (
    'data_preprocessor',
    'default_scope',
    'model',
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
        OptionError: A key to override begins with one that nothing reads here, or the model cannot
            run in the dtype.
        FileNotFoundError: There is no such config.
        ConfigError: The file cannot be read.
        UserError: It describes no model, or cannot be changed so.
    """
    unknown = sorted({key.split('.')[0] for key in options.cfg_options} - set(_READ))
    if unknown:
        raise OptionError(
            f'{options.name}: nothing would read {", ".join(unknown)}; a variant takes '
            f'{", ".join(VARIANT_KEYS)}, and keys of the config below {", ".join(_READ)}'
        )
    autocast = None if options.dtype == 'float32' else options.dtype
    with building_errors(options.name):
        cfg = load_config(options.config, options.cfg_options)
        has_precision = builds_c2fseg(cfg)
        if has_precision:
            for key in ('train_cfg', 'test_cfg'):
                cfg.model[key] = dict(cfg.model.get(key) or {}, autocast=autocast)
    if autocast is not None and not has_precision:
        raise OptionError(
            f'{options.name}: {cfg.model.type} has no precision to choose; measure it with the '
            'dtype float32'
        )
    return cfg
