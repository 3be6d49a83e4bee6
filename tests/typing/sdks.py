"""What type checkers see where a provider's SDK takes what comes from here. Never executed: mypy reads it as `api.py`.

The SDKs type their parameters as unions of TypedDicts, as those below do; none of them is needed.
"""

from collections.abc import Iterable
from typing import Literal, NotRequired, TypedDict

from everycall import ToolRegistry, Turn, run_tool_calls


class FunctionTool(TypedDict):
    type: Literal["function"]
    function: dict[str, object]


class SearchTool(TypedDict):
    type: Literal["search"]
    max_uses: NotRequired[int | None]


class UserMessage(TypedDict):
    role: Literal["user"]
    content: str


class ToolMessage(TypedDict):
    role: Literal["tool"]
    tool_call_id: str
    content: str | Iterable[dict[str, str]]


class Config(TypedDict, total=False):
    tools: list[FunctionTool | SearchTool] | None


ToolParam = FunctionTool | SearchTool
MessageParam = UserMessage | ToolMessage


class NotGiven: ...


async def create(
    *, messages: Iterable[MessageParam], tools: Iterable[ToolParam] | NotGiven, stream: bool = False
) -> object: ...


async def generate(*, contents: list[MessageParam] | str, config: Config | None = None) -> object: ...


async def a_loop_with_an_sdk(tools: ToolRegistry, messages: list[MessageParam]) -> None:
    response = await create(messages=messages, tools=tools.definitions("openai-chat"))
    turn = await run_tool_calls(response, tools)
    messages += turn.exchange
    messages.extend(turn.messages)
    await create(messages=turn.exchange, tools=[*tools.definitions("anthropic"), {"type": "search"}])
    await create(messages=[{"role": "user", "content": "go"}, *turn.messages], tools=NotGiven())


async def a_loop_with_an_sdk_that_takes_a_config(tools: ToolRegistry, turn: Turn) -> None:
    await generate(contents=turn.messages, config={"tools": tools.definitions("gemini")})
    await generate(contents=turn.exchange, config={"tools": "gemini"})  # type: ignore[arg-type]
