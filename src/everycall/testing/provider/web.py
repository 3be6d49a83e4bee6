"""HTTP and nothing else: a server on 127.0.0.1 that reads one JSON request at a time and asks a function what to say.

1. Every wait is bounded: an idle connection is closed after a minute, closing the server ends all connections.
2. A body is measured before it is read.
"""

import json
import socket
import socketserver
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Lock, Thread

Answer = Callable[[str, bytes], tuple[int, Mapping[str, object]]]
"""From the path and the body of a POST to a status and a JSON body."""

TooLarge = Callable[[str, int], Mapping[str, object]]
"""From the path and the announced size of a body that is over the limit to the JSON body of a 413."""

_IDLE_SECONDS = 60
_JOIN_SECONDS = 5


class WebServer:
    """A running server. It listens when it has been made, and until `close`.

    Args:
        answer: called for every POST, on the thread of its connection.
        too_large: called instead, for a body that is over the limit; the body is not read.
        max_bytes: the limit.
    """

    def __init__(self, answer: Answer, *, too_large: TooLarge, max_bytes: int) -> None:
        self._server = _Server(answer, too_large, max_bytes)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="fake-provider", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end all connections, and wait for their threads (bounded)."""
        self._server.shutdown()
        self._server.server_close()
        self._server.end_connections()
        self._thread.join(_JOIN_SECONDS)


class _Connection(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True  # headers and body are two writes: without this each answer waits 40 ms
    server: "_Server"

    def do_POST(self) -> None:
        """Read one body within the limit, and answer."""
        announced = self.headers.get("content-length", "")
        if not announced.isascii() or not announced.isdigit():
            self.close_connection = True
            self._send(411, {"error": "a Content-Length is needed"})
        elif len(announced) > 18 or int(announced) > self.server.max_bytes:
            self.close_connection = True
            self._send(413, self.server.too_large(self.path, int(announced[:18])))
        else:
            body = self.rfile.read(int(announced))
            self._send(*self.server.answer(self.path, body))

    def _send(self, status: int, payload: Mapping[str, object]) -> None:
        data = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Write no log: what happened is in the provider's records."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    """One thread per connection, each known, so that all can be ended."""

    request_queue_size = 128  # the default of 5 makes the clients of a burst wait a second for their second attempt

    def __init__(self, answer: Answer, too_large: TooLarge, max_bytes: int) -> None:
        self.answer = answer
        self.too_large = too_large
        self.max_bytes = max_bytes
        self._lock = Lock()
        self._open: dict[object, tuple[socket.socket, Thread]] = {}
        super().__init__(("127.0.0.1", 0), _Connection)

    def server_bind(self) -> None:
        """Bind without the look-up of a host name that `HTTPServer` does: it may ask the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: object, client_address: object) -> None:
        """Serve the connection on a thread of its own."""
        assert isinstance(request, socket.socket)  # noqa: S101 - a TCP server's requests are sockets; for the checker
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open[id(request)] = (request, thread)
        thread.start()

    def shutdown_request(self, request: object) -> None:
        """Close the connection, and forget it."""
        with self._lock:
            self._open.pop(id(request), None)
        super().shutdown_request(request)  # type: ignore[arg-type]

    def end_connections(self) -> None:
        """End what is still open: clients keep their connections alive."""
        with self._lock:
            left = list(self._open.values())
        for connection, thread in left:
            with suppress(OSError):  # its thread may have closed it meanwhile
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_JOIN_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent about clients that went away; everything else is a defect of ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
