"""Options of one part of a model that follow from other parts."""

from __future__ import annotations


def with_derived(config: dict, role: str, **derived: object) -> dict:
    """Add what other parts determine.

    Args:
        config: Config of a part.
        role: Name of the part, for the message.
        **derived: The options.

    Returns:
        The config with the options; ``config`` is left as it is.

    Raises:
        ValueError: If the config sets one of them to another value.
    """
    config = dict(config)
    for key, value in derived.items():
        given = config.get(key, value)
        given = tuple(given) if isinstance(given, list) else given
        if given != value:
            raise ValueError(
                f'C2FSeg: {role}.{key}={given} contradicts {value}, which follows from the '
                'tokenizer and feature_channels; leave it out'
            )
        config[key] = value
    return config
