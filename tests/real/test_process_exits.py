"""After any tool, however hostile, the turn ends on time and the process exits: each case in a process of its own."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.real

PROGRAM = """
import sys, time, threading, asyncio
import anyio
from everycall import Limits, ToolRegistry, run_tool_calls

tools = ToolRegistry(timeout=0.3)

@tools.tool(read_only=True)
async def good() -> str:
    return "good"

{tool}

tools.add(bad, name="bad", read_only=True)
calls = [{{"id": n, "type": "function", "function": {{"name": n, "arguments": "{{}}"}}}} for n in ("good", "bad")]

async def main():
    started = time.monotonic()
    sent = {{"role": "assistant", "content": None, "tool_calls": calls}}
    turn = await run_tool_calls(sent, tools, limits=Limits(cancel_grace=0.2))
    took = time.monotonic() - started
    assert turn["good"].ok, turn
    print(turn["bad"].code, "late" if took > 2 else "on-time", flush=True)

anyio.run(main, backend=sys.argv[1])
print("ended", flush=True)
"""

TOOLS = {
    "swallows for ever": """
        async def bad():
            while True:
                try: await anyio.sleep(3600)
                except BaseException: pass
        """,
    "swallows for ever with short sleeps": """
        async def bad():
            while True:
                try: await anyio.sleep(0.001)
                except BaseException: pass
        """,
    "waits in a shield for ever": """
        async def bad():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(3600)
        """,
    "waits in a shield for ever, swallowing": """
        async def bad():
            while True:
                try:
                    with anyio.CancelScope(shield=True):
                        await anyio.sleep(3600)
                except BaseException: pass
        """,
    "clean-up that never ends": """
        async def bad():
            try: await anyio.sleep(3600)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(3600)
        """,
    "holds a lock": """
        lock = None
        async def bad():
            global lock
            lock = anyio.Lock()
            async with lock:
                while True:
                    try: await anyio.sleep(3600)
                    except BaseException: pass
        """,
    "a group with a child that shields": """
        async def child():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)
        async def bad():
            async with anyio.create_task_group() as group:
                group.start_soon(child)
        """,
    "leaks a task group": """
        async def bad():
            group = anyio.create_task_group()
            await group.__aenter__()
            group.start_soon(anyio.sleep, 3600)
            return "x"
        """,
    "leaks a scope": """
        async def bad():
            anyio.CancelScope(deadline=anyio.current_time() + 0.1).__enter__()
            return "x"
        """,
    "a blocked thread": """
        def bad():
            threading.Event().wait(3600)
        """,
    "SystemExit": """
        async def bad():
            sys.exit(3)
        """,
    "SystemExit in a thread": """
        def bad():
            sys.exit(3)
        """,
    "KeyboardInterrupt": """
        async def bad():
            raise KeyboardInterrupt
        """,
    "GeneratorExit": """
        async def bad():
            raise GeneratorExit
        """,
    "an exception without text": """
        class Bad(Exception):
            def __str__(self): raise SystemExit(9)
        async def bad():
            raise Bad
        """,
    "yields in its own finally when closed": """
        async def bad():
            while True:
                try: await anyio.sleep(3600)
                finally: await anyio.sleep(0)
        """,
}

ENDS_WELL = {"leaks a task group": "ok", "leaks a scope": "ok"}
RAISES = {"SystemExit", "SystemExit in a thread", "KeyboardInterrupt", "GeneratorExit", "an exception without text"}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("case", TOOLS)
@pytest.mark.row("1.3", "1.4", "1.13", "3.3", "10.3", "10.4")
def test_the_turn_ends_on_time_and_the_process_exits(case, backend):
    program = PROGRAM.format(tool=textwrap.dedent(TOOLS[case]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, backend],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    code = ENDS_WELL.get(case) or ("tool_error" if case in RAISES else "attempt")
    assert done.stdout.split() == [code, "on-time", "ended"], done.stdout + done.stderr
    assert done.returncode == 0
    assert "TrioInternalError" not in done.stderr
