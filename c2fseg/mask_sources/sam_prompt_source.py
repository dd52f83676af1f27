"""Segment Anything as a mask source: the one file that imports ``transformers``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.prompt_requests import PromptRequest, read_requests
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import encode_mask
from c2fseg.utils.torchvision_compat import ensure_torchvision

HOW_TO_INSTALL = 'pip install -c requirements/constraints.txt -r requirements/sam.txt'
HOW_TO_FETCH = 'hf download facebook/sam-vit-base --local-dir DIR'


@MASK_SOURCES.register_module()
class SAMPromptSource(BaseMaskSource):
    """The visible mask of what a user clicked or boxed, from Segment Anything (SAM or SAM 2).

    It runs in ``transformers``; which of the two a folder holds, its ``config.json`` says. After
    clicks alone the model gives three masks, of which the one that it expects to be best is taken.

    Args:
        model: Folder with config, weights and processor, which is read as it is and nothing else;
            or a name on the Hugging Face hub, which ``transformers`` fetches once into its cache.
        device: Where the model runs; None takes the GPU when there is one.
        batch_size: Pictures that the image encoder sees at once.

    Raises:
        ImportError: ``transformers`` is not installed.
        FileNotFoundError: There is no such folder, or it lacks a file, or the hub is out of reach.
        ValueError: The folder holds another kind of model, or ``batch_size`` is below 1.

    Source: Kirillov et al., Segment Anything, ICCV 2023; Ravi et al., SAM 2, 2024.
    """

    prompts = ('boxes', 'points')

    def __init__(
        self,
        model: str | os.PathLike,
        device: str | torch.device | None = None,
        batch_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size is at least 1 picture, got {batch_size}')
        self.batch_size = batch_size
        self.device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        self.model, self.processor = load_sam(os.fspath(model))
        self.model.to(self.device).eval()

    @torch.inference_mode()
    def find(self, pictures: Sequence[Picture]) -> list[list[VisibleObject]]:
        """The visible masks of the objects of pictures; see :class:`BaseMaskSource`."""
        results: list[list[VisibleObject]] = []
        for start in range(0, len(pictures), self.batch_size):
            batch = pictures[start : start + self.batch_size]
            requests = [read_requests(picture, self.prompts) for picture in batch]
            images = [picture.image for picture in batch]
            inputs = self.processor(images=images, return_tensors='pt')
            pixels = inputs['pixel_values'].to(self.device)
            features = self.model.get_image_embeddings(pixels)
            for number, several in enumerate(requests):
                own = _pick(features, number)
                results.append([self._find_one(request, own) for request in several])
        return results

    def _find_one(self, request: PromptRequest, features: Any) -> VisibleObject:
        """The mask of one object, given the features of its picture."""
        prompts: dict[str, Any] = {}
        if len(request.points):
            prompts['input_points'] = [[request.points[:, :2].tolist()]]
            prompts['input_labels'] = [[request.points[:, 2].astype(int).tolist()]]
        if request.box is not None:
            prompts['input_boxes'] = [[request.box.tolist()]]
        inputs = self.processor(images=request.image, return_tensors='pt', **prompts)
        given = {key: inputs[key].to(self.device) for key in prompts}
        for key in ('input_points', 'input_boxes'):
            if key in given:  # computed in double precision
                given[key] = given[key].float()
        output = self.model(
            image_embeddings=features, multimask_output=request.box is None, **given
        )
        sizes = [inputs['original_sizes']]
        # SAM pads its pictures, so that it has to know how much of them is picture; SAM 2 does not.
        sizes += [inputs['reshaped_input_sizes']] if 'reshaped_input_sizes' in inputs else []
        masks = self.processor.post_process_masks(output.pred_masks.cpu(), *sizes)[0][0]  # (n,H,W)
        scores = output.iou_scores[0, 0].cpu()  # (n,)
        best = int(scores.argmax())
        mask = np.asarray(masks[best]) != 0
        score = float(scores[best].clamp(0, 1)) if mask.any() else 0.0
        return VisibleObject(encode_mask(mask), score)


def load_sam(model: str) -> tuple[Any, Any]:
    """Load a model and its processor.

    Args:
        model: Folder or name on the hub.

    Returns:
        Model and processor.

    Raises:
        ImportError, FileNotFoundError, ValueError: See :class:`SAMPromptSource`.
    """
    ensure_torchvision()
    try:
        from transformers import Sam2Model, Sam2Processor, SamModel, SamProcessor
        from transformers.configuration_utils import PretrainedConfig
    except ImportError as error:
        raise ImportError(
            f'SAMPromptSource needs transformers ({error}): {HOW_TO_INSTALL}'
        ) from error
    kinds = {
        'sam': (SamModel, SamProcessor),
        'sam2': (Sam2Model, Sam2Processor),
        'sam2_video': (Sam2Model, Sam2Processor),
    }
    local = Path(model).is_dir()
    try:
        content, _ = PretrainedConfig.get_config_dict(model, local_files_only=local)
        if not content:
            raise FileNotFoundError('there is no config.json')
        kind = content.get('model_type')
        if kind not in kinds:
            raise ValueError(
                f'{model} holds a model of type {kind!r}, expected one of {sorted(kinds)}'
            )
        classes = kinds[kind]
        return tuple(one.from_pretrained(model, local_files_only=local) for one in classes)
    except OSError as error:
        raise FileNotFoundError(
            f'Segment Anything cannot be read from {model} (expected a folder with config.json, '
            f'model.safetensors and preprocessor_config.json): fetch it with "{HOW_TO_FETCH}" '
            f'and give model=DIR ({str(error).splitlines()[0][:120]})'
        ) from error


def _pick(features: Any, number: int) -> Any:
    """The features of one picture of a batch: SAM has one map, SAM 2 several."""
    if isinstance(features, (list, tuple)):
        return [level[number : number + 1] for level in features]
    return features[number : number + 1]
