"""What an exception becomes once it has been caught."""

import asyncio
import gc
import inspect
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycall.core.errors import ToolError, TransientToolError
from everycall.core.failures import MAX_LEAVES, cause_of, failure_of, leaves_of, message_for_model, names_of


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_failure_names_the_type_with_its_module_and_the_message():
    failure = failure_of(asyncio.InvalidStateError("not yet"))
    assert (failure.type, failure.message, failure.traceback) == (
        "asyncio.exceptions.InvalidStateError",
        "not yet",
        "asyncio.exceptions.InvalidStateError: not yet",
    )
    assert failure_of(ValueError("x")).type == "ValueError"


def test_a_traceback_shows_frames_and_source_but_no_locals():
    def inner():
        secret = "hunter2"  # noqa: F841
        raise ValueError("wrong")

    try:
        inner()
    except ValueError as error:
        failure = failure_of(error)
    assert 'raise ValueError("wrong")' in failure.traceback
    assert "in inner" in failure.traceback
    assert failure.traceback.endswith("ValueError: wrong")
    assert failure.traceback.startswith("Traceback (most recent call last):")
    assert "hunter2" not in failure.traceback.replace('secret = "hunter2"', "")
    assert failure_of(ValueError("x"), traceback=False).traceback == ""


def test_what_led_to_an_error_comes_first():
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        trace = failure_of(error).traceback
    assert trace.index("KeyError: 'first'") < trace.index("direct cause") < trace.index("ValueError: second")
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904
    except ValueError as error:
        trace = failure_of(error).traceback
    assert trace.index("KeyError: 'first'") < trace.index("while that was handled") < trace.index("ValueError: second")
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None
    except ValueError as error:
        trace = failure_of(error).traceback
    assert "KeyError" not in trace


def test_a_chain_in_a_circle_and_a_long_one_end():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first).traceback.count("ValueError") == 2
    error = None
    for number in range(1000):
        link = ValueError(number)
        link.__cause__ = error
        error = link
    assert failure_of(error).traceback.count("ValueError") == 5


def test_notes_are_kept_and_bounded():
    error = ValueError("x")
    error.add_note("called with the\x1b[31m blue key")
    assert "called with the blue key" in failure_of(error).traceback
    error.__notes__ = ["y" * 10_000] * 100 + [5]
    assert len(failure_of(error).traceback) < 3000
    error.__notes__ = 5
    assert failure_of(error).traceback == "ValueError: x"


def test_a_deep_traceback_keeps_its_end_within_its_bound():
    def down(depth):
        if depth:
            down(depth - 1)
        else:
            raise error

    error = ValueError("at the bottom")
    with pytest.raises(ValueError):
        down(500)
    trace = failure_of(error).traceback
    assert "frames left out" in trace
    assert trace.endswith("ValueError: at the bottom")
    error.args = ("€" * 2500,)
    long = failure_of(error).traceback
    assert long.startswith("[...]")
    assert long.endswith("more characters]")
    assert 8000 < len(long.encode()) <= 8 << 10


def test_an_error_at_the_end_of_the_stack_is_told():
    def down():
        down()

    try:
        down()
    except RecursionError as error:
        failure = failure_of(error)
    assert failure.type == "RecursionError"
    assert "in down" in failure.traceback


def innermost(error):
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_name


@pytest.mark.parametrize("left", range(0, 60, 3))
def test_being_close_to_the_end_of_the_stack_is_no_reason_to_raise(left):
    error = raised(ExceptionGroup("g", [ValueError("v"), KeyError("k")]))

    def at_depth(depth):
        return at_depth(depth - 1) if depth else (failure_of(error), message_for_model(error))

    depth = len(inspect.stack())
    try:
        failure, message = at_depth(sys.getrecursionlimit() - depth - left)
    except RecursionError as no_stack:
        where = innermost(no_stack)
    else:
        where = "at_depth"
        assert failure.message
        assert message
    # Where not even the call fits, it is the caller who has no stack left.
    assert where == "at_depth"


def test_nothing_of_the_exception_stays_alive():
    class Local:
        pass

    def fail():
        local = Local()
        refs.append(weakref.ref(local))
        raise ExceptionGroup("g", [ValueError("x"), ToolError("y")])

    refs = []
    gc.disable()
    try:
        try:
            fail()
        except ExceptionGroup as error:
            refs.append(weakref.ref(error))
            kept = (failure_of(error), message_for_model(error))
        assert [ref() for ref in refs] == [None, None]
        assert kept[0].type == "ExceptionGroup"
    finally:
        gc.enable()


class HostileError(Exception):
    __cause__ = property(lambda self: (_ for _ in ()).throw(SystemExit))
    __context__ = property(lambda self: (_ for _ in ()).throw(SystemExit))
    __traceback__ = property(lambda self: (_ for _ in ()).throw(SystemExit))
    __class__ = property(lambda self: (_ for _ in ()).throw(SystemExit))
    __notes__ = property(lambda self: (_ for _ in ()).throw(SystemExit))
    __dict__ = property(lambda self: (_ for _ in ()).throw(SystemExit))

    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __hash__ = __eq__ = __str__


def test_a_hostile_exception_is_told_like_any_other():
    error = raised(HostileError())
    failure = failure_of(error)
    assert failure.type.endswith(".HostileError")
    assert failure.message == "HostileError"
    assert "in raised" in failure.traceback
    assert message_for_model(error) == "HostileError"
    assert message_for_model(ExceptionGroup("g", [error, ValueError("v")])) == "2 errors: HostileError; ValueError: v"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("wrong value"), "ValueError: wrong value"),
        (ValueError(), "ValueError"),
        (ValueError("\n\n  first\nsecond"), "ValueError:   first"),
        (KeyError("city"), "KeyError: 'city'"),
        (SystemExit(2), "SystemExit: 2"),
        (ValueError("\x1b[31mred\u202e"), "ValueError: red"),
        (ToolError("No such city.\nTry \x1b another."), "No such city.\nTry \x1b another."),
        (TransientToolError("busy"), "busy"),
        (ToolError("half \ud800"), "half \ufffd"),
        (ToolError(""), "ToolError"),
        (ToolError(5), "5"),
        (ExceptionGroup("g", [ValueError("a")]), "ValueError: a"),
        (ExceptionGroup("g", [ExceptionGroup("h", [ToolError("mine")])]), "mine"),
        (ExceptionGroup("g", [ValueError("a"), ToolError("b")]), "2 errors: ValueError: a; b"),
        (
            ExceptionGroup("g", [ValueError(n) for n in range(8)]),
            "8 errors: " + "; ".join(f"ValueError: {n}" for n in range(5)) + "; and 3 more",
        ),
        (BaseExceptionGroup("g", [asyncio.CancelledError(), ValueError("a")]), "ValueError: a"),
        (
            BaseExceptionGroup("g", [asyncio.CancelledError(), asyncio.CancelledError()]),
            "2 errors: CancelledError; CancelledError",
        ),
    ],
    ids=repr,
)
def test_the_model_reads_the_authors_words_or_one_line(error, message):
    assert message_for_model(error) == message


def test_what_the_model_reads_is_bounded():
    assert len(message_for_model(ValueError("x" * 10_000_000))) <= 300
    assert len(message_for_model(ToolError("x" * 10_000_000))) <= 2000
    assert len(message_for_model(ToolError("x" * 3000))) <= 2000
    assert message_for_model(ToolError("x" * 2000)) == "x" * 2000
    assert len(message_for_model(ExceptionGroup("g", [ToolError("x" * 5000)] * 9))) <= 2000


def test_a_tool_error_whose_message_raises_falls_back_to_its_text():
    class OddError(ToolError):
        message = property(lambda self: 1 / 0, lambda self, value: None)

    assert message_for_model(OddError("said")) == "said"


def test_the_traceback_never_reaches_the_model():
    assert __file__ not in message_for_model(raised(ValueError("x")))


def test_a_group_tells_its_leaves_in_the_failure_too():
    failure = failure_of(ExceptionGroup("both", [raised(ValueError("a")), raised(KeyError("b"))]))
    assert failure.message == "both (2 sub-exceptions): 2 errors: ValueError: a; KeyError: 'b'"
    assert "+ 1. of the group" in failure.traceback
    assert "KeyError: 'b'" in failure.traceback


trees = st.recursive(
    st.sampled_from([ValueError, ToolError, KeyboardInterrupt, asyncio.CancelledError]).map(lambda kind: kind("x")),
    lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda members: BaseExceptionGroup("g", members)),
    max_leaves=30,
)


@given(trees)
def test_every_tree_of_groups_is_told_within_its_bounds(error):
    leaves, complete = leaves_of(error)
    assert complete
    assert not any(isinstance(leaf, BaseExceptionGroup) for leaf in leaves)
    assert (len(leaves) == 1) == (not isinstance(cause_of(error), BaseExceptionGroup))
    assert 0 < len(message_for_model(error)) <= 2000
    assert message_for_model(error).count("; ") <= 5
    assert len(failure_of(error).traceback.encode()) <= 8 << 10


def test_a_bomb_of_groups_is_read_only_so_far():
    wide = ExceptionGroup("g", [ValueError(n) for n in range(MAX_LEAVES + 1)])
    leaves, complete = leaves_of(wide)
    assert not complete
    assert len(leaves) == MAX_LEAVES - 1
    assert message_for_model(wide).startswith("more than 999 errors: ")
    deep = ValueError("x")
    for _ in range(MAX_LEAVES + 5):
        deep = ExceptionGroup("g", [deep])
    assert leaves_of(deep) == ([], False)
    assert len(message_for_model(deep)) <= 2000


def test_a_type_is_named_by_root_module_and_name():
    assert list(names_of(asyncio.CancelledError())) == [
        "asyncio.CancelledError",
        "builtins.BaseException",
        "builtins.object",
    ]
