"""The parts of the page, and what happens when they are used. The only file with gradio.

Imported at the top, as gradio reads from annotations what a handler wants; the demo alone uses it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from c2fseg.web.actions import Actions
from c2fseg.web.canvas import PARTS, draw_canvas
from c2fseg.web.guard import Guard
from c2fseg.web.page_options import PageOptions
from c2fseg.web.page_texts import (
    CSS,
    FAILURE,
    GRAPH_LABEL,
    GUESSES_LABEL,
    HEADERS,
    MODES,
    NO_PICTURE,
    OBJECTS_LABEL,
    TITLE,
    describe_bench,
    status_text,
    upload_label,
)
from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.temp_folder import TempFolder
from c2fseg.web.uploads import UploadError
from c2fseg.web.view import make_view
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

Answer = dict[Any, Any]


class Page:
    """Builds the page and answers it.

    Args:
        completer: Finds and completes objects.
        folder: Where files are put.
        options: How the page behaves.
    """

    def __init__(self, completer: Completer, folder: TempFolder, options: PageOptions) -> None:
        self.actions = Actions(completer, options)
        self.folder = folder
        self.options = options
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
        self.blocks.launch(
            prevent_thread_lock=True,
            server_name=host,
            server_port=port,
            theme=gr.themes.Soft(font=system, font_mono=['ui-monospace', 'monospace']),
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

    def _lay_out(self) -> None:
        """Place the parts."""
        self.bench = gr.State(None, time_to_live=self.options.session_seconds)
        gr.Markdown(TITLE, elem_id='title')
        with gr.Row(elem_id='sources'):
            with gr.Column(scale=1, min_width=260):
                gr.Markdown(upload_label(self.options.upload), elem_classes='caption')
                self.upload = gr.File(
                    show_label=False,
                    type='binary',
                    file_types=['image'],
                    height=120,
                    elem_id='upload',
                )
            with gr.Column(scale=3, min_width=320):
                gr.Markdown('or pick a sample', elem_classes='caption')
                samples = [str(path) for path in self.options.samples]
                self.samples = _gallery(samples, 'samples', columns=6, height=120)
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

    def _lay_out_results(self) -> None:
        note = self.options.detector_note
        with gr.Row():
            self.detect = gr.Button(
                'Find all', variant='primary', interactive=not note, elem_id='detect', min_width=90
            )
            self.remove = gr.Button('Remove', elem_id='remove', min_width=90)
            self.clear = gr.Button('Clear', elem_id='clear', min_width=90)
        if note:
            gr.Markdown(note, elem_id='note', elem_classes='caption')
        most = self.actions.completer.max_hypotheses
        self.number = gr.Slider(
            1,
            max(2, most),
            value=min(4, most),
            step=1,
            label='Guesses for each object',
            visible=most > 1,
            elem_id='number',
        )
        gr.Markdown(OBJECTS_LABEL, elem_classes='caption')
        self.objects = gr.Dataframe(
            headers=HEADERS,
            show_label=False,
            interactive=False,
            buttons=[],
            elem_id='objects',
            max_height=220,
        )
        gr.Markdown(GUESSES_LABEL, elem_classes='caption')
        self.guesses = _gallery(None, 'guesses', columns=4, height=130)
        gr.Markdown(GRAPH_LABEL, elem_classes='caption')
        self.graph = gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            height=180,
            placeholder='Nothing hides anything here',
            elem_id='graph',
        )
        self.download = gr.DownloadButton(
            'Download masks (PNG and RLE)', interactive=False, elem_id='download'
        )

    def _connect(self) -> None:
        """Say what answers which part."""
        self._on(self.upload.upload, self.open_upload, [self.upload], 'model')
        self._on(self.samples.select, self.open_sample, [], 'model')
        self._on(self.canvas.select, self.click, [self.mode, self.number], 'model')
        self._on(self.detect.click, self.find_all, [self.number], 'model')
        self._on(self.objects.select, self.select_object, [], 'look')
        self._on(self.guesses.select, self.select_guess, [], 'look')
        self._on(self.remove.click, self.remove_selected, [], 'look')
        self._on(self.clear.click, self.clear_all, [], 'look')
        for part in (self.opacity, self.parts):
            self._on(part.change, self.redraw, [], 'look', 'always_last')

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
            [self.bench, self.opacity, self.parts, *inputs],
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
        opacity: float,
        parts: list[str],
        content: bytes,
        request: gr.Request,
    ) -> Answer:
        """Take an uploaded picture."""
        return self._open(
            lambda: self.actions.open_upload(content, _client(request)), opacity, parts
        )

    def open_sample(
        self,
        bench: Workbench | None,
        opacity: float,
        parts: list[str],
        picked: gr.SelectData,
        request: gr.Request,
    ) -> Answer:
        """Take a picture that ships."""
        return self._open(
            lambda: self.actions.open_sample(picked.index, _client(request)), opacity, parts
        )

    def click(
        self,
        bench: Workbench | None,
        opacity: float,
        parts: list[str],
        mode: str,
        number: int,
        at: gr.SelectData,
        request: gr.Request,
    ) -> Answer:
        """Answer a click into the picture."""

        def work(bench: Workbench) -> str:
            return self.actions.click(bench, mode, at.index, int(number), _client(request))

        return self._answer(bench, work, opacity, parts)

    def find_all(
        self,
        bench: Workbench | None,
        opacity: float,
        parts: list[str],
        number: int,
        request: gr.Request,
    ) -> Answer:
        """Let the detector find all objects."""

        def work(bench: Workbench) -> str:
            return self.actions.find_all(bench, int(number), _client(request))

        return self._answer(bench, work, opacity, parts)

    def select_object(
        self, bench: Workbench | None, opacity: float, parts: list[str], picked: gr.SelectData
    ) -> Answer:
        """Select the object of a row."""
        return self._answer(bench, lambda one: one.select(int(picked.index[0])), opacity, parts)

    def select_guess(
        self, bench: Workbench | None, opacity: float, parts: list[str], picked: gr.SelectData
    ) -> Answer:
        """Show another guess of the selected object."""
        return self._answer(bench, lambda one: one.choose(int(picked.index)), opacity, parts)

    def remove_selected(self, bench: Workbench | None, opacity: float, parts: list[str]) -> Answer:
        """Take the selected object away."""
        return self._answer(bench, Workbench.remove_selected, opacity, parts)

    def clear_all(self, bench: Workbench | None, opacity: float, parts: list[str]) -> Answer:
        """Take all objects away."""
        return self._answer(bench, Workbench.clear, opacity, parts)

    def redraw(self, bench: Workbench | None, opacity: float, parts: list[str]) -> Answer:
        """Draw the picture anew; no model runs."""
        if bench is None:
            return {self.status: status_text(NO_PICTURE)}
        with bench.lock:
            return {self.canvas: draw_canvas(bench, _share(opacity), parts)}

    def _open(self, work: Callable[[], Workbench], opacity: float, parts: list[str]) -> Answer:
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
        work: Callable[[Workbench], str | None],
        opacity: float,
        parts: list[str],
    ) -> Answer:
        """Change a picture's objects and show what became of it, or say in a sentence why not."""
        if bench is None:
            return {self.status: status_text(NO_PICTURE, wrong=True)}
        start = time.perf_counter()
        with bench.lock:
            try:
                text = work(bench) or describe_bench(bench)
                seconds = time.perf_counter() - start
                text += f' ({seconds:.1f} s)' if seconds > 0.1 else ''
                return {self.bench: bench, **self._show(bench, text, opacity, parts)}
            except WorkError as error:
                answer = self._show(bench, '', opacity, parts)
                return {**answer, self.status: status_text(str(error), wrong=True)}
            except Exception as error:
                return {self.status: _report(error)}

    def _show(self, bench: Workbench, text: str, opacity: float, parts: list[str]) -> Answer:
        """What the parts of the page show of a picture."""
        view = make_view(bench, _share(opacity), parts, self.folder.path)
        file = None if view.download is None else str(view.download)
        return {
            self.canvas: view.canvas,
            self.status: status_text(text),
            self.objects: view.rows,
            self.guesses: gr.update(value=view.guesses, selected_index=view.chosen),
            self.graph: view.graph,
            self.download: gr.update(value=file, interactive=file is not None),
        }


def _gallery(pictures: list[str] | None, name: str, columns: int, height: int) -> Any:
    return gr.Gallery(
        pictures,
        show_label=False,
        columns=columns,
        rows=1,
        height=height,
        allow_preview=False,
        interactive=False,
        object_fit='cover',
        fit_columns=False,
        buttons=[],
        elem_id=name,
    )


def _client(request: gr.Request) -> str:
    return request.client.host if request.client else 'unknown'


def _share(opacity: float) -> float:
    return min(1.0, max(0.0, float(opacity) / 100))


def _report(error: Exception) -> str:
    """Write a defect to the log, and tell the visitor no more than that there is one."""
    logging.getLogger(__name__).error('a request failed', exc_info=error)
    return status_text(FAILURE, wrong=True)
