"""Image encoders: four feature maps from the crop around an object."""

from c2fseg.models.backbones.light_encoder import LightEncoder
from c2fseg.models.backbones.resnet import ResNet

__all__ = ['LightEncoder', 'ResNet']
