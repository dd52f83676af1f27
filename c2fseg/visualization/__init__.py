"""Pictures: overlays, panels and the visualizer that writes them."""

from __future__ import annotations

from c2fseg.visualization.amodal_visualizer import AmodalVisualizer
from c2fseg.visualization.clip_panels import draw_clip
from c2fseg.visualization.comparison import (
    ComparedClip,
    ComparedFrame,
    draw_clip_comparison,
    draw_comparison,
)
from c2fseg.visualization.drawing import DrawStyle, draw_object, draw_outline
from c2fseg.visualization.image_io import write_png
from c2fseg.visualization.order_graph import draw_order, draw_order_graph
from c2fseg.visualization.panels import (
    PanelObject,
    draw_legend,
    draw_object_row,
    draw_objects,
    draw_picture,
)
from c2fseg.visualization.video_writers import open_writer

__all__ = [
    'AmodalVisualizer',
    'ComparedClip',
    'ComparedFrame',
    'DrawStyle',
    'PanelObject',
    'draw_clip',
    'draw_clip_comparison',
    'draw_comparison',
    'draw_legend',
    'draw_object',
    'draw_object_row',
    'draw_objects',
    'draw_order',
    'draw_order_graph',
    'draw_outline',
    'draw_picture',
    'open_writer',
    'write_png',
]
