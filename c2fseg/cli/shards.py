"""Which share of the inputs is this process's: by an option, torchrun or srun."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import torch

# Number of the process and count of processes, as launchers tell them. Slurm sets SLURM_PROCID for
# a batch script too, SLURM_STEP_NUM_TASKS only for what srun started.
LAUNCHERS = (('RANK', 'WORLD_SIZE'), ('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'))
# Number of the process on its machine.
LOCAL_NUMBERS = ('LOCAL_RANK', 'SLURM_LOCALID')


def find_shard(option: str | None, environment: Mapping[str, str] | None = None) -> tuple[int, int]:
    """Find the share of this process.

    Args:
        option: ``'I/N'``; None asks the environment.
        environment: Variables; None takes those of the process.

    Returns:
        (number, count); (0, 1) where there are no other processes.

    Raises:
        ValueError: The option or a variable is no such pair.
    """
    if option is not None:
        match = re.fullmatch(r'(\d+)/(\d+)', option)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError(f'--shard is I/N with I from 0 to N - 1, such as 0/4; got {option!r}')
        return int(match[1]), int(match[2])
    environment = os.environ if environment is None else environment
    for names in LAUNCHERS:
        values = [environment.get(name) for name in names]
        if None in values:
            continue
        number, count = values
        if not (str(number).isdecimal() and str(count).isdecimal() and int(number) < int(count)):
            raise ValueError(
                f'{names[0]}={number} and {names[1]}={count} are no number and count of processes; '
                'unset them or give --shard I/N'
            )
        return int(number), int(count)
    return 0, 1


def choose_device(environment: Mapping[str, str] | None = None) -> str:
    """The GPU of this process, the first where it is the only one; the CPU where there is none.

    Args:
        environment: Variables; None takes those of the process.
    """
    if not torch.cuda.is_available():
        return 'cpu'
    environment = os.environ if environment is None else environment
    number = next((int(environment[one]) for one in LOCAL_NUMBERS if one in environment), 0)
    return f'cuda:{number % torch.cuda.device_count()}'
