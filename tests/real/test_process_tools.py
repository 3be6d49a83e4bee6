"""Tools in processes of their own: values, errors, contexts, places. What is hostile is in `test_process_faults`."""

import json
import os
from pathlib import Path

import anyio
import pytest

from everycall import (
    Limits,
    Redaction,
    Retry,
    ToolError,
    ToolRegistry,
    ToolRuntime,
    UsageError,
    run_tool_calls,
    run_tool_calls_sync,
)
from tests.real import process_zoo as zoo

pytestmark = pytest.mark.real
WAIT = 30.0  # seconds after which a test gives up


def registry(*functions, **options):
    tools = ToolRegistry(timeout=WAIT)
    for function in functions:
        tools.add(function, executor="process", **options)
    return tools


def says(*calls):
    return {"role": "assistant", "content": None, "tool_calls": [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate(calls, 1)
    ]}  # fmt: skip


async def one(tools, name, arguments=None, **options):
    with anyio.fail_after(WAIT):
        turn = await run_tool_calls(says((name, arguments or {})), tools, **options)
    return turn.results[0]


async def test_a_tool_runs_in_another_process_and_a_warm_one_is_used_again():
    tools = registry(zoo.who, read_only=True)
    async with ToolRuntime(tools) as runtime:
        pids = {(await runtime.run(says(("who", {})))).results[0].value for _ in range(5)}
    assert len(pids) == 1
    assert pids != {os.getpid()}


@pytest.mark.parametrize("name", zoo.VALUES)
async def test_a_value_comes_back_as_the_model_would_read_it_from_a_thread(name):
    near, far = ToolRegistry(), registry(zoo.value)
    near.add(zoo.value)
    here, there = await one(near, "value", {"name": name}), await one(far, "value", {"name": name})
    assert there.code == "ok"
    if name == "date":  # what is one JSON text there is a text here
        assert there.content == there.value == "2026-01-02"
        return
    assert there.content == here.content
    assert there.value == (["NaN"] if name == "nan" else here.value)


async def test_what_was_changed_to_encode_a_value_in_its_process_is_told():
    events = []
    far = registry(zoo.value)
    result = await one(far, "value", {"name": "nan"}, observers=[events.append])
    assert result.value == ["NaN"]
    assert [event.what for event in events if event.name == "value_coerced"]


async def test_arguments_arrive_typed_and_defaults_are_those_of_the_function():
    tools = registry(zoo.moved, zoo.add)
    moved = await one(tools, "moved", {"point": {"x": 1, "on": "2026-02-28"}, "key": "s3cret-value"})
    assert moved.value == {"x": 2, "on": "2026-03-01", "key": "s3cret-value"}
    assert (await one(tools, "add", {"x": 4})).value == 5
    assert (await one(tools, "add", {"x": "four"})).code == "invalid_arguments"


async def test_a_tool_whose_schema_is_data_gets_its_arguments_by_name():
    tools = ToolRegistry()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    tools.add(zoo.data_tool, parameters=schema, executor="process")
    assert (await one(tools, "data_tool", {"a": 3, "b": [1]})).value == {"a": 3, "b": [1]}


async def test_an_async_function_runs_on_a_loop_of_the_same_kind(anyio_backend):
    assert (await one(registry(zoo.waited), "waited", {"x": 3})).value == f"3 on {anyio_backend}"


async def test_an_async_generator_gives_progress_and_its_last_value():
    events = []
    result = await one(registry(zoo.counts), "counts", {"n": 4}, observers=[events.append])
    assert result.value == 3
    assert [event.message for event in events if event.name == "progress_reported"] == ["0", "1", "2", "3"]


async def test_a_static_method_is_found_by_the_name_of_its_class():
    tools = registry()
    tools.add(zoo.Tools.still, executor="process")
    assert (await one(tools, "still", {"x": 3})).value == 3


async def test_the_context_has_everything_but_deps():
    events = []
    tools = registry(zoo.with_context, zoo.wants_deps)
    near = ToolRegistry()
    near.add(zoo.with_context)
    here = await one(near, "with_context", key="k")
    result = await one(tools, "with_context", key="k", deps=object(), observers=[events.append])
    told = result.value
    assert (told["call_id"], told["tool_name"], told["attempt"], told["cancelled"]) == ("c1", "with_context", 1, False)
    assert 0 < told["left"] <= WAIT
    assert told["key"] == here.value["key"]
    assert [(e.done, e.total, e.message) for e in events if e.name == "progress_reported"] == [(1, 2, "half")]
    refused = await one(tools, "wants_deps", deps=object())
    assert refused.code == "tool_error"
    assert "deps live in the process that runs the turn" in refused.error.message


@pytest.mark.parametrize(
    "what",
    ["ValueError", "ToolError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "cannot be rebuilt", "group"],
)
@pytest.mark.row("4.2")
async def test_an_exception_is_judged_as_if_it_had_been_raised_in_a_thread_and_the_worker_is_kept(what):
    near = ToolRegistry()
    near.add(zoo.raises)
    here = await one(near, "raises", {"what": what})
    async with ToolRuntime(registry(zoo.raises, zoo.who)) as runtime:
        before = (await runtime.run(says(("who", {})))).results[0].value
        there = (await runtime.run(says(("raises", {"what": what})))).results[0]
        after = (await runtime.run(says(("who", {})))).results[0].value
    assert (there.code, there.effect, there.content) == (here.code, here.effect, here.content)
    assert (there.error.type, there.error.message) == (here.error.type, here.error.message)
    assert ("raises" in there.error.traceback) == ("raises" in here.error.traceback)
    assert before == after


@pytest.mark.parametrize("kind", ["error", "on purpose", "dies", "value"])
async def test_a_registered_secret_is_hidden_in_what_a_worker_brings(kind, caplog):
    caplog.set_level("DEBUG", "everycall")
    canary = "canary-in-the-mine"
    tools = ToolRegistry(timeout=WAIT, redact=Redaction(secrets=(canary,)))
    tools.add(zoo.tells, executor="process")
    events = []
    result = await one(tools, "tells", {"secret": canary, "kind": kind}, observers=(events.append,))
    assert result.code == {"value": "ok", "dies": "crashed"}.get(kind, "tool_error")
    told = [result.content, repr(result.error), caplog.text, *(repr(event.to_dict()) for event in events)]
    assert not [one for one in told if canary in one]


async def test_the_error_of_a_worker_is_bounded():
    tools = registry(zoo.raises)
    result = await one(tools, "raises", {"what": "long"})
    assert len(result.error.message) <= 2000
    assert len(result.content) < 1000


@pytest.mark.parametrize("what", ["endless wait", "lying"])
async def test_what_an_error_says_of_itself_cannot_harm_its_worker(what):
    async with ToolRuntime(registry(zoo.raises, zoo.who)) as runtime:
        before = (await runtime.run(says(("who", {})))).results[0].value
        result = (await runtime.run(says(("raises", {"what": what})))).results[0]
        assert (result.code, result.effect) == ("tool_error", "unknown")
        assert (await runtime.run(says(("who", {})))).results[0].value == before


@pytest.mark.parametrize("kind", ["transient", "named", "reset", "dies", "hangs"])
async def test_a_failure_that_may_pass_is_repeated_for_a_tool_that_is_safe_to_repeat(kind, tmp_path):
    tools = ToolRegistry()
    retry = Retry(initial=0.01, on=(zoo.Flaky,))
    tools.add(zoo.flaky, executor="process", idempotent=True, retry=retry, timeout=5 if kind != "hangs" else 1.5)
    result = await one(tools, "flaky", {"folder": str(tmp_path), "kind": kind})
    assert (result.code, result.value, result.attempts) == ("ok", 2, 2)


@pytest.mark.parametrize("kind", ["transient", "dies"])
async def test_nothing_is_repeated_for_a_tool_that_is_not(kind, tmp_path):
    tools = registry(zoo.flaky)
    result = await one(tools, "flaky", {"folder": str(tmp_path), "kind": kind})
    assert (result.effect, result.attempts, len(list(tmp_path.iterdir()))) == ("unknown", 1, 1)


async def test_at_most_so_many_processes_run_at_a_time_and_the_others_wait_in_line(tmp_path):
    tools = registry(zoo.hangs_and_says_so, zoo.who)
    async with ToolRuntime(tools, limits=Limits(processes=2)) as runtime:
        paths = [str(tmp_path / str(n)) for n in range(3)]
        turn = runtime.open_turn(says(*[("hangs_and_says_so", {"path": path}) for path in paths]))
        async with anyio.create_task_group() as group:
            group.start_soon(turn.run)
            with anyio.fail_after(WAIT):
                while len(list(tmp_path.iterdir())) < 2:  # noqa: ASYNC110 -- another process
                    await anyio.sleep(0.01)
            now = runtime.statistics()
            assert (now.processes_busy, now.processes_waiting) == (2, 1)
            turn.cancel("enough")
        assert [result.code for result in turn.results] == ["cancelled", "cancelled", "not_started"]
        now = runtime.statistics()
        assert (now.processes_busy, now.processes_waiting, now.abandoned_in_all) == (0, 0, 0)
        assert len(list(tmp_path.iterdir())) == 2


async def test_calls_of_one_message_run_in_processes_of_their_own_at_the_same_time():
    async with ToolRuntime(registry(zoo.who), limits=Limits(processes=4)) as runtime:
        turn = await runtime.run(says(*[("who", {})] * 12))
        assert turn.ok
        assert 1 <= len({result.value for result in turn.results}) <= 4


async def test_middleware_runs_in_the_host_around_the_tool_in_its_process():
    seen = []

    async def around(call, proceed):
        seen.append((os.getpid(), dict(call.arguments)))
        try:
            value = await proceed(arguments={"x": call.arguments["x"] + 10})
        except ToolError as error:
            return f"caught {error.message}"
        return value * 2

    tools = ToolRegistry(middleware=[around])
    tools.add(zoo.add, executor="process")
    assert (await one(tools, "add", {"x": 1})).value == 24
    assert seen == [(os.getpid(), {"x": 1})]


async def test_middleware_can_catch_what_a_tool_raises_on_purpose_in_its_process():
    async def around(call, proceed):
        try:
            return await proceed()
        except ToolError as error:
            return f"caught: {error.message} ({error.effect})"

    tools = ToolRegistry(middleware=[around])
    tools.add(zoo.raises, executor="process")
    assert (await one(tools, "raises", {"what": "ToolError"})).value == "caught: There is no such file. (none)"


async def test_a_process_under_middleware_is_stopped_with_its_attempt():
    async def around(call, proceed):
        return await proceed()

    tools = ToolRegistry(middleware=[around])
    tools.add(zoo.sleeps, executor="process", timeout=0.5, read_only=True)
    tools.add(zoo.segfault, executor="process")
    async with ToolRuntime(tools, limits=Limits(cancel_grace=1.0)) as runtime:
        with anyio.fail_after(WAIT):
            turn = await runtime.run(says(("sleeps", {}), ("segfault", {})))
        assert [result.code for result in turn.results] == ["attempt", "crashed"]
        assert runtime.statistics().processes_busy == 0
        assert runtime.statistics().abandoned_in_all == 0


async def test_an_async_tool_is_cancelled_in_its_process_and_may_clean_up(tmp_path):
    tools = ToolRegistry()
    tools.add(zoo.is_cancelled, executor="process", timeout=1.0)
    tools.add(zoo.who, executor="process")
    path = tmp_path / "mark"
    async with ToolRuntime(tools) as runtime:
        before = (await runtime.run(says(("who", {})))).results[0].value
        result = (await runtime.run(says(("is_cancelled", {"path": str(path)})))).results[0]
        after = (await runtime.run(says(("who", {})))).results[0].value
    assert (result.code, result.effect, result.error) == ("attempt", "unknown", None)
    assert path.read_text() == "cleaned up"
    assert before == after  # it ended as it was asked to: nobody had to be killed


async def test_a_tool_that_stops_by_itself_within_its_grace_counts():
    tools = ToolRegistry()
    tools.add(zoo.looks_whether_it_is_wanted, executor="process", timeout=0.5, read_only=True)
    result = await one(tools, "looks_whether_it_is_wanted")
    assert (result.value, result.late) == ("stopped by itself", True)


def test_the_sync_form_runs_process_tools_too():
    tools = registry(zoo.add)
    assert run_tool_calls_sync(says(("add", {"x": 1})), tools).results[0].value == 2


async def test_leaving_the_runtime_ends_its_workers():
    async with ToolRuntime(registry(zoo.who)) as runtime:
        pid = (await runtime.run(says(("who", {})))).results[0].value
        assert is_alive(pid)
    assert not is_alive(pid)


async def test_an_idle_worker_ends_after_a_while(monkeypatch):
    from everycall.executors.process import worker

    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.2)
    async with ToolRuntime(registry(zoo.who)) as runtime:
        pid = (await runtime.run(says(("who", {})))).results[0].value
        with anyio.fail_after(WAIT):
            while is_alive(pid):  # noqa: ASYNC110 -- another process
                await anyio.sleep(0.02)
        again = (await runtime.run(says(("who", {})))).results[0]
        assert again.code == "ok"
        assert again.value != pid


async def test_a_worker_that_died_in_its_sleep_costs_no_call():
    import signal

    async with ToolRuntime(registry(zoo.who)) as runtime:
        for _ in range(3):
            pid = (await runtime.run(says(("who", {})))).results[0].value
            os.kill(pid, signal.SIGKILL)
            again = (await runtime.run(says(("who", {})))).results[0]
            assert (again.code, again.attempts) == ("ok", 1)
            assert again.value != pid


async def test_a_module_keeps_its_state_in_a_warm_worker():
    async with ToolRuntime(registry(zoo.remembers), limits=Limits(processes=1)) as runtime:
        said = [(await runtime.run(says(("remembers", {})))).results[0].value for _ in range(3)]
    assert said == [1, 2, 3]


async def test_a_module_that_cannot_be_imported_there_is_an_error_of_the_call_without_effect(tmp_path, monkeypatch):
    import importlib
    import sys

    source = f"import os\nif os.getpid() != {os.getpid()}: raise OSError('no database')\ndef f(): pass\n"
    (tmp_path / "only_here.py").write_text(source)
    tools = registry(zoo.who)
    async with ToolRuntime(tools, limits=Limits(processes=1)) as runtime:
        assert (await runtime.run(says(("who", {})))).ok  # this worker knows the search path as it was
        monkeypatch.syspath_prepend(str(tmp_path))
        tools.add(importlib.import_module("only_here").f, executor="process")
        result = (await runtime.run(says(("f", {})))).results[0]
    assert (result.code, result.effect) == ("tool_error", "none")
    assert "no database" in result.content
    del sys.modules["only_here"]


async def test_a_module_that_runs_a_turn_when_it_is_imported_does_not_start_workers_without_end(tmp_path, monkeypatch):
    import importlib
    import sys

    (tmp_path / "unguarded.py").write_text(
        "from everycall import ToolRegistry, run_tool_calls_sync\n"
        "tools = ToolRegistry(timeout=20)\n"
        "@tools.tool(executor='process')\n"
        "def f() -> int: return 1\n"
        "call = {'id': 'a', 'type': 'function', 'function': {'name': 'f', 'arguments': '{}'}}\n"
        "RESULT = run_tool_calls_sync({'role': 'assistant', 'content': None, 'tool_calls': [call]}, tools).results[0]\n"
        "def code() -> str: return RESULT.code\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with anyio.fail_after(WAIT):
        module = await anyio.to_thread.run_sync(lambda: importlib.import_module("unguarded"))
    assert module.RESULT.code == "ok"
    assert (await one(registry(module.code), "code")).value == "saturated"
    del sys.modules["unguarded"]


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# --- registration ---


def nested():
    def inner():
        pass

    return inner


class Thing:
    def method(self):
        pass

    def __call__(self):
        pass


@pytest.mark.parametrize(
    ("function", "cure"),
    [
        (lambda: None, "it is a lambda.*top level of a module"),
        (nested(), "defined inside another function"),
        (Thing().method, "stays in this process"),
        (Thing(), "no function with a name of its own"),
    ],
)
@pytest.mark.row("4.6")
def test_what_a_worker_could_not_find_is_refused_when_it_is_registered(function, cure):
    with pytest.raises(UsageError, match=f"(?s){cure}"):
        ToolRegistry().add(function, name="f", executor="process")


def test_a_function_of_the_main_file_is_refused(monkeypatch):
    monkeypatch.setattr(zoo.add, "__module__", "__main__")
    with pytest.raises(UsageError, match="Move it to a module of its own"):
        ToolRegistry().add(zoo.add, executor="process")


def test_a_function_of_a_module_that_was_made_by_hand_is_refused(monkeypatch):
    monkeypatch.setattr(zoo.add, "__module__", "made_by_hand")
    with pytest.raises(UsageError, match="'made_by_hand' was not imported by name"):
        ToolRegistry().add(zoo.add, executor="process")


def test_windows_is_refused_with_the_cure(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(UsageError, match=r"Windows.*leave it out"):
        ToolRegistry().add(zoo.add, executor="process")


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"memory_bytes": 1 << 30}, "executor='process' too"),
        ({"cpu_seconds": 1}, "executor='process' too"),
        ({"executor": "process", "memory_bytes": 1 << 20}, "at least 134217728"),
        ({"executor": "process", "cpu_seconds": 0.5}, "whole number"),
    ],
)
def test_bounds_of_a_process_are_checked(options, cure):
    with pytest.raises(UsageError, match=cure):
        ToolRegistry().add(zoo.add, **options)


def test_the_decorator_leaves_the_function_as_it_is():
    assert ToolRegistry().tool(executor="process")(zoo.add) is zoo.add


def test_a_turn_without_process_tools_starts_nothing_and_imports_nothing():
    import subprocess
    import sys

    code = (
        "import sys, anyio, everycall\n"
        "tools = everycall.ToolRegistry()\n"
        "@tools.tool\n"
        "async def f(): return 1\n"
        "call = {'id': 'a', 'type': 'function', 'function': {'name': 'f', 'arguments': '{}'}}\n"
        "message = {'role': 'assistant', 'content': None, 'tool_calls': [call]}\n"
        "turn = anyio.run(everycall.run_tool_calls, message, tools)\n"
        "print(turn.ok, [name for name in sys.modules if name.startswith('everycall.executors.process.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["True", "[]"]
