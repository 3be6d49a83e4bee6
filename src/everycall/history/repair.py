"""Mends a history: inserts, moves, rewrites ids, and takes out only results that answer no call.

1. A call is never deleted, and no word of a user or of the model is lost.
2. No success is invented: what is not on record is answered by a result that says so.
3. A history that is in order comes back with the very same objects; mending twice changes nothing more.
4. The same history gives the same bytes, in any process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from everycall.core.calls import ToolCall
from everycall.core.history import Edit, HistoryRules, Message, Repair, Rest, Result
from everycall.core.outcomes import ToolResult
from everycall.history.mending import KnownResults, Mended, edit, mend, real_result, require_results, taken
from everycall.history.pairing import Pairing, pair
from everycall.history.scanning import Scanned, scan_history
from everycall.history.turns import Placed, Turn
from everycall.ports import FullDialect

REMOVED = "(A tool result that answered no call was taken out here.)"
"""Stands in a user message that held nothing else, where the provider refuses two messages of the model in a row."""


def repair(
    messages: object, dialect: str | FullDialect | None = None, *, results: KnownResults | None = None
) -> Repair:
    """Return a history without findings, and the list of what was changed.

    Args:
        messages: a list of messages (for Responses: of items); it is not changed.
        dialect: the provider's dialect by name, or one of your own; None to tell it from the messages.
        results: real results by call id, such as from your own records, for calls whose results are missing. A result
            for an id that several such calls share goes to the last of them.

    Returns:
        The new list, in which messages that needed no change are the same objects, and one edit per change.

    Raises:
        MessageError: *messages* cannot be read as a history.
        UsageError: there is no such dialect, or *results* is not such a mapping.

    Example:
        >>> messages = [
        ...     {"role": "user", "content": "Book it."},
        ...     {"role": "assistant", "content": "", "tool_calls": [
        ...         {"id": "call_1", "type": "function", "function": {"name": "book", "arguments": "{}"}}]},
        ...     {"role": "user", "content": "Are you there?"},
        ... ]
        >>> mended = repair(messages)
        >>> [message["role"] for message in mended.messages]
        ['user', 'assistant', 'tool', 'user']
        >>> [(edit.kind, edit.call_id) for edit in mended.edits]
        [('inserted', 'call_1')]
    """
    known = require_results(results)
    scanned = scan_history(messages, dialect)
    pairing = pair(scanned.items, scanned.history.RULES)
    mended = [mend(turn, pairing, scanned.id_rule, known) for turn in reversed(pairing.turns)][::-1]
    edits = [one for turn in mended for one in turn.edits] + list(_drops(pairing))
    if not edits:
        return Repair(messages=[item.source for item in scanned.items])
    edits.sort(key=lambda one: one.position)
    builder = _Builder(scanned, pairing, mended)
    return Repair(messages=scanned.history.write(builder.build()), edits=tuple(edits))


def _drops(pairing: Pairing) -> Iterator[Edit]:
    for placed in pairing.results:
        if placed.slot is None:
            result = placed.result
            sentence = "duplicate" if pairing.is_second(placed) else "orphan"
            yield edit("dropped", sentence, placed.position, result.call_id, dropped=result.source)


def _anchor(turn: Turn) -> int:
    """Return the position behind which the results of *turn* are to stand."""
    return (
        turn.last if turn.block else turn.slots[-1].position
    )  # words of the model behind its calls are the next turn's


class _Builder:
    """Carries out what was decided: one walk over the old items, which makes the list of the new ones."""

    def __init__(self, scanned: Scanned, pairing: Pairing, mended: Sequence[Mended]) -> None:
        self._scanned = scanned
        self._rules: HistoryRules = scanned.history.RULES
        self._placed = {(placed.position, placed.entry): placed for placed in pairing.results}
        turns = list(zip(pairing.turns, mended, strict=True))
        self._leaving = taken(turns)
        self._behind = {_anchor(turn): self._block(turn, one) for turn, one in turns if one.block is not None}
        self._answers = {
            id(slot.answer): answer
            for turn, one in turns
            for slot, answer in zip(turn.slots, one.answers, strict=True)
            if slot.answer is not None and answer is not None
        }
        self._calls: dict[int, list[ToolCall]] = {}
        for turn, one in turns:
            for slot, call in zip(turn.slots, one.calls or (), strict=False):
                self._calls.setdefault(slot.position, []).append(call)

    def build(self) -> list[Message]:
        """Return the new items."""
        new: list[Message] = []
        block: list[Result] = []
        for position, item in enumerate(self._scanned.items):
            mended = self._mended(position, item)
            if block and self._hosts(mended, position):
                mended = replace(mended, body=(*block, *mended.body), changed=True)
                block = []
            elif block:
                new += self._messages_of(block)
                block = []
            self._add(new, position, mended)
            block = self._behind.get(position, [])
        return new + self._messages_of(block)

    def _mended(self, position: int, item: Message) -> Message:
        """Return *item* with new ids on its calls, and its body without what leaves it."""
        if position in self._calls:
            return replace(item, calls=tuple(self._calls[position]), changed=True)
        if not item.body:
            return item
        body = tuple(
            part if isinstance(part, Rest) else self._answers[id(self._placed[position, entry])]
            for entry, part in enumerate(item.body)
            if isinstance(part, Rest) or self._stays(self._placed[position, entry])
        )
        same = len(body) == len(item.body) and all(a is b for a, b in zip(body, item.body, strict=True))
        return item if same else replace(item, body=body, changed=True)

    def _stays(self, placed: Placed) -> bool:
        return placed.slot is not None and id(placed) not in self._leaving

    def _hosts(self, mended: Message, position: int) -> bool:
        """Whether results that are to stand directly ahead of this message can be put into it."""
        if mended.role != "user" or not self._scanned.items[position].body:
            return False
        held = any(isinstance(part, Result) for part in self._scanned.items[position].body)
        return self._rules.joins_user or (held and self._rules.one_message)

    def _add(self, new: list[Message], position: int, mended: Message) -> None:
        before = self._scanned.items[position]
        lost = len(mended.body) < len(before.body)
        if lost and self._rules.joins_user and mended.body and new and new[-1].role == "user" and new[-1].changed:
            new[-1] = replace(new[-1], body=new[-1].body + mended.body)
        elif mended.body or not before.body:
            new.append(mended)
        elif self._rules.alternates and self._between_model_messages(new, position):
            new.append(replace(mended, body=(Rest(REMOVED),)))

    def _between_model_messages(self, new: list[Message], position: int) -> bool:
        items = self._scanned.items
        after = items[position + 1] if position + 1 < len(items) else None
        return bool(new) and new[-1].role == "assistant" and after is not None and after.role == "assistant"

    def _messages_of(self, results: Sequence[Result]) -> list[Message]:
        """Return what holds *results* where no message is there to take them."""
        if not results:
            return []
        if self._rules.one_message or self._rules.joins_user:
            return [Message(source=None, role="user", body=tuple(results), changed=True)]
        return [Message(source=one.source, role="results", body=(one,), changed=one.changed) for one in results]

    def _block(self, turn: Turn, mended: Mended) -> list[Result]:
        """Return the results that are to stand directly behind *turn*, those that have to be made included."""
        made = self._made(turn, mended)
        block = []
        for index in mended.block or ():
            answer = mended.answers[index]
            block.append(made[index] if answer is None else answer)
        return block

    def _made(self, turn: Turn, mended: Mended) -> dict[int, Result]:
        """Have the dialect render the results that are missing, message by message of the turn."""
        made: dict[int, Result] = {}
        calls = mended.calls or [slot.call for slot in turn.slots]
        together: dict[int, list[int]] = {}
        for index, slot in enumerate(turn.slots):
            together.setdefault(slot.position, []).append(index)
        for position in sorted({turn.slots[index].position for index in mended.made}):
            here = together[position]
            rendered = self._render(position, [calls[index] for index in here], [mended.made.get(i) for i in here])
            made |= {index: result for index, result in zip(here, rendered, strict=True) if index in mended.made}
        return made

    def _render(self, position: int, calls: Sequence[ToolCall], results: Sequence[ToolResult | None]) -> list[Result]:
        parsed = self._scanned.dialect.parse(self._scanned.items[position].inner)
        named = tuple(call if call.call_id else replace(call, call_id=call.sent_id or "") for call in calls)
        answers = [
            result or real_result(call.call_id, call.name, "-") for call, result in zip(named, results, strict=True)
        ]
        rendered = self._scanned.dialect.render(replace(parsed, calls=named), answers)
        items = self._scanned.history.scan(rendered.messages)
        return [part for item in items for part in item.body if isinstance(part, Result)]
