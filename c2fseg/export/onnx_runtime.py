"""Runs an exported model with onnxruntime; torch is not needed.

from c2fseg.export import OnnxC2FSeg

model = OnnxC2FSeg('outputs/general_onnx')
found = model.complete(image, visible_masks)  # (H, W, 3) uint8 RGB, (M, H, W)
found['amodal_masks']  # (M, H, W) bool
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from c2fseg.export.manifest import read_manifest
from c2fseg.export.object_crops import check_objects, cut_object, paste_mask
from c2fseg.export.token_decoding import decode_tokens, object_seed
from c2fseg.utils.hashing import sample_name
from c2fseg.utils.windows import array_boxes


def import_onnxruntime() -> ModuleType:
    """The module onnxruntime.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            'Running an exported model needs onnxruntime, which is not installed: '
            "`pip install 'c2fseg[export]'`, or `pip install onnxruntime` alone to run and not "
            'to export.'
        ) from error
    return onnxruntime


class OnnxC2FSeg:
    """Completes objects with the three ONNX files of an exported C2FSeg.

    The same seed gives the tokens that the model itself decodes on a CPU.

    Args:
        folder: Folder that ``tools/model_converters/export_onnx.py`` wrote.
        threads: CPU threads; None leaves the choice to onnxruntime.
        providers: Execution providers of onnxruntime, the first that knows an operator runs it.

    Raises:
        FileNotFoundError: The folder or one of its files is missing.
        ExportError: The folder holds another thing.
        ImportError: onnxruntime is not installed.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        threads: int | None = None,
        providers: Sequence[str] = ('CPUExecutionProvider',),
    ) -> None:
        self.manifest = read_manifest(folder, 'onnx')
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        self._sessions = {
            name: runtime.InferenceSession(
                str(Path(folder) / part['file']), options, providers=list(providers)
            )
            for name, part in self.manifest.parts.items()
        }

    def complete(
        self, image: np.ndarray, visible_masks: Any, seed: int | None = None, batch_size: int = 8
    ) -> dict[str, np.ndarray]:
        """Complete the objects of a picture.

        The result of an object depends on the picture, its mask and the seed alone.

        Args:
            image: (H, W, 3) uint8 RGB.
            visible_masks: (M, H, W) or (H, W), the visible part of each object: 0 outside and one
                other value inside.
            seed: Seed of the decoding; None takes that of the config.
            batch_size: Objects that go through the graphs at once, where their number is free.

        Returns:
            ``amodal_masks`` and ``coarse_masks`` (M, H, W) bool, ``scores`` (M,) float32 (mean
            probability inside the amodal mask), ``boxes`` (M, 4) int64 of the amodal masks, xyxy
            with exclusive ends, and ``occlusion_rates`` (M,), the share of each object that is
            hidden.

        Raises:
            TypeError, ValueError: Picture and masks are not of the form above.
        """
        masks = np.asarray(visible_masks)
        masks = masks[None] if masks.ndim == 2 else masks
        masks = masks[:, None] if masks.ndim == 3 else masks  # (M,1,H,W)
        frames = image[None] if isinstance(image, np.ndarray) else image
        found = self.complete_clip(frames, masks, seed, batch_size)
        return {name: value[:, 0] for name, value in found.items()}

    def complete_clip(
        self, frames: np.ndarray, visible_masks: Any, seed: int | None = None, batch_size: int = 1
    ) -> dict[str, np.ndarray]:
        """Complete the tracked objects of a clip of as many frames as the export was made for.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            visible_masks: (M, T, H, W); empty in frames that hide an object, not in all.
            seed: Seed of the decoding; None takes that of the config.
            batch_size: Objects that go through the graphs at once, where their number is free.

        Returns:
            As :meth:`complete`, each with an axis of T behind M.

        Raises:
            TypeError, ValueError: Frames and masks are not of the form above.
        """
        visible = check_objects(frames, visible_masks, self.manifest.num_frames)
        seed = self.manifest.seed if seed is None else seed
        size = (visible.shape[2], visible.shape[3])
        amodal, coarse = np.zeros(visible.shape, bool), np.zeros(visible.shape, bool)
        scores = np.zeros(visible.shape[:2], np.float32)
        step = self.manifest.batch_size or batch_size
        for start in range(0, len(visible), step):
            rows = range(start, min(start + step, len(visible)))
            cuts = [cut_object(frames, visible[row], self.manifest) for row in rows]
            found = self.complete_crops(
                np.stack([cut[0] for cut in cuts]),
                np.stack([cut[1] for cut in cuts]),
                [object_seed(seed, sample_name(visible[row])) for row in rows],
            )
            for place, row in enumerate(rows):
                crops = {name: masks[place] for name, masks in found.items()}
                scores[row] = [_score(frame) for frame in crops['amodal']]
                amodal[row], coarse[row] = self._paste(crops, cuts[place][2], size)
        whole = np.count_nonzero(amodal | (visible != 0), axis=(2, 3))
        seen = np.count_nonzero(visible, axis=(2, 3))
        return dict(
            amodal_masks=amodal,
            coarse_masks=coarse,
            scores=scores,
            boxes=array_boxes(amodal),
            occlusion_rates=1 - seen / np.maximum(whole, 1),
        )

    def _paste(
        self, crops: dict[str, np.ndarray], windows: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Amodal and coarse masks (T,H,W) from the probabilities (T,h,w) of an object."""
        coarse, amodal = crops['coarse'], crops['amodal']
        amodal = amodal + coarse if self.manifest.fuse_coarse else amodal
        threshold = self.manifest.threshold
        pasted = [
            np.stack([paste_mask(*pair, size, threshold) for pair in zip(frames, windows)])
            for frames in (amodal, coarse)
        ]
        return pasted[0], pasted[1]

    def complete_crops(
        self, img: np.ndarray, visible_mask: np.ndarray, seeds: Sequence[int]
    ) -> dict[str, np.ndarray]:
        """Complete objects inside their crops, the twin of ``C2FSeg.complete``.

        Args:
            img: (N,T,3,h,w) uint8.
            visible_mask: (N,T,1,h,w) float32 of 0 and 1.
            seeds: One for the noise of each object.

        Returns:
            ``tokens`` (N,T,L) int64 and the probabilities ``coarse``, ``visible`` and ``amodal``,
            each (N,T,h,w) float32.

        Raises:
            ValueError: The inputs do not have these shapes.
        """
        count = self._check_crops(img, visible_mask, seeds)
        fixed = self.manifest.batch_size
        if fixed is not None and count < fixed:  # the last object stands in for what is missing
            fill = [*range(count), *[count - 1] * (fixed - count)]
            img, visible_mask = img[fill], visible_mask[fill]
            seeds = [seeds[row] for row in fill]
        values = self.run('encoder', {'img': img, 'visible_mask': visible_mask})
        values['visible_mask'] = visible_mask

        def predict_logits(tokens: np.ndarray) -> np.ndarray:
            values['tokens'] = tokens
            values.update(self.run('step', values))
            return values['logits']

        values['tokens'] = decode_tokens(
            predict_logits,
            values['visible_tokens'].shape,
            self.manifest.codebook_size,
            self.manifest.decoding,
            seeds,
        )
        masks = self.run('decoder', values)
        return {name: value[:count] for name, value in dict(masks, tokens=values['tokens']).items()}

    def run(self, part: str, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run one graph.

        Args:
            part: ``encoder``, ``step`` or ``decoder``.
            values: Its inputs by name; others are left alone.

        Returns:
            Its outputs by name.
        """
        names = self.manifest.parts[part]
        inputs = {name: np.ascontiguousarray(values[name]) for name in names['inputs']}
        outputs = self._sessions[part].run(names['outputs'], inputs)
        return dict(zip(names['outputs'], outputs))

    def _check_crops(self, img: np.ndarray, visible_mask: np.ndarray, seeds: Sequence[int]) -> int:
        """The number of objects N, when the shapes fit."""
        frames, (h, w) = self.manifest.num_frames, self.manifest.mask_size
        count = len(seeds)
        expected = ((count, frames, 3, h, w), (count, frames, 1, h, w))
        if (img.shape, visible_mask.shape) != expected:
            raise ValueError(
                f'For {count} seeds, img and visible_mask must have the shapes {expected[0]} and '
                f'{expected[1]}, got {img.shape} and {visible_mask.shape}'
            )
        fixed = self.manifest.batch_size
        if fixed is not None and count > fixed:
            raise ValueError(
                f'This model was exported for {fixed} object(s) at a time, got {count}: export it '
                'again without --batch-size'
            )
        return count


def _score(probability: np.ndarray) -> float:
    """Mean probability inside a mask (h,w), 0 where it is empty."""
    inside = probability > 0.5
    return float(probability[inside].mean()) if inside.any() else 0.0
