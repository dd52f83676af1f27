"""Loads ``torchvision://resnet50`` and the like, with an error a person can act on.

MMEngine's loader for these names ends, without a network, in a bare connection error, and lets the
file run code. This one takes its place: same names, same cache folder of torch.hub.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner.checkpoint import CheckpointLoader, get_torchvision_models

PREFIX = 'torchvision://'


@CheckpointLoader.register_scheme(prefixes=PREFIX, force=True)
def load_from_torchvision(
    filename: str, map_location: str | torch.device | None = None
) -> dict[str, Any]:
    """Loads weights that torchvision publishes, from the cache of torch.hub or the network.

    Under distributed training the first process downloads and the others wait for it.

    Args:
        filename (str): ``torchvision://`` and the name of the weights, such as ``resnet50`` or
            ``resnet50.imagenet1k_v1``.
        map_location (str or torch.device, optional): As in :func:`torch.load`.

    Returns:
        dict: The state dict. It is read without running code from the file.

    Raises:
        KeyError: If torchvision publishes no weights of that name.
        FileNotFoundError: If the file is not in the cache and cannot be downloaded.
    """
    name = filename.removeprefix(PREFIX)
    urls = get_torchvision_models()
    if name not in urls:
        close = sorted(key for key in urls if key.split('.')[0] == name.split('.')[0])
        known = f' Known for this model: {", ".join(close)}.' if close else ''
        raise KeyError(f'torchvision publishes no weights named {name!r}.{known}')
    error: OSError | None = None
    state: dict[str, Any] | None = None
    for turn in (True, False):
        if is_main_process() is turn:
            try:
                state = _load_url(urls[name], map_location)
            except OSError as caught:
                error = caught
        if turn:
            barrier()
    if state is None:
        raise FileNotFoundError(_message(filename, urls[name], error)) from error
    return state


def _load_url(url: str, map_location: str | torch.device | None) -> dict[str, Any]:
    return torch.hub.load_state_dict_from_url(
        url, map_location=map_location, progress=is_main_process(), weights_only=True
    )


def _message(filename: str, url: str, error: OSError | None) -> str:
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    file = Path(urlparse(url).path).name
    return (
        f'{filename} is neither in the cache nor could it be downloaded ({error}). Fetch {url} on '
        f'a machine with a network and put it at {folder / file}, give the path of a file you '
        'have as `checkpoint` of this init_cfg, or set the init_cfg to None to start from random '
        'weights.'
    )
