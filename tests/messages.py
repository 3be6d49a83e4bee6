"""Assistant messages for tests."""

import json


def call(name, arguments=None, call_id="auto", **extra):
    """One call as OpenAI Chat has it; the id is left out if it is None."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    one = {"type": "function", "function": {"name": name, "arguments": text}, **extra}
    if call_id == "auto":
        call_id = f"call_{name}"
    return one if call_id is None else {"id": call_id, **one}


def message(*calls, **extra):
    """An assistant message; a call may be given as a mere name."""
    made = [call(one) if isinstance(one, str) else one for one in calls]
    return {"role": "assistant", "content": None, "tool_calls": made, **extra}


def numbered(name, count):
    """A message that calls *name* so many times, ids `c0`, `c1`, ..."""
    return message(*[call(name, {"n": n}, call_id=f"c{n}") for n in range(count)])


def envelope(result):
    """What the model reads of a result that is no success."""
    return json.loads(result.content)["error"]
