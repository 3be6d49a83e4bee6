"""The exchange as the providers' own clients put it on the wire: no client refuses it, and none changes it.

The clients talk to a stand-in transport that keeps the body of the request; nothing leaves the process.
"""

import base64
import json
import warnings

import httpx
import pytest

from everycall.core.content import File, Image, Text
from everycall.dialects import DIALECT_NAMES, detect, dialect_named
from tests.dialects.samples import TWO, Call, failure, message, read, response, sdk_response, success

PNG = b"\x89PNG\xff\xfe"
USER = {"role": "user", "content": "hi"}


class Wire:
    """A transport that keeps what is sent, and answers with one response."""

    def __init__(self, answer):
        self.body = None
        self.answer = answer
        self.transport = httpx.MockTransport(self.handle)

    def handle(self, request):
        self.body = json.loads(request.content)
        return httpx.Response(200, json=self.answer)

    def client(self):
        return httpx.Client(transport=self.transport)


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
    from anthropic import Anthropic

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

from everycall.core.calls import ToolDefinition

TOOLS = [
    ToolDefinition(name="f", description="d", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})
]


def exchange(name, source, make=success):
    spoken = dialect_named(name)
    parsed = read(name, source)
    rendered = spoken.render(parsed, [make(call) for call in parsed.calls])
    first = rendered.assistant_message
    return [*(first if name == "openai-responses" else [first]), *rendered.messages]


def sent(name, source, make=success):
    return SEND[name](Wire(response(name, ())), exchange(name, source, make), dialect_named(name).definitions(TOOLS))


for n in DIALECT_NAMES:
    for mk in (message, response, sdk_response):
        try:
            print(n, mk.__name__, sent(n, mk(n)))
        except Exception as e:
            import traceback

            traceback.print_exc(limit=-3)
            print(n, mk.__name__, "FAIL", type(e), str(e)[:600])
