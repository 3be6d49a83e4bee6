"""Makes the ids of one provider's history fit another provider, on both sides of every exchange.

An id that fits and is used once stays. Everything else is hashed, never cut and never mended character by character:
two ids must not become one (research: protocols, 13, has the collisions that this has cost others).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from everycall.core.errors import UsageError
from everycall.core.history import Message, Rest, Result
from everycall.core.ids import IdRule, Minting
from everycall.dialects import DIALECT_NAMES
from everycall.history.pairing import Pairing, pair
from everycall.history.scanning import history_dialect, scan_history
from everycall.ports import FullDialect

CLASSES: Mapping[str, IdRule] = {
    # Mistral's API up to tokenizer v11, Mistral models on Bedrock, strict chat templates
    "strict9": IdRule(pattern=re.compile(r"[A-Za-z0-9]{9}"), prefix="", length=9),
    # all others: Anthropic's alphabet, the 40 characters of older OpenAI models, Bedrock's narrow pattern
    "safe": IdRule(pattern=re.compile(r"[A-Za-z0-9_-]{1,40}"), prefix="call_", length=24),
}
"""The two classes of ids that fit every provider known here."""

TARGETS: Mapping[str, str] = {"mistral": "strict9"} | dict.fromkeys(DIALECT_NAMES, "safe") | {c: c for c in CLASSES}
"""What may be named as a target, and the class it needs."""

_COMPOSITE = ("|", "__thought__")
"""What joins an id with something else: Codex's item id, a gateway's signature. The id is what stands before it."""


def rewrite_ids(messages: object, dialect: str | FullDialect | None, target: str) -> list[object]:
    """Return the history with ids that fit another provider, the same on each call and its result.

    Args:
        messages: a list of messages or items, in *dialect*; it is not changed.
        dialect: the dialect that they are in, by name or one of your own; None to tell it from the messages.
        target: `strict9` (9 letters or digits), `safe` (up to 40 of letters, digits, `_` and `-`), or where the history
            is to go: a dialect's name, or `mistral`.

    Returns:
        A new list; messages whose ids fit are the same objects. Every call has an id of its own in the whole history:
        an id that came again in a later turn is replaced there. The same history gives the same ids.

    Raises:
        MessageError: *messages* cannot be read as a history.
        UsageError: there is no such dialect or target.
    """
    if target not in TARGETS:
        raise UsageError(f"There is no target {target!r} for ids; known are {', '.join(TARGETS)}.")
    scanned = scan_history(messages, dialect)
    pairing = pair(scanned.items, scanned.history.RULES)
    chosen = _Chooser(CLASSES[TARGETS[target]], pairing)
    absent_stay = target in DIALECT_NAMES and history_dialect(target).RULES.positional
    items = [_with_ids(item, position, chosen, absent_stay) for position, item in enumerate(scanned.items)]
    return scanned.history.write(items)


class _Chooser:
    """Gives every call and every result of a history its new id."""

    def __init__(self, rule: IdRule, pairing: Pairing) -> None:
        self._rule = rule
        self._calls = [slot.call for turn in pairing.turns for slot in turn.slots]
        self._fitting = {call.sent_id for call in self._calls if call.sent_id and rule.accepts(call.sent_id)}
        self._taken: set[str] = set()
        self._not_to_mint = set(self._fitting)  # and all that are taken
        self._mintings: dict[tuple[object, ...], Minting] = {}  # an id may come again in every call
        self.of_call: dict[tuple[int, int], str] = {}
        self.of_result: dict[tuple[int, int], str] = {}
        counts: dict[int, int] = {}
        for turn in pairing.turns:
            for index, slot in enumerate(turn.slots):
                sent = slot.call.sent_id
                facts = (turn.number, index, slot.call.name) if not sent else ()
                call_id = self._choose(sent, *facts)
                entry = counts.get(slot.position, 0)
                counts[slot.position] = entry + 1
                self.of_call[slot.position, entry] = call_id
                if slot.answer is not None:
                    self.of_result[slot.answer.position, slot.answer.entry] = call_id
        for placed in pairing.results:
            if placed.slot is None and placed.result.call_id:
                self.of_result[placed.position, placed.entry] = self._choose(placed.result.call_id, "no call")

    def _choose(self, sent: str | None, *facts: object) -> str:
        if sent and self._free(sent) and self._rule.accepts(sent):
            return self._take(sent)
        part = _without_companion(sent) if sent and not facts else None
        if part and part not in self._fitting and self._free(part) and self._rule.accepts(part):
            return self._take(part)
        if (sent, *facts) not in self._mintings:
            self._mintings[sent, *facts] = Minting(self._rule, sent, *facts)
        return self._take(self._mintings[sent, *facts].unused(self._not_to_mint))

    def _free(self, call_id: str) -> bool:
        return call_id not in self._taken

    def _take(self, call_id: str) -> str:
        self._taken.add(call_id)
        self._not_to_mint.add(call_id)
        return call_id


def _without_companion(sent: str) -> str:
    for separator in _COMPOSITE:
        sent = sent.split(separator, 1)[0]
    return sent


def _with_ids(item: Message, position: int, chosen: _Chooser, absent_stay: bool) -> Message:
    """Return *item* under its new ids; the same object if they are the old ones, or if absent ids may stay absent."""
    if item.calls:
        calls = tuple(
            call
            if absent_stay and not call.sent_id
            else replace(call, sent_id=call.sent_id or "", call_id=chosen.of_call[position, entry])
            for entry, call in enumerate(item.calls)
        )
        same = all(call.call_id in ("", call.sent_id) for call in calls)
        return item if same else replace(item, calls=calls, changed=True)
    body: list[Result | Rest] = []
    for entry, part in enumerate(item.body):
        wanted = chosen.of_result.get((position, entry))
        if isinstance(part, Result) and wanted not in (None, part.call_id) and (part.call_id or not absent_stay):
            body.append(replace(part, call_id=wanted, changed=True))
        else:
            body.append(part)
    same = all(a is b for a, b in zip(body, item.body, strict=True))
    return item if same else replace(item, body=tuple(body), changed=True)
