"""Reads data sets whole and says what is wrong with them, without stopping anywhere."""

from .duplicates import duplicate_objects, duplicate_pictures
from .gather import Split, SplitData, gather_split
from .histogram import draw_hidden_shares
from .summary import count_kinds, summarise
from .text_report import findings_text, histogram_lines, split_text

__all__ = [
    'Split',
    'SplitData',
    'count_kinds',
    'draw_hidden_shares',
    'duplicate_objects',
    'duplicate_pictures',
    'findings_text',
    'gather_split',
    'histogram_lines',
    'split_text',
    'summarise',
]
