"""What an exception becomes once it has been caught: text for the log, text for the model, the one cause that counts.

1. Text only. Nothing keeps the exception, its frames or their locals alive.
2. Nothing raises, whatever the exception does; its `__str__` runs at most once per text made from it.
3. Everything is bounded before it is paid for: leaves of groups, links of a chain, frames, characters.
4. The model never reads a traceback.
5. Secrets are hidden (`core.redaction`): in text that nobody wrote for the model all of them, in the words of a
   `ToolError` those that the program has registered. A piece that has to be cut is redacted by itself, so that no
   half of a secret is left; all else when it is one text.
"""

import linecache
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType
from typing import TypeGuard

from everycall.core.errors import ToolError
from everycall.core.outcomes import Failure
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.core.text import MAX_ERROR_TEXT, bounded, clean, one_line, said, type_name, without_surrogates

MAX_TRACEBACK_BYTES = 8 << 10
"""Longest traceback of a `Failure` (research: bounds, D.2, log event)."""
MAX_LEAVES_SHOWN = 5
"""Exceptions of a group that are told (research: fault model 2.9)."""
MAX_LEAVES = 1000
"""Exceptions of a group that are looked at."""
MAX_LINE = 300
"""Characters that a model reads of an exception nobody wrote for it."""
_UNREADABLE = "The tool failed, and its error could not be read."
_UNREADABLE_FAILURE = Failure("Exception", _UNREADABLE)  # made beforehand: there may be no stack left to make it
MAX_LINKS = 5
MAX_FRAMES = 30
MAX_NOTES = 5

CANCELLATIONS = frozenset({"asyncio.CancelledError", "trio.Cancelled", "concurrent.CancelledError"})
"""Root module and name of the exceptions by which code is stopped."""

# The interpreter's own fields, read past whatever a subclass or a metaclass has put in their place.
_SLOTS = BaseException.__dict__
_MEMBERS = BaseExceptionGroup.__dict__["exceptions"]
_MRO = type.__dict__["__mro__"]
_MODULE = type.__dict__["__module__"]
_NAME = type.__dict__["__name__"]


def failure_of(error: BaseException, *, traceback: bool = True, redactor: Redactor = NOTHING_HIDDEN) -> Failure:
    """Return *error* as text alone.

    Args:
        error: what was raised. It is not changed.
        traceback: format the traceback too: without locals, at most 8 KiB, the end kept.
        redactor: hides secrets, in an author's own words too: a `Failure` goes to events and logs.
    """
    try:
        message = redactor.hide(_headline(error, redactor))
        trace = _formatted(error, redactor) if traceback else ""
        return Failure(type_name(error, qualified=True), message, trace)
    except BaseException:  # noqa: BLE001 -- out of memory or stack
        return _UNREADABLE_FAILURE


def message_for_model(error: BaseException, redactor: Redactor = NOTHING_HIDDEN) -> str:
    """Return what the model reads of *error*, at most 2,000 characters.

    A `ToolError` speaks in its author's words. Anything else is `TypeName: first line`, at most 300 characters; of a
    group of several, up to 5 leaves are told.
    """
    try:
        cause = cause_of(error)
        if _is_tool_error(cause):
            return _words_of(cause, MAX_ERROR_TEXT, redactor)
        return _listed(cause, redactor, prefix="") if _is_group(cause) else _line_of(cause, redactor)
    except BaseException:  # noqa: BLE001 -- out of memory or stack
        return _UNREADABLE


def cause_of(error: BaseException) -> BaseException:
    """Return the exception within a group of one, however deeply nested; any other exception as it is."""
    for _ in range(MAX_LEAVES):
        if not _is_group(error):
            break
        members = _MEMBERS.__get__(error)
        if len(members) != 1:
            break
        error = members[0]
    return error


def leaves_of(error: BaseException) -> tuple[list[BaseException], bool]:
    """Return the exceptions of a group and of the groups within it, in order, and whether these are all.

    At most `MAX_LEAVES` exceptions and groups are looked at. Any other exception is its own only leaf.
    """
    pending = deque([error])
    leaves: list[BaseException] = []
    for _ in range(MAX_LEAVES):
        if not pending:
            break
        one = pending.popleft()
        if _is_group(one):
            pending.extendleft(reversed(_MEMBERS.__get__(one)[:MAX_LEAVES]))
        else:
            leaves.append(one)
    return leaves, not pending


def names_of(error: BaseException) -> Iterator[str]:
    """Yield the types of *error* from the most to the least specific, as `root module.name` (`httpx.ReadTimeout`).

    Libraries are told by name, so that none is imported; the root alone, because they move their classes about.
    """
    for kind in _MRO.__get__(type(error)):
        module = _MODULE.__get__(kind)
        if type(module) is str:
            yield f"{module.partition('.')[0]}.{_NAME.__get__(kind)}"


def _is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    # Not isinstance: that asks the object's `__class__`, which may lie or raise.
    return issubclass(type(error), BaseExceptionGroup)


def _is_tool_error(error: BaseException) -> TypeGuard[ToolError]:
    return issubclass(type(error), ToolError)


def _text_of(error: BaseException, limit: int, redactor: Redactor) -> str:
    """Return what *error* says, its type's name if that is nothing; not yet redacted if it needs no cut."""
    text = said(error)
    return (clean(text) if len(text) <= limit else redactor.shown(text, limit)) or type_name(error)


def _headline(error: BaseException, redactor: Redactor) -> str:
    if _is_group(error):
        return _listed(error, redactor, prefix=f"{_text_of(error, MAX_LINE, redactor)}: ")
    return _text_of(error, MAX_ERROR_TEXT, redactor)


def _listed(group: BaseExceptionGroup[BaseException], redactor: Redactor, *, prefix: str) -> str:
    """Tell up to five leaves; cancellations only where there is nothing else: they are the echo of the real failure."""
    leaves, complete = leaves_of(group)
    causes = [leaf for leaf in leaves if CANCELLATIONS.isdisjoint(names_of(leaf))] or leaves
    told = [_line_of(leaf, redactor) for leaf in causes[:MAX_LEAVES_SHOWN]]
    if len(causes) > len(told):
        told.append(f"and {len(causes) - len(told)} more")
    count = f"{'' if complete else 'more than '}{len(causes)} errors: " if len(causes) > 1 or not complete else ""
    return bounded(prefix + count + "; ".join(told), MAX_ERROR_TEXT)


def _line_of(error: BaseException, redactor: Redactor) -> str:
    """Return `TypeName: first line`; a `ToolError`'s own words without the name."""
    if _is_tool_error(error):
        return _words_of(error, MAX_LINE, redactor)
    name = type_name(error)
    text = redactor.hide(_text_of(error, 2 * MAX_LINE, redactor))
    first = next((line for line in text.split("\n") if line.strip()), name)
    return one_line(name if first == name else f"{name}: {first}", MAX_LINE)


def _words_of(error: ToolError, limit: int, redactor: Redactor) -> str:
    """Return the author's message: only what no provider could carry, and registered secrets, are replaced.

    A message far beyond the limit was hardly written by hand: it is treated like any other text.
    """
    try:
        message = error.message
    except BaseException:  # noqa: BLE001 -- a property of a subclass, foreign code
        message = ""
    if type(message) is not str or not message:
        return redactor.hide(_text_of(error, limit, redactor))
    if len(message) > 2 * limit:
        return redactor.shown(message, limit)
    return bounded(redactor.hide_registered(without_surrogates(message)), limit)


def _formatted(error: BaseException, redactor: Redactor) -> str:
    """Return the traceback of *error* and of what led to it, oldest first, as Python shows it, the end kept.

    Written here because `traceback` calls `__str__` again for each link, reads frames' locals for its suggestions on
    newer versions, and has no bound.
    """
    try:
        blocks: list[str] = []
        for one, why in _chain(error):
            blocks.append(_block(one, redactor) + why)
            if _is_group(one):
                leaves = enumerate(leaves_of(one)[0][:MAX_LEAVES_SHOWN], 1)
                blocks.extend(f"\n+ {number}. of the group:\n{_block(leaf, redactor)}" for number, leaf in leaves)
        return _end_of(redactor.hide("".join(blocks).rstrip("\n")), MAX_TRACEBACK_BYTES)
    except BaseException:  # noqa: BLE001 -- out of memory or stack: the message alone has to do
        return ""


def _chain(error: BaseException) -> list[tuple[BaseException, str]]:
    """Return what led to *error*, oldest first, with the sentence that leads to the next; at most `MAX_LINKS`."""
    links = [(error, "\n")]
    seen = {id(error)}
    while len(links) < MAX_LINKS:
        last = links[-1][0]
        before = _SLOTS["__cause__"].__get__(last)
        why = "\n\nwhich was the direct cause of:\n\n"
        if before is None and not _SLOTS["__suppress_context__"].__get__(last):
            before = _SLOTS["__context__"].__get__(last)
            why = "\n\nwhile that was handled, there came:\n\n"
        if before is None or id(before) in seen:
            break
        seen.add(id(before))
        links.append((before, why))
    return links[::-1]


_OWN_FILES = str(Path(__file__).parents[1])


def _block(error: BaseException, redactor: Redactor) -> str:
    lines = _frames(_SLOTS["__traceback__"].__get__(error), redactor)
    lines.append(f"{type_name(error, qualified=True)}: {_text_of(error, MAX_ERROR_TEXT, redactor)}")
    notes = _SLOTS["__dict__"].__get__(error).get("__notes__")
    if type(notes) is list:
        lines.extend(redactor.shown(note, MAX_LINE) for note in notes[:MAX_NOTES] if type(note) is str)
    return "\n".join(lines)


def _frames(trace: TracebackType | None, redactor: Redactor) -> list[str]:
    """Return the innermost frames with their source lines, outermost first; no locals."""
    if trace is None:
        return []
    inner: TracebackType | None = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OWN_FILES):
        inner = inner.tb_next  # how this library came to call the tool says nothing about the tool
    trace = inner or trace
    total = 0
    last: deque[tuple[CodeType, int]] = deque(maxlen=MAX_FRAMES)
    while trace is not None:
        last.append((trace.tb_frame.f_code, trace.tb_lineno or 0))
        trace = trace.tb_next
        total += 1
    lines = ["Traceback (most recent call last):"]
    if total > len(last):
        lines.append(f"  ... {total - len(last)} frames left out")
    for code, number in last:
        lines.append(
            f'  File "{one_line(code.co_filename, MAX_LINE)}", line {number}, in {one_line(code.co_name, 100)}'
        )
        source = linecache.getline(code.co_filename, number).strip()
        if len(source) > MAX_LINE:
            source = redactor.shown(source, MAX_LINE)
        if source:
            lines.append(f"    {one_line(source, MAX_LINE)}")
    return lines


def _end_of(text: str, limit: int) -> str:
    """Return the last *limit* bytes of *text*, cut at a character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    return "[...]\n" + data[-(limit - 6) :].decode("utf-8", "ignore")
