"""Tools in processes of their own: the one executor that can end whatever runs in it.

1. One call per worker at a time. A warm worker is used again; an idle one ends after some seconds.
2. A worker is trusted with nothing: what it says is bounded before it is read, parsed strictly, and never unpickled.
3. Whenever there is a doubt about a worker (it died, it broke the rules of the channel, it did not stop in time) it is
   killed with its children. An attempt has ended when its process is gone, or waits for the next call.

Nothing heavy is imported before the first call is started here.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from everycall.ports import AttemptEnd, PortableWork, Raised, Running, Work

if TYPE_CHECKING:
    from everycall.executors.process.pool import Pool

Report = Callable[[AttemptEnd], None]
Post = Callable[[Callable[[], object]], bool]


class Workers:
    """The worker processes of one runtime, or of all turns without one. The first call makes the pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Pool | None = None

    def pool(self) -> "Pool":
        """Return the pool."""
        with self._lock:
            if self._pool is None:
                from everycall.executors.process.pool import Pool  # noqa: PLC0415 -- subprocess, for the first call

                self._pool = Pool()
            return self._pool

    @property
    def alive(self) -> int:
        """How many processes there are, idle ones included."""
        return 0 if self._pool is None else len(self._pool)

    def close(self) -> None:
        """End all of them, without waiting; what runs in them is killed."""
        if self._pool is not None:
            self._pool.close()


SHARED_WORKERS = Workers()
"""The workers of turns without a `ToolRuntime`. They end with the process, or when they are idle."""


class ProcessExecutor:
    """Runs attempts in worker processes.

    Args:
        post: runs a callback on the loop, from any thread; returns False if the loop is closed.
        workers: where they run.
    """

    def __init__(self, post: Post, workers: Workers) -> None:
        self._post = post
        self.workers = workers

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt in a process of its own."""
        from everycall.executors.process.errand import Errand  # noqa: PLC0415 -- see above

        errand = Errand(cast("PortableWork", work), report, self._post)
        try:
            self.workers.pool().give(errand)
        except RuntimeError as error:  # the system has no thread left, or the interpreter is shutting down
            errand.tell(Raised(error))
        return errand
