"""c2fseg: amodal segmentation. Given the visible part of an object, find the whole of it.

Importing the package is silent and cheap: it checks that its two foundations, mmengine and mmcv,
are there in versions that fit, and loads no model code.
"""

from __future__ import annotations

from c2fseg.utils.dependencies import check_mmcv, check_mmengine
from c2fseg.utils.torchvision_compat import install_torchvision_hook
from c2fseg.version import __version__

check_mmengine()
check_mmcv()
install_torchvision_hook()

__all__ = ['__version__']
