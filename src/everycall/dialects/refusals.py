"""What is said of something that is no assistant message: one sentence, and the cure for the commonest slips.

1. A piece of a stream is known by what holds it, or by its class, for its fields are those of a message: the SDKs' are
   `ChoiceDelta`, `Delta`, `DeltaMessage`.
2. Of a dict it is known only where a call has an `index` and nothing that a first piece has. An `index` alone says
   nothing: Mistral's whole messages, and those that the OpenAI SDK puts together from a stream, have it too. So the
   dump of the *first* piece of a call cannot be told from a whole message whose arguments are empty.
"""

from collections.abc import Callable
from typing import Any

from everycall.core.text import one_line
from everycall.dialects.reading import has, has_fields, is_list, kind_of, read, read_list, word

CHUNK = "This is a chunk of a stream, not a whole message: assemble the chunks first."
_PIECES_OF_STREAMS = ("Delta", "DeltaMessage")
_EXPECTED = "Expected one assistant message or one response, got"
_OTHER_LANGCHAIN_TYPES = frozenset({"human", "system", "tool", "function", "chat", "remove"})
_BLOCK_TYPES = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use"})
_PART_KEYS = ("functionCall", "function_call", "toolUse", "reasoningContent")


def is_fragment(message: object) -> bool:
    """Return whether *message* is a piece of a streamed message (a `delta`), as far as that can be told."""
    if type(message).__name__.endswith(_PIECES_OF_STREAMS):
        return True
    return any(_is_later_piece(entry) for entry in read_list(message, "tool_calls"))


def _is_later_piece(entry: object) -> bool:
    """Return whether *entry* only goes on with a call: it has a place, but no id, no type and no name."""
    if type(read(entry, "index")) is not int:
        return False
    return not (read(entry, "id") or read(entry, "type") or read(read(entry, "function"), "name"))


def is_chunk(message: object) -> bool:
    """Return whether *message* holds a piece of a stream, rather than a message: a chunk, its choice, an event."""
    if read(message, "delta") is not None:
        return not has_fields(read(message, "message"))
    return any(read(choice, "delta") is not None and is_chunk(choice) for choice in read_list(message, "choices"))


def why_unknown(message: object, dialect: str | None = None) -> str:
    """Return one sentence that says why *message* is no assistant message (of *dialect*, if given), and the cure."""
    early = _why_nothing_whole(message)
    if early is not None:
        return early
    role = word(read(message, "role")) or _langchain_role(message)
    if role is not None and role not in {"assistant", "model"}:
        return f"Expected an assistant message, got one of the role '{one_line(role, 40)}'."
    if is_list(read(message, "messages")):
        return "Expected one assistant message, got a whole request or history: pass its last message alone."
    piece = None if has(message, "role") else _piece_of(message)
    if piece is not None:
        return f"{_EXPECTED} {kind_of(message)}, one of {piece}: pass the message that holds it, or the response."
    if dialect is not None:
        lacks = "" if has(message, "role") else ", without a role"
        return f"Expected an assistant message in the dialect {dialect}, got {kind_of(message)}{lacks}."
    return f"{_EXPECTED} {kind_of(message)}. If it is one, name its dialect with dialect=..."


def _why_nothing_whole(message: object) -> str | None:
    """Return the sentence for what no field is read from, and for what is not finished yet."""
    if is_list(message):
        return _why_no_list(list(message))  # type: ignore[call-overload]
    if isinstance(message, str | bytes | bytearray):
        return _why_no_text(message)
    if has(message, "__await__"):
        return "Expected an assistant message, got something to await: await the client's call first."
    return CHUNK if is_fragment(message) or is_chunk(message) else None


def _why_no_list(items: list[Any]) -> str:
    if any(is_chunk(item) or is_fragment(item) for item in items):
        return f"{_EXPECTED} the chunks of a stream: assemble them first."
    whole = any(has(item, "role") or _langchain_role(item) for item in items)
    pieces = [] if whole else [piece for piece in map(_piece_of, items) if piece is not None]
    if pieces:
        return f"{_EXPECTED} {kind_of(items)}, {pieces[0]}: pass the message that holds them, or the response."
    return f"{_EXPECTED} {kind_of(items)}: pass the last message alone, not the history."


def _why_no_text(text: str | bytes | bytearray) -> str:
    got = f"{_EXPECTED} {kind_of(text)}"
    start = text[:64].lstrip()[:1]
    if start in ("{", "[", b"{", b"["):
        return f"{got}: decode it first: json.loads(...)."
    return f"{got}: pass the message itself, not its text."


def _langchain_role(message: object) -> str | None:
    """Return who speaks in a LangChain message, or in its stored form, that is not the model's."""
    kind = (word(read(message, "type")) or "").removesuffix("MessageChunk").lower()
    holds = has(message, "content") or has_fields(read(message, "data"))
    return kind if kind in _OTHER_LANGCHAIN_TYPES and holds else None


def _piece_of(item: object) -> str | None:
    """Return what *item* is a piece of, in words; None if it is nothing of the kind."""
    return next((words for words, shows in _PIECES if shows(item)), None)


def _is_call(item: object) -> bool:
    if has(read(item, "function"), "arguments") or has(read(item, "custom"), "input"):
        return True
    return has(item, "args") and isinstance(read(item, "name"), str)


def _is_block(item: object) -> bool:
    if word(read(item, "type")) in _BLOCK_TYPES or any(has_fields(read(item, key)) for key in _PART_KEYS):
        return True
    return isinstance(read(item, "text"), str) and not has(item, "type")


_PIECES: tuple[tuple[str, Callable[[object], bool]], ...] = (
    ("the choices of a response", lambda item: has_fields(read(item, "message"))),
    ("the candidates of a response", lambda item: has_fields(read(item, "content")) and not has(item, "type")),
    ("the calls of a message", _is_call),
    ("the blocks of a message's content", _is_block),
)
"""What people pass in place of the message, and what shows it. A piece alone never has a role."""
