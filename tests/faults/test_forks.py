"""Row 4.9: the child of a tool that forks does not go on with the turn of its parent."""

import sys

import pytest

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here"),
    pytest.mark.skipif(sys.platform == "darwin", reason="a forked child may not come back at all there"),
]

FORKS = {
    "and returns": """
        @tools.tool
        async def forks() -> int:
            pid = os.fork()
            return reap(pid) if pid else 0
    """,
    "and waits": """
        @tools.tool
        async def forks() -> int:
            await anyio.sleep(0.01)  # the turn has looked at it once, and sleeps
            pid = os.fork()
            await anyio.sleep(0.01)
            if not pid:
                os.write(1, b"the child went on\\n")
            return reap(pid)
    """,
    "and raises": """
        @tools.tool
        async def forks() -> int:
            pid = os.fork()
            if not pid:
                raise ValueError("in the child")
            return reap(pid)
    """,
    "in a thread": """
        @tools.tool
        def forks() -> int:
            pid = os.fork()
            return reap(pid) if pid else 0
    """,
    "in a task of its own": """
        @tools.tool
        async def forks() -> int:
            pids = []
            async def child():
                pids.append(os.fork())
                await anyio.sleep(0)
            async with anyio.create_task_group() as group:
                group.start_soon(child)
            return reap(pids[0])
    """,
    "beside the turn": """
        pids = []
        async def forks_beside():
            await anyio.sleep(0.05)
            pids.append(os.fork())

        @tools.tool
        async def forks() -> int:
            await anyio.sleep(0.3)
            return reap(pids[0])
    """,
}

PROGRAM = """
def reap(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

{tool}

@tools.tool
async def good() -> str:
    await anyio.sleep(0.1)
    return "good"

def tell(event):
    os.write(1, (event.name + "\\n").encode())

async def main():
    async with anyio.create_task_group() as group:
        if "forks_beside" in globals():
            group.start_soon(forks_beside)
        turn = await run_tool_calls(message("forks", "good"), tools, observers=[tell])
    os.write(1, repr([result.content for result in turn.results]).encode())

anyio.run(main, backend=backend)
"""


@pytest.mark.row("4.9")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("case", FORKS)
def test_a_forked_child_that_comes_back_is_ended_and_the_parent_goes_on(case, backend, program):
    import textwrap

    lines, status, complaint = program(PROGRAM.format(tool=textwrap.dedent(FORKS[case])), backend)
    assert lines[-1] == "['70', 'good']", complaint
    assert "the child went on" not in lines
    assert (lines.count("call_settled"), lines.count("turn_closed")) == (2, 1)
    assert status == 0
    assert "a forked child came back into a turn" in complaint


@pytest.mark.row("4.9")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_forked_child_may_end_by_itself_and_may_run_turns_of_its_own(backend, program):
    lines, status, complaint = program(
        """
        @tools.tool
        async def fine() -> str:
            return "fine"

        @tools.tool
        async def multiplies() -> int:
            import multiprocessing
            process = multiprocessing.get_context("fork").Process(target=os.getpid)
            process.start()
            process.join()
            return process.exitcode

        async def main():
            turn = await run_tool_calls(message("fine", "multiplies"), tools)
            os.write(1, repr([result.content for result in turn.results]).encode() + b"\\n")

        anyio.run(main, backend=backend)
        pid = os.fork()
        if not pid:
            anyio.run(main, backend=backend)
            os._exit(0)
        os.write(1, str(os.waitpid(pid, 0)[1]).encode())
        """,
        backend,
    )
    assert lines == ["['fine', '0']", "['fine', '0']", "0"], complaint
    assert status == 0
