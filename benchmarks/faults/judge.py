"""From the facts of one process to the cells of one row. Pure; knows no contender and no fault by name.

What each cell asks:

1. answered: has the next request every call, exactly one result for each under an id of its own, and can it be sent?
2. siblings: has every call that was well its real result there? Where the message is at fault, all its tools are well.
3. on time: had the turn ended, with results or an exception, by `terms.BOUND`?
4. honest: is no failure told as a success, nothing shown as a result that is none, and no reason given that is not so?
5. unharmed: do the calls stand as the model sent them, did nothing run that was not to, is nothing told that was not to
   be told, and is a healthy message right after it answered?

What cannot be judged is `n/a`, and counts neither way: a row without siblings, a status that was never given.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.faults.shapes import Call, Fault
from benchmarks.faults.terms import BOUND, FAILURE, PATIENCE

Mark = Literal["pass", "fail", "n/a"]
CELLS = ("answered", "siblings", "on time", "honest", "unharmed")
Facts = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One verdict.

    Attributes:
        mark: what counts.
        why: a few words; empty where the mark says it all.
    """

    mark: Mark
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault, one contender.

    Attributes:
        cells: by their names, in the order of `CELLS`.
        note: how the turn ended where that was not with results.
    """

    cells: dict[str, Cell]
    note: str = ""

    @property
    def whole(self) -> bool:
        """Whether no cell fails; a row that does not apply is not whole either."""
        marks = [one.mark for one in self.cells.values()]
        return "fail" not in marks and "pass" in marks

    @property
    def applies(self) -> bool:
        """Whether any cell could be judged."""
        return any(one.mark != "n/a" for one in self.cells.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The request that answers the turn.

    Attributes:
        calls: of the turn, as the request shows them.
        results: those found for each call of the fault, by position.
        extra: results that answer none of the calls.
        apart: text of the user stands between a call and its result.
        withdrawn: the calls were taken back, and the model is told so.
    """

    calls: Sequence[Mapping[str, Any]]
    results: Sequence[Mapping[str, Any] | None]
    extra: int
    apart: bool
    withdrawn: bool


def judge(fault: Fault, facts: Facts, exit_code: int | None) -> Row:
    """Return the row.

    Args:
        fault: what was asked.
        facts: what the process has written down.
        exit_code: of the process; None if it was killed because it did not come to an end.
    """
    if why := _why_not(facts):
        return Row(cells={name: Cell(mark="n/a", why=why) for name in CELLS}, note=why)
    answer = _answer(fault, facts)
    ending = _ending(facts, exit_code)
    return Row(
        cells={
            "answered": _answered(fault, answer, ending),
            "siblings": _siblings(fault, answer),
            "on time": _on_time(facts, ending),
            "honest": _honest(fault, answer),
            "unharmed": _unharmed(fault, facts, answer),
        },
        note=ending,
    )


def _why_not(facts: Facts) -> str:
    """Return why the fault was not asked; empty if it was."""
    if found := _first(facts, "not expressible"):
        return f"cannot be said in its shape: {found['why']}"
    return "" if _first(facts, "begun") else "did not start"


def _first(facts: Facts, what: str, **wanted: Any) -> Mapping[str, Any] | None:
    matching = (one for one in facts if one["what"] == what and all(one.get(key) == wanted[key] for key in wanted))
    return next(matching, None)


def _ending(facts: Facts, exit_code: int | None) -> str:
    """Return how the turn ended, in words; empty if it returned."""
    if ended := _first(facts, "ended", phase="turn"):
        return f"raised {ended['error']}" if ended["error"] else ""
    if over := _first(facts, "program ended"):
        return f"{over['error']} ended the program"
    if exit_code is None:
        return f"no end within {PATIENCE:g} s"
    return f"the process died: signal {-exit_code}" if exit_code < 0 else f"the process ended: exit code {exit_code}"


def _answer(fault: Fault, facts: Facts) -> Answer | None:
    """Return the request after the turn, read; None if the model was never asked again."""
    requests = [one for one in facts if one["what"] == "request" and one["phase"] != "next"]
    if len(requests) < 2:
        return None
    items = requests[1]["items"]
    calls = [one for one in items if one["kind"] == "call"]
    results = [one for one in items if one["kind"] == "result"]
    open_results = list(results)
    found = [_take(open_results, call["id"]) for call in calls]
    return Answer(
        calls=calls,
        results=_by_position(fault, calls, found),
        extra=len(open_results),
        apart=_text_between(items),
        withdrawn=any(one["kind"] == "withdrawn" for one in items),
    )


def _take(results: list[Mapping[str, Any]], call_id: Any) -> Mapping[str, Any] | None:
    for number, one in enumerate(results):
        if one["id"] == call_id:
            return results.pop(number)
    return None


def _by_position(
    fault: Fault, calls: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any] | None]
) -> list[Mapping[str, Any] | None]:
    """Return the result of each call of the fault: by its id where ids are its own, else by its position."""
    ids = [one.call_id for one in fault.calls]
    if len(calls) == len(ids) and sorted(map(str, ids)) != sorted({str(call["id"]) for call in calls}):
        return list(found)
    known = {call["id"]: result for call, result in zip(calls, found, strict=True)}
    return [known.get(one.call_id) for one in fault.calls]


def _text_between(items: Sequence[Mapping[str, Any]]) -> bool:
    kinds = [one["kind"] for one in items]
    if "call" not in kinds or "result" not in kinds:
        return False
    last_result = len(kinds) - 1 - kinds[::-1].index("result")
    return "text" in kinds[kinds.index("call") : last_result]


def _answered(fault: Fault, answer: Answer | None, ending: str) -> Cell:
    if answer is None:
        return Cell(mark="fail", why=ending or "the model was not asked again")
    if answer.withdrawn and not answer.calls and not answer.extra:
        return Cell(mark="pass", why="the calls were taken back, and the model is told")
    count = len(fault.calls)
    ids = Counter(json.dumps(call["id"]) for call in answer.calls)
    there = sum(one is not None for one in answer.results)
    unsendable = next((one["unsendable"] for one in answer.results if one and one["unsendable"]), "")
    complaints = {
        "the calls are forgotten": not answer.calls,
        f"{len(answer.calls)} of {count} calls left": len(answer.calls) not in {count, _without_echoes(fault)},
        "a call without an id": any(call["id"] in (None, "") for call in answer.calls),
        "one id twice": max(ids.values(), default=0) > 1,
        f"{there} of {count} results": there != count,
        f"{answer.extra} results too many": answer.extra > 0,
        "text between calls and results": answer.apart,
        f"cannot be sent: {unsendable}": bool(unsendable),
    }
    why = next((text for text, applies in complaints.items() if applies), "")
    return Cell(mark="fail", why=why) if why else Cell(mark="pass")


def _without_echoes(fault: Fault) -> int:
    """Return how many calls are left if a call that repeats another one, id and all, is taken for the same call."""
    return len({(one.call_id or position, one.name, one.arguments) for position, one in enumerate(fault.calls)})


def _siblings(fault: Fault, answer: Answer | None) -> Cell:
    wanted = [position for position, call in enumerate(fault.calls) if call.well or call.expected == "success"]
    if not wanted:
        return Cell(mark="n/a", why="no siblings")
    results = answer.results if answer else [None] * len(fault.calls)
    kept = sum(_succeeded(fault.calls[position], results[position]) for position in wanted)
    return Cell(mark="pass") if kept == len(wanted) else Cell(mark="fail", why=f"{kept} of {len(wanted)}")


def _succeeded(call: Call, result: Mapping[str, Any] | None) -> bool:
    return result is not None and result["failed"] is not True and call.token in result["text"]


def _on_time(facts: Facts, ending: str) -> Cell:
    ended = _first(facts, "ended", phase="turn")
    if ended is None:
        return Cell(mark="fail", why=ending)
    seconds = ended["seconds"]
    return Cell(mark="pass") if seconds <= BOUND else Cell(mark="fail", why=f"{seconds:.1f} s")


def _honest(fault: Fault, answer: Answer | None) -> Cell:
    judged = [
        (call, result)
        for call, result in zip(fault.calls, answer.results if answer else (), strict=False)
        if result is not None and not call.well
    ]
    if not judged:
        return Cell(mark="n/a", why="says nothing")
    whys = (_lie(fault, call, result) for call, result in judged)
    why = next((one for one in whys if one), "")
    return Cell(mark="fail", why=why) if why else Cell(mark="pass")


def _lie(fault: Fault, call: Call, result: Mapping[str, Any]) -> str:
    """Return what is not so about *result*; empty if it is honest."""
    failed = result["failed"] is True or bool(FAILURE.search(result["text"]))
    if fault.lie and re.search(fault.lie, result["text"]):
        return "says what was not so"
    if call.expected == "failure":
        return "" if failed else "told as a success"
    return "" if failed or call.token in result["text"] else "not what the tool returned"


def _unharmed(fault: Fault, facts: Facts, answer: Answer | None) -> Cell:
    effects = Counter(one["name"] for one in facts if one["what"] == "effect")
    over = next((name for name, most in fault.effects.items() if effects[name] > most), "")
    results = [one for one in (answer.results if answer else ()) if one is not None]
    complaints = {
        f"{over}: {effects[over]} times": bool(over),
        "told what it was not to tell": bool(fault.never)
        and any(re.search(fault.never, one["text"]) for one in results),
        "a result of megabytes": fault.longest is not None and any(one["length"] > fault.longest for one in results),
        "the call was changed": answer is not None and _changed(fault, answer),
        _next_turn(facts): True,
    }
    why = next((text for text, applies in complaints.items() if applies), "")
    return Cell(mark="fail", why=why) if why else Cell(mark="pass")


def _changed(fault: Fault, answer: Answer) -> bool:
    """Return whether the request shows other arguments than the model sent. What is no JSON object is not compared."""
    asked = {one.call_id: _object(one.arguments) for one in fault.calls}
    return len(asked) == len(fault.calls) and any(
        asked.get(shown["id"]) is not None and shown["arguments"] not in (None, asked[shown["id"]])
        for shown in answer.calls
    )


def _object(arguments: str) -> dict[str, Any] | None:
    try:
        read = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) and len(arguments) < 2_000 else None


def _next_turn(facts: Facts) -> str:
    """Return what is wrong with the healthy turn afterwards; empty if nothing is."""
    ended = _first(facts, "ended", phase="next")
    if ended is None:
        return "nothing runs after it" if not _first(facts, "run", phase="next") else "the next turn did not end"
    requests = [one for one in facts if one["what"] == "request" and one["phase"] == "next"]
    items = requests[1]["items"] if len(requests) > 1 else []
    told = {one["text"] for one in items if one["kind"] == "result" and not one["unsendable"]}
    lost = sum(not any(f"well {name}" in text for text in told) for name in ("next_1", "next_2"))
    if ended["error"] or lost:
        return f"the next turn: {ended['error'] or f'{2 - lost} of 2 results'}"
    return "" if ended["seconds"] <= BOUND else f"the next turn took {ended['seconds']:.1f} s"
