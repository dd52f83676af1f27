"""What the page says, and how it looks."""

from __future__ import annotations

from html import escape

from c2fseg.web.uploads import UploadLimits
from c2fseg.web.workbench import Workbench

# What the page does with a click: its value, and what the choice says.
MODES = {
    'click': 'Click',
    'box': 'Box (2 corners)',
    'on': 'Add to selected',
    'beside': 'Cut from selected',
}
OBJECTS_LABEL = 'Objects - click a row to select it'
GUESSES_LABEL = 'Guesses of the selected object, most likely first - click one to show it'
GRAPH_LABEL = 'Who hides whom - arrows lead from front to back'
HEADERS = ['#', 'category', 'score', 'hidden', 'uncertainty']
TITLE = """# See the whole object
Pick a picture and click an object: the page marks its visible part and guesses the part that \
something else hides."""
FAILURE = 'Something went wrong here; the log of the server says more.'
NO_PICTURE = 'Pick a sample or upload a picture first; pictures are forgotten after a while.'
# Fits a desk's and a phone's screen; everything else is the theme's.
CSS = """
.gradio-container { max-width: 1320px !important; margin: 0 auto !important; }
#title h1 { margin: 0 0 4px; font-size: 1.5rem; }
#title p { margin: 0; opacity: 0.75; }
#canvas { min-height: 220px; }
#canvas img { width: 100%; max-height: 68vh; object-fit: contain; cursor: crosshair; }
#mode .wrap { gap: 6px; }
#mode label { padding: 6px 10px; }
#status p { margin: 0; padding: 8px 12px; border-radius: 8px; font-size: 0.95rem; }
#status .fine { background: rgba(33, 150, 243, 0.12); }
#status .wrong { background: rgba(229, 57, 53, 0.16); font-weight: 600; }
.caption p { margin: 0 0 -8px 2px; font-size: 0.85rem; opacity: 0.75; }
#note p { margin-bottom: 0; }
#samples .caption-label, #samples .grid-wrap { padding: 4px; }
@media (max-width: 720px) {
  .gradio-container, .gradio-container .main { width: 100% !important; min-width: 0 !important; }
  .gradio-container .main { padding: 12px !important; }
  .gradio-container .row, .gradio-container .column { min-width: 0 !important; max-width: 100%; }
  #objects { overflow-x: auto; }
  #samples .grid-container { grid-template-columns: repeat(3, 1fr) !important; }
  #samples, #samples .grid-wrap { height: auto !important; max-height: none !important; }
  #canvas img { max-height: 56vh; }
}
"""


def upload_label(limits: UploadLimits) -> str:
    """What the page says of uploads."""
    return f'Upload a picture, up to {limits.max_megabytes:g} MB'


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
    """A line of the page: news, or why something was not done."""
    role, kind = ('alert', 'wrong') if wrong else ('status', 'fine')
    return f'<p role="{role}" class="{kind}">{escape(text)}</p>'
