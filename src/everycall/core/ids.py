"""Which id each call has in the exchange. Pure and deterministic: a replay gives the same bytes.

1. An id stays as sent, byte for byte, when it is present, valid for the provider and not yet taken in this message.
2. Anything else gets a minted id, hashed from the turn's key, the position and the call's content. Ids are never cut
   or mended by substitution: two different ids could become one.
"""

import hashlib
import json
import re
import string
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from re import Pattern

from everycall.core.calls import ToolCall
from everycall.core.text import type_name, utf8_size, without_surrogates

MAX_ID_BYTES = 4096
"""Longest id that is carried at all, as UTF-8 (research: fault model 6.8 and bounds, D.2)."""

_PLAIN = (str, int, float, type(None))
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRule:
    """What one provider accepts as the id of a call, and what a minted one looks like.

    Attributes:
        pattern: an id is valid if this matches the whole of it.
        prefix: what minted ids begin with.
        length: characters after the prefix.
        positional: the provider pairs by order and may have no ids at all: a missing id stays missing.
        takes_words: *pattern* matches every word of up to 64 ASCII letters, digits and `_` that does not begin with a
            digit, other than `null`. Most ids are such words, and it is quickly told.
    """

    pattern: Pattern[str]
    prefix: str = "call_"
    length: int = 24
    positional: bool = False
    takes_words: bool = False

    def accepts(self, call_id: str) -> bool:
        """Whether the provider takes *call_id* as it is."""
        if (
            self.takes_words
            and call_id.isascii()
            and call_id.isidentifier()
            and len(call_id) <= 64
            and call_id != "null"
        ):
            return True
        if len(call_id) > MAX_ID_BYTES or self.pattern.fullmatch(call_id) is None:
            return False
        if call_id.isascii():
            return True
        return without_surrogates(call_id) == call_id and utf8_size(call_id) <= MAX_ID_BYTES  # half a pair has no form

    def changed(self, call: ToolCall) -> bool:
        """Return whether the id of *call* in the exchange is another than was sent."""
        if self.positional and not call.sent_id:
            return False  # it stays absent on the wire: the minted one is a name for us alone
        return call.call_id != call.sent_id

    def mint(self, *facts: object) -> str:
        """Return the id hashed from *facts*: the same facts give the same id in any process."""
        return _spelled(self, hashlib.sha256(_text_of(facts)).digest())


class Minting:
    """Mints ids from the same facts, one after the other, each as `mint` hashes it from the facts and a salt.

    The facts are written and hashed once, and no salt is tried twice: both the facts and the ids that are taken may be
    chosen by who means harm.
    """

    __slots__ = ("_hashed", "_rule", "_salt")

    def __init__(self, rule: IdRule, *facts: object) -> None:
        self._rule = rule
        self._salt = 0
        self._hashed = hashlib.sha256(_text_of((*facts, self._salt))[:-2])  # up to the salt, which is the last fact

    def unused(self, taken: AbstractSet[str]) -> str:
        """Return the next id that is not *taken*; what was taken when it was last asked must be so still."""
        while self._salt <= len(taken):
            hashed = self._hashed.copy()
            hashed.update(b"%d]" % self._salt)
            self._salt += 1
            minted = _spelled(self._rule, hashed.digest())
            if minted not in taken:
                return minted
        raise AssertionError("more salts than taken ids")  # pragma: no cover


def _spelled(rule: IdRule, digest: bytes) -> str:
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(rule.length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return rule.prefix + "".join(letters)


def _text_of(facts: tuple[object, ...]) -> bytes:
    """Return *facts* as JSON; those that have no such form as the names of their types.

    Arguments may hold themselves, have keys of two kinds, be too deep, or be a mapping of the client's own, which may
    raise anything.
    """
    try:
        text = json.dumps(facts, sort_keys=True, default=type_name)
    except Exception:  # noqa: BLE001 -- foreign code, and whatever it raises: such facts have no form as JSON
        text = json.dumps([one if issubclass(type(one), _PLAIN) else type_name(one) for one in facts])
    return text.encode("ascii")


ANY_ID = IdRule(pattern=re.compile(r".+", re.DOTALL))
"""The rule of a provider that takes any text that is not empty."""


def assign_ids(calls: tuple[ToolCall, ...], rule: IdRule, key: str | None = None) -> tuple[ToolCall, ...]:
    """Give each call its id in the exchange.

    Args:
        calls: the calls of one message, in order, with `sent_id` as read; a dialect sets `call_id` to the same where it
            can.
        rule: what the provider accepts.
        key: the name of the turn, mixed into minted ids.

    Returns:
        The same calls with `call_id` set: unique within the message, and valid. For the first of several equal ids
        the id as sent. Where the provider pairs by order (*rule.positional*) a missing id becomes a minted one too:
        it names the call here, and the dialect leaves it out of the exchange.
    """
    taken: set[str] = set()
    for call in calls:
        sent = call.sent_id
        if not sent or sent in taken or call.call_id != sent or not rule.accepts(sent):
            break
        taken.add(sent)
    else:
        return calls  # the common case: nothing to change
    taken = {call.sent_id for call in calls if call.sent_id}  # and every minted one, as soon as there is one
    kept: set[str] = set()
    assigned = []
    for call in calls:
        sent = call.sent_id
        if sent and sent not in kept and rule.accepts(sent):
            call_id = sent
        else:
            call_id = Minting(rule, key, call.position, call.sent_id, call.name, call.arguments).unused(taken)
            taken.add(call_id)
        kept.add(call_id)
        assigned.append(replace(call, call_id=call_id))
    return tuple(assigned)
