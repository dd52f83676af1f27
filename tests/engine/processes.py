"""Trainings in processes of their own, forked from one that has the imports done."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context('forkserver')
_CONTEXT.set_forkserver_preload(['tests.engine.toy_training'])


def _child(target: Callable, log: str, environment: dict, args: tuple, kwargs: dict) -> None:
    os.environ.update(environment)
    with (
        open(log, 'a') as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            target(*args, **kwargs)
        except BaseException:
            traceback.print_exc(file=file)
            file.flush()
            os._exit(1)


class Process:
    """One process with its output in a file.

    Args:
        target: A function that can be pickled.
        *args: Its arguments; the first is a directory, beside which the output goes.
        environment: Variables to set.
        **kwargs: More arguments.
    """

    def __init__(
        self, target: Callable, *args: Any, environment: dict | None = None, **kwargs: Any
    ) -> None:
        self.log = Path(f'{args[0]}.log')
        self._process = _CONTEXT.Process(
            target=_child, args=(target, str(self.log), environment or {}, args, kwargs)
        )
        self._process.start()

    def wait(self, timeout: float = 300) -> str:
        """Waits for the end, which must be a good one, and returns the output."""
        self._process.join(timeout)
        assert self._process.exitcode == 0, self.log.read_text()[-3000:]
        return self.log.read_text()

    def fail(self, timeout: float = 300) -> str:
        """Waits for the end, which must be an error, and returns the output."""
        self._process.join(timeout)
        assert self._process.exitcode == 1, self.log.read_text()[-3000:]
        return self.log.read_text()

    def kill_when(self, reached: Callable[[], bool], delay: float = 0.0) -> bool:
        """SIGKILLs the process some time after a condition; says whether it was still running."""
        while self._process.is_alive() and not reached():
            time.sleep(0.002)
        self._process.join(delay)
        alive = self._process.is_alive()
        self._process.kill()
        self._process.join()
        return alive


def run_pair(target: Callable, work_dir: Path, **kwargs: Any) -> None:
    """Runs two processes of one distributed job to their end, both writing to ``work_dir``."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    shared = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), WORLD_SIZE='2')
    pair = [
        Process(
            target,
            work_dir,
            launcher='pytorch',
            environment=dict(shared, RANK=str(rank), LOCAL_RANK=str(rank)),
            **kwargs,
        )
        for rank in range(2)
    ]
    for process in pair:
        process.wait()
