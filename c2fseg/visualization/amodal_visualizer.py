"""AmodalVisualizer: pictures of samples for the runner, the inferencer and people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from c2fseg.registry import VISUALIZERS
from c2fseg.visualization.clip_panels import draw_clip, spread_frames
from c2fseg.visualization.drawing import (
    HIDDEN_COLOR,
    TRUTH_COLOR,
    VISIBLE_COLOR,
    Color,
    DrawStyle,
    draw_object,
)
from c2fseg.visualization.image_io import safe_name, write_png
from c2fseg.visualization.panels import PanelObject, draw_objects, draw_picture

if TYPE_CHECKING:
    from c2fseg.structures import AmodalDataSample


@VISUALIZERS.register_module()
class AmodalVisualizer(Visualizer):
    """Draw amodal predictions so that they are read at a glance.

    The visible part is filled, the hidden part hatched in a second colour, the prediction has a
    solid outline and the truth a dashed one. Drawing is OpenCV on arrays; the figure that the
    base class holds is not touched.

    Args:
        name: Name of the instance.
        vis_backends: Where pictures and scalars go, see ``mmengine.visualization``.
        save_dir: Folder of the backends.
        visible_color: RGB of the visible part.
        hidden_color: RGB of the hidden part and of the outline of the prediction.
        truth_color: RGB of the outline of the truth.
        alpha: Opacity of the fill of the visible part.
        tile: Side of a tile of a panel, px.
        max_frames: A clip is drawn with at most this many frames, evenly spread.

    Raises:
        ValueError: ``tile``, ``max_frames`` or ``alpha`` is out of range.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        vis_backends: Sequence[dict] | dict | None = None,
        save_dir: str | None = None,
        visible_color: Sequence[int] = VISIBLE_COLOR,
        hidden_color: Sequence[int] = HIDDEN_COLOR,
        truth_color: Sequence[int] = TRUTH_COLOR,
        alpha: float = 0.6,
        tile: int = 224,
        max_frames: int = 8,
    ) -> None:
        if tile < 32 or max_frames < 1 or not 0 <= alpha <= 1:
            raise ValueError(
                'Expected tile >= 32, max_frames >= 1 and alpha in [0, 1], got '
                f'{tile}, {max_frames} and {alpha}'
            )
        super().__init__(name=name, vis_backends=vis_backends, save_dir=save_dir)
        self.style = DrawStyle(
            visible_color=_color(visible_color),
            hidden_color=_color(hidden_color),
            truth_color=_color(truth_color),
            alpha=alpha,
            tile=tile,
        )
        self.max_frames = max_frames

    def draw_amodal(
        self,
        image: np.ndarray,
        visible: np.ndarray,
        amodal: np.ndarray | None = None,
        truth: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw one object, or all objects of a picture, on it.

        Args:
            image: (H, W, 3) uint8 RGB.
            visible: (H, W), or (M, H, W) for several objects in colours of their own.
            amodal: Predicted whole objects, shaped as ``visible``.
            truth: (H, W) true whole object, for a single object only.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            ValueError: Shapes do not fit.
        """
        visible = np.asarray(visible)
        if amodal is not None and np.shape(amodal) != visible.shape:
            raise ValueError(
                f'visible has shape {visible.shape}, amodal {np.shape(amodal)}: expected the same'
            )
        if visible.ndim == 2:
            return draw_object(image, visible, amodal, truth, self.style)
        if truth is not None:
            raise ValueError('truth is drawn for a single object: give visible as (H, W)')
        wholes = [None] * len(visible) if amodal is None else list(amodal)
        items = [PanelObject(mask, whole) for mask, whole in zip(visible, wholes)]
        return draw_objects(image, items)

    def draw_panel(
        self,
        sample: AmodalDataSample,
        image: np.ndarray,
        visible: np.ndarray | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        frames: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Draw a sample: picture, visible, coarse, amodal, truth, and a legend.

        They lie side by side for a picture, and below each other for a clip, with a column for each
        frame that is shown.

        Args:
            sample: With ``pred_masks`` and, when known, ``gt_masks``, (T, H, W) each.
            image: (H, W, 3) or (T, H, W, 3) uint8 RGB, the whole picture or clip; with ``frames``
                the frames named there alone.
            visible: (T, H, W) or (H, W), the visible mask that was given; without it that of
                ``gt_masks``, then that of ``pred_masks``.
            draw_gt: Draw the truth when the sample has it.
            draw_pred: Draw the prediction when the sample has it.
            frames: Places in the clip to draw; None takes those of :meth:`choose_frames`.

        Returns:
            RGB picture.

        Raises:
            ValueError: The sample holds no mask to draw, or sizes do not fit.
        """
        pictures = image[None] if image.ndim == 3 else image
        truth = _masks(sample, 'gt_masks') if draw_gt else {}
        found = _masks(sample, 'pred_masks') if draw_pred else {}
        shown = visible
        for masks in (_masks(sample, 'gt_masks'), found):
            shown = masks.get('visible') if shown is None else shown
        if shown is None:
            raise ValueError(
                f'Sample {sample.get("sample_id", "?")} has neither gt_masks nor pred_masks: '
                'pack full masks in the pipeline or pass visible='
            )
        shown = shown[None] if shown.ndim == 2 else shown
        chosen = self.choose_frames(sample, len(shown)) if frames is None else list(frames)
        expected = len(shown) if frames is None else len(chosen)
        if len(pictures) != expected:
            raise ValueError(f'{len(pictures)} pictures for masks of {expected} frames')
        if frames is None:
            pictures = pictures[chosen]
        layers = {
            'amodal': found.get('amodal'),
            'coarse': found.get('coarse'),
            'truth': truth.get('amodal'),
        }
        items = []
        for frame in chosen:
            at_frame = {name: None if m is None else m[frame] for name, m in layers.items()}
            title = f'frame {_frame_number(sample, frame)}' if len(shown) > 1 else _title(sample)
            items.append(PanelObject(shown[frame], title=title, **at_frame))
        if len(shown) == 1:
            return self.draw_objects_panel(pictures, items)
        return draw_clip(list(pictures), items, _title(sample), self.style)

    def choose_frames(self, sample: AmodalDataSample, num_frames: int | None = None) -> list[int]:
        """Choose the frames of a clip that are drawn: evenly, without those that only fill it up.

        Args:
            sample: With ``frame_valid`` (T,) where not all frames are real.
            num_frames: T; None takes the length of ``frame_valid``, else of ``img_paths``.

        Returns:
            Places in the clip, at most ``max_frames``.
        """
        given = sample.get('frame_valid')
        if given is None:
            given = np.ones(num_frames or len(sample.get('img_paths')), bool)
        return spread_frames(np.flatnonzero(given).tolist() or [0], self.max_frames)

    def draw_objects_panel(
        self, image: np.ndarray, items: Sequence[PanelObject], overview: bool = False
    ) -> np.ndarray:
        """Draw several objects of a picture, a row each, with a legend.

        Args:
            image: (H, W, 3) uint8 RGB, or (M, H, W, 3) with a picture for every object.
            items: The M objects.
            overview: Put the picture and the overlay of all objects on top (one picture only).

        Returns:
            RGB picture.

        Raises:
            ValueError: Sizes do not fit.
        """
        return draw_picture(image, items, self.style, overview)

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: AmodalDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | os.PathLike | None = None,
        step: int = 0,
        frames: Sequence[int] | None = None,
    ) -> None:
        """Draw a sample into a file, a window or the backends.

        Args:
            name: Name of the picture; what file names do not bear becomes ``_``.
            image: (H, W, 3) or (T, H, W, 3) uint8 RGB.
            data_sample: The sample, see ``draw_panel``; without one the picture itself is kept.
            draw_gt: Draw the truth when there is one.
            draw_pred: Draw the prediction when there is one.
            show: Open a window.
            wait_time: Seconds that the window stays, 0 until a key.
            out_file: Write to this file in place of the backends.
            step: Step of the backends.
            frames: Places in the clip that ``image`` holds, see ``draw_panel``.
        """
        drawn = image if image.ndim == 3 else np.concatenate(list(image), axis=1)
        if data_sample is not None:
            drawn = self.draw_panel(
                data_sample, image, draw_gt=draw_gt, draw_pred=draw_pred, frames=frames
            )
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_png(out_file, drawn)
        else:
            self.add_image(safe_name(name), drawn, step)


def _color(color: Sequence[int]) -> Color:
    if len(color) != 3 or not all(0 <= int(value) <= 255 for value in color):
        raise ValueError(f'Expected an RGB colour of three numbers in 0..255, got {color}')
    red, green, blue = (int(value) for value in color)
    return red, green, blue


def _masks(sample: Any, field: str) -> dict[str, np.ndarray]:
    """The masks of a PixelData field as (T, H, W) bool arrays, empty when it is absent."""
    if field not in sample:
        return {}
    return {name: mask.cpu().numpy() > 0.5 for name, mask in sample.get(field).items()}


def _title(sample: Any) -> str:
    category = sample.get('category')
    return str(sample.get('sample_id', '')) + (f' {category}' if category else '')


def _frame_number(sample: Any, place: int) -> int:
    """The number in its video of the frame at a place in the clip."""
    numbers = sample.get('frame_indices')
    return place if numbers is None else int(numbers[place])
