"""The log of docs/howto/middleware-log.md: one line for each attempt, without secrets, bounded."""

import json
import logging

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from everycall import ToolRegistry, run_tool_calls
from tests.messages import call, message
from tests.middleware.pages import names_of

NAMES = names_of("middleware-log.md")
ArgumentLog, redacted = NAMES["ArgumentLog"], NAMES["redacted"]
CANARY = "canary-9f27"


class Login(BaseModel):
    user: str
    code: SecretStr


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "tests.arguments")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "tests.arguments"]


def registry(**options):
    tools = ToolRegistry(middleware=[ArgumentLog(logging.getLogger("tests.arguments"), **options)])
    tools.received = []

    @tools.tool(read_only=True)
    async def take(login: Login, codes: list[SecretBytes], more: dict) -> None:
        tools.received.append((login.code.get_secret_value(), codes[0].get_secret_value(), more))

    @tools.tool(read_only=True)
    async def fail(password: str) -> None:
        raise ValueError(f"wrong password {password}")

    return tools


async def test_a_secret_is_hidden_by_its_type_by_its_name_or_by_wish_wherever_it_stands(lines):
    given = {
        "login": {"user": "ada", "code": CANARY},
        "codes": [CANARY],
        "more": {"a": [{"Api-Key": 1, "apiKey": CANARY, "X-AUTH": CANARY}], "TOKENS": [CANARY], "diagnosis": CANARY},
    }
    tools = registry(hide={"diagnosis"})
    turn = await run_tool_calls(message(call("take", given)), tools, key="k")
    assert turn.ok
    assert tools.received == [(CANARY, CANARY.encode(), given["more"])]
    (line,) = lines()
    assert CANARY not in line
    assert "ada" in line
    assert line.startswith('take#1({"login": {"user": "ada", "code": "**********"}')
    assert line.endswith("returned after 0.0 s [k call_take]")


async def test_the_text_of_an_error_is_not_logged(lines):
    await run_tool_calls(message(call("fail", {"password": CANARY})), registry())
    (line,) = lines()
    assert CANARY not in line
    assert "raised ValueError" in line


async def test_a_line_stays_one_line_and_plain_ascii(lines):
    given = {"login": {"user": "a\nb\x1b[31m\u202e\u2028", "code": "x"}, "codes": ["x"], "more": {"k\n": "v"}}
    await run_tool_calls(message(call("take", given)), registry())
    (line,) = lines()
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        list(range(100_000)),
        {f"k{n}": n for n in range(100_000)},
        [[[[[[[["x" * 500] * 9] * 9] * 9] * 9] * 9] * 9] * 9],
    ],
)
def test_what_is_shown_is_bounded(value):
    assert len(json.dumps(redacted(value))) < 50_000


def test_what_is_left_out_is_counted():
    assert redacted("x" * 101) == "x" * 100 + "... 1 more"
    assert redacted([1] * 7) == [1, 1, 1, 1, 1, "... 2 more"]
    assert redacted({str(n): n for n in range(22)})["..."] == "2 more"
    assert redacted([[1, 2]], depth=1) == ["[... 2 items]"]
    assert redacted({"a": {"b": 1}}, depth=1) == {"a": "{... 1 keys}"}


def test_plain_values_stay_as_they_are():
    value = {"a": [1, 2.5, None, True, "text"], "b": {"c": "d"}}
    assert redacted(value) == value
