"""The least that a hand-written agent loop needs of each SDK client. SDKs are imported where they are first used.

`loops()` lists them by name; each is a context manager from a running `FakeProvider` to a `Loop`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from everycall.testing import FakeProvider

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else litellm fetches a price list at import

QUESTION = {"role": "user", "content": "Weather in Oslo and Rome?"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "get_weather", "description": "The weather of a city.", "parameters": PARAMETERS}
CHAT_TOOLS = [{"type": "function", "function": FUNCTION}]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One SDK client, as a loop sees it.

    Attributes:
        history: how a conversation begins; the loop appends to it.
        ask: sends the history, returns the response.
        said: what of the response belongs in the history.
        calls: the calls of the response.
        text: its text.
        results: from pairs of a call and its result to what belongs in the history.
        refused: what the client raises for a 400.
    """

    history: list[Any]
    ask: Callable[[list[Any]], Any]
    said: Callable[[Any], list[Any]]
    calls: Callable[[Any], list[Any]]
    text: Callable[[Any], str | None]
    results: Callable[[list[tuple[Any, str]]], list[Any]]
    refused: type[Exception]


def run(loop: Loop, answer: Callable[[int], str | None], *, turns: int = 5) -> str | None:
    """Run the loop to its end; *answer* gives the result of the nth call of a turn, None to leave it out."""
    history = list(loop.history)
    for _ in range(turns):
        response = loop.ask(history)
        calls = loop.calls(response)
        if not calls:
            return loop.text(response)
        answered = [(call, text) for n, call in enumerate(calls) if (text := answer(n)) is not None]
        history += [*loop.said(response), *loop.results(answered)]
    raise AssertionError(f"no answer within {turns} turns")


def _chat_results(answered: list[tuple[Any, str]]) -> list[Any]:
    return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in answered]


@contextmanager
def openai_chat(provider: FakeProvider) -> Iterator[Loop]:
    """Chat Completions; the response's own message object goes back into the history."""
    import openai

    with openai.OpenAI(base_url=provider.base_url("openai-chat"), api_key="x", max_retries=0) as client:
        yield Loop(
            history=[QUESTION],
            ask=lambda history: client.chat.completions.create(model="m", messages=history, tools=CHAT_TOOLS),
            said=lambda response: [response.choices[0].message],
            calls=lambda response: response.choices[0].message.tool_calls or [],
            text=lambda response: response.choices[0].message.content,
            results=_chat_results,
            refused=openai.BadRequestError,
        )


@contextmanager
def openai_responses(provider: FakeProvider) -> Iterator[Loop]:
    """Responses, without the server's memory: all items are sent each time."""
    import openai

    tools: Any = [{"type": "function", "strict": False, **FUNCTION}]
    with openai.OpenAI(base_url=provider.base_url("openai-responses"), api_key="x", max_retries=0) as client:
        yield Loop(
            history=[QUESTION],
            ask=lambda history: client.responses.create(model="m", input=history, tools=tools),
            said=lambda response: list(response.output),
            calls=lambda response: [item for item in response.output if item.type == "function_call"],
            text=lambda response: response.output_text,
            results=lambda answered: [
                {"type": "function_call_output", "call_id": call.call_id, "output": text} for call, text in answered
            ],
            refused=openai.BadRequestError,
        )


@contextmanager
def anthropic(provider: FakeProvider) -> Iterator[Loop]:
    """Messages; the content blocks of the response go back as they are."""
    import anthropic as sdk

    tools: Any = [{"name": "get_weather", "description": "The weather.", "input_schema": PARAMETERS}]
    with sdk.Anthropic(base_url=provider.base_url("anthropic"), api_key="x", max_retries=0) as client:
        yield Loop(
            history=[QUESTION],
            ask=lambda history: client.messages.create(model="m", max_tokens=9, messages=history, tools=tools),
            said=lambda response: [{"role": "assistant", "content": response.content}],
            calls=lambda response: [block for block in response.content if block.type == "tool_use"],
            text=lambda response: response.content[0].text,
            results=lambda answered: [
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in answered
                    ],
                }
            ],
            refused=sdk.BadRequestError,
        )


@contextmanager
def gemini(provider: FakeProvider) -> Iterator[Loop]:
    """generateContent; the response's own content object goes back into the history."""
    from google import genai
    from google.genai import errors, types

    declaration = {"name": "get_weather", "description": "The weather.", "parameters_json_schema": PARAMETERS}
    config: Any = {"tools": [{"function_declarations": [declaration]}]}
    options = types.HttpOptions(base_url=provider.base_url("gemini"))

    def result(call: Any, text: str) -> types.Part:
        response = types.FunctionResponse(id=call.id, name=call.name, response={"output": text})
        return types.Part(function_response=response)

    with genai.Client(api_key="x", http_options=options) as client:
        yield Loop(
            history=[types.Content(role="user", parts=[types.Part(text="Weather?")])],
            ask=lambda history: client.models.generate_content(model="gemini-3-pro", contents=history, config=config),
            said=lambda response: [response.candidates[0].content],
            calls=lambda response: response.function_calls or [],
            text=lambda response: response.text,
            results=lambda answered: [
                types.Content(role="user", parts=[result(call, text) for call, text in answered])
            ],
            refused=errors.ClientError,
        )


@contextmanager
def ollama(provider: FakeProvider) -> Iterator[Loop]:
    """Ollama's own chat. Its client drops the ids of calls: results are paired by name and order."""
    import ollama as sdk

    client = sdk.Client(host=provider.base_url("ollama"))
    try:
        yield Loop(
            history=[QUESTION],
            ask=lambda history: client.chat(model="m", messages=history, tools=CHAT_TOOLS),
            said=lambda response: [response.message],
            calls=lambda response: list(response.message.tool_calls or []),
            text=lambda response: response.message.content,
            results=lambda answered: [
                {"role": "tool", "tool_name": call.function.name, "content": text} for call, text in answered
            ],
            refused=sdk.ResponseError,
        )
    finally:
        client._client.close()


@contextmanager
def mistral(provider: FakeProvider) -> Iterator[Loop]:
    """Mistral's client, on the Chat Completions path."""
    from mistralai.client import Mistral, errors

    with Mistral(api_key="x", server_url=provider.url) as client:
        yield Loop(
            history=[QUESTION],
            ask=lambda history: client.chat.complete(model="m", messages=history, tools=CHAT_TOOLS),
            said=lambda response: [response.choices[0].message],
            calls=lambda response: response.choices[0].message.tool_calls or [],
            text=lambda response: response.choices[0].message.content,
            results=_chat_results,
            refused=errors.SDKError,
        )


def _litellm(model: str, api_base: str) -> Loop:
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return Loop(
        history=[QUESTION],
        ask=lambda history: litellm.completion(
            model=model,
            api_base=api_base,
            api_key="x",
            messages=history,
            tools=CHAT_TOOLS,
            num_retries=0,
            _skip_mcp_handler=True,  # litellm 1.106 imports `mcp`, on which it does not depend, where there are tools
        ),
        said=lambda response: [response.choices[0].message],
        calls=lambda response: response.choices[0].message.tool_calls or [],
        text=lambda response: response.choices[0].message.content,
        results=_chat_results,
        refused=litellm.BadRequestError,
    )


@contextmanager
def litellm_openai(provider: FakeProvider) -> Iterator[Loop]:
    """litellm, on the Chat Completions path."""
    yield _litellm("openai/m", provider.base_url("openai-chat"))


@contextmanager
def litellm_anthropic(provider: FakeProvider) -> Iterator[Loop]:
    """litellm, which translates its OpenAI-shaped messages to Anthropic's."""
    yield _litellm("anthropic/m", provider.base_url("anthropic"))


LOOPS = {
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "ollama": ollama,
    "mistral": mistral,
    "litellm-openai": litellm_openai,
    "litellm-anthropic": litellm_anthropic,
}
