"""The server: what it plays, refuses, records and survives. Plain HTTP, no SDK."""

import http.client
import json
import socket
import threading
from contextlib import ExitStack, closing

import pytest

from everycall.core.errors import UsageError
from everycall.testing import NO_ID, AssistantTurn, Call, FakeProvider
from everycall.testing.provider.finish import NEUTRAL, OWN
from everycall.testing.provider.protocols import PROTOCOLS
from tests.testing.fake_provider_cases import asks, call, chat, claude, gemini, llama, output, responses, told

ASKS = AssistantTurn(calls=[Call("get_weather", {"city": "Oslo"}), Call("get_weather", '{"city": "Rome"')])
ANSWERS = AssistantTurn(text="Sunny.")
REQUESTS = {
    "openai-chat": ("/v1/chat/completions", chat()),
    "openai-responses": ("/v1/responses", responses()),
    "anthropic": ("/v1/messages", claude()),
    "gemini": ("/v1beta/models/gemini-2.5-flash:generateContent", gemini()),
    "ollama": ("/api/chat", llama()),
}
ERROR_TEXT = {
    "openai-chat": lambda body: body["error"]["message"],
    "openai-responses": lambda body: body["error"]["message"],
    "anthropic": lambda body: body["error"]["message"],
    "gemini": lambda body: body["error"]["message"],
    "ollama": lambda body: body["error"],
}
FINISH = {
    "openai-chat": lambda body: body["choices"][0]["finish_reason"],
    "openai-responses": lambda body: (body["incomplete_details"] or {"reason": body["status"]})["reason"],
    "anthropic": lambda body: body["stop_reason"],
    "gemini": lambda body: body["candidates"][0]["finishReason"],
    "ollama": lambda body: body["done_reason"],
}


def connect(provider):
    return http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=10)


def post(provider, path, body):
    """Post *body* (an object, or bytes as they are) on a connection of its own; return the status and the answer."""
    connection = connect(provider)
    try:
        connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_every_accepted_request_plays_the_next_turn(provider_for):
    provider = provider_for([ASKS, ANSWERS])
    _, first = post(provider, *REQUESTS["openai-chat"])
    message = first["choices"][0]["message"]
    one, two = message["tool_calls"]
    assert [one["function"]["arguments"], two["function"]["arguments"]] == ['{"city": "Oslo"}', '{"city": "Rome"']
    status, second = post(provider, "/v1/chat/completions", chat(message, told(one["id"]), told(two["id"])))
    assert (status, second["choices"][0]["message"]["content"]) == (200, "Sunny.")
    assert (provider.turns_left, provider.rejections) == (0, [])
    assert [len(body["messages"]) for body in provider.requests] == [1, 4]


def test_a_refused_request_plays_no_turn_and_is_recorded(provider_for):
    provider = provider_for([ANSWERS])
    status, body = post(provider, "/v1/chat/completions", chat(asks("call_1")))
    (rejection,) = provider.rejections
    assert (status, rejection.status, rejection.request, rejection.protocol) == (400, 400, 0, "openai-chat")
    assert body["error"] == {
        "message": rejection.text,
        "type": "invalid_request_error",
        "param": "messages.[2].role",
        "code": None,
    }
    assert rejection.text.endswith("did not have response messages: call_1")
    assert str(rejection) == f"openai-chat: 400: {rejection.text}"
    assert post(provider, *REQUESTS["openai-chat"])[0] == 200


@pytest.mark.parametrize("protocol", REQUESTS)
def test_each_protocol_makes_ids_that_are_the_same_at_every_run(protocol):
    path, body = REQUESTS[protocol]
    answers = []
    for _ in range(2):
        with FakeProvider([ASKS]) as provider:
            answers.append(post(provider, path, body))
    assert answers[0][0] == 200
    assert answers[0] == answers[1]


@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_request_beyond_the_script_is_refused_in_the_shape_of_the_protocol(protocol, provider_for):
    provider = provider_for([])
    status, body = post(provider, *REQUESTS[protocol])
    assert status == 400
    assert "played its whole script (0 turns)" in ERROR_TEXT[protocol](body)


@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_request_for_a_stream_is_refused(protocol, provider_for):
    provider = provider_for([ANSWERS])
    path, body = REQUESTS[protocol]
    if protocol == "gemini":
        path = path.replace("generateContent", "streamGenerateContent")
    status, answer = post(provider, path, body | {"stream": True})
    assert status == 400
    assert "does not stream" in ERROR_TEXT[protocol](answer)


def test_ollama_streams_unless_told_otherwise(provider_for):
    body = llama()
    del body["stream"]
    assert "does not stream" in post(provider_for([ANSWERS]), "/api/chat", body)[1]["error"]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "Expecting"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"\xff{}", "can't decode"),
        (b'{"model": "\\ud83d"}', "no low surrogate in string"),
        (b"[" * 100_000, "too deep"),
        (b'{"n": ' + b"9" * 5000 + b"}", "digits"),
        (b"[]", "is not a JSON object"),
    ],
)
def test_a_body_that_is_no_strict_json_is_refused(raw, why, provider_for):
    provider = provider_for([ANSWERS])
    status, body = post(provider, "/v1/messages", raw)
    assert status == 400
    assert why in body["error"]["message"]
    assert (provider.requests, provider.rejections[0].request) == ([], None)


def test_a_body_over_the_limit_is_refused_unread():
    with FakeProvider([ANSWERS], max_request_bytes=100) as provider:
        connection = connect(provider)
        connection.putrequest("POST", "/v1/messages")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["type"]) == (413, "request_too_large")
        connection.close()
        assert provider.rejections[0].status == 413


@pytest.mark.parametrize("length", ["", "-1", "1_0", "٣"])
def test_a_body_of_unknown_length_is_refused(length, provider_for):
    connection = connect(provider_for([ANSWERS]))
    connection.putrequest("POST", "/v1/messages")
    connection.putheader("Content-Length", length.encode())
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


def test_a_path_that_is_not_served_is_named(provider_for):
    status, body = post(provider_for([ANSWERS]), "/v1/embeddings", {})
    assert (status, body["error"]["message"]) == (404, "everycall's fake provider does not serve '/v1/embeddings'")


def test_one_connection_serves_many_requests(provider_for):
    connection = connect(provider_for([ANSWERS] * 3))
    path, body = REQUESTS["openai-chat"]
    for _ in range(3):
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        assert (answer.status, answer.version, bool(answer.read())) == (200, 11, True)
    connection.close()


def test_closing_ends_connections_that_clients_keep_alive():
    before = set(threading.enumerate())
    with ExitStack() as sockets:
        with FakeProvider([ANSWERS] * 3) as provider:
            idle = [sockets.enter_context(closing(connect(provider))) for _ in range(3)]
            for connection in idle:
                connection.request("POST", "/v1/messages", json.dumps(claude()))
                assert connection.getresponse().read()
            assert len(set(threading.enumerate()) - before) == 4
        assert set(threading.enumerate()) <= before
        assert [connection.sock.recv(1) for connection in idle] == [b"", b"", b""]


def test_a_client_that_goes_away_makes_no_noise(provider_for, capsys):
    provider = provider_for([ANSWERS])
    address = provider.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as half:
        half.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: 50\r\n\r\n{")
    assert post(provider, *REQUESTS["anthropic"])[0] == 200
    assert capsys.readouterr().err == ""


def test_parallel_requests_each_get_a_turn_of_their_own(provider_for):
    provider = provider_for([AssistantTurn(text=str(number)) for number in range(20)])
    texts = []

    def ask():
        texts.append(post(provider, *REQUESTS["openai-chat"])[1]["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(texts, key=int) == [str(number) for number in range(20)]


def test_a_call_may_have_a_wrong_id_or_none(provider_for):
    provider = provider_for(
        [AssistantTurn(calls=[Call("f", id=""), Call("f", id="x"), Call("f", id="x"), Call("f", id=NO_ID)])]
    )
    _, body = post(provider, *REQUESTS["openai-chat"])
    assert [one.get("id") for one in body["choices"][0]["message"]["tool_calls"]] == ["", "x", "x", None]


def test_raw_arguments_become_an_object_where_the_protocol_has_one_and_stay_text_where_they_hold_none(provider_for):
    provider = provider_for([AssistantTurn(calls=[Call("f", '{"a": 1}'), Call("f", '{"a": '), Call("f", "[1]")])])
    _, body = post(provider, *REQUESTS["anthropic"])
    assert [block["input"] for block in body["content"]] == [{"a": 1}, '{"a": ', "[1]"]


@pytest.mark.parametrize(
    ("protocol", "finish", "word"),
    [
        ("openai-chat", "length", "length"),
        ("openai-chat", "stop", "stop"),
        ("openai-chat", "content_filter", "content_filter"),
        ("openai-chat", None, "tool_calls"),
        ("openai-responses", "length", "max_output_tokens"),
        ("openai-responses", "stop", "completed"),
        ("openai-responses", "content_filter", "content_filter"),
        ("openai-responses", None, "completed"),
        ("anthropic", "length", "max_tokens"),
        ("anthropic", "stop", "end_turn"),
        ("anthropic", "pause_turn", "pause_turn"),
        ("anthropic", None, "tool_use"),
        ("gemini", "length", "MAX_TOKENS"),
        ("gemini", "stop", "STOP"),
        ("gemini", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
        ("gemini", None, "STOP"),
        ("ollama", "length", "length"),
        ("ollama", "stop", "stop"),
        ("ollama", "load", "load"),
        ("ollama", None, "stop"),
    ],
)
def test_a_turn_ends_in_the_words_of_the_protocol(protocol, finish, word, provider_for):
    provider = provider_for([AssistantTurn(text="x", calls=[Call("f")], finish=finish)])
    assert provider.base_url(protocol)
    assert FINISH[protocol](post(provider, *REQUESTS[protocol])[1]) == word


@pytest.mark.parametrize("finish", ["zzz", "", 3, ["length"], "LENGTH"])
def test_a_word_that_no_protocol_has_is_answered_with_the_words_there_are(finish):
    with pytest.raises(UsageError, match=r"use 'length' \(cut off\) or 'stop'.* anthropic: end_turn, max_tokens,"):
        AssistantTurn(text="x", finish=finish)


@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_word_of_another_protocol_is_refused_before_and_at_play(protocol, provider_for):
    finish = "end_turn" if protocol == "gemini" else "MALFORMED_RESPONSE"
    provider = provider_for([AssistantTurn(text="x", finish=finish)])
    with pytest.raises(UsageError, match=f"{protocol} has no finish='{finish}': use 'length'.*; its own words are "):
        provider.base_url(protocol)
    status, body = post(provider, *REQUESTS[protocol])
    assert (status, provider.turns_left, provider.rejections[0].violations[0].rule) == (400, 1, "unknown_finish")
    assert f"cannot end turn 0 of its script as '{finish}': use 'length'" in ERROR_TEXT[protocol](body)


def test_every_protocol_translates_every_neutral_word_to_one_of_its_own():
    assert OWN.keys() == PROTOCOLS.keys()
    for words in NEUTRAL.values():
        assert words.keys() == OWN.keys()
        assert all(word in OWN[protocol] for protocol, word in words.items())


def test_responses_go_on_from_a_kept_response_with_the_outputs_alone(provider_for):
    provider = provider_for([ASKS, ANSWERS])
    _, first = post(provider, "/v1/responses", {"model": "m", "input": "hi"})
    results = [output(item["call_id"]) for item in first["output"]]
    follow_up = {"model": "m", "previous_response_id": first["id"], "input": results}
    _, missing = post(provider, "/v1/responses", follow_up | {"input": results[:1]})
    assert missing["error"]["message"].startswith("No tool output found for function call call_")
    _, twice = post(provider, "/v1/responses", follow_up | {"input": first["output"] + results})
    assert "Duplicate item found with id fc_" in twice["error"]["message"]
    assert post(provider, "/v1/responses", follow_up)[0] == 200


def test_a_response_that_was_not_kept_cannot_be_gone_on_from(provider_for):
    provider = provider_for([ANSWERS, ANSWERS])
    _, first = post(provider, "/v1/responses", responses(store=False))
    status, body = post(provider, "/v1/responses", responses(previous_response_id=first["id"]))
    assert (status, body["error"]["code"]) == (400, "previous_response_not_found")


def test_thinking_must_come_back_with_the_calls_it_came_with(provider_for):
    turn = AssistantTurn(thinking="Hm.", calls=[Call("f")])
    provider = provider_for([turn] * 4)
    _, first = post(provider, "/v1/responses", responses())
    reasoning, made = first["output"]
    _, lost = post(provider, "/v1/responses", responses(made, output(made["call_id"])))
    assert lost["error"]["message"].endswith(f"without its required 'reasoning' item: '{reasoning['id']}'.")
    assert post(provider, "/v1/responses", responses(reasoning, made, output(made["call_id"])))[0] == 200
    _, first = post(provider, *REQUESTS["anthropic"])
    thinking, use = first["content"]
    done = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use["id"]}]}
    changed = [{**thinking, "signature": "b3Ro"}, use]
    _, refused = post(provider, "/v1/messages", claude({"role": "assistant", "content": changed}, done))
    assert "Invalid `signature` in `thinking` block" in refused["error"]["message"]
    assert post(provider, "/v1/messages", claude({"role": "assistant", "content": first["content"]}, done))[0] == 200


def test_gemini_and_chat_send_thinking_in_their_own_place(provider_for):
    provider = provider_for([AssistantTurn(thinking="Hm.", calls=[Call("f"), Call("f")])] * 3)
    _, body = post(provider, *REQUESTS["gemini"])
    parts = body["candidates"][0]["content"]["parts"]
    assert [("thoughtSignature" in part, part.get("thought")) for part in parts] == [
        (False, True),
        (True, None),
        (False, None),
    ]
    _, body = post(provider, *REQUESTS["openai-chat"])
    assert body["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert post(provider, *REQUESTS["ollama"])[1]["message"]["thinking"] == "Hm."


def test_misuse_is_answered_with_the_cure():
    with pytest.raises(UsageError, match=r"AssistantTurn objects, not Call: FakeProvider\(\[AssistantTurn\("):
        FakeProvider([Call("f")])
    with pytest.raises(UsageError, match=r"a list of AssistantTurn objects, not AssistantTurn: FakeProvider\(\["):
        FakeProvider(ANSWERS)
    with pytest.raises(UsageError, match=r"a list of Call objects: AssistantTurn\(calls=\[Call\("):
        AssistantTurn(calls=Call("f"))
    with pytest.raises(UsageError, match="a list of Call objects"):
        AssistantTurn(calls=[{"name": "f"}])
    assert FakeProvider(turn for turn in [ANSWERS]).turns_left == 1
    provider = FakeProvider([ANSWERS])
    with pytest.raises(UsageError, match=r"with FakeProvider\(script\) as provider"):
        _ = provider.url
    with provider:
        assert provider.base_url("openai-chat") == f"{provider.url}/v1"
        assert repr(provider) == f"<FakeProvider {provider.url}: 0 of 1 turns played, 0 requests refused>"
        with pytest.raises(UsageError, match="does not speak 'cohere'; it speaks openai-chat"):
            provider.base_url("cohere")
        with pytest.raises(UsageError, match="running already"), provider:
            pass
    assert repr(provider).startswith("<FakeProvider not running")


def test_responses_item_order_is_reasoning_text_calls(provider_for):
    turn = AssistantTurn(thinking="Hm.", text="Looking.", calls=[Call("f")])
    _, body = post(provider_for([turn]), "/v1/responses", responses(call("a"), output("a")))
    assert [item["type"] for item in body["output"]] == ["reasoning", "message", "function_call"]
