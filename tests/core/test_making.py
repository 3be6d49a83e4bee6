"""Values that are made in a shorter way are the same values."""

import dataclasses

import pytest

from everycall.core.calls import ParsedMessage, ToolCall, new_call, new_parsed_message
from everycall.core.outcomes import ToolResult, success
from everycall.ports import Rendered, new_rendered

MADE = [
    (
        new_call(3, "c1", "look", "{}"),
        ToolCall(position=3, sent_id="c1", name="look", arguments="{}", call_id="c1"),
    ),
    (
        new_parsed_message({"role": "assistant"}, (), "stop", True),
        ParsedMessage(source={"role": "assistant"}, calls=(), finish="stop", cut_off=True),
    ),
    (
        new_rendered({"role": "assistant"}, [{"role": "tool"}], (1,)),
        Rendered(assistant_message={"role": "assistant"}, messages=[{"role": "tool"}], replaced=(1,)),
    ),
    (
        success("c1", "look", "text", ["value"], attempts=2, queued=0.5, duration=1.5, late=True),
        ToolResult(
            call_id="c1",
            tool_name="look",
            status="success",
            code="ok",
            effect="done",
            content="text",
            value=["value"],
            attempts=2,
            queued=0.5,
            duration=1.5,
            late=True,
        ),
    ),
]
by_kind = pytest.mark.parametrize(("made", "constructed"), MADE, ids=lambda value: type(value).__name__)


@by_kind
def test_what_is_made_is_what_the_constructor_gives(made, constructed):
    assert type(made) is type(constructed)
    assert made == constructed
    for field in dataclasses.fields(made):  # each is set: reading one that is not would raise
        assert type(getattr(made, field.name)) is type(getattr(constructed, field.name))


@by_kind
def test_what_is_made_cannot_be_changed(made, constructed):
    for field in dataclasses.fields(made):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, field.name, getattr(constructed, field.name))


@by_kind
def test_what_is_made_can_be_copied_with_changes(made, constructed):
    name = dataclasses.fields(made)[0].name
    assert dataclasses.replace(made, **{name: 7}) == dataclasses.replace(constructed, **{name: 7})
