"""4. A secret that is known to the registry never appears in a message, an event, a log or on the command line.

Canaries are put wherever a tool, a validator or a hook can put them; then everything that leaves is searched for them.
"""

import base64
import io
import json
import logging
import time
import urllib.parse
from typing import Annotated

import anyio
import pytest
from pydantic import AfterValidator, BaseModel, SecretStr

import everycall.cli
from everycall import (
    Redaction,
    Text,
    ToolContext,
    ToolError,
    ToolRegistry,
    TransientToolError,
    open_turn,
    run_tool_calls,
)
from everycall.cli.answer import as_text, turn_as_json
from everycall.core.policy import Retry
from everycall.core.redaction import MAX_SECRETS
from everycall.dialects import DIALECT_NAMES
from everycall.registry.binding import Bound
from everycall.registry.refusals import _forms_of_values
from everycall.registry.secrets import secrets_of
from tests.dialects import samples
from tests.messages import call, message

REGISTERED = "canary-registered-91"
FROM_ENVIRONMENT = "canary-environment-82"
ARGUMENT = "canary-argument-73"
PATTERNED = "sk-canary0pattern0164000000"
PASSWORD = "canary-password-55"  # in an address
CANARIES = (REGISTERED, FROM_ENVIRONMENT, ARGUMENT, PATTERNED, PASSWORD)
ALL = f"{REGISTERED} {FROM_ENVIRONMENT} {PATTERNED} https://bob:{PASSWORD}@db/ password={PASSWORD}"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """The real clock: on one that leaps, a tool whose thread is slow to start is out of time."""
    return request.param


def forms(canary):
    yield canary
    yield base64.b64encode(canary.encode()).decode().rstrip("=")
    yield urllib.parse.quote(canary, safe="")


def assert_clean(text, *, but=()):
    for canary in CANARIES:
        if canary not in but:
            for form in forms(canary):
                assert form not in text, text[max(0, text.find(form) - 200) :][:500]


class Chatty:
    def __repr__(self):
        return f"<Chatty {ALL}>"


def nested(error):
    inner = ExceptionGroup(f"inner {ALL}", [error, ValueError(ALL)])
    return ExceptionGroup(f"outer {ALL}", [inner, BaseExceptionGroup(ALL, [SystemExit(ALL)])])


def with_notes(error):
    error.add_note(f"a note: {ALL}")
    error.add_note("x" * 290 + REGISTERED)
    return error


def chained():
    try:
        try:
            raise KeyError(ALL)
        except KeyError as first:
            raise OSError(2, ALL, f"/srv/{REGISTERED}") from first
    except OSError as second:
        return second


def encoded():
    parts = [base64.b64encode(f"u:{one}".encode()).decode() for one in CANARIES[:2]]
    return RuntimeError(" ".join([*parts, *(urllib.parse.quote(one) for one in CANARIES[:2])]))


RAISES = {
    "text": lambda: ValueError(ALL),
    "first_line": lambda: ValueError(f"{ALL}\nmore {ALL}"),
    "of_an_object": lambda: ValueError(Chatty()),
    "key": lambda: KeyError(ALL),
    "group": lambda: nested(ValueError(ALL)),
    "of_one": lambda: ExceptionGroup("x", [ExceptionGroup(ALL, [ValueError(ALL)])]),
    "notes": lambda: with_notes(ValueError("see the notes")),
    "chain": chained,
    "encoded": encoded,
    "at_a_cut": lambda: ValueError("." * 1995 + REGISTERED + "." * 5000),
    "at_the_cut_of_a_line": lambda: ValueError("." * 285 + FROM_ENVIRONMENT + "." * 5000),
    "hidden_by_zero_width": lambda: ValueError("canary-\u200bregistered-91 canary-envi\u202eronment-82"),
    "coloured": lambda: ValueError("\x1b[31mcanary-\x1b[0mregistered-91"),
    "base": lambda: SystemExit(ALL),
    "own": lambda: ToolError(f"the token {REGISTERED} was refused"),
    "transient": lambda: TransientToolError(f"the token {REGISTERED} was refused"),
    "own_in_group": lambda: ExceptionGroup(ALL, [ToolError(REGISTERED), ValueError(ALL)]),
}


class Serialised(BaseModel):
    token: SecretStr


class Failing:
    def __getattr__(self, name):
        raise ValueError(ALL)


class BadMapping(dict):
    def items(self):
        raise ValueError(ALL)


def refuse(value):
    raise ValueError(f"{value!r} is refused, see {ALL}")


def terse(value):
    raise ValueError("no such city")


class Account(BaseModel):
    name: str
    keys: list[SecretStr]


def registry():
    redact = Redaction(secrets=(REGISTERED,))
    tools = ToolRegistry(redact=redact, retry=Retry(attempts=2, initial=0.01))
    for name, make in RAISES.items():
        tools.add(_on_the_loop(make), name=f"raises_{name}", read_only=True)
        tools.add(_in_thread(make), name=f"thread_{name}")
    for function in (secret_argument, nested_secret, slow, unwinds, reports, bad_value, a_model):
        tools.add(function, timeout=0.05)
    tools.add(checked)
    tools.add(password_in_schema, parameters=PASSWORD_SCHEMA)
    return tools


def _on_the_loop(make):
    async def fails():
        await anyio.lowlevel.checkpoint()
        raise make()

    return fails


def _in_thread(make):
    def fails():
        raise make()

    return fails


PASSWORD_SCHEMA = {
    "type": "object",
    "properties": {"login": {"type": "object", "properties": {"pin": {"type": "string", "format": "password"}}}},
    "required": ["login"],
}


async def secret_argument(token: SecretStr) -> str:
    raise PermissionError(f"{token.get_secret_value()} was refused")


async def nested_secret(account: Account) -> str:
    keys = " ".join(key.get_secret_value() for key in account.keys)
    raise PermissionError(f"{keys} {base64.b64encode(keys.encode()).decode()}")


async def password_in_schema(login) -> str:
    raise PermissionError(f"pin {login['pin']} was refused")


async def slow() -> str:
    await anyio.sleep(10)


async def unwinds() -> str:
    try:
        await anyio.sleep(10)
    finally:
        raise ValueError(ALL)


async def reports(ctx: ToolContext) -> str:
    ctx.report_progress(1, message=f"with {REGISTERED}")
    return f'{{"token": "{REGISTERED}"}}'


async def bad_value() -> object:
    return BadMapping(a=1)


async def a_model() -> object:
    return {"found": [f"x{REGISTERED}y"], REGISTERED: 1, "part": {"deep": (REGISTERED,)}}


async def checked(city: Annotated[str, AfterValidator(refuse)]) -> str:
    return city


ARGUMENTS = {
    "secret_argument": {"token": ARGUMENT},
    "nested_secret": {"account": {"name": "bob", "keys": ["x", ARGUMENT]}},
    "password_in_schema": {"login": {"pin": ARGUMENT}},
    "checked": {"city": ARGUMENT},
}


def everything(tools):
    return message(*[call(tool.name, ARGUMENTS.get(tool.name)) for tool in tools])


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.setenv("CANARY_API_KEY", FROM_ENVIRONMENT)
    return registry()


@pytest.fixture
def log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("everycall")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def texts_of(turn):
    for result in turn.results:
        yield result.content if isinstance(result.content, str) else repr(result.content)
        if result.error is not None:
            yield from (result.error.type, result.error.message, result.error.traceback)
    yield json.dumps(turn.messages, ensure_ascii=False, default=repr)
    yield repr(turn)
    as_json = turn_as_json(turn)
    yield as_text(as_json["results"])


def texts_of_results(turn):
    for result in turn.results:
        yield from (result.content, result.error.message, result.error.traceback)


@pytest.mark.row("11.1")
async def test_no_canary_is_in_a_message_a_result_an_event_or_the_log(tools, log):
    seen = []

    def observe(event):
        seen.append(event)
        if event.name == "attempt_started":
            raise RuntimeError(ALL)  # an observer's own failure is told too

    turn = await run_tool_calls(everything(tools), tools, observers=[observe])
    assert len(turn) == len(list(tools)) > 40
    assert {result.code for result in turn.results} == {
        "tool_error",
        "invalid_arguments",
        "attempt",
        "ok",
        "invalid_result",
    }
    told = list(texts_of(turn))
    for text in told:
        assert_clean(text)
    for event in seen:
        assert_clean(json.dumps(event.to_dict(), ensure_ascii=False))
        assert_clean(repr(event))
    assert_clean(log.getvalue())
    assert_clean(repr(tools))
    assert "[redacted]" in "".join(told)
    assert "[redacted]" in log.getvalue()


async def test_the_canaries_would_be_found_if_nothing_were_hidden(monkeypatch, log):
    """The search can fail: without a `Redaction` every sink has them."""
    tools = ToolRegistry(redact=None)
    tools.add(_in_thread(RAISES["text"]), name="fails", executor="task")
    seen = []
    turn = await run_tool_calls(message("fails"), tools, observers=[seen.append])
    failed = next(event for event in seen if event.name == "attempt_failed")
    for text in (turn.results[0].content, turn.results[0].error.traceback, str(failed.to_dict()), log.getvalue()):
        with pytest.raises(AssertionError):
            assert_clean(text)


async def test_no_canary_is_in_what_hooks_say(tools, log):
    def explain(result):
        if result.tool_name == "raises_text":
            raise RuntimeError(ALL)
        return f"It failed, and the token was {REGISTERED}."

    async def middleware(call, proceed):
        if call.tool_name == "slow":
            raise RuntimeError(ALL)
        return await proceed()

    explained = ToolRegistry(explain=explain, middleware=[middleware], redact=Redaction(secrets=[REGISTERED]))
    for name in ("text", "own"):
        explained.add(lambda name=name: tools[f"raises_{name}"].function(), name=f"raises_{name}", executor="task")
    explained.add(slow)
    turn = open_turn(message("raises_text", "raises_own", "slow"), explained)
    for text in texts_of(turn):  # what stopping now would give
        assert_clean(text)
    await turn.run()
    for text in texts_of(turn):
        assert_clean(text)
    assert_clean(log.getvalue())
    assert "the token was [redacted]." in turn["call_raises_own"].content


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
async def test_no_canary_is_in_the_result_messages_of_any_dialect(dialect, tools):
    secrets = Redaction(secrets=(REGISTERED,))
    weather = ToolRegistry(redact=secrets)

    @weather.tool
    async def get_weather(city: str) -> object:
        raise ValueError(ALL)

    @weather.tool
    async def get_time(zone: str, n: list[int]) -> object:
        return [Text(f"it is {REGISTERED}"), Text("noon")]

    turn = await run_tool_calls(samples.message(dialect), weather, dialect=dialect)
    assert [result.code for result in turn.results] == ["tool_error", "ok"]
    assert_clean(repr(turn.messages))
    assert_clean(repr(turn.exchange))


async def test_a_result_keeps_what_nobody_has_registered():
    """Results are the tool's business: neither the environment nor the looks of a text change them."""
    tools = ToolRegistry()

    @tools.tool
    async def read_file() -> str:
        return ALL

    turn = await run_tool_calls(message("read_file"), tools)
    assert turn.results[0].content == ALL


async def test_a_secret_in_a_number_or_at_a_cut_of_a_result_is_hidden_and_json_stays_json():
    seen = []
    tools = ToolRegistry(redact=Redaction(secrets=("8712345678", "canary-of-twenty-one!")))

    @tools.tool
    async def as_number() -> object:
        return {"account": 8712345678, "text": "no. 8712345678"}

    @tools.tool(max_result_bytes=200)
    async def cut(n: int) -> str:
        return "." * n + "canary-of-twenty-one!" * 30

    counts = range(20)
    turn = await run_tool_calls(
        message("as_number", *[call("cut", {"n": n}, f"c{n}") for n in counts]), tools, observers=[seen.append]
    )
    assert json.loads(turn.results[0].content) == {"account": "[redacted]", "text": "no. [redacted]"}
    for result in turn.results[1:]:
        assert "cana" not in result.content
        assert "one!" not in result.content
        assert len(result.content.encode()) <= 200
    assert {"registered secrets were hidden"} <= {event.what for event in seen if event.name == "value_coerced"}


@pytest.mark.parametrize("executor", ["task", "thread"])
async def test_no_half_of_one_is_in_progress_that_is_cut(executor):
    seen = []
    tools = ToolRegistry(redact=Redaction(secrets=(REGISTERED,)))

    def tells(at: int, ctx: ToolContext) -> str:
        ctx.report_progress(1, message="." * at + REGISTERED * 9)
        return "told"

    async def yields(at: int):
        yield "." * at + REGISTERED * 9
        yield "told"

    tools.add(tells, executor=executor)
    tools.add(yields)
    calls = [call(name, {"at": at}, f"{name}{at}") for name in ("tells", "yields") for at in range(960, 1004)]
    turn = await run_tool_calls(message(*calls), tools, observers=[seen.append])
    assert turn.ok
    told = [event.message for event in seen if event.name == "progress_reported" and event.message != "told"]
    assert len(told) == len(calls)
    for text in told:
        assert "canar" not in text
        assert len(text) <= 1000


async def test_a_secret_argument_of_any_length_is_hidden_and_costs_little():
    tools = ToolRegistry(redact=Redaction(environment=False))

    @tools.tool
    async def login(tokens: list[SecretStr]) -> str:
        raise PermissionError("rejected: " + tokens[-1].get_secret_value() + tokens[0].get_secret_value())

    for tokens in (
        ["canary-" + "q7" * 35_000],
        ["canary-" + "q7" * 250_000],
        ["canary-" + "q7" * 4000 + str(n) for n in range(90)],
    ):
        started = time.process_time()
        turn = await run_tool_calls(message(call("login", {"tokens": tokens})), tools)
        assert time.process_time() - started < 0.5
        for text in texts_of_results(turn):
            assert "canary" not in text
            assert "q7q7" not in text


async def test_a_validator_that_repeats_a_long_value_is_silenced_and_costs_little():
    tools = ToolRegistry()

    @tools.tool
    async def city(name: Annotated[str, AfterValidator(refuse)], other: Annotated[str, AfterValidator(terse)]) -> str:
        return name

    started = time.process_time()
    arguments = {"name": "\u4e00q7" * 50_000, "other": "z9" * 150_000}
    turn = await run_tool_calls(message(call("city", arguments)), tools)
    assert time.process_time() - started < 0.5
    assert turn.results[0].code == "invalid_arguments"
    assert "q7" not in turn.results[0].content
    assert "no such city" in turn.results[0].content


async def test_a_generator_may_yield_what_cannot_be_written_as_text():
    seen = []
    tools = ToolRegistry()

    @tools.tool
    async def counts():
        yield 2**20_000
        yield 5

    turn = await run_tool_calls(message("counts"), tools, observers=[seen.append])
    assert turn.results[0].value == 5
    assert [event.message for event in seen if event.name == "progress_reported"] == [None, "5"]


class TestTheCommandLine:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CANARY_API_KEY", FROM_ENVIRONMENT)
        (tmp_path / "my_canaries.py").write_text(
            "from tests.must_never.test_secrets import registry\nregistry = registry()\n", "utf-8"
        )
        monkeypatch.delitem(__import__("sys").modules, "my_canaries", raising=False)
        return tmp_path

    @pytest.mark.parametrize("output", ["json", "table"])
    def test_shows_no_canary(self, folder, output, capsys):
        (folder / "message.json").write_text(json.dumps(everything(registry())), "utf-8")
        code = everycall.cli.main(["run", "message.json", "--tools", "my_canaries:registry", "--output", output])
        out, err = capsys.readouterr()
        assert code == 0
        assert "[redacted]" in out
        # The assistant message goes back as the model sent it, with its arguments.
        assert_clean(out, but=(ARGUMENT,))
        assert_clean(err)
        if output == "json":
            assert_clean(json.dumps(json.loads(out)["results"]))

    def test_shows_none_when_a_module_does_not_import(self, folder, capsys):
        (folder / "broken_canaries.py").write_text(f"raise ValueError({ALL!r} + '.' * 300)", "utf-8")
        (folder / "message.json").write_text(json.dumps(message("x")), "utf-8")
        assert everycall.cli.main(["run", "message.json", "--tools", "broken_canaries:registry"]) == 2
        out, err = capsys.readouterr()
        assert "does not import: ValueError" in err
        assert_clean(out + err, but=(REGISTERED,))  # which is registered nowhere yet

    def test_shows_no_half_of_one_where_a_complaint_is_cut(self, folder, capsys):
        for at in range(270, 300, 3):
            (folder / f"cut_canaries_{at}.py").write_text(
                f"raise ValueError('x' * {at} + {FROM_ENVIRONMENT!r} * 9)", "utf-8"
            )
            (folder / "message.json").write_text(json.dumps(message("x")), "utf-8")
            assert everycall.cli.main(["run", "message.json", "--tools", f"cut_canaries_{at}:registry"]) == 2
            assert "canary-e" not in capsys.readouterr().err.replace(f"cut_canaries_{at}", "")

    @pytest.mark.parametrize("output", ["json", "table"])
    def test_the_demo_shows_no_canary(self, folder, output, capsys):
        assert everycall.cli.main(["demo", "--output", output]) == 0
        out, err = capsys.readouterr()
        assert_clean(out + err)


def test_of_the_secrets_in_one_call_so_many_are_known():
    bound = Bound((), {"keys": [SecretStr(f"canary-{number:06}") for number in range(MAX_SECRETS + 50)]})
    assert len(secrets_of(bound, frozenset())) == MAX_SECRETS


def test_a_value_longer_than_a_validators_words_is_not_looked_for_in_them():
    assert _forms_of_values(["x" * 1000], 999) == ()
    assert "x" * 1000 in _forms_of_values(["x" * 1000], 1000)
