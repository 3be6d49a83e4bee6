"""What Anthropic, Bedrock and Gemini share: one message whose list of blocks holds text, calls and much else."""

from collections.abc import Callable, Iterable
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall
from everycall.core.errors import MessageError
from everycall.dialects.reading import changed, is_list, kind_of, plain, read
from everycall.dialects.refusals import why_unknown


def block_list(message: object, key: str) -> list[Any]:
    """Return the blocks of *message*; none where it holds a plain text or nothing.

    Raises:
        MessageError: the blocks are something other than a list.
    """
    blocks = read(message, key)
    if blocks is None or isinstance(blocks, str):
        return []
    if not is_list(blocks):
        raise MessageError(f"The message's {key} is {kind_of(blocks)}, not a list.")
    return list(blocks)


def require_role(message: object, roles: tuple[str | None, ...]) -> None:
    """Refuse a message that the model did not write.

    Raises:
        MessageError: its role is another.
    """
    if read(message, "role") not in roles:
        raise MessageError(why_unknown(message))


def message_to_send(
    parsed: ParsedMessage,
    key: str,
    walk: Callable[[object], Iterable[tuple[int, Any]]],
    send_back: Callable[[Any, ToolCall], Any],
) -> Any:
    """Return the message as it belongs in a request; the same object if nothing in it must change.

    Args:
        parsed: the message, its calls with their ids assigned.
        key: the field that holds the blocks.
        walk: finds the blocks that hold the calls, with their indexes, as `parse` did.
        send_back: makes the block that is sent for a block and its call; the same object if nothing must change.
    """
    source = parsed.source
    if any(call.defect is not None for call in parsed.calls):
        source = plain(source)  # an SDK's object does not hold the dicts that stand for unreadable entries
    blocks = list(read(source, key) or ())
    dirty = False
    for call, (index, block) in zip(parsed.calls, list(walk(source)), strict=True):
        blocks[index] = send_back(block, call)
        dirty = dirty or blocks[index] is not block
    return changed(source, key, blocks) if dirty else source
