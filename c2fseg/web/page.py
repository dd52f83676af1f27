"""The page itself: its parts, and what happens when they are used. The only file with gradio.

Gradio reads from annotations what a handler wants of a request, so it is imported here at the top;
nothing but the demo imports this module.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mmengine.logging import print_log

from c2fseg.datasets.image_io import read_rgb
from c2fseg.visualization.order_graph import draw_order_graph
from c2fseg.web.canvas import PARTS, draw_canvas, draw_thumbnail, object_color, zoom_of
from c2fseg.web.downloads import write_masks
from c2fseg.web.guard import Guard
from c2fseg.web.page_options import PageOptions
from c2fseg.web.page_texts import (
    CSS,
    FAILURE,
    HEADERS,
    MODES,
    NO_PICTURE,
    TITLE,
    describe_bench,
    status_text,
    table_rows,
)
from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.temp_folder import TempFolder
from c2fseg.web.uploads import UploadError, fit_side, read_upload
from c2fseg.web.workbench import Completer, Workbench, WorkError

try:
    import gradio as gr
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
except ImportError as error:
    raise ImportError(
        'The web page needs gradio, which is not installed: `pip install "c2fseg[demo]"`, or '
        '`make web` in the repository.'
    ) from error

GRAPH_SIDE = 320


class Page:
    """Builds the page and answers it.

    Args:
        completer: Finds and completes objects.
        folder: Where files are put.
        options: How the page behaves.
    """

    def __init__(self, completer: Completer, folder: TempFolder, options: PageOptions) -> None:
        self.completer = completer
        self.folder = folder
        self.options = options
        self.runs = RateLimiter(options.runs_per_minute)
        self.blocks = gr.Blocks(
            title='c2fseg', analytics_enabled=False, delete_cache=(60, int(folder.max_age))
        )
        with self.blocks:
            self._lay_out()
            self._connect()
        self.blocks.queue(max_size=options.queue, default_concurrency_limit=1)

    def launch(self, host: str, port: int, allowed_hosts: list[str]) -> None:
        """Serve the page until the process is told to stop.

        Args:
            host: Address to listen at.
            port: Its port.
            allowed_hosts: Names by which browsers may call the server; ``['*']`` for any.

        Raises:
            OSError: The port is taken.
        """
        limiter = RateLimiter(self.options.requests_per_minute)
        max_bytes = self.options.upload.max_bytes
        middleware = [
            Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts, www_redirect=False),
            Middleware(Guard, self.folder, limiter, max_bytes),
        ]
        system = ['system-ui', 'sans-serif']  # the machine's own: no font is fetched from anywhere
        theme = gr.themes.Soft(font=system, font_mono=['ui-monospace', 'monospace'])
        self.blocks.launch(
            prevent_thread_lock=True,
            server_name=host,
            server_port=port,
            theme=theme,
            css=CSS,
            share=False,
            show_error=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            quiet=True,
            allowed_paths=[],
            max_file_size=max_bytes,
            state_session_capacity=self.options.sessions,
            app_kwargs={'middleware': middleware, 'docs_url': None, 'redoc_url': None},
        )
        self.folder.keep_all()  # the samples' thumbnails
        print(f'The page is at {self.blocks.local_url} - Ctrl+C ends it.', flush=True)
        try:
            self.blocks.block_thread()
        finally:
            self.blocks.close(verbose=False)

    # --- layout -------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Place the parts."""
        self.bench = gr.State(None, time_to_live=self.options.session_seconds)
        gr.Markdown(TITLE, elem_id='title')
        with gr.Row(elem_id='sources'):
            limits = self.options.upload
            label = f'Upload a picture (up to {limits.max_megabytes:g} MB)'
            self.upload = gr.File(
                label=label, type='binary', file_types=['image'], height=132, elem_id='upload'
            )
            names = [str(path) for path in self.options.samples]
            self.samples = gr.Gallery(
                names,
                label='Samples',
                columns=6,
                rows=1,
                height=132,
                allow_preview=False,
                interactive=False,
                object_fit='cover',
                buttons=[],
                elem_id='samples',
                scale=2,
            )
        with gr.Row(elem_id='work'):
            with gr.Column(scale=3, min_width=320):
                self._lay_out_picture()
            with gr.Column(scale=2, min_width=320):
                self._lay_out_results()

    def _lay_out_picture(self) -> None:
        choices = [(text, value) for value, text in MODES.items()]
        self.mode = gr.Radio(choices, value='click', show_label=False, elem_id='mode')
        self.canvas = gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            elem_id='canvas',
            placeholder='Pick a sample or upload a picture',
            alt_text='The picture with its objects',
        )
        self.status = gr.Markdown(status_text(NO_PICTURE), elem_id='status')
        with gr.Row():
            self.opacity = gr.Slider(
                0, 100, value=60, step=5, label='Opacity, %', elem_id='opacity', min_width=200
            )
            self.parts = gr.CheckboxGroup(
                list(PARTS), value=list(PARTS), label='Show', elem_id='parts', min_width=200
            )
        with gr.Row():
            off = bool(self.options.detector_note)
            self.detect = gr.Button(
                'Find all objects', variant='primary', interactive=not off, elem_id='detect'
            )
            self.remove = gr.Button('Remove selected', elem_id='remove')
            self.clear = gr.Button('Clear', elem_id='clear')
        if off:
            gr.Markdown(self.options.detector_note, elem_id='note')

    def _lay_out_results(self) -> None:
        self.objects = gr.Dataframe(
            headers=HEADERS,
            label='Objects; click a row to select it',
            interactive=False,
            buttons=[],
            elem_id='objects',
            max_height=240,
        )
        most = self.completer.max_hypotheses
        self.number = gr.Slider(
            1,
            max(2, most),
            value=min(4, most),
            step=1,
            label='Guesses for each object',
            interactive=most > 1,
            elem_id='number',
        )
        self.guesses = gr.Gallery(
            label='Guesses of the selected object; click one to show it',
            columns=4,
            height=190,
            allow_preview=False,
            interactive=False,
            object_fit='contain',
            buttons=[],
            elem_id='guesses',
        )
        self.graph = gr.Image(
            label='Who hides whom: arrows lead from front to back',
            interactive=False,
            buttons=[],
            height=220,
            placeholder='Appears once one object hides a part of another.',
            elem_id='graph',
        )
        self.download = gr.DownloadButton(
            'Download masks (PNG and RLE)', interactive=False, elem_id='download'
        )

    # --- events -------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Say what answers which part."""
        look = [self.opacity, self.parts]
        self._on(self.upload.upload, self.open_upload, [self.upload, *look], 'model')
        self._on(self.samples.select, self.open_sample, look, 'model')
        self._on(self.canvas.select, self.click, [self.mode, self.number, *look], 'model')
        self._on(self.detect.click, self.find_all, [self.number, *look], 'model')
        self._on(self.objects.select, self.select_object, look, 'look')
        self._on(self.guesses.select, self.select_guess, look, 'look')
        self._on(self.remove.click, self.remove_selected, look, 'look')
        self._on(self.clear.click, self.clear_all, look, 'look')
        for part in (self.opacity, self.parts):
            self._on(part.change, self.redraw, look, 'look', 'always_last')

    def _on(
        self,
        event: Callable[..., Any],
        handler: Callable[..., Any],
        inputs: list[Any],
        group: str,
        trigger_mode: Any = 'once',
    ) -> None:
        """Connect an event; model runs wait in one line, looks in another, faster one."""
        outputs = [self.bench, self.upload, self.canvas, self.status, self.objects, self.guesses]
        event(
            handler,
            [self.bench, *inputs],
            [*outputs, self.graph, self.download],
            concurrency_id=group,
            concurrency_limit=1 if group == 'model' else 4,
            trigger_mode=trigger_mode,
            show_progress='minimal',
            show_progress_on=self.canvas,
            api_visibility='private',
        )

    def open_upload(
        self,
        bench: Workbench | None,
        content: bytes,
        opacity: float,
        parts: list[str],
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Take an uploaded picture."""

        def work() -> Workbench:
            self._count(request)
            return Workbench(read_upload(content, self.options.upload), 'upload')

        return self._open(work, opacity, parts)

    def open_sample(
        self,
        bench: Workbench | None,
        opacity: float,
        parts: list[str],
        picked: gr.SelectData,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Take a picture that ships."""

        def work() -> Workbench:
            self._count(request)
            if picked.index not in range(len(self.options.samples)):
                raise WorkError('There is no such sample.')
            path = self.options.samples[picked.index]
            image = fit_side(read_rgb(str(path)), self.options.upload.work_side)
            return Workbench(image, path.stem)

        return self._open(work, opacity, parts)

    def click(
        self,
        bench: Workbench | None,
        mode: str,
        number: int,
        opacity: float,
        parts: list[str],
        at: gr.SelectData,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Answer a click into the picture."""

        def work(bench: Workbench) -> str:
            self._count(request)
            zoom = zoom_of(bench.image)
            x, y = (float(value) // zoom for value in at.index)
            if mode == 'click':
                self.completer.add_click(bench, x, y, int(number))
            elif mode == 'box':
                self.completer.add_corner(bench, x, y, int(number))
                if bench.corner is not None:
                    return 'Now click the opposite corner.'
            else:
                self.completer.correct(bench, x, y, int(mode == 'on'), int(number))
            return describe_bench(bench)

        return self._answer(bench, work, opacity, parts)

    def find_all(
        self,
        bench: Workbench | None,
        number: int,
        opacity: float,
        parts: list[str],
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Let the detector find all objects."""

        def work(bench: Workbench) -> str:
            self._count(request)
            found = self.completer.detect(bench, int(number))
            return f'{found} objects were found. {describe_bench(bench)}'

        return self._answer(bench, work, opacity, parts)

    def select_object(
        self, bench: Workbench | None, opacity: float, parts: list[str], picked: gr.SelectData
    ) -> dict[Any, Any]:
        """Select the object of a row."""

        def work(bench: Workbench) -> str:
            bench.select(int(picked.index[0]))
            return describe_bench(bench)

        return self._answer(bench, work, opacity, parts)

    def select_guess(
        self, bench: Workbench | None, opacity: float, parts: list[str], picked: gr.SelectData
    ) -> dict[Any, Any]:
        """Show another guess of the selected object."""

        def work(bench: Workbench) -> str:
            bench.choose(int(picked.index))
            return describe_bench(bench)

        return self._answer(bench, work, opacity, parts)

    def remove_selected(
        self, bench: Workbench | None, opacity: float, parts: list[str]
    ) -> dict[Any, Any]:
        """Take the selected object away."""

        def work(bench: Workbench) -> str:
            bench.remove_selected()
            return describe_bench(bench)

        return self._answer(bench, work, opacity, parts)

    def clear_all(
        self, bench: Workbench | None, opacity: float, parts: list[str]
    ) -> dict[Any, Any]:
        """Take all objects away."""

        def work(bench: Workbench) -> str:
            bench.clear()
            return describe_bench(bench)

        return self._answer(bench, work, opacity, parts)

    def redraw(self, bench: Workbench | None, opacity: float, parts: list[str]) -> dict[Any, Any]:
        """Draw the picture anew; no model runs."""
        if bench is None:
            return {self.status: status_text(NO_PICTURE)}
        with bench.lock:
            return {self.canvas: draw_canvas(bench, _share(opacity), parts)}

    # --- answers ------------------------------------------------------------------------------

    def _count(self, request: gr.Request) -> None:
        """Count a model run of a client."""
        client = request.client.host if request.client else 'unknown'
        wait = self.runs.take(client)
        if wait:
            raise WorkError(f'That was too much in a short time; try again in {wait + 1:.0f} s.')

    def _open(
        self, work: Callable[[], Workbench], opacity: float, parts: list[str]
    ) -> dict[Any, Any]:
        """Start over with another picture; the drop zone is emptied in any case."""
        try:
            bench = work()
        except (UploadError, WorkError) as error:
            return {self.upload: None, self.status: status_text(str(error), wrong=True)}
        except Exception as error:
            return {self.upload: None, self.status: _report(error)}
        height, width = bench.image.shape[:2]
        text = f'{width} x {height} px. {describe_bench(bench)}'
        return {self.bench: bench, self.upload: None, **self._show(bench, text, opacity, parts)}

    def _answer(
        self,
        bench: Workbench | None,
        work: Callable[[Workbench], str],
        opacity: float,
        parts: list[str],
    ) -> dict[Any, Any]:
        """Change a picture's objects and show what became of it, or say in a sentence why not."""
        if bench is None:
            return {self.status: status_text(NO_PICTURE, wrong=True)}
        start = time.perf_counter()
        with bench.lock:
            try:
                text = work(bench)
                seconds = time.perf_counter() - start
                if seconds > 0.1:
                    text += f' ({seconds:.1f} s)'
                return {self.bench: bench, **self._show(bench, text, opacity, parts)}
            except WorkError as error:
                answer = self._show(bench, '', opacity, parts)
                return {**answer, self.status: status_text(str(error), wrong=True)}
            except Exception as error:
                return {self.status: _report(error)}

    def _show(
        self, bench: Workbench, text: str, opacity: float, parts: list[str]
    ) -> dict[Any, Any]:
        """What the parts of the page show of a picture."""
        current, selected = bench.current, bench.selected
        guesses: list[tuple[np.ndarray, str]] = []
        if current is not None and selected is not None:
            guesses = [
                (
                    draw_thumbnail(bench.image, current, place, object_color(selected)),
                    f'{100 * score:.0f} %',
                )
                for place, (_, score) in enumerate(current.wholes)
            ]
        occlusions = bench.occlusions()
        graph = draw_order_graph(occlusions, len(bench.objects), GRAPH_SIDE) if occlusions else None
        return {
            self.canvas: draw_canvas(bench, _share(opacity), parts),
            self.status: status_text(text),
            self.objects: table_rows(bench),
            self.guesses: gr.update(
                value=guesses, selected_index=current.chosen if current else None
            ),
            self.graph: graph,
            self.download: self._offer(bench),
        }

    def _offer(self, bench: Workbench) -> Any:
        """The download button, with a file behind it where there is something to take home."""
        if not bench.objects:
            return gr.update(value=None, interactive=False)
        folder = self.folder.path / secrets.token_hex(16)
        folder.mkdir()
        path = write_masks(folder / f'{bench.name}_masks.zip', bench)
        return gr.update(value=str(path), interactive=True)


def _share(opacity: float) -> float:
    return min(1.0, max(0.0, float(opacity) / 100))


def _report(error: Exception) -> str:
    """Write a defect to the log, and tell the visitor no more than that there is one."""
    print_log(f'{type(error).__name__}: {error}', 'current', logging.ERROR)
    logging.getLogger(__name__).exception('a request failed')
    return status_text(FAILURE, wrong=True)
