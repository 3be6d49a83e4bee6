"""The worker's end of the channel: a thread of its own sorts what comes in; what goes out is whole or not at all.

1. When the host's end closes, this process ends, with its children: at once if a tool runs, else by the door.
2. A forked child never speaks: the channel is closed in it, and the process id is compared before each frame.
3. If the tool has closed the channel, this process ends, whatever has taken its number since.
"""

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from everycall.executors.process.channel import Frames, frame_of, packed, read_frame

_ONE_READ = 64 << 10
_NO_CHANNEL = 71  # os.EX_OSERR
_STRAY_CHILD = 70  # os.EX_SOFTWARE
_STACK = 512 << 10


class Line:
    """The channel to the host.

    Args:
        number: its file descriptor.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._socket.set_inheritable(False)
        self._identity = _identity(number)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._busy = False
        self._call: int | None = None
        self._asked = False
        self._on_stop: Callable[[], object] | None = None
        self._inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        os.register_at_fork(after_in_child=self._socket.close)
        before = threading.stack_size(_STACK)  # so that little of a bounded address space goes into it
        threading.Thread(target=self._sort, name="everycall-line", daemon=True).start()
        threading.stack_size(before)

    def next(self) -> dict[str, Any] | None:
        """Return the next request; None if there is to be none."""
        self._busy = False
        request = self._inbox.get()
        if request is not None:
            self._busy, self._asked, self._on_stop = True, False, None
            self._call = request["call"]
        return request

    def send(self, message: dict[str, Any]) -> None:
        """Send *message* about the call at hand. From any thread."""
        self._send(packed({"call": self._call, **message}))

    def send_text(self, text: str) -> None:
        """Send the JSON of an object that names its call."""
        self._send(frame_of(text))

    @property
    def call(self) -> int | None:
        """The number of the call at hand."""
        return self._call

    @property
    def asked_to_stop(self) -> bool:
        """Whether the call at hand shall stop."""
        return self._asked

    def when_asked_to_stop(self, callback: Callable[[], object]) -> None:
        """Call *callback*, from another thread, when the call at hand shall stop; at once if it shall already."""
        self._on_stop = callback
        if self._asked:
            callback()

    def _send(self, frame: bytes) -> None:
        if os.getpid() != self._pid:  # before the lock, which nobody may be left to release
            os._exit(_STRAY_CHILD)
        with self._lock:
            try:
                if _identity(self._socket.fileno()) != self._identity:
                    os._exit(_NO_CHANNEL)
                self._socket.sendall(frame)
            except OSError:
                os._exit(_NO_CHANNEL)

    def _sort(self) -> None:
        frames = Frames(1 << 40)  # the host's own
        while True:
            try:
                data = self._socket.recv(_ONE_READ)
            except OSError:
                data = b""
            if not data:
                self._hung_up()
                return
            for frame in frames.feed(data):
                message = read_frame(frame)
                if "stop" not in message:
                    self._inbox.put(message)
                elif message["stop"] == self._call:
                    self._asked = True
                    if self._on_stop is not None:
                        self._on_stop()

    def _hung_up(self) -> None:
        if self._busy:
            os.killpg(0, signal.SIGKILL)
        self._inbox.put(None)


def _identity(number: int) -> tuple[int, int]:
    facts = os.fstat(number)
    return facts.st_dev, facts.st_ino
