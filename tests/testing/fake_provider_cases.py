"""Literal requests: valid histories, and for every rule of every book one that breaks it. Data only."""

from typing import Any

Body = dict[str, Any]

USER = {"role": "user", "content": "Weather in Oslo and Rome?"}


def chat(*messages: Any, **more: Any) -> Body:
    return {"model": "m", "messages": [USER, *messages], **more}


def asks(*ids: Any, name: str = "get_weather") -> Body:
    function = {"name": name, "arguments": '{"city": "Oslo"}'}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def told(call_id: Any, content: Any = "21 C") -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def responses(*items: Any, **more: Any) -> Body:
    return {"model": "m", "input": [USER, *items], **more}


def call(call_id: Any, kind: str = "function_call", **more: Any) -> Body:
    content = {"arguments": "{}"} if kind == "function_call" else {"input": "print(1)"}
    return {"type": kind, "call_id": call_id, "name": "get_weather", **content, **more}


def output(call_id: Any, content: Any = "21 C", kind: str = "function_call_output") -> Body:
    return {"type": kind, "call_id": call_id, "output": content}


SAID = {"role": "assistant", "content": "It is 21 C."}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


def claude(*messages: Any, **more: Any) -> Body:
    return {"model": "m", "max_tokens": 9, "messages": [USER, *messages], **more}


def uses(*ids: Any, before: Any = (), **more: Any) -> Body:
    blocks = [{"type": "tool_use", "id": one, "name": "get_weather", "input": {}, **more} for one in ids]
    return {"role": "assistant", "content": [*before, *blocks]}


def result(call_id: Any, **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "21 C", **more}


def user(*blocks: Any) -> Body:
    return {"role": "user", "content": list(blocks)}


TEXT = {"type": "text", "text": "Thanks"}
BARE_RESULT = {"type": "tool_result", "tool_use_id": "a"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SERVER_USE = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
SERVER_RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def gemini(*contents: Any, **more: Any) -> Body:
    return {"contents": [{"role": "user", "parts": [{"text": "Weather?"}]}, *contents], **more}


def model(*calls: Any) -> Body:
    return {"role": "model", "parts": [{"functionCall": one} for one in calls]}


def answers(*responses: Any, role: str = "user") -> Body:
    return {"role": role, "parts": [{"functionResponse": one} for one in responses]}


def fc(call_id: str | None = None, name: str = "get_weather", args: Any = None) -> Body:
    return {"name": name, "args": {} if args is None else args, **({"id": call_id} if call_id is not None else {})}


def fr(call_id: str | None = None, name: str = "get_weather", response: Any = None) -> Body:
    content = {"output": "21 C"} if response is None else response
    return {"name": name, "response": content, **({"id": call_id} if call_id is not None else {})}


def llama(*messages: Any, **more: Any) -> Body:
    return {"model": "m", "stream": False, "messages": [USER, *messages], **more}


def tools_used(*calls: Any) -> Body:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def used(name: str = "get_weather", call_id: str | None = None, arguments: Any = None) -> Body:
    function = {"name": name, "arguments": {} if arguments is None else arguments}
    return {"function": function, **({"id": call_id} if call_id is not None else {})}


def came(content: Any = "21 C", **more: Any) -> Body:
    return {"role": "tool", "content": content, **more}


def function_tool(**more: Any) -> Body:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, **more}}


VALID: list[tuple[str, str, Body]] = [
    ("openai-chat", "no calls", chat(SAID, USER)),
    ("openai-chat", "parallel calls", chat(asks("a", "b"), told("a"), told("b"), SAID)),
    ("openai-chat", "swapped order", chat(asks("a", "b"), told("b"), told("a"), USER)),
    ("openai-chat", "ids used again", chat(asks("a"), told("a"), asks("a"), told("a"))),
    ("openai-chat", "empty result", chat(asks("a"), told("a", ""))),
    ("openai-chat", "text parts", chat(asks("a"), told("a", [{"type": "text", "text": "21 C"}]))),
    ("openai-chat", "empty content beside calls", chat({**asks("a"), "content": ""}, told("a"))),
    (
        "openai-chat",
        "custom call",
        chat(
            {**asks(), "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "run", "input": "1"}}]},
            told("a"),
        ),
    ),
    ("openai-chat", "tools", chat(tools=[function_tool()], tool_choice="auto")),
    ("openai-chat", "an id of 64", chat(asks("x" * 64), told("x" * 64))),
    ("openai-responses", "text", {"model": "m", "input": "hi"}),
    ("openai-responses", "parallel calls", responses(call("a"), call("b"), output("a"), output("b"), SAID)),
    ("openai-responses", "swapped and apart", responses(call("a"), call("b"), output("b"), SAID, output("a"))),
    ("openai-responses", "ids used again", responses(call("a"), output("a"), call("a"), output("a"))),
    ("openai-responses", "left open", responses(call("a", **{"async": True}), SAID)),
    ("openai-responses", "left open, answered late", responses(call("a", **{"async": True}), SAID, output("a"))),
    (
        "openai-responses",
        "custom call",
        responses(call("a", "custom_tool_call"), output("a", kind="custom_tool_call_output")),
    ),
    ("openai-responses", "reasoning", responses(REASONING, call("a", id="fc_1"), output("a"))),
    ("openai-responses", "run by the provider", responses({"type": "web_search_call", "id": "ws_1"}, SAID)),
    ("openai-responses", "image", responses(call("a"), output("a", [{"type": "input_image", "image_url": "data:"}]))),
    ("anthropic", "parallel calls", claude(uses("a", "b"), user(result("a"), result("b")), SAID)),
    ("anthropic", "swapped, text after", claude(uses("a", "b"), user(result("b"), result("a"), TEXT))),
    ("anthropic", "ids used again", claude(uses("a"), user(result("a")), uses("a"), user(result("a")))),
    ("anthropic", "split over messages", claude(uses("a", "b"), user(result("a")), user(result("b")))),
    ("anthropic", "run by the provider", claude({"role": "assistant", "content": [SERVER_USE, SERVER_RESULT, TEXT]})),
    ("anthropic", "run by the provider, open", claude(uses("a", before=[SERVER_USE]), user(result("a")))),
    ("anthropic", "no content", claude(uses("a"), user(BARE_RESULT))),
    ("anthropic", "error text", claude(uses("a"), user(result("a", is_error=True)))),
    ("anthropic", "image", claude(uses("a"), user(result("a", content=[IMAGE])))),
    ("anthropic", "thinking", claude(uses("a", before=[THINKING]), user(result("a")), thinking={"type": "enabled"})),
    ("anthropic", "empty last turn", claude({"role": "assistant", "content": []})),
    ("anthropic", "tools", claude(tools=[{"name": "f", "input_schema": {"type": "object"}}])),
    ("gemini", "ids, swapped", gemini(model(fc("1"), fc("2")), answers(fr("2"), fr("1")))),
    ("gemini", "no ids, in order", gemini(model(fc(name="f"), fc(name="g")), answers(fr(name="f"), fr(name="g")))),
    ("gemini", "ids used again", gemini(model(fc("1")), answers(fr("1")), model(fc("1")), answers(fr("1")))),
    ("gemini", "role function", gemini(model(fc()), answers(fr(), role="function"))),
    ("gemini", "snake case", gemini(model(fc()), {"role": "user", "parts": [{"function_response": fr()}]})),
    ("gemini", "empty object", gemini(model(fc()), answers(fr(response={})))),
    ("gemini", "run by the provider", gemini({"role": "model", "parts": [{"toolCall": {"id": "1"}}, {"text": "x"}]})),
    ("gemini", "tools", gemini(tools=[{"functionDeclarations": [{"name": "a.b"}]}])),
    ("ollama", "by order", llama(tools_used(used(), used()), came(), came())),
    ("ollama", "by name, swapped", llama(tools_used(used("f"), used("g")), came(tool_name="g"), came(tool_name="f"))),
    ("ollama", "by id", llama(tools_used(used(call_id="1")), came(tool_call_id="1"))),
    ("ollama", "null content", llama({**tools_used(used()), "content": None}, came())),
    ("ollama", "images", llama(tools_used(used()), came(images=["aGk="]))),
]

BROKEN: list[tuple[str, str, Body]] = [
    # --- OpenAI Chat Completions
    ("openai-chat", "missing_field", {"messages": [USER]}),
    ("openai-chat", "missing_field", chat({**asks(), "tool_calls": [{"type": "function", "function": {}}]})),
    ("openai-chat", "wrong_type", {"model": "m", "messages": "hi"}),
    ("openai-chat", "wrong_type", chat("hi")),
    ("openai-chat", "wrong_type", chat(asks(None))),
    ("openai-chat", "wrong_type", chat({**SAID, "tool_calls": None})),
    ("openai-chat", "wrong_type", chat({**SAID, "tool_calls": ["a"]})),
    ("openai-chat", "wrong_type", chat(asks("a"), told("a", {"t": 21}))),
    (
        "openai-chat",
        "wrong_type",
        chat({**SAID, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}]}),
    ),
    ("openai-chat", "empty_list", {"model": "m", "messages": []}),
    ("openai-chat", "empty_list", chat({**SAID, "tool_calls": []})),
    ("openai-chat", "empty_list", chat(tools=[])),
    ("openai-chat", "empty_string", chat(asks(""), told(""))),
    ("openai-chat", "too_long", chat(asks("x" * 65), told("x" * 65))),
    ("openai-chat", "bad_name", chat(asks("a", name="get weather"), told("a"))),
    ("openai-chat", "bad_name", chat(tools=[function_tool(name="a.b")])),
    ("openai-chat", "bad_value", chat({"role": "robot", "content": "x"})),
    ("openai-chat", "bad_value", chat({**SAID, "tool_calls": [{"id": "a", "type": "magic"}]})),
    ("openai-chat", "bad_value", chat(asks("a"), told("a", [{"type": "file"}]))),
    ("openai-chat", "bad_schema", chat(tools=[function_tool(parameters={"type": "string"})])),
    ("openai-chat", "null_content", chat({"role": "assistant", "content": None})),
    ("openai-chat", "null_content", chat(asks("a"), told("a", None))),
    ("openai-chat", "missing_call_id", chat(asks("a"), {"role": "tool", "content": "21 C"})),
    ("openai-chat", "image_result", chat(asks("a"), told("a", [{"type": "image_url", "image_url": {}}]))),
    ("openai-chat", "missing_result", chat(asks("a", "b"), told("a"))),
    ("openai-chat", "missing_result", chat(asks("a", "b"), told("a"), USER, told("b"))),
    ("openai-chat", "missing_result", chat(asks("a"), told("a"), asks("a"), USER)),
    ("openai-chat", "missing_result", chat(asks("a"))),
    ("openai-chat", "orphan_result", chat(told("a"))),
    ("openai-chat", "orphan_result", chat(told("a"), asks("a"), told("a"))),
    ("openai-chat", "mismatched_result", chat(asks("a"), told("a"), told("b"))),
    ("openai-chat", "duplicate_result", chat(asks("a"), told("a"), told("a"))),
    ("openai-chat", "duplicate_call_id", chat(asks("a", "a"), told("a"))),
    ("openai-chat", "tools_needed", chat(parallel_tool_calls=True)),
    # --- OpenAI Responses
    ("openai-responses", "missing_field", {"model": "m"}),
    ("openai-responses", "missing_field", responses({"type": "function_call_output", "call_id": "a"})),
    ("openai-responses", "wrong_type", responses(call("a"), output("a", {"t": 21}))),
    ("openai-responses", "wrong_type", responses(call("a"), output("a", None))),
    ("openai-responses", "wrong_type", responses("hi")),
    ("openai-responses", "wrong_type", responses(call(None))),
    ("openai-responses", "empty_string", responses(call(""), output(""))),
    ("openai-responses", "too_long", responses(call("x" * 65), output("x" * 65))),
    ("openai-responses", "bad_name", responses(tools=[{"type": "function", "name": "a b"}])),
    ("openai-responses", "bad_value", responses({"type": "tool_result", "call_id": "a"})),
    ("openai-responses", "bad_value", responses(told("a"))),
    ("openai-responses", "bad_value", responses(call("a"), output("a", [{"type": "text", "text": "x"}]))),
    (
        "openai-responses",
        "bad_schema",
        responses(tools=[{"type": "function", "name": "f", "parameters": {"type": "array"}}]),
    ),
    ("openai-responses", "bad_item_id", responses(call("a", id="call_1"), output("a"))),
    ("openai-responses", "missing_result", responses(call("a"), call("b"), output("a"))),
    ("openai-responses", "missing_result", responses(call("a"), output("a", kind="custom_tool_call_output"))),
    ("openai-responses", "orphan_result", responses(output("a"))),
    ("openai-responses", "orphan_result", responses(output("a"), call("a"))),
    ("openai-responses", "duplicate_result", responses(call("a"), output("a"), output("a"))),
    ("openai-responses", "duplicate_call_id", responses(call("a"), call("a"), output("a"), output("a"))),
    ("openai-responses", "duplicate_item", responses(call("a", id="fc_1"), output("a"), call("b", id="fc_1"))),
    ("openai-responses", "lone_reasoning", responses(REASONING, USER)),
    ("openai-responses", "lone_reasoning", responses(call("a"), REASONING, output("a"))),
    # --- Anthropic Messages
    ("anthropic", "missing_field", {"messages": [USER], "model": "m"}),
    ("anthropic", "missing_field", claude(user({"tool_use_id": "a"}))),
    ("anthropic", "missing_field", claude(uses("a"), user({"type": "tool_result"}))),
    ("anthropic", "missing_field", claude({"role": "user", "content": None})),
    ("anthropic", "missing_field", claude(tools=[{"name": "f"}])),
    ("anthropic", "bad_messages", {"model": "m", "max_tokens": 1, "messages": "hi"}),
    ("anthropic", "no_messages", {"model": "m", "max_tokens": 1, "messages": []}),
    ("anthropic", "bad_role", claude(told("a"))),
    ("anthropic", "empty_message", claude({"role": "assistant", "content": ""}, USER)),
    ("anthropic", "empty_message", claude(user())),
    ("anthropic", "bad_text", claude(user({"type": "text", "text": None}))),
    ("anthropic", "bad_text", claude(uses(7))),
    ("anthropic", "bad_object", claude(uses("a", input="{}"), user(result("a")))),
    ("anthropic", "bad_object", claude(tools="f")),
    ("anthropic", "bad_block", claude(user({"type": "function_call"}))),
    ("anthropic", "bad_block", claude(uses("a"), user(result("a", content=[{"type": "audio"}])))),
    ("anthropic", "bad_call_id", claude(uses("functions.f:0"), user(result("functions.f:0")))),
    ("anthropic", "bad_call_id", claude(uses(""), user(result("")))),
    ("anthropic", "bad_name", claude(tools=[{"name": "a b", "input_schema": {"type": "object"}}])),
    ("anthropic", "call_of_user", claude(user({"type": "tool_use", "id": "a", "name": "f", "input": {}}))),
    ("anthropic", "result_of_assistant", claude({"role": "assistant", "content": [result("a")]})),
    ("anthropic", "empty_text", claude(uses("a"), user(result("a", content=[{"type": "text", "text": ""}])))),
    ("anthropic", "blank_text", claude(user({"type": "text", "text": " \n"}))),
    ("anthropic", "blank_text", claude({"role": "user", "content": "  "})),
    ("anthropic", "bad_content", claude(uses("a"), user(result("a", content=None)))),
    ("anthropic", "bad_content", claude(uses("a"), user(result("a", content={"t": 21})))),
    ("anthropic", "empty_error", claude(uses("a"), user(result("a", content="", is_error=True)))),
    (
        "anthropic",
        "empty_error",
        claude(uses("a"), user(BARE_RESULT | {"is_error": True})),
    ),
    ("anthropic", "error_not_text", claude(uses("a"), user(result("a", content=[IMAGE], is_error=True)))),
    ("anthropic", "duplicate_tool", claude(tools=[{"name": "f", "input_schema": {"type": "object"}}] * 2)),
    ("anthropic", "missing_result", claude(uses("a", "b"), user(result("a")))),
    ("anthropic", "missing_result", claude(uses("a"))),
    ("anthropic", "missing_result", claude(uses("a"), user(TEXT, result("a")))),
    ("anthropic", "missing_result", claude(uses("a", "b"), user(result("a")), USER, user(result("b")))),
    ("anthropic", "missing_result", claude(uses("a"), {"role": "system", "content": "x"}, user(result("a")))),
    ("anthropic", "orphan_result", claude(user(result("a")))),
    ("anthropic", "orphan_result", claude(uses("a"), user(result("a")), SAID, user(result("a")))),
    ("anthropic", "duplicate_result", claude(uses("a"), user(result("a"), result("a")))),
    ("anthropic", "duplicate_call_id", claude(uses("a", "a"), user(result("a")))),
    ("anthropic", "duplicate_call_id", claude(uses("a"), uses("a"), user(result("a")))),
    ("anthropic", "orphan_server_result", claude({"role": "assistant", "content": [SERVER_RESULT, TEXT]})),
    ("anthropic", "thinking_not_first", claude(uses("a"), user(result("a")), thinking={"type": "enabled"})),
    # --- Gemini
    ("gemini", "no_contents", {}),
    ("gemini", "no_parts", gemini({"role": "model", "parts": []})),
    ("gemini", "bad_role", gemini({"role": "assistant", "parts": [{"text": "x"}]})),
    ("gemini", "bad_role", gemini({"role": "tool", "parts": [{"text": "x"}]})),
    ("gemini", "bad_type", gemini(model(fc()), answers(fr(response="21 C")))),
    ("gemini", "bad_type", gemini(model(fc(args="{}")), answers(fr()))),
    ("gemini", "bad_type", gemini({"role": "model", "parts": [{"functionCall": "f"}]})),
    ("gemini", "bad_type", gemini(tools=["f"])),
    ("gemini", "list_response", gemini(model(fc()), answers(fr(response=[1])))),
    ("gemini", "no_response", gemini(model(fc()), answers({"name": "get_weather"}))),
    ("gemini", "no_name", gemini(model(fc()), answers(fr(name="")))),
    ("gemini", "no_name", gemini(model(fc()), answers({"response": {}}))),
    ("gemini", "bad_tool_name", gemini(tools=[{"functionDeclarations": [{"name": "1f"}]}])),
    (
        "gemini",
        "mixed_turn",
        gemini(model(fc()), {"role": "user", "parts": model(fc())["parts"] + answers(fr())["parts"]}),
    ),
    ("gemini", "misplaced_call", gemini({"role": "model", "parts": [{"text": "x"}]}, model(fc()), answers(fr()))),
    ("gemini", "misplaced_call", {"contents": [model(fc()), answers(fr())]}),
    ("gemini", "missing_result", gemini(model(fc("1"), fc("2")), answers(fr("1")))),
    ("gemini", "missing_result", gemini(model(fc("1"), fc("2")), answers(fr("1")), answers(fr("2")))),
    ("gemini", "missing_result", gemini(model(fc("1")), {"role": "user", "parts": [{"text": "x"}]}, answers(fr("1")))),
    ("gemini", "missing_result", gemini(model(fc("1")))),
    ("gemini", "missing_result", gemini(model(fc()), answers(fr(), fr()))),
    ("gemini", "orphan_result", gemini(answers(fr()))),
    ("gemini", "duplicate_call_id", gemini(model(fc("1"), fc("1")), answers(fr("1"), fr("1")))),
    ("gemini", "duplicate_result", gemini(model(fc("1"), fc("2")), answers(fr("1"), fr("1")))),
    ("gemini", "mismatched_result", gemini(model(fc("1")), answers(fr("2")))),
    ("gemini", "mismatched_result", gemini(model(fc("1")), answers(fr()))),
    ("gemini", "mismatched_result", gemini(model(fc()), answers(fr("1")))),
    ("gemini", "mismatched_name", gemini(model(fc("1", "f")), answers(fr("1", "g")))),
    ("gemini", "mismatched_name", gemini(model(fc(name="f"), fc(name="g")), answers(fr(name="g"), fr(name="f")))),
    # --- Ollama
    ("ollama", "no_model", {"messages": [USER]}),
    ("ollama", "wrong_type", llama(tools_used(used(arguments="{}")), came())),
    ("ollama", "wrong_type", llama(tools_used(used()), came([{"type": "text", "text": "x"}]))),
    ("ollama", "wrong_type", llama(tools_used(used()), came({"t": 21}))),
    ("ollama", "wrong_type", llama("hi")),
    ("ollama", "wrong_type", {"model": "m", "messages": "hi"}),
    ("ollama", "bad_role", llama({"role": "function", "content": "x"})),
    ("ollama", "no_name", llama(tools_used({"function": {"arguments": {}}}), came())),
    ("ollama", "missing_result", llama(tools_used(used(), used()), came())),
    ("ollama", "missing_result", llama(tools_used(used()), USER, came())),
    ("ollama", "orphan_result", llama(came())),
    ("ollama", "duplicate_result", llama(tools_used(used()), came(), came())),
    (
        "ollama",
        "duplicate_result",
        llama(tools_used(used("f")), came(tool_name="f"), came(tool_name="f")),
    ),
    ("ollama", "mismatched_result", llama(tools_used(used()), came(tool_name="other"))),
    ("ollama", "duplicate_call_id", llama(tools_used(used(call_id="1"), used(call_id="1")), came(), came())),
]

NEEDS_MEMORY = {
    ("openai-chat", "lost_thinking"),
    ("openai-responses", "lost_thinking"),
    ("anthropic", "changed_thinking"),
    ("gemini", "lost_thinking"),
}
"""Rules that a body alone cannot break: tested apart, with what the server has seen."""
