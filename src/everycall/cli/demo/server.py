"""A web server on 127.0.0.1 with the good and bad days of a real one. For the demo alone."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SLOW_SECONDS = 1.6
"""How long the slow page takes: longer than the timeout of the tools that hang."""
MOST_SECONDS = 60.0
"""Longest life of a request that is never answered, should nobody close the server."""

Answer = tuple[int, Mapping[str, object]] | None
"""Status and body; None for no answer at all."""


class DemoServer:
    """A running server; leaving the block ends it, its open requests included.

    Raises:
        OSError: this machine allows no port on 127.0.0.1.
    """

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Request)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="everycall-demo-server", daemon=True
        )
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._visits: Counter[str] = Counter()

    def visit(self, path: str) -> int:
        """Return how often *path* has been asked for, this time included."""
        with self._lock:
            self._visits[path] += 1
            return self._visits[path]

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a client that has hung up is part of the play."""


def _weather(_server: _Server) -> Answer:
    return 200, {"city": "Oslo", "celsius": 21}


def _invoice(_server: _Server) -> Answer:
    return 403, {"error": "you may not see invoices"}


def _flights(server: _Server) -> Answer:
    if server.visit("flights") <= 2:
        return 503, {"error": "too busy, come back later"}
    return 200, {"flights": ["DY 1310", "SK 4167"]}


def _photos(server: _Server) -> Answer:
    server.closing.wait(SLOW_SECONDS)
    return 200, {"resized": 24}


def _parcel(server: _Server) -> Answer:
    server.closing.wait(MOST_SECONDS)
    return None


PAGES: Mapping[str, Callable[[_Server], Answer]] = {
    "/weather": _weather,
    "/invoice": _invoice,
    "/flights": _flights,
    "/photos": _photos,
    "/parcel": _parcel,
}


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds that a client may take to send its request

    def do_GET(self) -> None:
        """Answer with a page."""
        page = PAGES.get(self.path)
        answer = page(self.server) if page is not None else (404, {"error": "no such page"})
        if answer is None:
            return
        status, body = answer
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the screen belongs to the demo."""
