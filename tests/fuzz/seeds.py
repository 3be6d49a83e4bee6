"""What the mutations begin with: recorded messages of real models, and one of each shape of each provider."""

import json
from functools import cache
from pathlib import Path

from tests.dialects import samples
from tests.history import conversations
from tests.history import samples as histories_of

DATA = Path(__file__).parents[1] / "data"


@cache
def messages():
    """Pairs of a dialect and a message or response."""
    found = [(dialect, make(dialect)) for dialect in samples.FINISH for make in (samples.message, samples.response)]
    for line in (DATA / "bfcl_parallel_multiple.jsonl").read_text("utf-8").splitlines()[:40]:
        found.append(("openai-chat", json.loads(line)["assistant_message"]))
    return found


@cache
def arguments():
    """JSON texts."""
    texts = ["{}", "null", "", '{"a": 1}', '```json\n{"a": [1, {"b": "\\u00e9"}]}\n```', "\ufeff{}", '{"a": 1e308}']
    for dialect, message in messages():
        if dialect == "openai-chat" and "tool_calls" in message:
            texts += [one["function"]["arguments"] for one in message["tool_calls"]]
    return texts


@cache
def histories():
    """Pairs of a dialect and a conversation."""
    found = []
    for events in list(histories_of.conversations())[:12]:
        for dialect in conversations.DIALECTS:
            try:
                found.append((dialect, conversations.wire(dialect, events)))
            except (KeyError, TypeError, ValueError):
                continue  # this provider cannot have said that
    return found


@cache
def values():
    """What tools return."""
    return [
        None, "text", {"a": [1, 2.5, True, None]}, [{"row": n, "name": f"n{n}"} for n in range(20)], (1, (2, (3,))),
        {"nested": {"deep": {"er": ["x"]}}}, "é" * 100, 10**20, {1: "a", "1": "b", None: "c"}, b"bytes", {1, 2, 3},
    ]  # fmt: skip


@cache
def texts():
    """What exceptions say."""
    return [
        "could not connect to postgres://bob:s3cret@db.example.com:5432/x", "password=hunter2; user=bob",
        "HTTP 401: {'Authorization': 'Bearer abcdefghijklmnop1234'}", "sk-proj-AbCdEf0123456789AbCdEf was refused",
        "-----BEGIN PRIVATE KEY-----\nMIIEow\n-----END PRIVATE KEY-----", "plain text with\ttabs and \x1b[31mcolour",
        "canary-number-1 and canary%2Dnumber%2D1", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3",
    ]  # fmt: skip
