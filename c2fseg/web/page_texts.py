"""What the page says, and how it looks."""

from __future__ import annotations

from html import escape

from c2fseg.web.workbench import Workbench

# What the page does with a click: its value, and what the choice says.
MODES = {
    'click': 'Click an object',
    'box': 'Box: two corners',
    'on': 'Add to selected',
    'beside': 'Remove from selected',
}
HEADERS = ['#', 'category', 'score', 'hidden', 'uncertainty']
TITLE = """# See the whole object
Pick a picture and click an object: the page marks its visible part and guesses the part that \
something else hides."""
FAILURE = 'Something went wrong here; the log of the server says more.'
NO_PICTURE = 'Pick a sample or upload a picture first; pictures are forgotten after a while.'
# Fits a desk's and a phone's screen; everything else is the theme's.
CSS = """
.gradio-container { max-width: 1360px !important; margin: 0 auto !important; }
#title h1 { margin: 0 0 4px; font-size: 1.5rem; }
#title p { margin: 0; opacity: 0.75; }
#canvas img { width: 100%; max-height: 72vh; object-fit: contain; cursor: crosshair; }
#canvas { min-height: 240px; }
#mode .wrap { gap: 6px; }
#status p { margin: 0; padding: 8px 12px; border-radius: 8px; font-size: 0.95rem; }
#status .fine { background: rgba(33, 150, 243, 0.12); }
#status .wrong { background: rgba(229, 57, 53, 0.16); font-weight: 600; }
.hint { opacity: 0.7; font-size: 0.9rem; margin: 0; }
.caption { font-size: 0.85rem; opacity: 0.75; margin: 0; }
#graph-box { padding: 10px 12px; }
#graph { text-align: center; min-height: 40px; }
#graph svg { max-height: 320px; }
#samples .grid-container { padding: 4px; }
@media (max-width: 720px) {
  #samples .grid-container { grid-template-columns: repeat(3, 1fr) !important; }
  #canvas img { max-height: 60vh; }
}
"""


def table_rows(bench: Workbench) -> list[list[str]]:
    """The table: one row an object."""
    rows = []
    for place, one in enumerate(bench.objects):
        mark = '▸ ' if place == bench.selected else ''
        unsure = '-' if one.uncertainty is None else f'{one.uncertainty:.2f}'
        share = f'{100 * one.hidden_share():.0f} %'
        rows.append([f'{mark}{place + 1}', one.category or '-', f'{one.score:.2f}', share, unsure])
    return rows


def describe_bench(bench: Workbench) -> str:
    """A sentence on what there is, or what to do next."""
    current = bench.current
    if current is None or bench.selected is None:
        return 'Click an object, or draw a box around it.'
    share = 100 * current.hidden_share()
    return f'Object {bench.selected + 1}: {share:.0f} % of the whole is hidden.'


def status_text(text: str, wrong: bool = False) -> str:
    role, kind = ('alert', 'wrong') if wrong else ('status', 'fine')
    return f'<p role="{role}" class="{kind}">{escape(text)}</p>'
