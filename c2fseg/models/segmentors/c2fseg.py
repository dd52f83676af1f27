"""C2F-Seg: a coarse amodal mask from a masked transformer, then a refined one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from c2fseg.models.decoding import ParallelDecoder
from c2fseg.models.segmentors.derived_options import with_derived
from c2fseg.models.segmentors.hypotheses import (
    Condition,
    ObjectGenerators,
    decode_hypotheses,
    object_generators,
)
from c2fseg.models.segmentors.initial_weights import load_initial_weights
from c2fseg.models.segmentors.precision import autocast_context, autocast_if, low_precision_parts
from c2fseg.models.segmentors.predictions import enlarge, write_hypotheses, write_masks
from c2fseg.models.segmentors.sample_tensors import stack_frame_valid, stack_masks
from c2fseg.models.segmentors.settings import TestSettings, TrainSettings
from c2fseg.models.segmentors.stage_losses import (
    hide_tokens,
    mask_ratio,
    refined_losses,
    sample_tokens,
    token_loss,
)
from c2fseg.models.utils import CompiledMethod, optimize_for_inference
from c2fseg.registry import MASKED_TRANSFORMERS, MODELS, REFINERS, TOKENIZERS
from c2fseg.structures import AmodalDataSample

Generators = Sequence[torch.Generator] | torch.Generator | None


@MODELS.register_module()
class C2FSeg(BaseModel):
    """Image encoder, frozen mask tokenizer, masked transformer, parallel decoder and refiner.

    Images and clips are the same model: an image is a clip of one frame, and only the blocks of the
    transformer know of time. Source: C2F-Seg, ICCV 2023, section 3.

    A video model can start from an image model of the same parts:
    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` loads its weights; the parameters of the
    attention over frames alone may, and must, be missing there.

    Args:
        backbone: Config in MODELS of an image encoder that returns four maps.
        tokenizer: Config in TOKENIZERS; its weights stay frozen.
        transformer: Config in MASKED_TRANSFORMERS. ``in_channels``, ``codebook_size`` and
            ``grid_size`` come from the other parts.
        refiner: Config in REFINERS. ``in_channels`` comes from ``feature_channels``.
        decoder: Arguments of :class:`ParallelDecoder`; its scheduler serves training too.
        feature_channels: Channels of the four maps of the backbone, the finest first. The last
            map must have the grid of the tokens.
        backbone_visible_mask: Append the visible mask to the channels of the picture. The
            backbone needs ``in_channels=4`` then.
        train_cfg: See :class:`TrainSettings`.
        test_cfg: See :class:`TestSettings`.
        data_preprocessor: Config of the data preprocessor.
        init_cfg: MMEngine's initialisation config. ``type='Pretrained'`` reads a whole model.

    Raises:
        ValueError: If the configs of the parts contradict each other.
    """

    def __init__(
        self,
        backbone: dict,
        tokenizer: dict,
        transformer: dict,
        refiner: dict,
        decoder: dict,
        feature_channels: Sequence[int] = (256, 512, 1024, 2048),
        backbone_visible_mask: bool = False,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            # Built here, in this library's scope, and not by MMEngine in its own.
            data_preprocessor=MODELS.build(
                data_preprocessor or dict(type='AmodalDataPreprocessor')
            ),
            init_cfg=init_cfg,
        )
        if len(feature_channels) != 4:
            raise ValueError(f'C2FSeg: four feature_channels expected, got {feature_channels}')
        self.feature_channels = tuple(feature_channels)
        self.backbone_visible_mask = backbone_visible_mask
        self.train_cfg = TrainSettings.from_config(train_cfg)
        self.test_cfg = TestSettings.from_config(test_cfg)
        self.backbone = MODELS.build(backbone)
        expected = 4 if backbone_visible_mask else 3
        found = getattr(self.backbone, 'in_channels', expected)
        if found != expected:
            raise ValueError(
                f'C2FSeg: with backbone_visible_mask={backbone_visible_mask} the backbone needs '
                f'in_channels={expected}, got {found}'
            )
        self.tokenizer = TOKENIZERS.build(tokenizer)
        self.tokenizer.requires_grad_(False).eval()
        self.transformer = MASKED_TRANSFORMERS.build(
            with_derived(
                transformer,
                'transformer',
                in_channels=self.feature_channels[-1],
                codebook_size=self.tokenizer.codebook_size,
                grid_size=tuple(self.tokenizer.grid_size),
            )
        )
        self.refiner = REFINERS.build(
            with_derived(refiner, 'refiner', in_channels=self.feature_channels)
        )
        self.decoder = ParallelDecoder(**decoder)
        self.is_optimized = False

    @property
    def mask_token(self) -> int:
        """Id of [MASK], the codebook size."""
        return self.tokenizer.codebook_size

    def init_weights(self) -> None:
        """Initialise the parts; weights that are loaded must fit key by key.

        Raises:
            CheckpointError: If a file is missing, damaged or carries code.
            RuntimeError: If keys are missing or unexpected.
        """
        if load_initial_weights(self):
            return
        super().init_weights()

    def optimize_for_inference(self) -> C2FSeg:
        """Make the model faster to run, in place: it cannot be trained or loaded into afterwards.

        See :func:`c2fseg.models.utils.optimize_for_inference`; the dtype is ``test_cfg.autocast``.
        """
        if not self.is_optimized:
            low = [self] if self.test_cfg.condition_autocast else low_precision_parts(self)
            optimize_for_inference(self.eval(), self.test_cfg.autocast_dtype, low)
            self.is_optimized = True
        return self

    def compile_parts(self, **options: Any) -> C2FSeg:
        """Let torch compile the parts at their first call; ``options`` of :func:`torch.compile`."""
        coders = [getattr(self.tokenizer, name, None) for name in ('encoder', 'decoder')]
        for part in (self.backbone, self.refiner, *coders):
            if isinstance(part, nn.Module) and not getattr(part, 'shares_pixels', False):
                part.compile(**options)
        step = CompiledMethod(self.transformer, 'predict_tokens', **options)
        self.transformer.predict_tokens = step
        return self

    def train(self, mode: bool = True) -> C2FSeg:
        """Switch the mode; the tokenizer stays in evaluation mode.

        Raises:
            RuntimeError: If the model was optimized for inference.
        """
        if mode and self.is_optimized:
            raise RuntimeError(
                'C2FSeg: this model was optimized for inference and has lost what training needs; '
                'build it again to train it'
            )
        super().train(mode)
        self.tokenizer.eval()
        return self

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[AmodalDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AmodalDataSample]:
        """Run the model on a preprocessed batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).
            data_samples: One per object; needed by ``loss`` and ``predict``.
            mode: ``loss``, ``predict``, or ``tensor`` for :meth:`complete`.

        Returns:
            Losses, samples or crop probabilities.

        Raises:
            ValueError: If the mode is unknown or samples are missing.
        """
        if mode == 'tensor':
            return self.complete(inputs)
        if mode not in ('loss', 'predict'):
            raise ValueError(f"C2FSeg: mode must be 'loss', 'predict' or 'tensor', got {mode!r}")
        if data_samples is None:
            raise ValueError(f'C2FSeg: mode {mode!r} needs data_samples')
        return getattr(self, mode)(inputs, data_samples)

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[AmodalDataSample]
    ) -> dict[str, Tensor]:
        """Losses of one training batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).
            data_samples: Samples with ``gt_crop_masks``.

        Returns:
            ``loss_token``, ``loss_visible``, ``loss_amodal`` (with Dice, two more),
            ``loss_consistency`` where it has a weight, and ``token_accuracy`` over the hidden
            positions. Frames that only fill up a clip do not count.
        """
        cfg = self.train_cfg
        visible = inputs['visible_mask']
        amodal_gt = stack_masks(data_samples, 'amodal')  # (N,T,1,h,w)
        visible_gt = stack_masks(data_samples, 'visible')  # (N,T,1,h,w)
        valid = stack_frame_valid(data_samples, visible.device)  # (N,T) or None
        with autocast_context(visible.device, cfg.autocast):
            # One pass for both masks: twice the work of a batch in half the calls.
            masks = torch.cat([visible, amodal_gt])  # (2N,T,1,h,w)
            with autocast_if(cfg.encode_autocast, masks.device):
                visible_tokens, target = self._encode(masks).chunk(2)
            ratio = mask_ratio(target, self.decoder.scheduler, cfg)
            tokens, hidden = hide_tokens(target, ratio, self.mask_token)
            feats = self.extract_feats(inputs)
            last = feats[-1].unflatten(0, visible.shape[:2])  # (N,T,C,gh,gw)
            logits, state = self.transformer(
                last, visible_tokens, tokens, return_state=True, frame_valid=valid
            )
            coarse = self._decode(sample_tokens(logits.detach()[..., :-1], cfg.coarse_top_k))
            refined = self._refine(feats, coarse, visible, state)
        counted = hidden if cfg.token_positions == 'masked' else torch.ones_like(hidden)
        if valid is not None:
            counted, hidden = counted & valid[..., None], hidden & valid[..., None]
        losses = dict(
            loss_token=cfg.token_weight * token_loss(logits, target, cfg.label_smoothing, counted)
        )
        losses.update(refined_losses(refined, (visible_gt, amodal_gt), cfg, valid))
        right = (logits.detach()[..., :-1].argmax(dim=-1) == target) & hidden
        losses['token_accuracy'] = right.sum() / hidden.sum().clamp_min(1)
        return losses

    @torch.no_grad()
    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[AmodalDataSample]
    ) -> list[AmodalDataSample]:
        """Complete the objects of a batch; reads the inputs and the meta information alone.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).
            data_samples: Samples with ``sample_id``, ``crop_boxes`` and ``ori_shape``; where there
                is a ``frame_valid`` (T,), frames that only fill up a clip are not looked at.

        Returns:
            The samples, with ``pred_crop_masks`` and ``pred_masks`` set, and ``pred_hypotheses``
            where ``test_cfg`` asks for more than one.
        """
        cfg = self.test_cfg
        names = [sample.sample_id for sample in data_samples]
        generators = [object_generators(cfg.seed, names, h) for h in range(cfg.num_hypotheses)]
        valid = stack_frame_valid(data_samples, inputs['img'].device)
        if cfg.num_hypotheses == 1:
            write_masks(self.complete(inputs, generators[0], valid), data_samples, cfg)
        else:
            found = self.complete_hypotheses(inputs, generators, valid)
            write_masks({name: value[:, 0] for name, value in found.items()}, data_samples, cfg)
            write_hypotheses(found, data_samples, cfg)
        return data_samples

    @torch.no_grad()
    def complete(
        self,
        inputs: dict[str, Tensor],
        generator: Generators = None,
        frame_valid: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Decode and refine the masks of a batch, inside the crops.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).
            generator: Randomness of the decoding, see :meth:`ParallelDecoder.decode`.
            frame_valid: Bool (N,T), False for frames that only fill up a clip.

        Returns:
            Probabilities ``coarse``, ``visible`` and ``amodal``, each (N,T,h,w), float32.
        """
        with autocast_context(inputs['img'].device, self.test_cfg.autocast):
            return self._complete(self._condition(inputs, frame_valid), self.decoder, generator)

    @torch.no_grad()
    def complete_hypotheses(
        self,
        inputs: dict[str, Tensor],
        generators: Sequence[ObjectGenerators],
        frame_valid: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Decode and refine several masks of each object; all that they share is computed once.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).
            generators: For each of the n hypotheses a generator for each object, or None for
                torch's global one. The first hypothesis is what :meth:`complete` gives with the
                first generators.
            frame_valid: Bool (N,T), False for frames that only fill up a clip.

        Returns:
            Probabilities ``coarse``, ``visible`` and ``amodal``, each (N,n,T,h,w), float32.
        """
        with autocast_context(inputs['img'].device, self.test_cfg.autocast):
            condition = self._condition(inputs, frame_valid)
            return decode_hypotheses(
                self._complete, condition, self.decoder, generators, self.test_cfg
            )

    def _condition(self, inputs: dict[str, Tensor], frame_valid: Tensor | None) -> Condition:
        """What the decoding starts from."""
        visible = inputs['visible_mask']
        with autocast_if(self.test_cfg.condition_autocast, visible.device):
            visible_tokens = self._encode(visible)
            feats = self.extract_feats(inputs)
            last = feats[-1].unflatten(0, visible.shape[:2])  # (N,T,C,gh,gw)
            embedded = self.transformer.embed_condition(last, visible_tokens)
        return Condition(feats, visible, embedded, frame_valid)

    def _complete(
        self, condition: Condition, decoder: ParallelDecoder, generator: Generators
    ) -> dict[str, Tensor]:
        """Probabilities (N,T,h,w) by name."""
        feats, visible, embedded, frame_valid = condition
        state = embedded

        def predict_logits(tokens: Tensor) -> Tensor:
            nonlocal state
            logits, state = self.transformer.predict_tokens(embedded, tokens, frame_valid)
            return logits

        tokens = decoder.decode(
            predict_logits,
            tuple(embedded.shape[:3]),
            generator,
            mask_token=self.mask_token,
            device=visible.device,
        )
        coarse = self._decode(tokens)
        refined = self._refine(feats, coarse, visible, state)
        size, how = visible.shape[-2:], self.test_cfg.upsample
        masks = dict(zip(('visible', 'amodal'), (enlarge(x, size, how) for x in refined)))
        masks = dict(coarse=coarse, **masks)
        batch = visible.shape[:2]
        return {name: value[:, 0].unflatten(0, batch) for name, value in masks.items()}  # (N,T,h,w)

    def extract_feats(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Feature maps of the crops, frames folded into the batch.

        Args:
            inputs: ``img`` (N,T,3,h,w) and ``visible_mask`` (N,T,1,h,w).

        Returns:
            Four maps (N*T,C_i,h_i,w_i).

        Raises:
            ValueError: If the backbone returns other maps than the config declares.
        """
        x = inputs['img'].flatten(0, 1)  # (N*T,3,h,w)
        if self.backbone_visible_mask:
            x = torch.cat([x, inputs['visible_mask'].flatten(0, 1)], dim=1)  # (N*T,4,h,w)
        feats = tuple(self.backbone(x))
        channels = tuple(feat.shape[1] for feat in feats)
        if channels != self.feature_channels:
            raise ValueError(
                f'C2FSeg: feature_channels declares {self.feature_channels}, but the backbone '
                f'{type(self.backbone).__name__} returned maps of {channels} channels'
            )
        return feats

    def _encode(self, masks: Tensor) -> Tensor:
        """Tokens (N,T,L) of masks (N,T,1,h,w)."""
        return self.tokenizer.encode(masks.flatten(0, 1)).unflatten(0, masks.shape[:2])

    def _decode(self, tokens: Tensor) -> Tensor:
        """Coarse masks (N*T,1,h,w), float32, of tokens (N,T,L); no gradient."""
        with torch.no_grad():
            return self.tokenizer.decode(tokens.flatten(0, 1)).float()  # (N*T,1,h,w)

    def _refine(
        self, feats: tuple[Tensor, ...], coarse: Tensor, visible: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Visible and amodal logits; the refiner gets the options that it asks for."""
        options = {}
        if getattr(self.refiner, 'use_visible_mask', False):
            options['visible_mask'] = visible.flatten(0, 1)  # (N*T,1,h,w)
        if getattr(self.refiner, 'state_channels', None) is not None:
            state = state.flatten(0, 1).transpose(1, 2)  # (N*T,D,L)
            options['state'] = state.unflatten(2, tuple(self.tokenizer.grid_size))  # (N*T,D,gh,gw)
        return self.refiner(feats, coarse, **options)
