"""Shows a finding as a person wants to see it: the messages around it, the call, and what is wrong there.

Everything that comes from a conversation is escaped and cut: it may hold terminal codes.
"""

from collections.abc import Iterator, Mapping, Sequence

from everycall.core.history import Finding, Message, Result
from everycall.core.text import one_line
from everycall.history.pairing import Pairing

AROUND = 2
"""Messages shown before and after the one concerned."""
WIDTH = 96
"""Characters of a message that are shown."""

_MARKS = {
    "missing_result": "no result",
    "interleaved_message": "the result comes later",
    "orphan_result": "no such call",
    "duplicate_result": "answered already",
    "result_before_call": "the call comes later",
}


def show(finding: Finding, items: Sequence[Message], pairing: Pairing) -> Iterator[str]:
    """Yield the lines that show *finding*."""
    call_id = one_line(finding.call_id, 60)
    yield f"  message {finding.position}: {finding.kind}{f' ({call_id})' if call_id else ''}"
    yield f"    {one_line(finding.message, 300)}"
    call = _place_of_call(finding, pairing)
    shown = range(max(0, finding.position - AROUND), min(len(items), finding.position + AROUND + 1))
    width = len(str(shown[-1])) if shown else 1
    if call is not None and call < shown[0]:
        yield _line(" ", call, items[call], width)
        if call + 1 < shown[0]:
            yield f"      {'':{width}}  ..."
    for position in shown:
        yield _line(">" if position == finding.position else " ", position, items[position], width)
        if position == finding.position and finding.kind in _MARKS:
            yield f"      {'':{width}}  ^ {_MARKS[finding.kind]}{f': {call_id}' if call_id else ''}"
    if finding.provider_error is not None:
        yield f"    The provider would say: {one_line(finding.provider_error, 400)}"


def _line(mark: str, position: int, item: Message, width: int) -> str:
    return f"    {mark} {position:>{width}}  {item.role:<9}  {one_line(summary(item), WIDTH)}"


def _place_of_call(finding: Finding, pairing: Pairing) -> int | None:
    """Return where the last call under the finding's id before it stands."""
    places = [
        slot.position
        for turn in pairing.turns
        for slot in turn.slots
        if slot.call.sent_id == finding.call_id and slot.position < finding.position
    ]
    return places[-1] if places and finding.call_id else None


def summary(item: Message) -> str:
    """Return what a message is about, as one text."""
    if item.calls:
        named = ", ".join(f"{call.name}({call.sent_id or 'no id'})" for call in item.calls[:8])
        return f"calls {named}"
    results = [part for part in item.body if isinstance(part, Result)]
    if results:
        texts = [f"result of {one.call_id or one.name or 'no id'}: {first_text(one.source)}" for one in results[:8]]
        return "; ".join(texts)
    return first_text(item.source)


_NOT_TEXT = frozenset(
    {"role", "type", "id", "call_id", "tool_call_id", "tool_use_id", "toolUseId", "name", "tool_name"}
)


def first_text(source: object) -> str:
    """Return the first text within a message that is not one of its markers; `""` if there is none."""
    waiting: list[object] = [source]
    for _ in range(200):
        if not waiting:
            return ""
        value = waiting.pop()
        if isinstance(value, str) and value:
            return value[: 4 * WIDTH]
        if isinstance(value, Mapping):
            waiting += [one for key, one in reversed(list(value.items())) if key not in _NOT_TEXT]
        elif isinstance(value, list | tuple):
            waiting += list(value[:50])[::-1]
    return ""
