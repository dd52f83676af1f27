"""A log in which numbers of objects stay numbers."""

from __future__ import annotations

import numpy as np
from mmengine.runner import LogProcessor, Runner

from c2fseg.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class PlainLogProcessor(LogProcessor):
    """MMEngine's log processor, with results as Python numbers.

    MMEngine keeps every result in a numpy array, which turns a whole number into a numpy integer,
    and writes null in its place into the JSON file of a test. Here it is written as it is.

    Takes the arguments of ``mmengine.runner.LogProcessor``.
    """

    def get_log_after_epoch(
        self, runner: Runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """Returns the results of a validation or a test, as values and as text.

        Args:
            runner: The runner.
            batch_idx: Number of batches.
            mode: ``'val'`` or ``'test'``.
            with_non_scalar: Whether the values hold results that are no numbers, too.
        """
        values, text = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        plain = {
            key: value.item() if isinstance(value, np.generic) else value
            for key, value in values.items()
        }
        return plain, text
