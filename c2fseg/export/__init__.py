"""Models outside of this library: the predict path as ONNX or torch.export files, and a runtime.

``OnnxC2FSeg`` needs numpy, OpenCV and onnxruntime, and no torch; everything else here writes its
files and is imported where it is needed.
"""

from c2fseg.export.onnx_runtime import OnnxC2FSeg

__all__ = ['OnnxC2FSeg']
