"""From a collated batch to tensors on the device of the model."""

from c2fseg.models.data_preprocessors.amodal_data_preprocessor import AmodalDataPreprocessor

__all__ = ['AmodalDataPreprocessor']
