"""What ``train_cfg`` and ``test_cfg`` of C2FSeg may hold, checked when the model is built."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, TypeVar

import torch

from c2fseg.models.segmentors.precision import AUTOCAST_DTYPES

SettingsT = TypeVar('SettingsT', bound='_Settings')


@dataclass(frozen=True)
class _Settings:
    """Reads a dict of the config; an unknown key or choice is an error."""

    @classmethod
    def from_config(cls: type[SettingsT], config: dict[str, Any] | None) -> SettingsT:
        """Reads the settings, defaults for what the dict leaves out.

        Args:
            config: Part of a config; None for defaults alone.

        Raises:
            ValueError: A key is unknown, or a value is none of the choices.
        """
        config = dict(config or {})
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise ValueError(f'{cls.__name__}: unknown keys {unknown}; known are {known}')
        return cls(**config)

    def _check_choice(self, name: str, choices: tuple) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ValueError(
                f'{type(self).__name__}: {name} must be one of {choices}, got {value!r}'
            )

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(
                f'{type(self).__name__}: {name} must be a whole number of at least {least}, got '
                f'{value!r}'
            )


@dataclass(frozen=True)
class TrainSettings(_Settings):
    """Keys of ``train_cfg``.

    Attributes:
        min_mask_ratio: Least part of the amodal tokens that is masked in training.
        mask_ratio_per: Draw one ratio for the ``batch`` (published) or one per ``object``.
        token_positions: Positions in the token loss: ``all`` (published) or ``masked`` only.
        label_smoothing: Label smoothing of the token loss.
        coarse_top_k: Candidates that the tokens of the training's coarse mask are sampled from.
        refine_loss: ``bce`` (published) or ``bce_dice`` for the refined masks.
        refine_size: Where the refined masks are compared: at the size of the ``crop``
            (published; logits enlarged by nearest neighbour) or of the ``logits``.
        token_weight: Weight of the token loss.
        visible_weight: Weight of the refiner's visible mask.
        amodal_weight: Weight of the refiner's amodal mask.
        consistency_weight: Weight of the loss between the amodal masks of adjacent frames; 0, as
            published, leaves it out.
        autocast: ``None`` or the name of a dtype (``bfloat16``) for the forward pass; losses are
            float32 in any case.
        encode_autocast: Turn masks into tokens in that dtype too. Faster, but rounding then moves
            a few tokens in a hundred to a neighbouring code, and the model learns from others than
            it meets in a test. Image features are computed in it in any case.
    """

    min_mask_ratio: float = 0.5
    mask_ratio_per: str = 'batch'
    token_positions: str = 'all'
    label_smoothing: float = 0.1
    coarse_top_k: int = 5
    refine_loss: str = 'bce'
    refine_size: str = 'crop'
    token_weight: float = 1.0
    visible_weight: float = 1.0
    amodal_weight: float = 1.0
    consistency_weight: float = 0.0
    autocast: str | None = None
    encode_autocast: bool = False

    def __post_init__(self) -> None:
        self._check_choice('mask_ratio_per', ('batch', 'object'))
        self._check_choice('token_positions', ('all', 'masked'))
        self._check_choice('refine_loss', ('bce', 'bce_dice'))
        self._check_choice('refine_size', ('crop', 'logits'))
        self._check_choice('encode_autocast', (False, True))
        self._check_choice('autocast', (None, *AUTOCAST_DTYPES))
        if not 0 <= self.min_mask_ratio <= 1:
            raise ValueError(
                f'TrainSettings: min_mask_ratio must lie in [0, 1], got {self.min_mask_ratio}'
            )
        if self.coarse_top_k < 1:
            raise ValueError(
                f'TrainSettings: coarse_top_k must be at least 1, got {self.coarse_top_k}'
            )


@dataclass(frozen=True)
class TestSettings(_Settings):
    """Keys of ``test_cfg``.

    Attributes:
        threshold: Probability above which a pasted pixel belongs to the mask.
        seed: Seed of the decoding. The noise of an object depends on this and on its
            ``sample_id``, not on its batch; ``None`` uses torch's global generator.
        upsample: How refined logits grow to the size of the crop: ``nearest`` (published) or
            ``bilinear``.
        fuse_coarse: Add the coarse to the refined probability before the threshold, as the
            published evaluation of videos does.
        autocast: ``None`` or the name of a dtype (``bfloat16``) for the forward pass.
        condition_autocast: Compute what the decoding starts from in that dtype too: tokens of the
            visible mask, image features and their embedding. Faster, but rounding then decides
            between tokens that are nearly as likely, and masks change with them.
        num_hypotheses: Amodal masks n of an object. Above 1, ``predict`` writes
            ``pred_hypotheses`` too, and all else stays as it is.
        hypothesis_steps: Decoding steps of the hypotheses after the first, at least 2: with one
            step the state that the refiner reads knows nothing of the tokens that were drawn. This
            and the next two are those of the published decoder.
        hypothesis_top_k: Candidates that their tokens are drawn from.
        hypothesis_temperature: Weight of the noise on which of their tokens are fixed first, see
            :class:`ParallelDecoder`.
        confidence_temperature: Difference of expected IoU at which one hypothesis is e times as
            likely as another.
        hypothesis_batch: Hypotheses (over all objects) that the transformer and the refiner see at
            once; bounds the memory.
    """

    threshold: float = 0.5
    seed: int | None = 0
    upsample: str = 'nearest'
    fuse_coarse: bool = False
    autocast: str | None = None
    condition_autocast: bool = False
    num_hypotheses: int = 1
    hypothesis_steps: int = 3
    hypothesis_top_k: int = 3
    hypothesis_temperature: float = 4.5
    confidence_temperature: float = 0.1
    hypothesis_batch: int = 64

    def __post_init__(self) -> None:
        self._check_whole('num_hypotheses', 1)
        self._check_whole('hypothesis_steps', 2)
        self._check_whole('hypothesis_top_k', 1)
        self._check_whole('hypothesis_batch', 1)
        if self.hypothesis_temperature < 0 or self.confidence_temperature <= 0:
            raise ValueError(
                'TestSettings: hypothesis_temperature must not be negative and '
                'confidence_temperature must be positive, got '
                f'{self.hypothesis_temperature} and {self.confidence_temperature}'
            )
        self._check_choice('upsample', ('nearest', 'bilinear'))
        self._check_choice('condition_autocast', (False, True))
        self._check_choice('autocast', (None, *AUTOCAST_DTYPES))
        if not 0 < self.threshold < 1:
            raise ValueError(f'TestSettings: threshold must lie in (0, 1), got {self.threshold}')

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        """The dtype that ``autocast`` names, ``None`` without."""
        return None if self.autocast is None else AUTOCAST_DTYPES[self.autocast]
