"""Which tool's code a thread is executing at this moment: read from its frames, from any other thread."""

import sys
from types import FrameType

from everycall.turn.stop import on_asyncio, on_trio
from everycall.turn.stop.root import RootTask

_DRIVERS = frozenset({on_asyncio.DRIVER, on_trio.DRIVER, RootTask.body.__code__})


def tool_under_way(thread: int) -> tuple[RootTask, list[FrameType]] | None:
    """Return the attempt whose code *thread* executes, and the frames of that code; None if it executes none.

    Args:
        thread: the identifier of an event loop's thread.

    Returns:
        The attempt and its frames, the outermost first. Do not keep the frames: they hold all that the tool has.
    """
    frames: list[FrameType] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 -- documented, "for specialised purposes"
    while frame is not None:
        if frame.f_code in _DRIVERS:
            root = frame.f_locals.get("self")
            return (root, frames[::-1]) if isinstance(root, RootTask) and root.step and frames else None
        frames.append(frame)
        frame = frame.f_back
    return None
