"""What a worker may send: frames and messages, read without a process. Whatever they hold, the answer is the same."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall.core.elsewhere import WorkerError
from everycall.core.errors import UsageError
from everycall.executors.process.channel import MAX_FRAME, BrokenFrameError, Frames, packed, read_frame
from everycall.executors.process.errand import Errand
from everycall.executors.process.verdict import verdict_of
from everycall.executors.process.worker import _Talk
from everycall.ports import Raised, Request, Returned

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


class Work:
    """As much of an attempt as an errand needs."""

    def __init__(self):
        self.told = []

    def request(self):
        return Request(tool="t", module="m", qualname="q", parameters=None, arguments="{}", context=None, retry_on=(),
                       memory_bytes=None, cpu_seconds=None, grace=1.0, backend="asyncio")  # fmt: skip

    def progressed(self, done, total, message):
        if done in (float("inf"), float("-inf")):
            raise UsageError("not finite")
        self.told.append((done, total, message))


@given(messages=st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), max_size=5), cut=st.integers(1, 9))
def test_messages_arrive_whole_however_the_bytes_are_cut(messages, cut):
    data = b"".join(map(packed, messages))
    frames = Frames()
    out = [frame for at in range(0, len(data), cut) for frame in frames.feed(data[at : at + cut])]
    assert [read_frame(frame) for frame in out] == messages


@pytest.mark.parametrize("size", [MAX_FRAME + 1, 2**32 - 1])
def test_a_frame_that_is_too_large_is_refused_before_it_is_read(size):
    with pytest.raises(BrokenFrameError, match=f"announced {size:,} bytes"):
        Frames().feed(size.to_bytes(4, "big"))


def test_the_largest_frame_is_taken():
    assert Frames().feed(MAX_FRAME.to_bytes(4, "big")) == []


@pytest.mark.parametrize("data", [b"", b"abc", b"[]", b"1", b"null", b"\xff\xfe\x00\x00", b"[" * 100_000, b'{"a": NaN}',
                                  b'{"a": ' + b"9" * 5000 + b"}"])  # fmt: skip
def test_what_is_no_message_is_refused(data):
    with pytest.raises(BrokenFrameError, match="no message"):
        read_frame(data)


@pytest.mark.parametrize("data", [
    b'{"json": [' + b"[]," * 600_000 + b"1]}",
    b'{"json": [' + b"1," * 9_100_000 + b"1]}",
    b'{"json": [' + b'"a",' * 9_100_000 + b"1]}",
    b'{"json": "\\\\", "x": [' + b"{}," * 600_000 + b"1]}",
], ids=["lists", "numbers", "texts", "after an escape"])  # fmt: skip
def test_a_frame_of_too_many_values_is_refused_before_it_is_read(data, monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BrokenFrameError, match="too many values"):
        read_frame(data)


def test_as_many_values_as_a_result_may_have_are_read():
    frame = b'{"json": [' + b"0," * 8_000_000 + b"0]}"
    assert len(read_frame(frame)["json"]) == 8_000_001


def test_a_frame_in_another_encoding_whose_marks_count_as_text_is_refused():
    text = '{"x": "\u2205", "json": [' + "[]," * 600_000 + "1]}"
    with pytest.raises(BrokenFrameError):
        read_frame(text.encode("utf-16-le"))


@pytest.mark.parametrize("text", ["[{,}]" * 2_000_000, '\\"[,' * 600_000 + "\\"], ids=["marks", "quotes"])
def test_the_marks_within_a_text_are_no_values(text):
    assert read_frame(packed({"text": text, "json": [1, {"a": "b"}]})[4:]) == {"text": text, "json": [1, {"a": "b"}]}


@pytest.mark.parametrize("message", [{}, {"call": 99, "started": True}, {"call": 1, "started": True},
                                     {"call": 99, "text": "x" * 9_000_000}], ids=lambda one: str(one)[:30])  # fmt: skip
def test_frames_about_another_call_are_not_read_for_ever(message):
    talk = _Talk(1, None)
    frame = packed(message)[4:]
    for _ in range(3):
        assert talk._read(frame) is None
    with pytest.raises(BrokenFrameError, match="another call"):
        [talk._read(frame) for _ in range(10_000)]


def test_words_that_are_not_an_authors_are_cleaned_whatever_the_worker_says():
    told = {"end": "raise", "type": "T", "message": "m", "traceback": "", "line": "\x9b31mred\u202e\x1b[2J of \x07it"}
    assert verdict_of({**told, "on_purpose": False}).end.error.message == "red of it"
    assert verdict_of({**told, "on_purpose": True}).end.error.message == told["line"]


NONSENSE = [
    {"end": "value", "notes": [], "parts": [{"part": "image", "data": "???"}]},
    {"end": "value", "notes": [], "parts": [{"part": "image", "color": "red"}]},
    {"end": "value", "notes": [], "parts": [{"part": "gun"}]},
    {"end": "value", "notes": [], "parts": [{"part": ["text"]}]},
    {"end": "value", "notes": [], "parts": [7]},
    {"end": "value", "notes": [], "parts": []},
    {"end": "value", "notes": 7, "json": 1},
    {"end": "value", "notes": [7], "json": 1},
    {"end": "value", "json": 1},
    {"end": "value", "notes": []},
    {"end": "raise", "type": 7},
    {"end": "raise", "type": "a", "message": "b", "traceback": "c"},
    {"end": "unsendable"},
    {"end": ["value"]},
    {"end": "nonsense"},
    {},
]


@pytest.mark.parametrize("told", NONSENSE, ids=json.dumps)
def test_a_message_that_means_nothing_is_refused(told):
    with pytest.raises(BrokenFrameError):
        verdict_of(told)


@given(kind=st.sampled_from(["value", "raise", "unsendable", "cancelled"]), rest=st.dictionaries(
    st.sampled_from(["notes", "json", "text", "parts", "single", "type", "message", "traceback", "line", "effect",
                     "retry_after", "transient", "on_purpose", "spent"]), JSON))  # fmt: skip
@settings(max_examples=200)
def test_any_message_is_a_verdict_or_refused_and_nothing_else(kind, rest):
    try:
        end, reusable = verdict_of({"end": kind, **rest})
    except BrokenFrameError:
        return
    assert isinstance(end, Returned | Raised)
    assert type(reusable) is bool
    if isinstance(end, Raised) and isinstance(end.error, WorkerError):
        told = end.error.told
        assert told.effect in (None, "none", "done", "unknown")
        assert told.retry_after is None or 0 <= told.retry_after <= 1e9
        assert max(len(told.message), len(told.failure.message)) <= 2000


@pytest.mark.parametrize(
    "told", ["much", None, [1, 2], ["1", None, None], [1, None, 7], [1, "2", None], [True, None, None],
             [float("inf"), None, None]]
)  # fmt: skip
def test_progress_that_is_none_is_refused(told):
    work = Work()
    errand = Errand(work, report=None, post=lambda callback: callback() or True)
    with pytest.raises(BrokenFrameError):
        errand.progressed(told)
    assert work.told == []


def test_progress_is_handed_on_and_the_loop_is_waited_for():
    work, posted = Work(), []
    errand = Errand(work, report=None, post=lambda callback: posted.append(callback()) or True)
    errand.progressed([1, 2.5, "half"])
    assert work.told == [(1, 2.5, "half")]
    assert len(posted) == 1


def test_a_worker_is_used_again_only_if_it_says_so():
    assert verdict_of({"end": "value", "notes": [], "json": 1, "spent": False}).reusable
    assert not verdict_of({"end": "value", "notes": [], "json": 1, "spent": True}).reusable
    assert not verdict_of({"end": "value", "notes": [], "json": 1}).reusable
