"""Amazon Bedrock Converse: one turn.

Calls are `toolUse` blocks; all results go into one user message that holds nothing else, with a status on errors
(research: protocols, 5). What the service itself runs (`toolUse.type` of `server_tool_use`) is not ours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.content import File, Image
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.blocks import block_list, message_to_send, require_role
from everycall.dialects.detection import recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import NO_OUTPUT, as_blocks
from everycall.dialects.naming import NARROW, check_names, described
from everycall.dialects.reading import STAND_IN, changed, has_fields, plain, read, read_call, word
from everycall.ports import Rendered

# The service's model widened the characters in 2026; minted ids keep to the narrow set, for models that lag behind.
ID_RULE = IdRule(pattern=re.compile(r"[a-zA-Z0-9_.:-]{1,64}"), prefix="tooluse_", length=22)

IMAGE_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENT_FORMATS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}


@dataclass(frozen=True, slots=True)
class Bedrock:
    """See `everycall.ports.Dialect`."""

    name: str = "bedrock"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        wrapped = read(read(message, "output"), "message")
        source = wrapped if has_fields(wrapped) else message
        require_role(source, ("assistant",))
        finish = finish_reason or word(read(message, "stopReason"))
        calls = [_read_block(position, block) for position, (_, block) in enumerate(_calls_of(source))]
        return ParsedMessage(source=source, calls=tuple(calls), finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        blocks = []
        replaced = []
        for call, result in zip(parsed.calls, results, strict=True):
            content, swapped = as_blocks(result.content, lambda text: {"text": text}, _show)
            answer: dict[str, Any] = {"toolUseId": call.call_id, "content": content or [{"text": NO_OUTPUT}]}
            if result.status != "success":  # only some models know the field, so it is not sent without need
                answer["status"] = "error"
            blocks.append({"toolResult": answer})
            if swapped:
                replaced.append(call.position)
        messages: list[object] = [{"role": "user", "content": blocks}] if blocks else []
        message = message_to_send(parsed, "content", _calls_of, _send_back)
        return Rendered(assistant_message=message, messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """Return what belongs in `toolConfig["tools"]`. See `everycall.ports.Dialect.definitions`."""
        check_names(tools, NARROW, self.name)
        return [{"toolSpec": _specification(tool)} for tool in tools]


def _specification(tool: ToolDefinition) -> dict[str, object]:
    specification = described(tool, "inputSchema")
    specification["inputSchema"] = {"json": specification["inputSchema"]}
    return specification


def _calls_of(message: object) -> Iterator[tuple[int, Any]]:
    for index, block in enumerate(block_list(message, "content")):
        use = read(block, "toolUse")
        if use is not None and read(use, "type") != "server_tool_use":
            yield index, block


def _read_block(position: int, block: Any) -> ToolCall:
    use = read(block, "toolUse")
    arguments = read(use, "input")
    # a text is no input: the service takes documents only, and never made it
    arguments = [arguments] if isinstance(arguments, str) else arguments
    return read_call(position, sent_id=read(use, "toolUseId"), name=read(use, "name"), arguments=arguments)


def _send_back(block: Any, call: ToolCall) -> Any:
    """Return the block under its id, with the least the service takes where it has no name or no object as input."""
    use = read(block, "toolUse")
    readable = call.defect is None and isinstance(call.arguments, Mapping)
    if readable and call.call_id == call.sent_id:
        return block
    if readable:
        return changed(block, "toolUse", changed(use, "toolUseId", call.call_id))
    known = plain(use) if has_fields(use) else {}
    least = {"toolUseId": call.call_id, "name": call.name or STAND_IN, "input": call.arguments or {}}
    return changed(block, "toolUse", {**known, **least})


def _show(part: Image | File) -> dict[str, Any] | None:
    formats = IMAGE_FORMATS if isinstance(part, Image) else DOCUMENT_FORMATS
    if part.data is None or part.media_type not in formats:
        return None
    shown: dict[str, Any] = {"format": formats[part.media_type], "source": {"bytes": part.data}}
    if isinstance(part, Image):
        return {"image": shown}
    return {"document": {**shown, "name": _document_name(part.name)}}


def _document_name(name: str) -> str:
    """Return *name* with only what the service allows: letters, digits, single spaces, hyphens and brackets."""
    allowed = re.sub(r"[^A-Za-z0-9()\[\]-]+", " ", name).strip()[:200]
    return allowed or "document"


DIALECT = Bedrock()
