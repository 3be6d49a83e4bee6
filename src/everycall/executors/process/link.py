"""One worker process as its host sees it: frames in and out, the tail of what it printed, its end.

Only the thread that made a link uses it; `kill` and `wake` may be called from any other, and never block.
"""

import atexit
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading
import weakref

from everycall.executors.process.channel import Frames
from everycall.executors.process.launch import launch, search_path

MAX_TAIL = 16 << 10
"""Bytes of a worker's output that are kept, the last ones."""
_ONE_READ = 256 << 10
_READS = 16  # of one round; then it is somebody else's turn
_LOOK_AGAIN = 1.0  # seconds, where the system does not say that a process has died

_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


class WorkerGoneError(Exception):
    """The worker has died, or its channel has."""


class Link:
    """A worker process, started.

    Attributes:
        path: where it looks for modules.

    Raises:
        OSError: the system has no place for another one.
        RuntimeError: see `launch`.
    """

    def __init__(self) -> None:
        self.path = search_path()
        self._process, self._channel, self._output = launch()
        self._asleep, self._waker = socket.socketpair()
        for one in (self._asleep, self._waker):
            one.setblocking(False)
        self._death = _pidfd(self._process.pid)
        self._selector = selectors.PollSelector()
        for source in (self._channel, self._asleep, self._output, self._death):
            if source is not None:
                self._selector.register(source, selectors.EVENT_READ)
        self._frames = Frames()
        self._outgoing = bytearray()
        self._tail = bytearray()
        self._lock = threading.Lock()
        self._gone = self._drained = False
        _links.add(self)

    @property
    def pid(self) -> int:
        """The process, and its group."""
        return self._process.pid

    def send(self, frame: bytes) -> None:
        """Let *frame* go out, after those before it, in this step and the next ones."""
        self._outgoing += frame

    def wake(self) -> None:
        """Let the step under way, or the next one, end now."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def step(self, timeout: float | None) -> list[bytes]:
        """Wait for anything to happen, and return the frames that came.

        Args:
            timeout: seconds; None for no bound.

        Raises:
            WorkerGoneError: it has died, or closed the channel, and every frame it sent was returned before.
            BrokenFrameError: it announced a frame that is too large.
        """
        if self._death is None:
            timeout = _LOOK_AGAIN if timeout is None else min(timeout, _LOOK_AGAIN)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        self._selector.modify(self._channel, wanted)
        ready = {key.fileobj for key, _ in self._selector.select(timeout)}
        if self._asleep in ready:
            with contextlib.suppress(OSError):
                self._asleep.recv(4096)
        if self._output in ready:
            self._read_output()
        died = self._process.poll() is not None if self._death is None else self._death in ready
        self._write()
        frames = self._read_frames()
        if died and self._drained and not frames:  # a child that it forked may hold the channel open
            raise WorkerGoneError
        return frames

    def kill(self) -> None:
        """Kill the process and its children, now. From any thread."""
        with self._lock:
            if not self._gone:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def hang_up(self) -> None:
        """Tell the process that no more calls come. An idle one ends then."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    def end(self, *, patience: float = 0.0) -> tuple[int, bool]:
        """Kill the process and its children, and wait until it is gone.

        Args:
            patience: seconds that it has to end by itself.

        Returns:
            Its exit code (`-signal` for a signal), and whether it ended by itself.
        """
        by_itself = self._await_death(patience)
        self.kill()
        code = self._process.wait()
        with self._lock:
            self._gone = True
        self._read_output()
        self.forget()
        return code, by_itself

    def forget(self) -> None:
        """Close what this side holds."""
        self._selector.close()
        for one in (self._channel, self._asleep, self._waker):
            one.close()
        for number in (self._output, self._death):
            if number is not None:
                os.close(number)
        _links.discard(self)

    def printed(self) -> bytes:
        """Return the end of what the worker, and its children, have printed."""
        return bytes(self._tail[-MAX_TAIL:])

    def forget_printed(self) -> None:
        """Forget what was printed so far."""
        self._tail.clear()

    def _write(self) -> None:
        if self._outgoing:
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                del self._outgoing[: self._channel.send(self._outgoing)]

    def _read_frames(self) -> list[bytes]:
        frames: list[bytes] = []
        self._drained = False
        for _ in range(_READS):
            try:
                data = self._channel.recv(_ONE_READ)
            except BlockingIOError:
                self._drained = True
                break
            except ConnectionResetError:
                data = b""
            if not data:
                if frames:
                    break  # the next step finds the end again
                raise WorkerGoneError
            frames += self._frames.feed(data)
        return frames

    def _read_output(self) -> None:
        for _ in range(_READS):
            try:
                data = os.read(self._output, _ONE_READ)
            except OSError:
                return
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                return
            self._tail += data
            del self._tail[:-MAX_TAIL]

    def _await_death(self, seconds: float) -> bool:
        """Return whether it dies within *seconds*."""
        if not seconds:
            return False
        if self._death is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return self._process.returncode is not None
        with selectors.PollSelector() as selector:
            selector.register(self._death, selectors.EVENT_READ)
            return bool(selector.select(seconds))  # not reaped: until it is, its group can be nobody else's

    def end_with_program(self) -> None:
        """Kill it, and wait a moment for it to be gone. When the program ends."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)

    def __repr__(self) -> str:
        return f"<Link to process {self.pid}{' (gone)' if self._gone else ''}>"


def _pidfd(pid: int) -> int | None:
    """Return a descriptor that is readable when the process has died; None where the system has none such."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _end_all() -> None:
    for link in list(_links):
        link.end_with_program()


def _forget_all() -> None:
    """Let go of the workers in a forked child: they are the parent's, and must see its end, not the child's."""
    for link in list(_links):
        link._gone = True  # noqa: SLF001 -- our own; never to be killed from here
        link._lock = threading.Lock()  # noqa: SLF001 -- the parent's may be held by a thread that does not exist here
        with contextlib.suppress(OSError):
            link.forget()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
