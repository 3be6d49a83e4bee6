"""The tools of the soak. Hostile ones end within a second, by themselves or by force; the linger is short.

What waits for ever waits for no time: asyncio keeps a stopped timer, and the context of whoever set it, until its time.
"""

import threading

import anyio

from everycall import ToolContext, ToolRegistry

TOOLS = ToolRegistry(timeout=0.1)
STUCK = 0.5
"""Seconds for which hostile tools hang where nobody can stop them."""


@TOOLS.tool(read_only=True)
async def adds(a: int, b: int) -> int:
    """Add two numbers."""
    await anyio.sleep(0)
    return a + b


@TOOLS.tool(read_only=True)
async def waits(a: int, b: int) -> dict:
    """Wait a little."""
    await anyio.sleep(0.001)
    return {"sum": a + b, "text": "x" * 200}


@TOOLS.tool(idempotent=True)
def counts(a: int, b: int, context: ToolContext) -> list:
    """Count in a thread."""
    context.report_progress(1, 1)
    return list(range(a % 50 + b % 50))


@TOOLS.tool
async def raises(a: int, b: int) -> None:
    """Fail, as tools do."""
    await anyio.sleep(0)
    raise ValueError(f"no sum of {a} and {b}")


FRIENDLY = ("adds", "adds", "waits", "counts", "raises")


@TOOLS.tool
async def hangs(a: int, b: int) -> None:
    await anyio.Event().wait()


@TOOLS.tool
async def swallows(a: int, b: int) -> None:
    for _ in range(50):
        try:
            await anyio.Event().wait()
        except anyio.get_cancelled_exc_class():
            pass


@TOOLS.tool
async def shields(a: int, b: int) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(STUCK)


@TOOLS.tool
async def exits(a: int, b: int) -> None:
    raise SystemExit(3)


@TOOLS.tool
async def leaves_a_scope_open(a: int, b: int) -> None:
    anyio.CancelScope(deadline=anyio.current_time() + 0.01).__enter__()


@TOOLS.tool
async def gives_what_cannot_be_sent(a: int, b: int) -> object:
    return iter([a, b])


@TOOLS.tool
async def gives_too_much(a: int, b: int) -> str:
    return "y" * 1_000_000


@TOOLS.tool
def raises_in_its_thread(a: int, b: int) -> None:
    raise GeneratorExit


HOSTILE = (
    "hangs",
    "swallows",
    "shields",
    "exits",
    "leaves_a_scope_open",
    "gives_what_cannot_be_sent",
    "gives_too_much",
    "raises_in_its_thread",
)


OVER = threading.Event()
"""Set when the soak is over."""


@TOOLS.tool
def never_ends(a: int, b: int) -> None:
    """Hang in a thread, where nobody can end it. There are never more of these than the cap allows."""
    OVER.wait()
