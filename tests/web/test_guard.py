"""What the guard lets through to the web server, and what it answers itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from c2fseg.web.guard import MAX_EVENT_BYTES, Guard
from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.temp_folder import TempFolder

JOIN = '/gradio_api/queue/join'
UPLOAD = '/gradio_api/upload'


@pytest.fixture(scope='module')
def folder() -> Iterator[TempFolder]:
    with TempFolder(max_bytes=5000) as one:
        yield one


async def echo(scope: dict, receive: Any, send: Any) -> None:
    """A server that reads all of a body and says how long it is."""
    size, more = 0, scope['method'] == 'POST'
    while more:
        message = await receive()
        size += len(message.get('body', b''))
        more = message.get('more_body', False)
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': str(size).encode()})


def ask(
    folder: TempFolder,
    method: str,
    path: str,
    body: bytes = b'',
    limiter: RateLimiter | None = None,
    client: str = '10.0.0.1',
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Send a request in pieces of 1000 bytes; returns status, body and headers."""
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b'']
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {'type': 'http.request', 'body': piece, 'more_body': bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    guard = Guard(echo, folder, limiter or RateLimiter(100), max_upload_bytes=10_000)
    scope = {'type': 'http', 'method': method, 'path': path, 'client': (client, 1)}
    asyncio.run(guard(scope, receive, send))
    return sent[0]['status'], sent[1]['body'], dict(sent[0]['headers'])


@pytest.mark.parametrize(
    'path', ['/', '/config', '/assets/index.js', '/gradio_api/queue/data', '/theme.css']
)
def test_what_the_page_needs_is_read(folder: TempFolder, path: str) -> None:
    status, _, headers = ask(folder, 'GET', path)
    assert status == 200
    assert b"connect-src 'self'" in headers[b'content-security-policy']
    assert b'unsafe-eval' not in headers[b'content-security-policy']
    assert headers[b'x-content-type-options'] == b'nosniff'


@pytest.mark.parametrize(
    ('method', 'path'),
    [
        ('GET', '/gradio_api/info'),
        ('GET', '/gradio_api/proxy=http://example.org/'),
        ('GET', '/monitoring'),
        ('GET', '/docs'),
        ('POST', '/gradio_api/call/click'),
        ('POST', '/gradio_api/run/predict'),
        ('POST', '/gradio_api/vibe-edit'),
        ('POST', '/'),
        ('PUT', '/gradio_api/upload'),
        ('DELETE', '/'),
    ],
)
def test_all_else_is_unknown(folder: TempFolder, method: str, path: str) -> None:
    status, body, _ = ask(folder, method, path)
    assert (status, json.loads(body)) == (404, {'detail': 'There is nothing here.'})


def test_files_come_from_the_folder_alone(folder: TempFolder) -> None:
    for name in (
        '/etc/passwd',
        f'{folder.path}/../../etc/passwd',
        f'{folder.path}/%2e%2e/%2e%2e/etc/passwd',
        'http://example.org/a.png',
        'setup.py',
    ):
        assert ask(folder, 'GET', f'/gradio_api/file={name}')[0] == 403, name
    assert ask(folder, 'GET', f'/gradio_api/file={folder.path}/a/b.png')[0] == 200


@pytest.mark.parametrize(
    'file',
    [
        {'path': '/etc/passwd'},
        {'path': 'http://example.org/a.png'},
        {'path': None},
        {'path': ['/etc/passwd']},
        {'path': {'path': '/etc/passwd'}},
    ],
)
def test_events_name_uploaded_files_alone(folder: TempFolder, file: dict) -> None:
    body = json.dumps({'data': [1, [{'deep': file}]], 'fn_index': 0}).encode()
    assert ask(folder, 'POST', JOIN, body)[0] == 403


def test_an_event_arrives_whole(folder: TempFolder) -> None:
    body = json.dumps({'data': [{'path': f'{folder.path}/a.png'}, 'x' * 3000]}).encode()
    status, answer, _ = ask(folder, 'POST', JOIN, body)
    assert (status, int(answer)) == (200, len(body))


def test_broken_and_endless_events_are_refused(folder: TempFolder) -> None:
    assert ask(folder, 'POST', JOIN, b'{"data": [')[0] == 400
    assert ask(folder, 'POST', JOIN, b'[' * 50_000)[0] == 400
    assert ask(folder, 'POST', JOIN, b' ' * (MAX_EVENT_BYTES + 1))[0] == 413


def test_an_upload_stops_at_its_limit(folder: TempFolder) -> None:
    status, answer, _ = ask(folder, 'POST', UPLOAD, b'x' * 18_000)
    assert (status, answer) == (200, b'18000')
    status, answer, _ = ask(folder, 'POST', UPLOAD, b'x' * 30_000)
    assert status == 413
    assert b'At most' in answer


def test_uploads_wait_while_the_folder_is_full(folder: TempFolder) -> None:
    file = folder.path / 'large'
    file.write_bytes(b'0' * 6000)
    try:
        assert ask(folder, 'POST', UPLOAD, b'x')[0] == 503
    finally:
        file.unlink()
    assert ask(folder, 'POST', UPLOAD, b'x')[0] == 200


def test_a_client_is_slowed_down_and_others_are_not(folder: TempFolder) -> None:
    limiter = RateLimiter(2, clock=lambda: 0.0)
    answers = [ask(folder, 'POST', JOIN, b'{}', limiter)[0] for _ in range(3)]
    assert answers == [200, 200, 429]
    assert ask(folder, 'POST', JOIN, b'{}', limiter, client='10.0.0.2')[0] == 200
    assert ask(folder, 'GET', '/', limiter=limiter)[0] == 200
