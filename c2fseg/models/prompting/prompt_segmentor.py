"""The visible mask of an object that a user clicked or drew a box around."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel, BaseModule
from mmengine.structures import PixelData
from torch import Tensor

from c2fseg.models.prompting.prompt_decoder import PromptDecoder
from c2fseg.models.segmentors.precision import autocast_context
from c2fseg.models.segmentors.sample_tensors import stack_masks
from c2fseg.models.segmentors.stage_losses import refinement_losses
from c2fseg.models.utils import load_strictly, read_state
from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample
from c2fseg.structures.prompts import PROMPT_CHANNELS

FIRST_CONVOLUTION = 'stages.0.0.0.weight'


@MODELS.register_module()
class PromptSegmentor(BaseModel):
    """An image encoder that sees the prompt as further channels, and a light decoder.

    It also says how good its mask is: the intersection over union that it expects with the whole
    visible part of the object, also where the crop holds only some of it. That is what crops of
    several scales are compared by when a click does not tell the size of the object.

    The encoder can start from that of an amodal model: ``init_cfg=dict(type='Pretrained',
    checkpoint=..., prefix='backbone.')`` of the backbone. Where that one saw a visible mask as its
    fourth channel, the box takes its place; clicks start with no weight.

    Args:
        backbone: Config in MODELS of an encoder that returns four maps, ``in_channels=5``.
        decoder: Arguments of :class:`PromptDecoder`.
        score_weight: Weight of the loss of the expected intersection over union.
        autocast: None or ``'bfloat16'``: dtype of the forward pass in training.
        data_preprocessor: Config of the data preprocessor.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ValueError: If the backbone does not take picture and prompt.
    """

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        score_weight: float = 1.0,
        autocast: str | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=MODELS.build(
                data_preprocessor or dict(type='AmodalDataPreprocessor')
            ),
            init_cfg=init_cfg,
        )
        self.backbone = MODELS.build(backbone)
        expected = 3 + PROMPT_CHANNELS
        found = getattr(self.backbone, 'in_channels', expected)
        if found != expected:
            raise ValueError(
                f'PromptSegmentor: the backbone sees picture and prompt and needs '
                f'in_channels={expected}, got {found}'
            )
        self.decoder = PromptDecoder(**decoder)
        self.score_weight = score_weight
        self.autocast = autocast

    def init_weights(self) -> None:
        """Initialise the parts; weights that are loaded must fit key by key.

        Raises:
            CheckpointError: If a file is missing, damaged or carries code.
            RuntimeError: If keys are missing or unexpected, or shapes differ.
        """
        init_cfg = getattr(self.backbone, 'init_cfg', None) or {}
        if init_cfg.get('type') == 'Pretrained':
            load_encoder(self.backbone, init_cfg['checkpoint'], init_cfg.get('prefix', ''))
        super().init_weights()

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[AmodalDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AmodalDataSample]:
        """Run the model on a preprocessed batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``prompt`` (N,T,2,h,w).
            data_samples: One per object; needed by ``loss`` and ``predict``.
            mode: ``loss``, ``predict``, or ``tensor`` for :meth:`find`.

        Returns:
            Losses, samples or masks with scores.

        Raises:
            ValueError: If the mode is unknown or samples are missing.
        """
        if mode == 'tensor':
            return self.find(inputs)
        if mode not in ('loss', 'predict'):
            raise ValueError(
                f"PromptSegmentor: mode must be 'loss', 'predict' or 'tensor', got {mode!r}"
            )
        if data_samples is None:
            raise ValueError(f'PromptSegmentor: mode {mode!r} needs data_samples')
        return getattr(self, mode)(inputs, data_samples)

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[AmodalDataSample]
    ) -> dict[str, Tensor]:
        """Losses of one training batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``prompt`` (N,T,2,h,w).
            data_samples: Samples with ``gt_crop_masks.visible`` and ``visible_share``.

        Returns:
            ``loss_visible``, ``loss_visible_dice``, ``loss_score``; ``iou``, the mean intersection
            over union with the whole visible mask, and ``score_error``, how far the expected one
            lies from it on average.
        """
        target = stack_masks(data_samples, 'visible').flatten(0, 1)  # (N*T,1,h,w)
        with autocast_context(target.device, self.autocast):
            logits, score = self._run(inputs)
        losses = refinement_losses('visible', logits, target, 1.0, 'bce_dice', 'logits')
        shares = [float(sample.visible_share) for sample in data_samples]
        reached = whole_iou(logits.detach(), target, shares)
        score_loss = torch.nn.functional.binary_cross_entropy_with_logits(score, reached)
        losses['loss_score'] = self.score_weight * score_loss
        losses['iou'] = reached.mean()
        losses['score_error'] = (score.detach().sigmoid() - reached).abs().mean()
        return losses

    @torch.no_grad()
    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[AmodalDataSample]
    ) -> list[AmodalDataSample]:
        """Find the objects of a batch, inside their crops.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``prompt`` (N,T,2,h,w).
            data_samples: Where the predictions are written to.

        Returns:
            The samples, with ``pred_crop_masks.visible`` (T,h,w) and ``pred_score``, a float.
        """
        found = self.find(inputs)
        for sample, visible, score in zip(data_samples, found['visible'], found['score']):
            sample.pred_crop_masks = PixelData(visible=visible)
            sample.pred_score = float(score.mean())
        return data_samples

    @torch.no_grad()
    def find(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Find the objects of a batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``prompt`` (N,T,2,h,w).

        Returns:
            ``visible``: probabilities (N,T,h,w); ``score``: expected intersection over union with
            the visible part of the object (N,T). Both float32.
        """
        batch = inputs['img'].shape[:2]
        logits, score = self._run(inputs)
        visible = logits.float().sigmoid()[:, 0].unflatten(0, batch)  # (N,T,h,w)
        return dict(visible=visible, score=score.float().sigmoid().unflatten(0, batch))

    def _run(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits of masks (N*T,1,h,w) and scores (N*T,)."""
        prompt = inputs['prompt'].flatten(0, 1)  # (N*T,2,h,w)
        x = torch.cat([inputs['img'].flatten(0, 1), prompt], dim=1)  # (N*T,5,h,w)
        return self.decoder(self.backbone(x), prompt)


def whole_iou(logits: Tensor, target: Tensor, shares: Sequence[float]) -> Tensor:
    """Intersection over union with the whole visible mask, of which a crop may hold only some.

    Args:
        logits: (M,1,h,w) of the masks.
        target: True masks (M,1,h,w), 0 or 1.
        shares: Share of each whole visible mask that lies in its crop, in (0, 1].

    Returns:
        (M,) float32.
    """
    found = logits.flatten(1) > 0
    truth = target.flatten(1) > 0.5
    overlap = (found & truth).sum(dim=1)
    whole = truth.sum(dim=1) / torch.tensor(shares, device=logits.device).clamp_min(1e-3)
    return overlap / (found.sum(dim=1) + whole - overlap).clamp_min(1.0)


def load_encoder(backbone: BaseModule, path: str, prefix: str) -> None:
    """Start an encoder of picture and prompt from one that saw less.

    Args:
        backbone: The encoder to fill.
        path: Checkpoint with the other one.
        prefix: What the names in the file begin with.

    Raises:
        CheckpointError: If the file is missing, damaged or carries code.
        RuntimeError: If keys are missing or unexpected, or shapes differ.
    """
    state = read_state(path)
    part = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    first = part.get(FIRST_CONVOLUTION)
    if first is not None and first.shape[1] < 3 + PROMPT_CHANNELS:
        shape = (first.shape[0], 3 + PROMPT_CHANNELS - first.shape[1], *first.shape[2:])
        part[FIRST_CONVOLUTION] = torch.cat([first, first.new_zeros(shape)], dim=1)
    load_strictly(backbone, part, f'{path} (prefix {prefix!r})')
    # MMEngine's own loading of the same file, which only warns, is not to follow.
    backbone.is_init = True
