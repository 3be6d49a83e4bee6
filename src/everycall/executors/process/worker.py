"""The thread that looks after one worker process, from its start to its end. One call at a time.

Linux ends a process that asked for it with the thread that started it, so this thread starts it and stays.
"""

import threading
import time
from collections.abc import Callable
from itertools import count

from everycall.executors.process.channel import MAX_FRAME, BrokenFrameError, packed, read_frame
from everycall.executors.process.errand import Errand
from everycall.executors.process.launch import search_path
from everycall.executors.process.link import Link, WorkerGoneError
from everycall.executors.process.verdict import Verdict, broken, crash, killed, verdict_of
from everycall.ports import AttemptEnd, NotEntered, Raised

IDLE_SECONDS = 30.0
"""How long an idle worker waits for another call: longer than a model takes to answer, as a rule."""
PATIENCE = 0.5
"""Seconds that a worker has to end by itself: an idle one, so that what its modules registered with `atexit` is run;
and one that closed its channel, so that its exit code is its own."""
MAX_STRAYS = 2 * MAX_FRAME
"""Bytes of frames about other calls that are read during one: two values that come too late, or 4,096 words."""
_STRAY = 16 << 10  # bytes that the shortest of them counts for: each one takes some time of the host's
_SOON = 1.0  # seconds; an errand is on its way


class _Talk:
    """One call in one process.

    Args:
        number: of the call in its process.
        errand: what is to be done.
    """

    __slots__ = ("_strays", "errand", "number", "started")

    def __init__(self, number: int, errand: Errand) -> None:
        self.number = number
        self.errand = errand
        self.started = False
        self._strays = 0  # bytes of frames that say nothing about this call

    def over(self, link: Link) -> Verdict:
        """Do it, and return how it ended.

        Raises:
            WorkerGoneError: the process died, or has to: it did not stop in time.
            BrokenFrameError: it broke the rules of the channel.
        """
        errand, told_to_stop = self.errand, False
        link.forget_printed()
        path = search_path()
        link.send(packed(errand.message(self.number, path if path != link.path else None)))
        link.path = path
        while not errand.killed:
            if errand.stop_at is not None and not told_to_stop:
                link.send(packed({"stop": self.number}))
                told_to_stop = True
            left = None if errand.kill_at is None else errand.kill_at - time.monotonic()
            if left is not None and left <= 0:
                errand.killed = True
                break
            for data in link.step(left):
                verdict = self._read(data)
                if verdict is not None:
                    return verdict
        raise WorkerGoneError

    def _read(self, data: bytes) -> Verdict | None:
        message = read_frame(data)
        if message.get("call") != self.number:
            self._stray(data)  # a late word of an earlier call: a thread that it left behind
        elif "started" in message:
            if self.started:
                self._stray(data)
            self.started = True
        elif "progress" in message:
            self.errand.progressed(message["progress"])
        else:
            return verdict_of(message)
        return None

    def _stray(self, data: bytes) -> None:
        self._strays += max(len(data), _STRAY)
        if self._strays > MAX_STRAYS:
            raise BrokenFrameError("It goes on to speak of another call.")


class Worker:
    """A worker process and its thread.

    Args:
        memory_bytes: the bound of the tools that run in it.
        take_back: called when it is idle; returns False if it must end instead.
        retire: called when it wants to end; returns False if it has just been chosen for a call.
        gone: called when its process has ended.
    """

    def __init__(
        self,
        memory_bytes: int | None,
        take_back: "Callable[[Worker], bool]",
        retire: "Callable[[Worker], bool]",
        gone: "Callable[[Worker], None]",
    ) -> None:
        self.memory_bytes = memory_bytes
        self._take_back = take_back
        self._retire = retire
        self._all_over = gone
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._errand: Errand | None = None
        self._link: Link | None = None
        self._closing = False
        self._numbers = count(1)
        threading.Thread(target=self._serve, name="everycall-worker", daemon=True).start()

    def give(self, errand: Errand) -> None:
        """Let it run *errand* next. It is idle, or new."""
        with self._lock:
            self._errand = errand
            self._rouse()

    def close(self) -> None:
        """End it; at once if a tool runs in it."""
        with self._lock:
            self._closing = True
            if self._errand is not None:
                self._errand.kill()
            self._rouse()

    def _rouse(self) -> None:
        self._wanted.set()
        if self._link is not None:
            self._link.wake()

    # --- in its thread ---

    def _serve(self) -> None:
        try:
            while (errand := self._next()) is not None:
                verdict = self._verdict_on(errand)
                errand.runs_on(None)
                with self._lock:
                    self._errand = None
                if not verdict.reusable:
                    self._end_link()
                kept = self._link is not None and self._take_back(self)
                if not kept:
                    self._end_link(PATIENCE)
                errand.tell(verdict.end)  # now that the worker is free, or gone
                del errand, verdict  # an idle worker must not keep a result alive
                if not kept:
                    return
        finally:
            self._end_link(PATIENCE)
            self._all_over(self)

    def _next(self) -> Errand | None:
        """Wait for an errand; None if there is to be none."""
        until = time.monotonic() + IDLE_SECONDS
        while True:
            with self._lock:
                if self._errand is not None or self._closing:
                    return self._errand
            if not self._slept(until) and self._retire(self):
                return None

    def _slept(self, until: float) -> bool:
        """Wait for anything. Returns False if the time is over, or the process died in its sleep."""
        if self._link is None:
            self._wanted.wait(_SOON)
            return self._errand is not None
        left = until - time.monotonic()
        if left <= 0:
            return False
        try:
            self._link.step(left)  # what it says unasked is the word of a thread that a call left behind
        except (WorkerGoneError, BrokenFrameError):
            self._end_link()
            return False
        return True

    def _verdict_on(self, errand: Errand) -> Verdict:
        try:
            return self._done(errand)
        except Exception as error:  # noqa: BLE001 -- a fault of this library: the call still has its one end
            return Verdict(Raised(error), reusable=False)

    def _done(self, errand: Errand) -> Verdict:
        """Do *errand*, in a new process if the old one turns out to have died before it began."""
        entered = False
        while True:
            warm = self._link is not None
            try:
                link = self._link or self._new_link()
            except (OSError, RuntimeError) as error:
                return Verdict(Raised(error), reusable=False)
            if not entered and (errand.killed or not errand.work.enter()):
                return Verdict(NotEntered(), reusable=not errand.killed)
            entered = True
            errand.runs_on(link)
            talk = _Talk(next(self._numbers), errand)
            try:
                return talk.over(link)
            except (WorkerGoneError, BrokenFrameError) as error:
                end = self._autopsy(link, talk, error)
                if warm and not talk.started and not errand.killed:
                    continue
                return Verdict(end, reusable=False)

    def _autopsy(self, link: Link, talk: _Talk, error: Exception) -> AttemptEnd:
        """End the process, and return what its death means for the call."""
        errand = talk.errand
        gone = isinstance(error, WorkerGoneError)
        code, by_itself = link.end(patience=PATIENCE if gone and not errand.killed else 0.0)
        printed = link.printed()
        with self._lock:
            self._link = None
        if errand.killed:
            return killed(printed)
        if not gone:
            return broken(str(error), printed, started=talk.started)
        if not by_itself:
            return broken("It closed it.", printed, started=talk.started)
        return crash(code, printed, started=talk.started, cpu_seconds=errand.request.cpu_seconds)

    def _new_link(self) -> Link:
        link = Link()
        with self._lock:
            self._link = link
        return link

    def _end_link(self, patience: float = 0.0) -> None:
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.hang_up()
            link.end(patience=patience)

    def __repr__(self) -> str:
        return f"<Worker {self._link!r}>"
