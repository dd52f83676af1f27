"""One object over T frames, as it travels from the pipeline through the model to the metric."""

from __future__ import annotations

from mmengine.structures import BaseDataElement, InstanceData, PixelData


class AmodalDataSample(BaseDataElement):
    """The ground truth and the predictions of one object.

    The pipeline writes ``gt_*``, the model writes ``pred_*``. Shapes are given without a batch
    dimension: T frames (1 for an image), (h, w) the crop, (H, W) the image.

    Attributes:
        gt_crop_masks (PixelData): ``visible`` and ``amodal``, float32 (T, h, w) of 0 and 1; for
            tokenizer training ``target`` instead.
        gt_masks (PixelData): ``visible``, ``amodal`` and ``evaluable`` (the pixels that count),
            bool (T, H, W). Packed for validation and test only.
        input_masks (PixelData): ``visible``, bool (T, H, W): what the model was given, where it is
            not the true visible mask. Packed for validation and test only.
        pred_crop_masks (PixelData): ``coarse``, ``visible``, ``amodal`` probabilities, (T, h, w).
        pred_masks (PixelData): ``coarse``, ``visible`` and ``amodal``, bool (T, H, W).
        pred_hypotheses (InstanceData): n guesses of the amodal mask, the first that of
            ``pred_masks``: ``masks`` bool (n, T, H, W), ``crops`` probabilities (n, T, h, w) and
            ``scores`` (n,), which sum to 1; meta information ``uncertainty`` in [0, 1]. Only where
            the model was asked for several.

    Meta information: ``sample_id``, ``image_id``, ``annotation_id``, ``category_id``, ``category``,
    ``img_paths`` (T file names), ``ori_shape`` (H, W), ``crop_boxes`` (T, 4) int64 xyxy in pixels
    with exclusive ends, ``crop_size`` (h, w), ``frame_valid`` (T,) bool (False for frames that only
    fill up a clip), ``frame_counted`` (T,) bool (frames that count in video scores),
    ``frame_indices`` (T,) (their numbers in the video), ``occlusion_rate`` (1 - visible area /
    amodal area).

    Raises:
        TypeError: When a field is set to something other than the type named here.
    """

    def _set(self, name: str, value: PixelData) -> None:
        if not isinstance(value, PixelData):
            raise TypeError(
                f'AmodalDataSample.{name} expects a PixelData, got {type(value).__name__}; '
                f'wrap the masks: PixelData(amodal=mask of shape (T, H, W))'
            )
        self.set_field(value, f'_{name}', dtype=PixelData)

    @property
    def gt_crop_masks(self) -> PixelData:
        """True masks inside the crop, (T, h, w)."""
        return self._gt_crop_masks

    @gt_crop_masks.setter
    def gt_crop_masks(self, value: PixelData) -> None:
        self._set('gt_crop_masks', value)

    @gt_crop_masks.deleter
    def gt_crop_masks(self) -> None:
        del self._gt_crop_masks

    @property
    def gt_masks(self) -> PixelData:
        """True masks at image size, (T, H, W)."""
        return self._gt_masks

    @gt_masks.setter
    def gt_masks(self, value: PixelData) -> None:
        self._set('gt_masks', value)

    @gt_masks.deleter
    def gt_masks(self) -> None:
        del self._gt_masks

    @property
    def input_masks(self) -> PixelData:
        """The visible mask that the model was given in place of the true one, (T, H, W)."""
        return self._input_masks

    @input_masks.setter
    def input_masks(self, value: PixelData) -> None:
        self._set('input_masks', value)

    @input_masks.deleter
    def input_masks(self) -> None:
        del self._input_masks

    @property
    def pred_crop_masks(self) -> PixelData:
        """Predicted probabilities inside the crop, (T, h, w)."""
        return self._pred_crop_masks

    @pred_crop_masks.setter
    def pred_crop_masks(self, value: PixelData) -> None:
        self._set('pred_crop_masks', value)

    @pred_crop_masks.deleter
    def pred_crop_masks(self) -> None:
        del self._pred_crop_masks

    @property
    def pred_masks(self) -> PixelData:
        """Predicted masks at image size, (T, H, W)."""
        return self._pred_masks

    @pred_masks.setter
    def pred_masks(self, value: PixelData) -> None:
        self._set('pred_masks', value)

    @pred_masks.deleter
    def pred_masks(self) -> None:
        del self._pred_masks

    @property
    def pred_hypotheses(self) -> InstanceData:
        """Several guesses of the amodal mask, n entries."""
        return self._pred_hypotheses

    @pred_hypotheses.setter
    def pred_hypotheses(self, value: InstanceData) -> None:
        if not isinstance(value, InstanceData):
            raise TypeError(
                'AmodalDataSample.pred_hypotheses expects an InstanceData, got '
                f'{type(value).__name__}; give masks (n, T, H, W), crops (n, T, h, w), scores (n,)'
            )
        self.set_field(value, '_pred_hypotheses', dtype=InstanceData)

    @pred_hypotheses.deleter
    def pred_hypotheses(self) -> None:
        del self._pred_hypotheses
