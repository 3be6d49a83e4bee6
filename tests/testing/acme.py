"""A provider that there is not, and a dialect for it as a third party would write one: turns and histories in a class.

The model says `{"from": "model", "say": ..., "asks": [{"ref", "tool", "with"}], "seal": ...}`, alone or as the `reply`
of a response that says why it `stopped`. Each result is `{"from": "tool", "ref", "answer"}`, on errors with `failed`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace

from everycall.core.calls import ParsedMessage, ToolCall
from everycall.core.content import Image, Text
from everycall.core.errors import MessageError, UsageError
from everycall.core.history import HistoryRules, Message, Result
from everycall.core.ids import IdRule
from everycall.ports import Rendered
from everycall.testing import Call, Sample

ROLES = {"user": "user", "model": "assistant", "tool": "results"}


class Acme:
    """Sound: the broken ones derive from it."""

    name = "acme"
    id_rule = IdRule(pattern=re.compile(r"[A-Za-z0-9_]{1,40}"), prefix="ref_")
    RULES = HistoryRules(dialect="acme", errors={"missing_result": "{id} of {index} was not answered"})

    def detect(self, message):
        found = proper(message)
        return isinstance(found, dict) and found.get("from") == "model"

    def parse(self, message, *, finish_reason=None):
        source = proper(message)
        if not isinstance(source, dict) or source.get("from") != "model":
            raise MessageError("Expected a message from the model.")
        asks = [] if source.get("asks") is None else source["asks"]
        if not isinstance(asks, list):
            raise MessageError("The message's asks are no list.")
        stopped = message.get("stopped")
        finish = finish_reason or (stopped if isinstance(stopped, str) else None)
        calls = tuple(self.read_ask(position, ask) for position, ask in enumerate(asks))
        return ParsedMessage(source=source, calls=calls, finish=finish, cut_off=finish == "length")

    def read_ask(self, position, ask):
        fields = ask if isinstance(ask, dict) else {}
        ref, tool, arguments = fields.get("ref"), fields.get("tool"), fields.get("with")
        defect = None
        if not isinstance(tool, str) or not tool:
            tool, defect = "", "This call names no tool."
        if not isinstance(arguments, Mapping | None):
            arguments, defect = None, defect or "The arguments of this call are no object."
        return ToolCall(
            position=position,
            sent_id=ref if isinstance(ref, str) else None,
            name=tool,
            arguments=arguments,
            defect=defect,
        )

    def render(self, parsed, results):
        answered = list(zip(parsed.calls, results, strict=True))
        messages = [self.answer(call, result) for call, result in answered]
        replaced = tuple(call.position for call, result in answered if self.is_replaced(result))
        return Rendered(assistant_message=self.sent_back(parsed), messages=messages, replaced=replaced)

    def sent_back(self, parsed):
        if all(call.call_id == call.sent_id and call.defect is None for call in parsed.calls):
            return parsed.source
        asks = [self.ask(call, ask) for call, ask in zip(parsed.calls, parsed.source["asks"], strict=True)]
        return {**parsed.source, "asks": asks}

    def ask(self, call, ask):
        if call.defect is None:
            return {**ask, "ref": call.call_id}
        return {"ref": call.call_id, "tool": call.name or "unreadable", "with": call.arguments or {}}

    def answer(self, call, result):
        answer = {"from": "tool", "ref": call.call_id, "answer": self.words(result.content)}
        pictures = [base64.b64encode(one.data).decode() for one in self.pictures(result)]
        if pictures:
            answer["pictures"] = pictures
        return answer if result.status == "success" else {**answer, "failed": True}

    def pictures(self, result):
        parts = () if isinstance(result.content, str) else result.content
        return [part for part in parts if isinstance(part, Image) and part.data]

    def is_replaced(self, result):
        parts = () if isinstance(result.content, str) else result.content
        return any(not isinstance(part, Text) and part not in self.pictures(result) for part in parts)

    def words(self, content):
        parts = (Text(content),) if isinstance(content, str) else content
        words = [part.text if isinstance(part, Text) else f"[{part.url or 'something'}]" for part in parts]
        text = "\n".join(words)
        return text if text.strip() else "(no output)"

    def definitions(self, tools):
        for tool in tools:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", tool.name):
                raise UsageError(f"acme cannot hold the tool name {tool.name!r}: letters, digits, _ and -, up to 64.")
        return [{"tool": tool.name, "about": tool.description, "takes": dict(tool.parameters)} for tool in tools]

    # --- histories

    def scan(self, messages):
        return [self.scan_one(index, message) for index, message in enumerate(messages)]

    def scan_one(self, index, message):
        speaker = message.get("from") if isinstance(message, dict) else None
        role = ROLES.get(speaker) if isinstance(speaker, str) else None
        if role is None:
            raise MessageError(f"Message {index} is from nobody.")
        if role == "results":
            ref = message.get("ref")
            result = Result(source=message, call_id=ref if isinstance(ref, str) and ref else None)
            return Message(source=message, role=role, body=(result,))
        calls = self.parse(message).calls if role == "assistant" else ()
        return Message(source=message, role=role, calls=calls)

    def write(self, items):
        return [one for item in items for one in self.write_one(item)]

    def write_one(self, item):
        if not item.changed:
            return [item.source]
        if not item.calls:
            return [self.write_result(part) for part in item.body]
        asks = zip(item.calls, item.source["asks"], strict=True)
        return [{**item.source, "asks": [self.with_id(call, ask) for call, ask in asks]}]

    def with_id(self, call, ask):
        return self.ask(replace(call, call_id=call.call_id or call.sent_id), ask)

    def write_result(self, part):
        return {**part.source, "ref": part.call_id} if part.changed else part.source


def proper(message):
    """The message itself, out of its response."""
    if isinstance(message, dict) and isinstance(message.get("reply"), dict):
        return message["reply"]
    return message


TWO = [Call("look", {"place": "Oslo", "deep": [1, {"a": None}]}, id="r1"), Call("see", {}, id="r2")]


def message(calls=TWO):
    asks = [{"ref": one.id, "tool": one.name, "with": one.arguments} for one in calls]
    return {"from": "model", "say": "I look.", "seal": "c2ln", "asks": asks}


def samples():
    plain = message()
    return [
        Sample(message=plain, calls=TWO, keeps=["c2ln", "I look."]),
        Sample(message={"reply": message(), "stopped": "asks"}, calls=TWO, keeps=["c2ln"]),
        Sample(message={"reply": message(), "stopped": "length"}, calls=TWO, cut_off=True),
        Sample(message=plain, calls=TWO, finish_reason="length", cut_off=True),
        Sample(message={"from": "model", "say": "Done."}),
    ]


BAD_NAMES = ("look.up", "2nd", "l" * 65)


def history():
    return [
        {"from": "user", "say": "Look at Oslo."},
        message(),
        {"from": "tool", "ref": "r1", "answer": "rain"},
        {"from": "tool", "ref": "r2", "answer": "a cat"},
        {"from": "model", "say": "It rains."},
        {"from": "user", "say": "And Rome?"},
        message([Call("look", {"place": "Rome"}, id="r3")]),
        {"from": "tool", "ref": "r3", "answer": "sun"},
        {"from": "model", "say": "The sun shines."},
    ]
