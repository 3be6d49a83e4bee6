"""Sync tools, on daemon threads of our own.

1. No exception crosses a thread as an exception: it becomes a value in the thread. A GeneratorExit or StopIteration
   that is raised across would destroy the waiting side.
2. A thread cannot be stopped. Its end is reported when it really ends; until then its place is taken.
3. The threads are daemons: a tool that never ends does not keep the process from ending.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable

from everycall.ports import AttemptEnd, NotEntered, Raised, Returned, Running, Work

IDLE_SECONDS = 10.0
"""How long an idle thread waits for more work. Threads are shared by the loops of a process, which come and go."""

Report = Callable[[AttemptEnd], None]
Post = Callable[[Callable[[], object]], bool]


class _Thread:
    """A daemon thread that does one piece of work after another."""

    def __init__(self, pool: "_Pool") -> None:
        self._pool = pool
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="everycall-tool", daemon=True).start()

    def give(self, work: Callable[[], None]) -> None:
        self._inbox.put(work)

    def _serve(self) -> None:
        while True:
            try:
                work = self._inbox.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                if self._pool.retire(self):
                    return
                continue  # somebody has just chosen this thread: the work is on its way
            work()
            del work  # an idle thread must not keep a tool's arguments alive

    def free(self) -> None:
        self._pool.take_back(self)


class _Pool:
    """Idle threads, the last one used first. How many may be busy is decided by the gates of the engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []

    def take(self) -> _Thread:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Thread(self)

    def take_back(self, thread: _Thread) -> None:
        with self._lock:
            self._idle.append(thread)

    def retire(self, thread: _Thread) -> bool:
        with self._lock:
            if thread not in self._idle:
                return False
            self._idle.remove(thread)
            return True


_pool = _Pool()


def _forget_threads() -> None:
    global _pool  # noqa: PLW0603 -- the threads of the parent do not exist in a forked child
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


class _InThread:
    """An attempt in a thread. Only the tool itself can end it, by looking at `ToolContext.cancelled`."""

    def stop(self) -> None:
        """Do nothing: the tool sees in its context that it was asked to stop."""

    def abandon(self) -> None:
        """Do nothing: nobody can end a thread from outside."""

    def kill(self) -> None:
        """Do nothing: nobody can end a thread from outside."""


_IN_THREAD = _InThread()


class ThreadExecutor:
    """Runs the attempts of sync tools.

    Args:
        post: runs a callback on the loop, from any thread; returns False if the loop is closed.
    """

    def __init__(self, post: Post) -> None:
        self._post = post

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt in a thread of its own."""
        try:
            thread = _pool.take()
        except RuntimeError as error:  # the system has no thread left, or the interpreter is shutting down
            end = Raised(error)
            self._post(lambda: report(end))
            return _IN_THREAD
        thread.give(lambda: self._run(thread, work, report))
        return _IN_THREAD

    def _run(self, thread: _Thread, work: Work, report: Report) -> None:
        end = _end_of(work)
        thread.free()  # before the report, which may want a thread for the next call
        if not self._post(lambda: report(end)):
            logging.getLogger("everycall").warning(
                "a sync tool ended after its event loop was closed: its result is lost"
            )


def _end_of(work: Work) -> AttemptEnd:
    try:
        work.context.run(_leave_the_loop)
        if not work.context.run(work.enter):
            return NotEntered()
        return Returned(work.context.run(work.invoke))
    except BaseException as error:  # noqa: BLE001 -- see rule 1
        return Raised(error)


def _leave_the_loop() -> None:
    """Forget which event loop the caller is on: no loop runs in this thread, and the tool may start one of its own."""
    sniffio = sys.modules.get("sniffio")  # where that is remembered, if it is remembered at all
    if sniffio is not None:
        sniffio.current_async_library_cvar.set(None)
