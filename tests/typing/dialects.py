"""What type checkers see of a dialect of one's own. Never executed: `mypy --strict` reads it, as it does `api.py`."""

import re
from collections.abc import Sequence
from typing import Any, assert_type

from everycall import Finding, Repair, ToolRegistry, Turn, check, exchanges, repair, rewrite_ids, run_tool_calls, trim
from everycall.core.calls import ParsedMessage, ToolDefinition
from everycall.core.history import HistoryRules, Message
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.ports import Rendered
from everycall.testing import Call, Sample, check_dialect, check_history_dialect


class TurnsAlone:
    name = "acme"
    id_rule = IdRule(pattern=re.compile(r"\w+"))

    def detect(self, message: object) -> bool:
        return False

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        return ParsedMessage(source=message, calls=(), finish=finish_reason)

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        return Rendered(assistant_message=parsed.source, messages=[])

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        return []


class TurnsAndHistories(TurnsAlone):
    RULES = HistoryRules(dialect="acme", errors={})

    def scan(self, messages: Sequence[object]) -> list[Message]:
        return []

    def write(self, items: Sequence[Message]) -> list[object]:
        return []


async def one_turn(message: dict[str, object], tools: ToolRegistry) -> None:
    assert_type(await run_tool_calls(message, tools, dialect=TurnsAlone()), Turn)
    assert_type(tools.definitions(TurnsAlone()), list[Any])
    tools.definitions(7)  # type: ignore[arg-type]


def histories(messages: list[object]) -> None:
    assert_type(check(messages, TurnsAndHistories()), list[Finding])
    assert_type(repair(messages, dialect=TurnsAndHistories()), Repair)
    assert_type(exchanges(messages, TurnsAndHistories()), list[list[object]])
    assert_type(trim(messages, keep=3, dialect=TurnsAndHistories()), list[object])
    assert_type(rewrite_ids(messages, TurnsAndHistories(), "mistral"), list[object])
    check(messages, TurnsAlone())  # type: ignore[arg-type]


def suites(messages: list[object]) -> None:
    samples = [Sample(message={}, calls=[Call("look", {}, id="1")], keeps=["text", b"bytes"])]
    check_dialect(TurnsAlone(), samples, refuses_empty_text=True, bad_names=["a.b"])
    check_history_dialect(TurnsAndHistories(), [messages])
    check_history_dialect(TurnsAlone(), [messages])  # type: ignore[arg-type]
