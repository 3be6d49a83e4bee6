"""Messages as models really send them."""

from benchmarks.faults import world
from benchmarks.faults.catalogue.well import one_bad, well_call
from benchmarks.faults.shapes import Call, Fault

GROUP = "Messages"


async def delete(folder: str = "everything") -> str:
    """Delete a folder."""
    world.note("effect", name=f"deleted {folder}")
    return f"deleted {folder}"


async def repeat(count: int) -> str:
    """Repeat something *count* times."""
    world.note("effect", name="repeated")
    return f"repeated {count}"


async def plain(text: str = "nothing") -> str:
    """Return *text*."""
    world.note("effect", name=f"said {text}")
    return f"said {text}"


def _ids(first: str | None, second: str | None, texts: tuple[str, str] = ("a", "b")) -> tuple[Call, ...]:
    """Return two calls with these ids between two that are well."""
    made = [
        Call(call_id=one, name="plain", arguments=f'{{"text": "{text}"}}', expected="success", token=f"said {text}")
        for one, text in zip((first, second), texts, strict=True)
    ]
    return (well_call("call_1"), *made, well_call("call_3", "well_slow"))


_NOT_GUESSED = {"deleted everything": 0, "deleted ": 0, "deleted rep": 0}

FAULTS = (
    Fault(name="unknown-tool", about="calls a tool that there is not", group=GROUP, tools=(), calls=one_bad("nobody")),
    Fault(
        name="malformed-json",
        about="arguments that end in the middle; the tool has a default and is not to run with it",
        group=GROUP,
        tools=(delete,),
        calls=one_bad("delete", '{"folder": "rep'),
        effects=_NOT_GUESSED,
    ),
    Fault(
        name="malformed-alone",
        about="the only call has malformed arguments",
        group=GROUP,
        tools=(delete,),
        calls=(Call(call_id="call_1", name="delete", arguments='{"folder": "rep'),),
        effects=_NOT_GUESSED,
    ),
    Fault(
        name="array-arguments",
        about="arguments that are an array; the tool has a default and is not to run with it",
        group=GROUP,
        tools=(delete,),
        calls=one_bad("delete", "[1, 2]"),
        effects=_NOT_GUESSED,
    ),
    Fault(
        name="null-arguments",
        about="arguments that are null, for a tool that needs none",
        group=GROUP,
        tools=(plain,),
        calls=one_bad("plain", "null", expected="either", token="said nothing"),
    ),
    Fault(
        name="wrong-type",
        about="a word where the tool wants a number",
        group=GROUP,
        tools=(repeat,),
        calls=one_bad("repeat", '{"count": "many"}'),
        effects={"repeated": 0},
    ),
    Fault(
        name="missing-argument",
        about="without an argument that the tool needs",
        group=GROUP,
        tools=(repeat,),
        calls=one_bad("repeat"),
        effects={"repeated": 0},
    ),
    Fault(
        name="argument-bomb",
        about="arguments of 100,000 nested arrays",
        group=GROUP,
        tools=(plain,),
        calls=one_bad("plain", '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    ),
    Fault(
        name="same-id-same-call",
        about="two identical calls share one id",
        group=GROUP,
        tools=(plain,),
        calls=_ids("call_2", "call_2", ("a", "a")),
    ),
    Fault(
        name="same-id-other-call",
        about="two different calls share one id",
        group=GROUP,
        tools=(plain,),
        calls=_ids("call_2", "call_2"),
        effects={"said a": 1, "said b": 1},
    ),
    Fault(name="empty-id", about="a call whose id is empty", group=GROUP, tools=(plain,), calls=_ids("", "call_2")),
    Fault(name="no-id", about="a call without an id", group=GROUP, tools=(plain,), calls=_ids(None, "call_2")),
    Fault(
        name="cut-off",
        about="cut off at the limit of tokens before the arguments came; the tool is not to run with its default",
        group=GROUP,
        tools=(delete,),
        calls=(Call(call_id="call_1", name="delete", arguments=""),),
        cut_off=True,
        effects=_NOT_GUESSED,
    ),
)
