"""The recorded conversations, and every single mutation that the tests make of them."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.history.conversations import (
    Calls,
    Res,
    Say,
    User,
    drop_result,
    duplicate_result,
    from_openai,
    insert_user,
    move_before_call,
    places,
    results_of,
    swap_result_ids,
    with_call_id,
    with_result_id,
)

DATA = Path(__file__).parent.parent / "data"


@cache
def tau():
    """The 50 recorded conversations, as OpenAI Chat has them."""
    return [json.loads(line)["messages"] for line in (DATA / "tau_airline.jsonl").read_text("utf-8").splitlines()]


@cache
def exchanges_of_bfcl():
    """Exchanges with two to five parallel calls, as OpenAI Chat has them."""
    made = []
    for line in (DATA / "bfcl_parallel_multiple.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        message = row["assistant_message"]
        results = [
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "name": call["function"]["name"],
                "content": f"result {number} of {row['id']}",
            }
            for number, call in enumerate(message["tool_calls"])
        ]
        made.append([*row["question"], message, *results, {"role": "assistant", "content": f"Done: {row['id']}."}])
    return made


@cache
def conversations():
    """All of them in neutral form, those without calls left out."""
    all_of_them = [from_openai(messages) for messages in [*tau(), *exchanges_of_bfcl()]]
    return [_with_names_for_all(events) for events in all_of_them if places(events, Calls)]


def _with_names_for_all(events):
    """The recorded names have dots, which most providers refuse in a request."""
    renamed = []
    for event in events:
        if isinstance(event, Calls):
            calls = tuple(replace(call, name=call.name.replace(".", "_")) for call in event.calls)
            renamed.append(replace(event, calls=calls))
        elif isinstance(event, Res):
            renamed.append(replace(event, name=event.name.replace(".", "_")))
        else:
            renamed.append(event)
    return renamed


def _turn(events, which):
    """The place of the calls of a turn that has results, and the places of those."""
    answered = [(place, results_of(events, place)) for place in places(events, Calls)]
    answered = [(place, found) for place, found in answered if found]
    return answered[which % len(answered)]


def drops(events, seed):
    _, found = _turn(events, seed)
    return drop_result(events, found[seed % len(found)])


def duplicates(events, seed):
    _, found = _turn(events, seed)
    return duplicate_result(events, found[seed % len(found)])


def inserts_user(events, seed):
    _, found = _turn(events, seed)
    return insert_user(events, found[seed % len(found)])


def moves_before(events, seed):
    calls, found = _turn(events, seed)
    return move_before_call(events, calls, found[seed % len(found)])


def empties_result_id(events, seed):
    _, found = _turn(events, seed)
    return with_result_id(events, found[seed % len(found)], "")


def loses_result_id(events, seed):
    _, found = _turn(events, seed)
    return with_result_id(events, found[seed % len(found)], None)


def empties_call_id(events, seed):
    calls, found = _turn(events, seed)
    return with_call_id(events, calls, seed % len(found), "")


def invents_result_ids(events, seed):
    _, found = _turn(events, seed)
    for number, place in enumerate(found):
        events = with_result_id(events, place, f"invented_{number}")
    return events


def invents_call_ids(events, seed):
    calls, _ = _turn(events, seed)
    for number in range(len(events[calls].calls)):
        events = with_call_id(events, calls, number, f"invented_{number}")
    return events


def swaps_ids_in_turn(events, seed):
    """Swap the ids of two results of one turn; the conversation as it is if no turn has two."""
    turns = [found for place in places(events, Calls) if len(found := results_of(events, place)) > 1]
    if not turns:
        return events
    found = turns[seed % len(turns)]
    return swap_result_ids(events, found[0], found[1])


def swaps_ids_across_turns(events, seed):
    """Swap the ids of two results of neighbouring turns; the conversation as it is if it has one turn only."""
    turns = [found for place in places(events, Calls) if (found := results_of(events, place))]
    if len(turns) < 2:
        return events
    at = seed % (len(turns) - 1)
    return swap_result_ids(events, turns[at][0], turns[at + 1][0])


def reuses_id_without_result(events, seed):
    calls, _ = _turn(events, seed)
    return [*events, User("Once more, please."), events[calls], User("Hello?")]


def swaps_order(events, seed):
    """Swap the order of two results of one turn, which is no fault."""
    turns = [found for place in places(events, Calls) if len(found := results_of(events, place)) > 1]
    if not turns:
        return events
    first, second = turns[seed % len(turns)][:2]
    swapped = list(events)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    return swapped


def reuses_ids(events, seed):
    """Make the same calls again, under the same ids and with all results, which is no fault."""
    calls, found = _turn(events, seed)
    again = [Res(events[place].id, events[place].name, f"again {events[place].text}") for place in found]
    return [*events, User("Once more, please."), events[calls], *again, Say("There.")]


def without_ids(events):
    """The conversation as a provider without ids has it."""
    bare = list(events)
    for place in places(events, Calls):
        for number in range(len(events[place].calls)):
            bare = with_call_id(bare, place, number, None)
    for place in places(events, Res):
        bare = with_result_id(bare, place, None)
    return bare


FAULTS = {
    drops: {"missing_result"},
    duplicates: {"duplicate_result"},
    inserts_user: {"interleaved_message"},
    moves_before: {"result_before_call"},
    empties_result_id: {"invalid_id"},
    loses_result_id: {"invalid_id"},
    empties_call_id: {"invalid_id"},
    invents_result_ids: {"orphan_result", "missing_result"},
    invents_call_ids: {"orphan_result", "missing_result"},
    reuses_id_without_result: {"missing_result"},
}
"""What each single mutation is found as, where a dialect can see it."""
