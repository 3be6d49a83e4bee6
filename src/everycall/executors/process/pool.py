"""The workers of a runtime. An idle one is used again, the last one first.

How many are busy is decided by the gates of the engine. Workers of tools with a memory bound are kept apart from the
others, by that bound: what one tool left in memory is not counted against another's.
"""

import threading

from everycall.executors.process.errand import Errand
from everycall.executors.process.worker import Worker


class Pool:
    """Workers, each with its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._all)

    def give(self, errand: Errand) -> None:
        """Hand *errand* to an idle worker, or to a new one.

        Raises:
            RuntimeError: the system has no thread left, or the pool is closed.
        """
        memory = errand.request.memory_bytes
        with self._lock:
            if self._closed:
                raise RuntimeError("the runtime is closed")
            worker = next((one for one in reversed(self._idle) if one.memory_bytes == memory), None)
            if worker is not None:
                self._idle.remove(worker)
            else:
                worker = Worker(memory, self.take_back, self.retire, self.gone)
                self._all.add(worker)
            worker.give(errand)

    def take_back(self, worker: Worker) -> bool:
        """Let *worker* wait for another call. Returns False if it must end instead."""
        with self._lock:
            if self._closed:
                return False
            self._idle.append(worker)
            return True

    def retire(self, worker: Worker) -> bool:
        """Take *worker* out of the idle ones. Returns False if it has just been chosen for a call."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            return True

    def gone(self, worker: Worker) -> None:
        """Forget *worker*: its process has ended."""
        with self._lock:
            self._all.discard(worker)

    def close(self) -> None:
        """End all workers, without waiting."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.close()

    def __repr__(self) -> str:
        return f"<Pool of {len(self._all)} workers, {len(self._idle)} idle>"
