"""What the metrics that keep one result for each object have in common."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from c2fseg.evaluation.metrics.prediction_file import check_prediction_path, write_predictions
from c2fseg.evaluation.metrics.sample_fields import check_source


class Result(Protocol):
    """The result of one object.

    Attributes:
        sample_id: Unique name of the object.
        scores: By column (or by what else; the keys must be the same for all objects).
        entries: Its entries of the prediction file; empty when none is written.
    """

    sample_id: str
    scores: dict
    entries: list[dict]


R = TypeVar('R', bound=Result)


class ObjectMetric(BaseMetric, Generic[R]):
    """A metric over objects that are told apart by ``sample_id``.

    One that a sampler repeats to fill up a batch of processes is counted once. A subclass turns
    a sample into a result (:meth:`score_sample`) and all results into numbers
    (:meth:`summarise`).

    Args:
        visible_source: Where the model's visible masks come from: ``'gt'``, or
            ``'pred:<detector>'`` when they are predicted.
        out_file: Write all predictions to this JSON file.
        collect_device: ``'cpu'`` or ``'gpu'``: how processes exchange results.
        prefix: Put before the returned keys; ``None`` leaves them as they are.

    Raises:
        ValueError: Malformed source or file name.
    """

    def __init__(
        self,
        visible_source: str,
        out_file: str | os.PathLike | None,
        collect_device: str,
        prefix: str | None,
    ) -> None:
        self.visible_source = check_source(visible_source)
        super().__init__(collect_device, prefix or 'none')  # without one, the base class warns
        self.prefix = prefix
        self.out_file = check_prediction_path(out_file) if out_file is not None else None
        self._expected: int | None = None
        self._ann_file: str | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Scores a batch.

        Args:
            data_batch: Not looked at; the samples hold the truth and the prediction.
            data_samples: ``AmodalDataSample.to_dict()`` of each object.
        """
        for sample in data_samples:
            self._ann_file = sample.get('ann_file', self._ann_file)
            self.results.append(self.score_sample(sample))

    def evaluate(self, size: int) -> dict:
        """Gathers the results of all processes, drops repeated objects and averages.

        Args:
            size: Number of objects in the data set; it must be met exactly.
        """
        self._expected = size
        # Results are cut off at the size that is passed on, and the padding need not be at the
        # end: gather everything, and let the names of the objects decide.
        gathered = torch.tensor([len(self.results)])
        all_reduce(gathered)
        return super().evaluate(int(gathered))

    def compute_metrics(self, results: list[R]) -> dict[str, float]:
        """Averages the results of all processes (called on the first one only).

        Args:
            results: What :meth:`process` kept, in any order, with repeated objects.

        Returns:
            What :meth:`summarise` makes of the distinct objects.

        Raises:
            ValueError: The distinct objects are not as many as the data set holds, or only some
                of them have a coarse mask.
        """
        unique = list({result.sample_id: result for result in reversed(results)}.values())[::-1]
        if self._expected is not None and len(unique) != self._expected:
            raise ValueError(
                f'{len(unique)} objects with distinct sample_id were scored, but the data set has '
                f'{self._expected}. Give every object a sample_id of its own, list none twice '
                'in a data set that is evaluated, and evaluate all of it.'
            )
        if len({frozenset(result.scores) for result in unique}) > 1:
            raise ValueError(self.unlike_results())
        if self.out_file is not None:
            write_predictions(self.out_file, [e for result in unique for e in result.entries])
            MMLogger.get_current_instance().info(f'Predictions written to {self.out_file}')
        return self.summarise(unique)

    @abstractmethod
    def score_sample(self, sample: Mapping[str, Any]) -> R:
        """Scores one object."""

    @abstractmethod
    def summarise(self, results: list[R]) -> dict[str, float]:
        """Averages the results of distinct objects, logs a table and returns the numbers."""

    def unlike_results(self) -> str:
        """Returns the message for objects whose results cannot stand in one table."""
        return (
            'Some objects have a coarse mask and some have none, so their means cannot stand '
            'in one table; let the model write pred_masks.coarse for all or for none.'
        )

    def heading(self, protocol: str, unit: str = 'IoU in % at image size') -> list[str]:
        """Returns the lines above a table: protocol, unit, split, source of the visible masks."""
        meta = self.dataset_meta or {}
        split = self._ann_file or meta.get('ann_file') or 'not named by the data set'
        source = 'ground truth' if self.visible_source == 'gt' else 'predicted'
        return [
            f'protocol {protocol} | {unit} | split {split}',
            f'visible masks given to the model: {self.visible_source} ({source})',
        ]
