"""The page in a real browser: a headless Chromium, a server of its own, all on this machine."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from c2fseg.evaluation.functional import mask_iou
from c2fseg.structures import decode_mask
from c2fseg.web.page_texts import MODES
from tests.web.test_uploads import encode, picture, png_header, zip_file

playwright = pytest.importorskip('playwright.sync_api')

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60_000  # ms, on a machine that does other things, too
TRUTH = json.loads((ROOT / 'demo/data/annotations.json').read_text())
# Objects of the samples that a click in (x, y), and a box, show well.
CLICKED, CLICK = 19, (251, 97)
BOXED, BOX = 8, (33, 9, 122, 87)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope='module')
def chromium() -> str:
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        path = shutil.which(name)
        if path:
            return path
    reason = 'no Chromium is installed: `make browser` installs it'
    if os.environ.get('C2FSEG_REQUIRE_BROWSER'):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope='module')
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that takes 1 MB and 2000 px; it leaves no files when it ends."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    temporary = tmp_path_factory.mktemp('server')
    command = [sys.executable, 'demo/web_demo.py', '--port', str(port), '--rate', '200']
    command += ['--max-megabytes', '1', '--max-side', '2000']
    environment = {**os.environ, 'TMPDIR': str(temporary), 'OMP_NUM_THREADS': '1'}
    log = temporary.parent / 'server.log'
    with log.open('w') as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=file, text=True
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith(f'The page is at http://127.0.0.1:{port}'), log.read_text()
            yield f'http://127.0.0.1:{port}'
            process.terminate()
            assert process.wait(30) == 0
            assert not list(temporary.glob('c2fseg_web_*'))
        finally:
            process.kill()
            process.wait()
    assert 'Traceback' not in log.read_text()


class Browser:
    """A page under test, and what it asked for and complained about."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on('request', lambda request: self.asked.append(request.url))
        page.on('pageerror', lambda error: self.complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector('#samples img')

    def say(self, text: str) -> str:
        """Wait for a status line that holds a text; returns the line."""
        line = self.page.locator('#status p', has_text=text)
        line.wait_for()
        return line.inner_text()

    def pick(self, place: int, size: str) -> None:
        self.page.locator('#samples button').nth(place).click()
        self.say(f'{size} px.')

    def image(self) -> str:
        return self.page.locator('#canvas img').get_attribute('src')

    def changed_image(self, before: str) -> np.ndarray:
        self.page.wait_for_function(
            'before => document.querySelector("#canvas img").src !== before', arg=before
        )
        return np.array(Image.open(io.BytesIO(httpx.get(self.image()).content)).convert('RGB'))

    def click(self, x: float, y: float, size: tuple[int, int]) -> None:
        """Click a pixel of a picture of (W, H)."""
        image = self.page.locator('#canvas img')
        shown = image.bounding_box()
        at = {
            'x': (x + 0.5) * shown['width'] / size[0],
            'y': (y + 0.5) * shown['height'] / size[1],
        }
        image.click(position=at)

    def mode(self, name: str) -> None:
        self.page.get_by_label(MODES[name]).check()

    def send(self, name: str, content: bytes, kind: str = 'image/png') -> None:
        file = {'name': name, 'mimeType': kind, 'buffer': content}
        self.page.locator('#upload input[type=file]').set_input_files(file)

    def masks(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Download the masks: what the JSON file says, and the PNG files as (H, W) bool."""
        with self.page.expect_download() as waiting:
            self.page.locator('#download').click()
        with zipfile.ZipFile(waiting.value.path()) as file:
            told = json.loads(file.read('masks.json'))
            names = [name for name in file.namelist() if name.startswith('object')]
            return told, {name: np.array(Image.open(file.open(name))) > 0 for name in names}


@pytest.fixture(scope='module')
def chrome(chromium: str, server: str) -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        yield one
        one.close()


@pytest.fixture
def browser(chrome: Any, server: str) -> Iterator[Browser]:
    page = chrome.new_page(viewport={'width': 1280, 'height': 1000})
    one = Browser(page, server)
    yield one
    page.close()
    # The page calls nobody but its server, and none of its scripts fails.
    assert [url for url in one.asked if not url.startswith((server, 'data:', 'blob:'))] == []
    assert one.complaints == []


def truth(annotation: int) -> tuple[np.ndarray, np.ndarray]:
    """The true visible part and whole of an object, (H, W) bool."""
    one = next(one for one in TRUTH['annotations'] if one['id'] == annotation)
    size = one['a_segm']['size']
    return tuple(decode_mask(one[key], *size).astype(bool) for key in ('i_segm', 'a_segm'))


def test_a_click_shows_the_whole_object(browser: Browser) -> None:
    visible, whole = truth(CLICKED)
    size = (whole.shape[1], whole.shape[0])
    browser.pick(4, f'{size[0]} x {size[1]}')
    assert browser.page.locator('#download').is_disabled()
    browser.click(*CLICK, size)
    browser.say('Object 1:')

    # Four guesses, of which one can be shown in place of the first.
    thumbnails = browser.page.locator('#guesses button')
    thumbnails.nth(3).wait_for()
    assert thumbnails.count() == 4
    told, masks = browser.masks()
    (found,) = told['objects']
    assert len(found['hypotheses']) == 4
    assert sum(guess['score'] for guess in found['hypotheses']) == pytest.approx(1)
    assert mask_iou(masks['object_01_visible.png'], visible) > 0.55
    assert mask_iou(masks['object_01_whole.png'], whole) > 0.55
    assert np.array_equal(
        decode_mask(found['amodal_rle'], *whole.shape) > 0, masks['object_01_whole.png']
    )
    share = f'{100 * found["hidden_share"]:.0f} %'
    browser.page.locator('#objects', has_text=share).wait_for()

    # The slider draws anew: fainter fills lie nearer to the picture.
    before = browser.image()
    strong = np.array(Image.open(io.BytesIO(httpx.get(before).content)).convert('RGB'))
    browser.page.locator('#opacity input[type=range]').fill('5')
    faint = browser.changed_image(before)
    assert np.abs(faint.astype(int) - strong).max() > 20

    before = browser.image()
    thumbnails.nth(1).click()
    browser.changed_image(before)
    told, _ = browser.masks()
    guesses = told['objects'][0]['hypotheses']
    assert told['objects'][0]['amodal_rle'] == guesses[1]['amodal_rle']


def test_a_box_shows_the_object_in_it(browser: Browser) -> None:
    visible, _ = truth(BOXED)
    size = (visible.shape[1], visible.shape[0])
    browser.pick(1, f'{size[0]} x {size[1]}')
    browser.mode('box')
    browser.click(*BOX[:2], size)
    browser.say('opposite corner')
    browser.click(*BOX[2:], size)
    browser.say('Object 1:')
    told, masks = browser.masks()
    assert told['objects'][0]['box'] == list(BOX)
    assert mask_iou(masks['object_01_visible.png'], visible) > 0.55
    browser.page.locator('#clear').click()
    browser.say('Click an object')
    browser.page.locator('#download[disabled]').wait_for()


def test_without_a_detector_the_button_is_off_and_says_why(browser: Browser) -> None:
    assert browser.page.locator('#detect').is_disabled()
    assert '--detector CONFIG WEIGHTS' in browser.page.locator('#note').inner_text()


def test_hostile_uploads_are_refused_in_a_sentence(browser: Browser) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    hostile = [
        ('text.png', b'no picture', 'is no picture; PNG'),
        ('wide.png', png_header(20_000, 16), '20000 x 16 px; at most 2000 px'),
        ('half.jpg', encode(noise, 'JPEG')[:900], 'damaged or incomplete'),
        ('zip.png', zip_file(), 'is no picture; PNG'),
        ('tiny.png', encode(noise[:8]), '64 x 8 px; at least 16 px'),
        ('script.svg', SVG, 'is no picture; PNG'),
    ]
    for name, content, sentence in hostile:
        browser.send('good.png', encode(picture()))  # the page goes on working in between
        browser.say('60 x 40 px.')
        browser.send(name, content, 'image/svg+xml' if name.endswith('svg') else 'image/png')
        line = browser.say(sentence)
        assert '/' not in line, line
        assert browser.page.locator('#status [role=alert]').count() == 1


def test_a_turned_photograph_stands_upright(browser: Browser) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    browser.send('photo.jpg', encode(picture(), 'JPEG', exif=exif), 'image/jpeg')
    browser.say('40 x 60 px.')


def test_files_of_the_machine_are_out_of_reach(server: str) -> None:
    for path in ('/etc/passwd', '/%2e%2e/etc/passwd', f'{ROOT}/setup.py', 'http://127.0.0.1:1/a'):
        assert httpx.get(f'{server}/gradio_api/file={path}').status_code == 403
    event = {'data': [None, 60, [], {'path': '/etc/passwd'}], 'fn_index': 0, 'session_hash': 'a'}
    assert httpx.post(f'{server}/gradio_api/queue/join', json=event).status_code == 403
    for path in ('/gradio_api/info', '/docs', '/monitoring', '/gradio_api/proxy=http://a.b/'):
        assert httpx.get(f'{server}{path}').status_code == 404
    foreign = httpx.get(server, headers={'Host': 'rebound.example'})
    assert foreign.status_code == 400


@pytest.mark.parametrize('size', [1_004_000, 5_000_000])
def test_a_huge_file_is_refused(server: str, size: int) -> None:
    answer = httpx.post(f'{server}/gradio_api/upload', files={'files': ('a.png', b'0' * size)})
    assert answer.status_code == 413


def test_a_client_that_asks_without_pause_is_slowed_down(server: str) -> None:
    transport = httpx.HTTPTransport(local_address='127.0.0.2')  # a client of its own
    with httpx.Client(transport=transport) as client:
        for _ in range(1000):
            answer = client.post(f'{server}/gradio_api/reset', json={'event_id': 'a'})
            if answer.status_code != 200:
                break
    assert answer.status_code == 429
    assert 'Too many requests; try again in' in answer.json()['detail']
    other = httpx.post(f'{server}/gradio_api/reset', json={'event_id': 'a'})
    assert other.status_code == 200
