"""Compares the calls that were read with those that should have been. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence

from everycall.core.calls import ToolCall
from everycall.testing.conformance.verdict import shown
from everycall.testing.provider.script import NO_ID, Call


def differs(expected: Sequence[Call], found: Sequence[ToolCall]) -> Iterator[str]:
    """Say what is wrong with the calls *found*, each in words that end a sentence."""
    if len(expected) != len(found):
        yield f"there are {len(expected)} calls, and {len(found)} were read"
        return
    for position, (call, read) in enumerate(zip(expected, found, strict=True)):
        if read.position != position:
            yield f"call {position} has the position {read.position!r}"
        if read.defect is not None:
            yield f"call {position} was not read: {read.defect.rstrip('.')}"
        if read.name != call.name:
            yield f"call {position} is of {call.name!r}, and {read.name!r} was read"
        if call.id is not None and read.sent_id != (None if call.id is NO_ID else call.id):
            yield f"call {position} has the id {shown(call.id)}, and {read.sent_id!r} was read"
        if meaning(read.arguments) != meaning(call.arguments):
            yield f"call {position} has the arguments {shown(call.arguments)}, and {shown(read.arguments)} was read"


def meaning(arguments: object) -> object:
    """Return arguments as the engine takes them: absent, empty and null are `{}`; what is no JSON stays text."""
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, Mapping):
        return dict(arguments)
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments
    return {} if value is None else value
