"""What stands between the network and the web server: it lets through what the page needs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.temp_folder import TempFolder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

API = '/gradio_api'
FILE = f'{API}/file='
UPLOAD = f'{API}/upload'
JOIN = f'{API}/queue/join'
# The paths that the page itself asks for; all others are unknown here.
READ_PATHS = ('/', '/config', '/favicon.ico', '/manifest.json', '/robots.txt', '/theme.css')
READ_PATHS += tuple(
    f'{API}/{name}' for name in ('app_id', 'queue/data', 'startup-events', 'theme.css')
)
READ_FOLDERS = ('/assets/', '/static/', f'{API}/heartbeat/', FILE)
WRITE_PATHS = (UPLOAD, JOIN, f'{API}/cancel', f'{API}/reset')
# A click, a slider or the name of an upload: a few hundred bytes.
MAX_EVENT_BYTES = 65_536
# An upload is a file and some lines around it.
UPLOAD_OVERHEAD = 8_192
# The browser is to load and to call nothing but this server.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b'content-security-policy', POLICY.encode()),
    (b'x-content-type-options', b'nosniff'),
    (b'referrer-policy', b'no-referrer'),
    (b'cross-origin-resource-policy', b'same-origin'),
)


class Refusal(Exception):
    """A request that is not let through.

    Args:
        status: HTTP status.
        text: A sentence for the person who asked.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Guard:
    """ASGI middleware: known paths, bounded bodies, a rate for each client, no foreign files.

    Args:
        app: The web server's application.
        folder: The only folder from which files are read.
        requests: How often a client may send something.
        max_upload_bytes: Size of an uploaded file.
    """

    def __init__(
        self, app: Any, folder: TempFolder, requests: RateLimiter, max_upload_bytes: int
    ) -> None:
        self.app = app
        self.folder = folder
        self.requests = requests
        self.max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http':
            await send({'type': 'websocket.close'})
            return
        answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal answered
            if message['type'] == 'http.response.start':
                answered = True
                message = {**message, 'headers': [*message.get('headers', []), *HEADERS]}
            await send(message)

        try:
            await self.app(scope, await self._admit(scope, receive), send_with_headers)
        except Refusal as refusal:
            if answered:
                raise
            await _answer(refusal, send_with_headers)

    async def _admit(self, scope: Message, receive: Receive) -> Receive:
        """Let a request through, or raise a refusal; returns where its body comes from."""
        method, path = scope.get('method'), scope['path']
        if method in ('GET', 'HEAD'):
            self._check_read(path)
            return receive
        if method != 'POST' or path.rstrip('/') not in WRITE_PATHS:
            raise Refusal(404, 'There is nothing here.')
        wait = self.requests.take(client_name(scope))
        if wait:
            raise Refusal(429, f'Too many requests; try again in {wait:.0f} s.')
        if path == UPLOAD:
            if self.folder.full():
                raise Refusal(503, 'Too many files are waiting here; try again in some minutes.')
            return _limited(receive, self.max_upload_bytes + UPLOAD_OVERHEAD)
        body = await _whole_body(_limited(receive, MAX_EVENT_BYTES))
        if path == JOIN:
            self._check_files(body)
        return _replay(body, receive)

    def _check_read(self, path: str) -> None:
        if path.startswith(FILE):
            # Both as it is and decoded once more: whichever the server takes lies in the folder.
            names = {path.removeprefix(FILE), unquote(path.removeprefix(FILE))}
            if not all(self.folder.contains(name) for name in names):
                raise Refusal(403, 'There is no such file, or it is gone.')
        elif path not in READ_PATHS and not path.startswith(READ_FOLDERS):
            raise Refusal(404, 'There is nothing here.')

    def _check_files(self, body: bytes) -> None:
        """Refuse an event that names a file which was not uploaded."""
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, 'The request is no JSON.') from error
        waiting = [event]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                if 'path' in one and not (
                    isinstance(one['path'], str) and self.folder.contains(one['path'])
                ):
                    raise Refusal(403, 'There is no such file, or it is gone.')
                waiting.extend(one.values())
            elif isinstance(one, list):
                waiting.extend(one)


def client_name(scope: Message) -> str:
    """The address of a client."""
    client = scope.get('client')
    return client[0] if client else 'unknown'


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """A body that breaks off where it is too long."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get('body', b''))
        if seen > max_bytes:
            raise Refusal(413, f'At most {max_bytes / 1e6:.1f} MB are taken.')
        return message

    return limited


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get('body', b''))
        if message['type'] != 'http.request' or not message.get('more_body'):
            return b''.join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more; then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {'type': 'http.request', 'body': body, 'more_body': False}

    return replay


async def _answer(refusal: Refusal, send: Send) -> None:
    body = json.dumps({'detail': refusal.text}).encode()
    headers = [(b'content-type', b'application/json'), (b'content-length', b'%d' % len(body))]
    await send({'type': 'http.response.start', 'status': refusal.status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
