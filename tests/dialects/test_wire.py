"""The exchange as the providers' own clients put it on the wire: no client refuses it, and none changes it.

The clients talk to a stand-in transport that keeps the body of the request; nothing leaves the process.
"""

import base64
import json
import os
import subprocess
import sys

import httpx
import pytest

from everycall.core.calls import ToolDefinition
from everycall.core.content import File, Image, Text
from everycall.dialects import DIALECT_NAMES, detect, dialect_named
from tests.dialects.samples import TWO, Call, failure, message, read, response, sdk_response, success

PNG = b"\x89PNG\xff\xfe"
USER = {"role": "user", "content": "hi"}


class Wire:
    """A transport that keeps what is sent, and answers with one response; *web* is httpx or what has replaced it."""

    def __init__(self, answer, web=httpx):
        self.body = None
        self.answer = answer
        self.web = web
        self.transport = web.MockTransport(self.handle)

    def handle(self, request):
        self.body = json.loads(request.content)
        return self.web.Response(200, json=self.answer)

    def client(self):
        return self.web.Client(transport=self.transport)


def send_openai_chat(wire, exchange, tools):
    from openai import OpenAI

    with OpenAI(api_key="k", http_client=wire.client()) as client:
        client.chat.completions.create(model="m", messages=[USER, *exchange], tools=tools)
    return wire.body["messages"][1:]


def send_openai_responses(wire, exchange, tools):
    from openai import OpenAI

    with OpenAI(api_key="k", http_client=wire.client()) as client:
        client.responses.create(model="m", input=[USER, *exchange], tools=tools)
    return wire.body["input"][1:]


def send_anthropic(wire, exchange, tools):
    from anthropic import Anthropic, _base_client

    wire = Wire(wire.answer, getattr(_base_client, "httpx2", httpx))
    with Anthropic(api_key="k", http_client=wire.client()) as client:
        client.messages.create(model="m", max_tokens=9, messages=[USER, *exchange], tools=tools)
    return wire.body["messages"][1:]


def send_gemini(wire, exchange, tools):
    from google import genai
    from google.genai import types

    options = types.HttpOptions(httpx_client=wire.client())
    client = genai.Client(api_key="k", http_options=options)
    config = {"tools": tools, "automatic_function_calling": {"disable": True}}
    client.models.generate_content(
        model="m", contents=[{"role": "user", "parts": [{"text": "hi"}]}, *exchange], config=config
    )
    return wire.body["contents"][1:]


def send_bedrock(_wire, exchange, tools):
    import botocore.session
    from botocore.validate import validate_parameters

    shape = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    user = {"role": "user", "content": [{"text": "hi"}]}
    validate_parameters({"modelId": "m", "messages": [user, *exchange], "toolConfig": {"tools": tools}}, shape)
    return exchange


def send_cohere(wire, exchange, tools):
    import cohere

    client = cohere.ClientV2(api_key="k", httpx_client=wire.client())
    client.chat(model="m", messages=[USER, *exchange], tools=tools)
    return wire.body["messages"][1:]


def send_ollama(wire, exchange, tools):
    import ollama

    client = ollama.Client(host="http://localhost", transport=wire.transport)
    client.chat(model="m", messages=[USER, *exchange], tools=tools)
    return wire.body["messages"][1:]


def send_langchain(_wire, exchange, _tools):
    from langchain_core.messages import convert_to_messages, convert_to_openai_messages

    return convert_to_openai_messages(convert_to_messages([USER, *exchange]))[1:]


SEND = {
    "openai-chat": send_openai_chat,
    "openai-responses": send_openai_responses,
    "anthropic": send_anthropic,
    "gemini": send_gemini,
    "bedrock": send_bedrock,
    "cohere": send_cohere,
    "ollama": send_ollama,
    "langchain": send_langchain,
}

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOLS = [ToolDefinition(name="f", description="d", parameters=SCHEMA)]


def exchange_of(name, source, make=success):
    parsed = read(name, source)
    rendered = dialect_named(name).render(parsed, [make(call) for call in parsed.calls])
    first = rendered.assistant_message
    return [*(first if isinstance(first, list) else [first]), *rendered.messages]


def sent(name, source, make=success):
    """What the provider's client puts on the wire."""
    tools = dialect_named(name).definitions(TOOLS)
    return SEND[name](Wire(response(name, ())), exchange_of(name, source, make), tools)


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_same_exchange_goes_over_the_wire_whatever_was_passed_in(name):
    wires = [sent(name, make(name)) for make in (message, response, sdk_response)]
    for item in wires[2]:
        if isinstance(item, dict) and item.get("type") == "function_call":
            del item["id"]  # the SDK's type requires one, so the sample has it there alone
    assert wires[0] == wires[1] == wires[2]
    assert "Paris" in json.dumps(wires[0])


@pytest.mark.parametrize("name", [name for name in DIALECT_NAMES if name not in {"bedrock", "langchain"}])
def test_a_dict_goes_over_the_wire_as_it_was_sent(name):
    sample = message(name)
    items = sample if isinstance(sample, list) else [sample]
    wire = sent(name, sample)[: len(items)]
    if name == "ollama":  # its client drops ids
        items = [{**sample, "tool_calls": [{"function": entry["function"]} for entry in sample["tool_calls"]]}]
    assert wire == items


REPEATED = (Call("x1", "f", {"a": 1}), Call("x1", "f", {"a": 2}))


@pytest.mark.parametrize("make", [success, failure])
@pytest.mark.parametrize("shape", [message, response, sdk_response])
@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_an_exchange_with_renamed_ids_is_accepted_too(name, shape, make):
    wire = sent(name, shape(name, REPEATED), make)
    assert json.dumps(wire).count('"x1"') in ({0} if name == "ollama" else {2})  # one call and its result


NAMELESS = (Call("x1", None, {"a": 1}), Call("x2", "f", {"a": 2}))


def test_an_sdk_object_with_unreadable_calls_is_mended_so_that_its_client_takes_it():
    from google.genai.types import GenerateContentResponse
    from openai.types.chat import ChatCompletion

    unchecked = ChatCompletion.construct(**response("openai-chat", NAMELESS))
    unchecked.choices[0].message.tool_calls.append(None)
    (assistant, *results) = sent("openai-chat", unchecked)
    assert [one["tool_call_id"] for one in results] == [entry["id"] for entry in assistant["tool_calls"]]
    names = [entry["function"]["name"] for entry in assistant["tool_calls"]]
    assert names == ["unreadable_call", "f", "unreadable_call"]

    checked = GenerateContentResponse.model_validate(response("gemini", NAMELESS))
    assert isinstance(exchange_of("gemini", checked)[0], dict)  # no SDK object that holds what its type forbids
    (content, user) = sent("gemini", checked)
    calls = [part["functionCall"]["name"] for part in content["parts"][1:]]
    assert calls == [part["functionResponse"]["name"] for part in user["parts"]] == ["unreadable_call", "f"]
    assert [part["thoughtSignature"] for part in content["parts"][1:]] == ["c2ln", "c2ln"]


PARTS = (Text("see"), Image(data=PNG), File(data=b"%PDF\xff", media_type="application/pdf", name="r.pdf"))


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_pictures_and_files_are_accepted(name):
    wire = sent(name, message(name), lambda call: success(call, PARTS))
    shown = base64.b64encode(PNG).decode()
    if name == "gemini":
        shown = base64.urlsafe_b64encode(PNG).decode()  # its client writes bytes so
    words = ("openai-chat", "cohere")
    assert (shown in json.dumps(wire, default=lambda data: base64.b64encode(data).decode())) is (name not in words)


@pytest.mark.parametrize("data", [bytes(range(256)), b"\xfb\xff\xfe" * 5])
def test_gemini_reads_back_the_bytes_of_a_picture(data):
    from google.genai.types import Content

    (*_, content) = exchange_of("gemini", message("gemini"), lambda call: success(call, (Image(data=data),)))
    part = Content.model_validate(content).parts[0].function_response.parts[0]
    assert part.inline_data.data == data


def test_a_streamed_vertex_field_does_not_reach_the_gemini_client():
    from google.genai.types import Content

    content = Content.model_validate(message("gemini", TWO))
    content.parts[1].function_call.will_continue = False
    content.parts[1].function_call.partial_args = []
    assert "willContinue" not in json.dumps(sent("gemini", content))
    assert content.parts[1].function_call.will_continue is False


def test_mistral_messages_are_read_and_accepted_back():
    from mistralai.client import Mistral
    from mistralai.client.models import ChatCompletionResponse

    data = response("openai-chat", (Call("null", "f", {"a": 1}), Call("abcdefghi", "f", {"a": 2})))
    data["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    data["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = {"a": 1}
    answer = ChatCompletionResponse.model_validate(data)
    assert detect(answer).name == "openai-chat"
    wire = Wire(data)
    client = Mistral(api_key="k", client=wire.client())
    client.chat.complete(model="m", messages=[USER, *exchange_of("openai-chat", answer)])
    (assistant, *results) = wire.body["messages"][1:]
    ids = [entry["id"] for entry in assistant["tool_calls"]]
    assert ids == [one["tool_call_id"] for one in results]
    assert [len(one) for one in ids] == [9, 9]
    assert ids[1] == "abcdefghi"


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_litellm_messages_are_read_and_sent_back_as_they_are():
    litellm = pytest.importorskip("litellm")
    answer = litellm.ModelResponse(**response("openai-chat"))
    assert detect(answer).name == "openai-chat"
    (assistant, *results) = exchange_of("openai-chat", answer)
    assert assistant is answer.choices[0].message
    assert [one["tool_call_id"] for one in results] == ["call_A1", "call_B2"]
    again = litellm.completion(model="openai/m", messages=[USER, assistant, *results], mock_response="fine")
    assert again.choices[0].message.content == "fine"


def test_langchain_results_are_tool_messages_with_a_status():
    from langchain_core.messages import AIMessage, ToolMessage

    answer = sdk_response("langchain")
    assert isinstance(answer, AIMessage)
    (assistant, *results) = exchange_of("langchain", answer, failure)
    assert assistant is answer
    assert all(isinstance(one, ToolMessage) and one.status == "error" for one in results)
    assert [one.tool_call_id for one in results] == ["call_A1", "call_B2"]


def test_langchain_dicts_keep_their_status_when_converted():
    from langchain_core.messages import convert_to_messages

    typed = message("langchain")
    for sample in (typed, {"role": "assistant", "content": "", "tool_calls": typed["tool_calls"]}):
        (_, *results) = convert_to_messages(exchange_of("langchain", sample, failure))
        assert [one.status for one in results] == ["error", "error"]


def test_langchain_repetitions_of_a_call_are_renamed_with_it():
    from langchain_core.messages import AIMessage

    entries = [{"name": "f", "args": {}, "id": "x1", "type": "tool_call"} for _ in range(2)]
    blocks = [{"type": "tool_use", "id": "x1", "name": "f", "input": {}} for _ in range(2)]
    kwargs = {"tool_calls": [{"type": "function", "id": "x1", "function": {"name": "f"}} for _ in range(2)]}
    answer = AIMessage(content=["hm", *blocks], tool_calls=entries, additional_kwargs=kwargs)
    (assistant, *results) = exchange_of("langchain", answer)
    ids = [one.tool_call_id for one in results]
    assert ids[0] == "x1" != ids[1]
    assert [one["id"] for one in assistant.tool_calls] == ids
    assert [one["id"] for one in assistant.content[1:]] == ids
    assert [one["id"] for one in assistant.additional_kwargs["tool_calls"]] == ids
    assert [one["id"] for one in answer.content[1:]] == ["x1", "x1"]


def test_a_streamed_langchain_message_is_read():
    from langchain_core.messages import AIMessageChunk

    chunks = (
        [{"name": "f", "args": '{"a": ', "id": "x1", "index": 0}],
        [{"args": "1}", "index": 0, "name": None, "id": None}],
    )
    first, second = (AIMessageChunk(content="", tool_call_chunks=one) for one in chunks)
    answer = first + second
    assert detect(answer).name == "langchain"
    assert [(call.name, call.arguments) for call in dialect_named("langchain").parse(answer).calls] == [("f", {"a": 1})]


LOADING = """
import sys
from everycall.dialects import DIALECT_NAMES, detect, dialect_named

def loaded():
    return [name for name in sys.modules if name.startswith("everycall.dialects.") and name.endswith(".turn")]

assert not loaded()
detect({"role": "assistant", "content": "x"})
assert loaded() == ["everycall.dialects.openai_chat.turn"], loaded()
for name in DIALECT_NAMES:
    dialect_named(name)
assert len(loaded()) == 8
sdks = {"openai", "anthropic", "google", "botocore", "cohere", "ollama", "langchain_core", "pydantic", "anyio"}
assert not sdks & set(sys.modules), sdks & set(sys.modules)
"""


def test_a_dialect_is_loaded_when_first_needed_and_never_imports_an_sdk():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", LOADING], check=True, timeout=30, env=environment)
