"""What holds of every history, however broken."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycall.history import check, exchanges, repair, rewrite_ids, trim
from everycall.history.scanning import scan_history
from tests.history.conversations import DIALECTS, Call, Calls, Res, Say, User, texts, wire
from tests.history.oracle import JUDGED, refusals

IDS = st.sampled_from(
    ["a", "b", "c", "d_1", "e-2", "call_f", "toolu_01", "a", "b", "", None, "a b", "ü|fc_1", "x" * 70]
)
NAMES = st.sampled_from(["f", "g", "h"])
WORDS = st.text(st.characters(categories=("L", "N", "P"), exclude_characters="\\'\""), min_size=1, max_size=6)


@st.composite
def histories(draw):
    """Conversations of well-formed exchanges and of anything at all, mixed."""
    events = [User("Hi")]
    for number in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["user", "say", "stray", "turn", "turn", "turn"]))
        text = f"{draw(WORDS)} {number}"
        if kind == "user":
            events.append(User(text))
        elif kind == "say":
            events.append(Say(text))
        elif kind == "stray":
            events.append(Res(draw(IDS), draw(NAMES), text))
        else:
            calls = [Call(draw(IDS), draw(NAMES), (("n", number),)) for _ in range(draw(st.integers(1, 3)))]
            events.append(Calls(tuple(calls), text))
            results = [Res(call.id, call.name, f"{text} {index}") for index, call in enumerate(calls)]
            events += draw(st.permutations(results))[: draw(st.integers(0, 4))]
    if draw(st.booleans()):
        events = draw(st.permutations(events))
    return list(events)


relaxed = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("dialect", DIALECTS)
class TestEveryHistory:
    @relaxed
    @given(events=histories())
    def test_scanned_and_written_it_is_the_same_objects(self, dialect, events):
        history = wire(dialect, events)
        scanned = scan_history(history, dialect)
        written = scanned.history.write(scanned.items)
        assert len(written) == len(history)
        assert all(new is old for new, old in zip(written, history, strict=True))

    @relaxed
    @given(events=histories())
    def test_repair_leaves_no_finding_and_changes_nothing_twice(self, dialect, events):
        history = wire(dialect, events)
        frozen = json.dumps(history)
        mended = repair(history, dialect)
        assert json.dumps(history) == frozen
        assert check(mended.messages, dialect) == []
        again = repair(mended.messages, dialect)
        assert again.messages == mended.messages
        assert again.edits == ()

    @relaxed
    @given(events=histories())
    def test_there_are_edits_exactly_where_there_are_findings(self, dialect, events):
        history = wire(dialect, events)
        assert bool(check(history, dialect)) == bool(repair(history, dialect).edits)

    @relaxed
    @given(events=histories())
    def test_no_call_and_no_word_is_lost(self, dialect, events):
        history = wire(dialect, events)
        mended = repair(history, dialect)
        for kind in (User, Say, Calls):
            said = [event.text for event in events if isinstance(event, kind) and event.text]
            assert not Counter(said) - Counter(texts(mended.messages)), kind
        kept = texts([mended.messages, [edit.dropped for edit in mended.edits]])
        assert not Counter(event.text for event in events if isinstance(event, Res)) - Counter(kept)
        calls = sum(len(event.calls) for event in events if isinstance(event, Calls))
        assert sum(len(item.calls) for item in scan_history(mended.messages, dialect).items) == calls

    @relaxed
    @given(events=histories())
    def test_only_results_without_a_call_are_dropped(self, dialect, events):
        history = wire(dialect, events)
        loose = [one for one in check(history, dialect) if one.kind in ("orphan_result", "duplicate_result")]
        dropped = [one for one in repair(history, dialect).edits if one.kind == "dropped"]
        assert [one.position for one in dropped] == [one.position for one in loose]

    @relaxed
    @given(events=histories())
    def test_exchanges_are_the_history_and_trim_keeps_it_valid(self, dialect, events):
        history = repair(wire(dialect, events), dialect).messages
        groups = exchanges(history, dialect)
        assert [message for group in groups for message in group] == history
        for group in groups:
            assert {finding.kind for finding in check(group, dialect)} == set()
        for keep in (1, 3, len(history) + 1):
            kept = trim(history, keep=keep, dialect=dialect)
            assert check(kept, dialect) == []
            longest = max((len(group) for group in groups), default=0)
            assert len(kept) <= max(keep, longest + 1)

    @relaxed
    @given(events=histories(), target=st.sampled_from(["strict9", "safe"]))
    def test_rewritten_ids_fit_and_never_collide(self, dialect, events, target):
        history = repair(wire(dialect, events), dialect).messages
        rewritten = rewrite_ids(history, dialect, target)
        assert check(rewritten, dialect) == []
        assert rewrite_ids(rewritten, dialect, target) == rewritten
        ids = [call.sent_id for item in scan_history(rewritten, dialect).items for call in item.calls]
        assert len(set(ids)) == len(ids)
        assert all(
            call_id and call_id.isascii() and len(call_id) <= (9 if target == "strict9" else 40) for call_id in ids
        )


@pytest.mark.parametrize("dialect", JUDGED)
class TestAgainstTheFakeProvider:
    @relaxed
    @given(events=histories())
    def test_what_check_lets_pass_the_provider_takes(self, dialect, events):
        history = wire(dialect, [User("Hi"), *events])
        if check(history, dialect) == []:
            assert about_results(refusals(dialect, history)) == []

    @relaxed
    @given(events=histories())
    def test_what_repair_returns_the_provider_takes(self, dialect, events):
        mended = repair(wire(dialect, [User("Hi"), *events]), dialect).messages
        assert about_results(refusals(dialect, mended)) == []


def about_results(refused):
    """Leave out what is not about calls and their results.

    Lone reasoning items; two contents of the model in a row in Gemini; ids of more than 64 characters in Chat, which
    OpenAI refuses while servers that speak its language make such ids themselves.
    """
    return [one for one in refused if not one.startswith(("lone_reasoning", "misplaced_call", "too_long"))]


_DIGEST = """
import hashlib, json, sys
from everycall.history import check, repair, rewrite_ids
digest = hashlib.sha256()
for dialect, history in json.load(sys.stdin):
    mended = repair(history, dialect)
    said = [repr(check(history, dialect)), json.dumps(mended.messages), repr(mended.edits)]
    said.append(json.dumps(rewrite_ids(history, dialect, "strict9")))
    digest.update("".join(said).encode())
print(digest.hexdigest())
"""


def test_another_process_with_another_hash_seed_gives_the_same_bytes():
    from tests.history.samples import FAULTS, conversations

    cases = []
    for number, mutation in enumerate(FAULTS):
        for dialect in DIALECTS:
            cases.append((dialect, wire(dialect, mutation(conversations()[number * 3], number))))
    here = hashlib.sha256()
    for dialect, history in json.loads(json.dumps(cases)):
        mended = repair(history, dialect)
        said = [repr(check(history, dialect)), json.dumps(mended.messages), repr(mended.edits)]
        said.append(json.dumps(rewrite_ids(history, dialect, "strict9")))
        here.update("".join(said).encode())
    for seed in ("1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.stdout.strip() == here.hexdigest()
