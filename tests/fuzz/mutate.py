"""Changes to texts and to trees of JSON values; all randomness comes from the `random.Random` that is passed in."""

import datetime as dt
import math

PIECES = [
    "{", "}", "[", "]", '"', "'", "\\", ":", ",", "null", "true", "NaN", "Infinity", "-", "1e999", "1e-999",
    "9" * 400, "0x1", "\\u0000", "\\ud800", "\\ud83d\\ude00", "\ud800", "\0", "\n", "\r\n", "\u2028", "\ufeff",
    "\u202e", "é", "😀", "```", "```json\n", "//", "/*", "{}", "{{", '{"a":', "[[", '"a":1,', "\x1b[31m", "\x7f",
    " " * 50, "password=", "://a:b@", "Bearer ", "eyJ", "sk-", "-----BEGIN ",
]  # fmt: skip
WORDS = [
    "role", "assistant", "user", "tool", "system", "content", "tool_calls", "function", "name", "arguments",
    "id", "type", "tool_use", "tool_result", "tool_use_id", "tool_call_id", "input", "parts", "functionCall",
    "args", "call_id", "functionResponse", "response", "toolUse", "toolUseId", "toolResult", "function_call",
    "function_call_output", "output", "choices", "message", "candidates", "finish_reason", "stop_reason",
    "stopReason", "tool_plan", "text", "thinking", "signature", "server_tool_use", "custom", "input_text",
    "ai", "human", "length", "max_tokens",
]  # fmt: skip


class Odd:
    """An object that answers every question oddly."""

    def __getattr__(self, name):
        if name.startswith("__") or name in ("model_dump", "to_dict"):
            raise AttributeError(name)
        return self

    def __iter__(self):
        return iter((1, self))


def atoms(rng):
    """One hostile leaf."""
    return rng.choice([
        None, True, False, 0, -1, 2**63, 10**400, 0.5, math.nan, math.inf, "", " ", "x" * 5000, "\ud800", "\0", "{}",
        "[", "null", [], {}, [[]], {"": None}, [None] * 50, b"\xff", (), set(), Odd(), object(), dt.date(2026, 1, 1),
        "call_1", "a" * 70, "id\nwith lines", {"type": "function"}, [{"type": "tool_use"}], 3 + 4j, range(3), type,
        rng.choice(WORDS),
    ])  # fmt: skip


def text(rng, seed):
    """Return *seed* after one to eight changes."""
    for _ in range(rng.randint(1, 8)):
        at, end = sorted((rng.randint(0, len(seed)), rng.randint(0, len(seed))))
        kind = rng.randrange(7)
        if kind == 0:
            seed = seed[:at] + seed[end:]
        elif kind == 1:
            seed = seed[:at] + rng.choice(PIECES) * rng.choice((1, 1, 2, 70)) + seed[at:]
        elif kind == 2:
            seed = seed[:at] + seed[at:end] * rng.choice((2, 3, 50)) + seed[end:]
        elif kind == 3:
            seed = seed[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0x110000)))) + seed[at + 1 :]
        elif kind == 4:
            seed = seed[at:] + seed[:at]
        elif kind == 5:
            seed = seed[:end] + rng.choice(PIECES) + seed[end:]
        else:
            seed = seed[:at]
        seed = seed[:100_000]
    return seed


def tree(rng, seed):
    """Return a copy of *seed*, made of lists and dicts, after one to five changes anywhere in it."""
    for _ in range(rng.randint(1, 5)):
        seed = _changed(rng, seed, depth=rng.choice((0, 1, 2, 3, 4, 6)))
    return seed


def _changed(rng, value, depth):
    if depth and isinstance(value, dict) and value:
        key = rng.choice(list(value))
        return {**value, key: _changed(rng, value[key], depth - 1)}
    if depth and isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(rng, value[at], depth - 1), *value[at + 1 :]]
    if isinstance(value, dict):
        return _changed_dict(rng, dict(value))
    if isinstance(value, list):
        return _changed_list(rng, list(value))
    if isinstance(value, str) and rng.random() < 0.6:
        return text(rng, value)
    return atoms(rng)


def _changed_dict(rng, value):
    kind = rng.randrange(6)
    keys = list(value)
    if kind == 0 and keys:
        del value[rng.choice(keys)]
    elif kind == 1:
        value[rng.choice(WORDS)] = atoms(rng)
    elif kind == 2 and keys:
        value[rng.choice(WORDS)] = value.pop(rng.choice(keys))
    elif kind == 3 and len(keys) > 1:
        one, other = rng.sample(keys, 2)
        value[one], value[other] = value[other], value[one]
    elif kind == 4:
        value[rng.choice([0, None, "", "\ud800", 1.5, (), "x" * 300])] = atoms(rng)
    elif keys:
        value[rng.choice(keys)] = rng.choice([atoms(rng), [value], {"inner": value}])
    return value


def _changed_list(rng, value):
    kind = rng.randrange(5)
    at = rng.randrange(len(value) + 1)
    if kind == 0 and value:
        del value[min(at, len(value) - 1)]
    elif kind == 1:
        value.insert(at, atoms(rng))
    elif kind == 2 and value:
        value.insert(at, rng.choice(value))
    elif kind == 3:
        rng.shuffle(value)
    else:
        value = [value] if rng.random() < 0.3 else value * rng.choice((1, 2, 20))
    return value[:2000]
