"""Amodal training data from ordinary instance masks: whole objects, hidden behind real ones."""

from .blending import paste_behind, paste_in_front
from .cut_outs import CutOut, cut_out, turn_cut_out
from .placement import Placement, draw_placement, hidden_shares
from .whole_objects import WholeObjectRules, contact_share, main_piece_share, touches_border

__all__ = [
    'CutOut',
    'Placement',
    'WholeObjectRules',
    'contact_share',
    'cut_out',
    'draw_placement',
    'hidden_shares',
    'main_piece_share',
    'paste_behind',
    'paste_in_front',
    'touches_border',
    'turn_cut_out',
]
