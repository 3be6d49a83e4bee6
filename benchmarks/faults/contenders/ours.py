"""everycall: `open_turn`, and the exchange it leaves, as a loop of one's own would use it."""

from collections.abc import Sequence
from typing import Any

from benchmarks.faults.contenders.openai_shape import as_response, read
from benchmarks.faults.shapes import Fault, Say, Script, Tool
from benchmarks.faults.terms import GRACE, TIMEOUT
from everycall import Limits, Retry, ToolRegistry, open_turn

LIMITS = Limits(cancel_grace=GRACE, unsafe_cancel_grace=GRACE)
RETRY = Retry(attempts=3, initial=0.05)


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:
    """Return the usual loop: ask the model, run the calls, append the exchange."""
    registry: ToolRegistry[None] = ToolRegistry(timeout=TIMEOUT)
    for tool in tools:
        if fault.repeatable and tool in fault.tools:
            registry.add(tool, idempotent=True, retry=RETRY)
        else:
            registry.add(tool)
    history: list[dict[str, Any]] = []

    async def say() -> None:
        history.append({"role": "user", "content": "go on"})
        while True:
            turn = open_turn(as_response(script.answer(read(history))), registry, limits=LIMITS)
            try:
                await turn.run()
            finally:
                history.extend(turn.exchange)  # an exchange is whole at any time, after a cancellation too
            if not turn:
                return

    return say
