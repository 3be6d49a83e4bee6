"""Ids that are minted: deterministic, unique, and cheap whatever the message holds."""

import pytest

from everycall import ToolRegistry, run_tool_calls
from everycall.core.calls import ToolCall
from everycall.core.ids import ANY_ID, Minting, assign_ids
from tests.messages import message


class Raising(dict):
    """A mapping of the client's own, which cannot be read."""

    def items(self):
        raise RuntimeError("no")


def called(position, sent_id, arguments="{}"):
    return ToolCall(position=position, sent_id=sent_id, name="f", arguments=arguments)


@pytest.mark.parametrize("facts", [(), ("a",), (None, 3, "é\ud800", "f", {"b": 1, "a": [2]}), ({1: 1, "a": 2},)])
def test_minting_counts_the_salts_up_and_gives_what_mint_gives(facts):
    minting, taken = Minting(ANY_ID, *facts), {"x", "y"}
    for salt in range(3):
        minted = minting.unused(taken)
        assert minted == ANY_ID.mint(*facts, salt)
        taken.add(minted)


def test_a_minted_id_is_none_that_another_call_was_sent_with():
    chosen = [ANY_ID.mint("k", 0, "", "f", "{}", salt) for salt in range(3)]
    first, *others = assign_ids((called(0, ""), *[called(at, one) for at, one in enumerate(chosen, 1)]), ANY_ID, "k")
    assert first.call_id == ANY_ID.mint("k", 0, "", "f", "{}", 3)
    assert [call.call_id for call in others] == chosen


def test_minted_ids_stay_the_same_from_release_to_release():
    (minted,) = assign_ids((called(0, None, {"b": 1, "a": "é"}),), ANY_ID, "k")
    assert minted.call_id == "call_GmVguIifEMqrhoUcu0odqNeu"


def test_the_arguments_are_written_once_however_many_salts_are_tried():
    class Counted(dict):
        reads = 0

        def items(self):
            Counted.reads += 1
            return super().items()

    arguments = Counted(a=1)
    chosen = [ANY_ID.mint(None, 0, None, "f", {"a": 1}, salt) for salt in range(5)]
    assign_ids((called(0, None, arguments), *[called(at, one) for at, one in enumerate(chosen, 1)]), ANY_ID)
    assert Counted.reads == 1


def test_a_mapping_that_raises_has_the_id_of_its_type():
    first, second = (assign_ids((called(0, None, Raising(a=n)),), ANY_ID, "k")[0].call_id for n in range(2))
    assert first == second


async def test_a_call_whose_arguments_raise_when_they_are_read_is_answered():
    tools = ToolRegistry()

    @tools.tool(read_only=True)
    def f(a: int) -> int:
        return a

    sent = message({"type": "function", "function": {"name": "f", "arguments": Raising(a=1)}})
    (result,) = (await run_tool_calls(sent, tools)).results
    assert result.call_id
