"""Runs a PromptSegmentor on pictures: the crops that it looks at, and what becomes of its masks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import nn

from c2fseg.evaluation.functional import mask_iou
from c2fseg.mask_sources.base_mask_source import VisibleObject
from c2fseg.mask_sources.colour_cut import cut_by_colour
from c2fseg.mask_sources.prompt_requests import PromptRequest
from c2fseg.structures import crop_and_resize, encode_mask, masks_to_boxes, paste_masks
from c2fseg.structures.prompts import draw_prompts, points_in_crop, square_window

# The recipe whose weights ship.
PROMPT_MODEL = 'prompt_general'
THRESHOLD = 0.5
# Side of the window about a box, as a multiple of its longer side, as in training on average.
ENLARGE = 1.5
# Windows about a click: the longer side of the picture, then ever smaller by this factor, down to
# this share of it, but to no less than so many pixels.
SCALE_STEP = 1.6
LEAST_SHARE = 0.05
LEAST_SIDE = 32
# A piece without a click is kept if it has at least this share of the largest one's pixels: what
# hides an object may cut it in two.
LEAST_PIECE = 0.1


@dataclass
class Candidate:
    """A crop that is looked at for an object, and what was found in it.

    Attributes:
        request: The object.
        window: int64 (4,) xyxy px.
        box: The box that the model is shown, where the user drew one.
        probability: (h, w) of the crop.
        score: Expected intersection over union.
    """

    request: PromptRequest
    window: np.ndarray
    box: np.ndarray | None
    probability: torch.Tensor | None = None
    score: float = 0.0

    def agreed_clicks(self) -> int:
        """How many clicks the mask agrees with."""
        assert self.probability is not None
        mask = self.probability > THRESHOLD
        size = (mask.shape[0], mask.shape[1])
        places = np.floor(points_in_crop(self.request.points, self.window, size)).astype(int)
        agreed = 0
        for (x, y), label in zip(places, self.request.points[:, 2]):
            inside = 0 <= x < size[1] and 0 <= y < size[0]
            agreed += int(bool(inside and mask[y, x]) == bool(label))
        return agreed


class PromptPredictor:
    """Finds the visible masks of objects that were clicked or boxed.

    With a box, one crop about it is looked at. A click does not tell how large the object is: crops
    of several scales about it are looked at together, and the mask that agrees best with those of
    all other scales is taken (what the model expects of its own masks tells less); then a crop
    about what was found there. The edge of a mask is laid where the colours change
    (:func:`cut_by_colour`).

    Args:
        weights: Checkpoint of the recipe ``prompt_general`` or ``prompt_shapes``; None takes the
            weights that ship.
        device: Where the model runs; None takes the GPU when there is one.
        crops_at_once: Crops that the model sees at once.

    Raises:
        CheckpointError: The weights cannot be used.
        ValueError: This machine has no such device.
    """

    def __init__(
        self,
        weights: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        crops_at_once: int = 32,
    ) -> None:
        # Here, because the inferencer, which lies beside init_model, imports the mask sources.
        from c2fseg.apis.init_model import init_model
        from c2fseg.apis.model_files import find_config, find_weights

        config = find_config(PROMPT_MODEL)
        weights = find_weights(config) if weights is None else weights
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model: nn.Module = init_model(config, weights, device)
        self.crop_size = (self.model.cfg.crop_size, self.model.cfg.crop_size)
        self.crops_at_once = crops_at_once

    @torch.inference_mode()
    def find(self, requests: Sequence[PromptRequest]) -> list[VisibleObject]:
        """Find objects.

        Args:
            requests: The objects, of any pictures.

        Returns:
            One object each, in their order; the mask is empty where nothing was found.
        """
        first = [list(_first_candidates(request)) for request in requests]
        self._look([one for several in first for one in several])
        best = [self._sharpen(_most_agreed(several)) for several in first]
        again = {number: _closer(one) for number, one in enumerate(best) if one.box is None}
        closer = {number: one for number, one in again.items() if one is not None}
        self._look(list(closer.values()))
        for number, one in closer.items():
            if one.agreed_clicks() >= best[number].agreed_clicks():
                best[number] = self._sharpen(one)
        return [_visible_object(one) for one in best]

    def _look(self, candidates: Sequence[Candidate]) -> None:
        """Run the model on crops and fill in what it found."""
        for start in range(0, len(candidates), self.crops_at_once):
            batch = candidates[start : start + self.crops_at_once]
            crops = [self._crop(one) for one in batch]
            inputs = {
                'img': [image for image, _ in crops],
                'prompt': [prompt for _, prompt in crops],
            }
            inputs = self.model.data_preprocessor({'inputs': inputs})['inputs']
            found = self.model.find(inputs)
            for number, one in enumerate(batch):
                one.probability = found['visible'][number, 0].cpu()
                one.score = float(found['score'][number, 0])

    def _sharpen(self, one: Candidate) -> Candidate:
        """The mask with its edge at the colours' edges, unless it then agrees with fewer clicks."""
        assert one.probability is not None
        image = crop_and_resize(one.request.image, one.window, self.crop_size)
        cut = torch.from_numpy(cut_by_colour(image, one.probability.numpy()))
        sharp = replace(one, probability=cut)
        return sharp if sharp.agreed_clicks() >= one.agreed_clicks() else one

    def _crop(self, one: Candidate) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture uint8 (1,3,h,w) and prompt (1,2,h,w) of a crop."""
        image = crop_and_resize(one.request.image, one.window, self.crop_size)
        prompt = draw_prompts(one.box, one.request.points, one.window, self.crop_size)
        arrays = (np.ascontiguousarray(part.transpose(2, 0, 1)) for part in (image, prompt))
        picture, maps = (torch.from_numpy(part)[None] for part in arrays)
        return picture, maps


def _first_candidates(request: PromptRequest) -> Iterator[Candidate]:
    """The crop about the box, or crops of several scales about the clicks."""
    if request.box is not None:
        yield Candidate(request, _box_window(request.box, request.size), request.box)
        return
    clicks = request.clicks_on
    low, high = clicks.min(axis=0), clicks.max(axis=0) + 1
    longer = float(max(request.size))
    least = max(LEAST_SIDE, LEAST_SHARE * longer, 1.5 * float(max(high - low)))
    side = max(longer, least)
    while True:
        yield Candidate(request, square_window((low + high) / 2, side, request.size), None)
        side /= SCALE_STEP
        if side < least:
            return


def _most_agreed(candidates: Sequence[Candidate]) -> Candidate:
    """The crop whose mask fits most clicks, then best those of the other crops."""
    if len(candidates) == 1:
        return candidates[0]
    masks = [_paste(one) for one in candidates]
    agreement = np.array([[mask_iou(one, other) for other in masks] for one in masks])
    ranks = [
        (one.agreed_clicks(), float(row.sum()))
        for one, row in zip(candidates, np.where([[m.any()] for m in masks], agreement, 0))
    ]
    return candidates[ranks.index(max(ranks))]


def _closer(one: Candidate) -> Candidate | None:
    """A crop about what was found in another one; None where nothing was."""
    mask = _paste(one)
    if not mask.any():
        return None
    box = masks_to_boxes(mask).astype(np.float64)
    return Candidate(one.request, _box_window(box, one.request.size), None)


def _box_window(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    longer = float(max(box[2:] - box[:2]))
    return square_window((box[:2] + box[2:]) / 2, ENLARGE * longer, size)


def _visible_object(one: Candidate) -> VisibleObject:
    mask = _paste(one)
    return VisibleObject(encode_mask(mask), one.score if mask.any() else 0.0)


def _paste(one: Candidate) -> np.ndarray:
    """The mask of a crop, bool (H, W) at the size of the picture, without stray pieces."""
    assert one.probability is not None
    pasted = paste_masks(one.probability[None], one.window[None], one.request.size)[0]
    return keep_pieces(
        (pasted > THRESHOLD).numpy(), one.request.clicks_on, one.request.clicks_beside
    )


def keep_pieces(mask: np.ndarray, clicks_on: np.ndarray, clicks_beside: np.ndarray) -> np.ndarray:
    """Drop the pieces of a mask that are not the object.

    Args:
        mask: (H, W) bool.
        clicks_on: (P, 2) columns and rows of pixels on the object; pieces that hold one are kept.
        clicks_beside: (P, 2) of pixels beside it; other pieces that hold one are dropped.

    Returns:
        (H, W) bool: those pieces, and all others that are not small beside the largest.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    on = {int(labels[y, x]) for x, y in clicks_on}
    beside = {int(labels[y, x]) for x, y in clicks_beside} - on
    keep = areas >= LEAST_PIECE * areas.max()
    keep[list(on)] = True
    keep[list(beside)] = False
    keep[0] = False
    return keep[labels]
