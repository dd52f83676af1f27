"""The trainer of stage 1: a mask tokenizer, its losses, and a discriminator if wanted."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.structures import PixelData
from torch import Tensor, nn

from c2fseg.registry import MODELS, TOKENIZERS
from c2fseg.structures import AmodalDataSample

from .adaptive_weight import adaptive_adversarial_weight
from .mask_autoencoder import AutoencoderOutput, MaskAutoencoder

AUTOCAST = (None, 'bfloat16')


@MODELS.register_module()
class MaskVQGAN(BaseModel):
    """Trains a `MaskAutoencoder`; every loss can be switched off with None.

    Without a discriminator it is trained by one optimizer, as any model. With one it takes two,
    named ``autoencoder`` and ``discriminator`` (``MultiOptimWrapperConstructor``); the
    discriminator's step comes first. Distributed training then needs
    ``MMSeparateDistributedDataParallel``.

    Source: C2F-Seg, ICCV 2023, supplementary A.1. The paper weighs the commitment term by 0.25,
    its code the codebook term; both weights are arguments.

    Args:
        autoencoder: Config of the tokenizer (registry TOKENIZERS).
        discriminator: Config of the discriminator, None for none.
        reconstruction_loss: Config of the loss on the reconstructed mask, None for none.
        perceptual_loss: Config of the perceptual loss, None for none.
        adversarial_loss: Config of the adversarial loss; given exactly when a discriminator is.
        codebook_weight: Factor of ||sg[E(x)] - z_q||^2, None to switch it off.
        commitment_weight: Factor of ||sg[z_q] - E(x)||^2, None to switch it off.
        adversarial_weight: Factor of the adversarial loss beside its adaptive weight.
        adaptive_delta: Delta of the adaptive weight.
        max_adaptive_weight: Upper bound of the adaptive weight, None for none.
        adversarial_start: Training steps before the discriminator comes in.
        autocast: Precision of the autoencoder's training pass: ``bfloat16`` is faster on a CPU
            that knows it; None for that of the weights (or of an ``AmpOptimWrapper``). Losses
            and codebook keep full precision.
        data_preprocessor: Config of the data preprocessor.
        init_cfg: MMEngine's description of where initial weights come from.

    Raises:
        ValueError: If the losses do not fit each other or the parts given.
    """

    num_updates: Tensor

    def __init__(
        self,
        autoencoder: dict,
        discriminator: dict | None = None,
        reconstruction_loss: dict | None = None,
        perceptual_loss: dict | None = None,
        adversarial_loss: dict | None = None,
        codebook_weight: float | None = 1.0,
        commitment_weight: float | None = 0.25,
        adversarial_weight: float = 1.0,
        adaptive_delta: float = 1e-6,
        max_adaptive_weight: float | None = None,
        adversarial_start: int = 0,
        autocast: str | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # Built here, in this library's scope, and not by MMEngine in its own.
        super().__init__(data_preprocessor=_build(data_preprocessor), init_cfg=init_cfg)
        self.autoencoder = TOKENIZERS.build(autoencoder)
        self.discriminator = _build(discriminator)
        self.reconstruction_loss = _build(reconstruction_loss)
        self.perceptual_loss = _build(perceptual_loss)
        self.adversarial_loss = _build(adversarial_loss)
        self.codebook_weight = codebook_weight
        self.commitment_weight = commitment_weight
        self.adversarial_weight = adversarial_weight
        self.adaptive_delta = adaptive_delta
        self.max_adaptive_weight = max_adaptive_weight
        self.adversarial_start = adversarial_start
        self.autocast = autocast
        self.register_buffer('num_updates', torch.zeros((), dtype=torch.int64))
        self._check_parts()

    def forward(
        self, inputs: dict[str, Tensor], data_samples: list | None = None, mode: str = 'tensor'
    ) -> Any:
        """Runs the model in one of MMEngine's modes.

        Args:
            inputs: ``mask`` (N, T, 1, h, w) with values in [0, 1].
            data_samples: N samples; `predict` writes its result into them.
            mode: ``loss`` (a dict of losses), ``predict`` (a list of samples) or ``tensor`` (the
                autoencoder's output).

        Raises:
            ValueError: If the mode is unknown.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self._reconstruct(_fold(inputs))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got '{mode}'")

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list | None = None
    ) -> dict[str, Tensor]:
        """Losses without the adversarial one, and what is logged beside them.

        Args:
            inputs: ``mask`` (N, T, 1, h, w).
            data_samples: Not needed: the mask is its own target.

        Raises:
            RuntimeError: If there is a discriminator, which only `train_step` can train.
        """
        if self.discriminator is not None:
            raise RuntimeError(
                'a MaskVQGAN with a discriminator is trained through train_step and two '
                "optimizers: set optim_wrapper=dict(constructor='MultiOptimWrapperConstructor', "
                'autoencoder=..., discriminator=...), and under distributed training '
                "model_wrapper_cfg=dict(type='MMSeparateDistributedDataParallel')"
            )
        mask = _fold(inputs)  # (M, 1, h, w)
        output = self._reconstruct(mask)
        losses = {**self._reconstruction_losses(output, mask), **self._codebook_losses(output)}
        return {**losses, **_statistics(output)}

    @torch.no_grad()
    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[AmodalDataSample] | None = None
    ) -> list[AmodalDataSample]:
        """Reconstructs masks through their tokens.

        Args:
            inputs: ``mask`` (N, T, 1, h, w).
            data_samples: N samples, None for new ones.

        Returns:
            The samples with ``pred_crop_masks.reconstruction`` (T, h, w) in [0, 1].
        """
        n, t = inputs['mask'].shape[:2]
        autoencoder: MaskAutoencoder = _unwrap(self.autoencoder)
        masks = autoencoder.decode(autoencoder.encode(_fold(inputs)))  # (M, 1, h, w)
        masks = masks.view(n, t, *masks.shape[-2:])  # (N, T, h, w)
        samples = data_samples or [AmodalDataSample() for _ in range(n)]
        for sample, mask in zip(samples, masks):
            sample.pred_crop_masks = PixelData(reconstruction=mask)
        return samples

    def train_step(
        self, data: dict, optim_wrapper: OptimWrapper | OptimWrapperDict
    ) -> dict[str, Tensor]:
        """One step of the discriminator, if there is one, then one of the autoencoder.

        Args:
            data: A batch as the data loader gives it.
            optim_wrapper: One optimizer; or, named ``autoencoder`` and ``discriminator``, two.

        Returns:
            The losses and statistics to be logged.

        Raises:
            TypeError: If there is a discriminator but only one optimizer.
            KeyError: If one of the two optimizers has another name.
        """
        if self.discriminator is None:
            if isinstance(optim_wrapper, OptimWrapperDict):
                optim_wrapper = _pick(optim_wrapper, 'autoencoder')
            return super().train_step(data, optim_wrapper)
        if not isinstance(optim_wrapper, OptimWrapperDict):
            raise TypeError(
                'a MaskVQGAN with a discriminator needs two optimizers: set optim_wrapper=dict('
                "constructor='MultiOptimWrapperConstructor', autoencoder=..., discriminator=...), "
                f'got one {type(optim_wrapper).__name__}'
            )
        generator_optim = _pick(optim_wrapper, 'autoencoder')
        mask = _fold(self.data_preprocessor(data, True)['inputs'])  # (M, 1, h, w)
        with generator_optim.optim_context(self.autoencoder):
            output = self._reconstruct(mask)
        losses: dict[str, Tensor] = {}
        # Read from the device only where a later start makes it necessary.
        start = self.adversarial_start
        is_adversarial = start == 0 or int(self.num_updates) >= start
        if is_adversarial:
            discriminator_optim = _pick(optim_wrapper, 'discriminator')
            losses.update(self._discriminator_step(mask, output.mask, discriminator_optim))
        losses.update(self._generator_step(mask, output, generator_optim, is_adversarial))
        self.num_updates += 1
        return self.parse_losses(losses)[1]

    def _check_parts(self) -> None:
        """Raises where the losses do not fit each other or the parts given."""
        if (self.discriminator is None) != (self.adversarial_loss is None):
            raise ValueError(
                'discriminator and adversarial_loss belong together: give both, or neither'
            )
        if self.reconstruction_loss is None and self.perceptual_loss is None:
            raise ValueError(
                'a tokenizer needs a loss on its output: give reconstruction_loss, '
                'perceptual_loss or both'
            )
        if self.autocast not in AUTOCAST:
            raise ValueError(f"autocast must be one of {AUTOCAST}, got '{self.autocast}'")
        activation = self.autoencoder.output_activation
        if getattr(self.reconstruction_loss, 'needs_logits', False) and activation != 'sigmoid':
            raise ValueError(
                "a reconstruction loss on logits (kind='bce') needs an autoencoder with "
                f"output_activation='sigmoid', got '{activation}'"
            )

    def _discriminator_step(
        self, mask: Tensor, reconstruction: Tensor, optim: OptimWrapper
    ) -> dict[str, Tensor]:
        """Updates the discriminator on real and reconstructed masks (M, 1, h, w)."""
        self.discriminator.requires_grad_(True)
        with optim.optim_context(self.discriminator):
            real_logits = self.discriminator(mask)
            fake_logits = self.discriminator(reconstruction.detach())
            loss = self.adversarial_loss.discriminator(real_logits.float(), fake_logits.float())
        optim.update_params(loss)
        return {'loss_discriminator': loss.detach()}

    def _generator_step(
        self, mask: Tensor, output: AutoencoderOutput, optim: OptimWrapper, is_adversarial: bool
    ) -> dict[str, Tensor]:
        """Updates the autoencoder; the discriminator only passes gradients on."""
        with optim.optim_context(self.autoencoder):
            reconstruction = self._reconstruction_losses(output, mask)
            losses = {**reconstruction, **self._codebook_losses(output)}
            statistics = _statistics(output)
            if is_adversarial:
                self.discriminator.requires_grad_(False)
                logits = self.discriminator(output.mask).float()
                adversarial = self.adversarial_loss.generator(logits)
                adaptive_weight = adaptive_adversarial_weight(
                    sum(reconstruction.values(), start=mask.new_zeros(())),
                    adversarial,
                    _unwrap(self.autoencoder).last_layer.weight,
                    delta=self.adaptive_delta,
                    max_weight=self.max_adaptive_weight,
                )
                factor = self.adversarial_weight * adaptive_weight
                losses['loss_adversarial'] = factor * adversarial
                statistics['adaptive_weight'] = adaptive_weight
        optim.update_params(sum(losses.values(), start=mask.new_zeros(())))
        return {**{key: value.detach() for key, value in losses.items()}, **statistics}

    def _reconstruct(self, mask: Tensor) -> AutoencoderOutput:
        """The autoencoder's pass over masks (M, 1, h, w) in the precision asked for."""
        if self.autocast is None:
            return self.autoencoder(mask)
        with torch.autocast(mask.device.type, dtype=getattr(torch, self.autocast)):
            return self.autoencoder(mask)

    def _reconstruction_losses(self, output: AutoencoderOutput, mask: Tensor) -> dict[str, Tensor]:
        """Losses that compare the output with the mask (M, 1, h, w)."""
        losses = {}
        if self.reconstruction_loss is not None:
            prediction = output.raw if self.reconstruction_loss.needs_logits else output.mask
            losses['loss_reconstruction'] = self.reconstruction_loss(prediction, mask)
        if self.perceptual_loss is not None:
            losses['loss_perceptual'] = self.perceptual_loss(output.mask, mask)
        return losses

    def _codebook_losses(self, output: AutoencoderOutput) -> dict[str, Tensor]:
        """Losses that bring codes and latent vectors together."""
        losses = {}
        if self.codebook_weight is not None:
            losses['loss_codebook'] = self.codebook_weight * output.codebook_loss
        if self.commitment_weight is not None:
            losses['loss_commitment'] = self.commitment_weight * output.commitment_loss
        return losses


def _build(cfg: dict | None) -> nn.Module | None:
    return None if cfg is None else MODELS.build(cfg)


def _unwrap(module: nn.Module) -> Any:
    """The module itself where a distributed wrapper holds it."""
    return module.module if is_model_wrapper(module) else module


def _fold(inputs: dict[str, Tensor]) -> Tensor:
    """Masks (N, T, 1, h, w) to (N T, 1, h, w)."""
    return inputs['mask'].flatten(0, 1)  # (M, 1, h, w), M = N T


def _statistics(output: AutoencoderOutput) -> dict[str, Tensor]:
    return {'codebook_perplexity': output.perplexity, 'dead_codes': output.dead_codes}


def _pick(optim_wrappers: OptimWrapperDict, name: str) -> OptimWrapper:
    """The optimizer of a child, with an error that names those there are."""
    names = list(optim_wrappers.keys())
    if name not in names:
        raise KeyError(
            f"MaskVQGAN needs an optimizer named '{name}', got {names}: name the entries of "
            f'optim_wrapper after the children they train'
        )
    return optim_wrappers[name]
