"""Makes faulty histories out of one that is in order, through what the dialect itself reads and writes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from everycall.core.history import FindingKind, Message, Rest, Result
from everycall.ports import FullDialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A history with one fault.

    Attributes:
        what: what was done, as the beginning of a sentence.
        messages: the history.
        kind: the finding that must be among those of `check`; None if any will do.
        rewrites: messages that `repair` may have to write anew at most; None if that is not limited.
    """

    what: str
    messages: list[object]
    kind: FindingKind | None = None
    rewrites: int | None = None


def results_of(item: Message) -> list[Result]:
    """Return the results in one message."""
    return [part for part in item.body if isinstance(part, Result)]


def faults_of(dialect: FullDialect, items: Sequence[Message]) -> list[Fault]:
    """Return every single fault that is made of a history in order.

    Args:
        dialect: what reads and writes it.
        items: the history, as read.
    """
    adjacent, open_calls = dialect.RULES.adjacent, any(call.may_stay_open for item in items for call in item.calls)
    user = next((item for item in items if item.role == "user" and not results_of(item)), None)
    made: list[Fault] = []
    for position, item in enumerate(items):
        before, after = list(items[:position]), list(items[position + 1 :])
        if item.calls and not open_calls:
            made.append(Fault(what=f"Without the calls of message {position}", messages=dialect.write(before + after)))
        if not results_of(item):
            continue
        twice = dialect.write([*before, item, item, *after])
        made.append(Fault(what=f"With the results of message {position} twice", messages=twice))
        if user is not None and adjacent:
            between = dialect.write([*before, user, item, *after])
            made.append(Fault(what=f"With a word of the user ahead of message {position}", messages=between))
        if not open_calls:
            made += [
                Fault(what=what, messages=dialect.write(before + left + after), kind="missing_result", rewrites=1)
                for what, left in _without_each(position, item)
            ]
    return made


def _without_each(position: int, item: Message) -> Iterator[tuple[str, list[Message]]]:
    """Return the message without each of its results; no message if nothing else is in it."""
    for entry, part in enumerate(item.body):
        if isinstance(part, Rest):
            continue
        body = item.body[:entry] + item.body[entry + 1 :]
        left = [replace(item, body=body, changed=True)] if body else []
        yield f"Without the result at place {entry} of message {position}", left


def under_new_ids(items: Sequence[Message], rename: Callable[[str], str]) -> list[Message]:
    """Return the history with other ids on all calls and results that have one, as `repair` and `rewrite_ids` do it."""
    return [_renamed(item, rename) for item in items]


def _renamed(item: Message, rename: Callable[[str], str]) -> Message:
    calls = tuple(replace(call, call_id=rename(call.sent_id)) if call.sent_id else call for call in item.calls)
    body = tuple(
        replace(part, call_id=rename(part.call_id), changed=True) if isinstance(part, Result) and part.call_id else part
        for part in item.body
    )
    if calls == item.calls and body == item.body:
        return item
    return replace(item, calls=calls, body=body, changed=True)
