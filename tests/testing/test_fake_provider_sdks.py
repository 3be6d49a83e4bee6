"""Real SDK clients against the fake provider: a careful loop gets no 400, a naive one gets its own, in each."""

import socket
from dataclasses import replace

import pytest

from everycall.testing import AssistantTurn, Call
from tests.testing.sdk_loops import LOOPS, run

BOTH = AssistantTurn(
    text="Let me look.", calls=[Call("get_weather", {"city": "Oslo"}), Call("get_weather", {"city": "Rome"})]
)
ONE = AssistantTurn(calls=[Call("get_weather", {"city": "Oslo"})])
DONE = AssistantTurn(text="Oslo is colder.")

WORDS = {
    "openai-chat": "did not have response messages: call_",
    "openai-responses": "No tool output found for function call call_",
    "anthropic": "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_",
    "gemini": "the number of function response parts is equal to the number of function call parts",
    "ollama": "no tool message answers the calls of get_weather",
    "mistral": "did not have response messages: call_",
    "litellm-openai": "did not have response messages: call_",
    "litellm-anthropic": "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_",
}


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """Fail a test whose client looks up or calls any host but this one."""
    strangers = []
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def guarded_look_up(host, *more, **named):
        if host not in ("127.0.0.1", "localhost"):
            strangers.append(host)
        return look_up(host, *more, **named)

    def guarded_connect(self, address):
        if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
            strangers.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    yield
    assert strangers == []


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_answers_every_call_gets_no_400(name, provider_for):
    provider = provider_for([BOTH, ONE, DONE])
    with LOOPS[name](provider) as loop:
        assert run(loop, lambda n: f"{20 + n} C") == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []
    assert (provider.turns_left, len(provider.requests)) == (0, 3)


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_drops_a_failed_call_gets_the_400_of_its_provider(name, provider_for):
    provider = provider_for([BOTH, DONE])
    with LOOPS[name](provider) as loop, pytest.raises(loop.refused) as raised:
        run(loop, lambda n: "20 C" if n == 0 else None)
    assert WORDS[name] in str(raised.value)
    assert [rejection.violations[0].rule for rejection in provider.rejections] == ["missing_result"]
    assert provider.turns_left == 1


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic", "gemini"])
def test_a_loop_that_sends_thinking_back_gets_no_400(name, provider_for):
    thoughtful = AssistantTurn(thinking="Two cities.", calls=BOTH.calls)
    provider = provider_for([thoughtful, thoughtful, DONE])
    with LOOPS[name](provider) as loop:
        assert run(loop, lambda n: f"{20 + n} C") == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []


@pytest.mark.parametrize("name", [name for name in LOOPS if name != "mistral"])  # its client drops reasoning_content
def test_a_model_that_thinks_in_one_turn_and_not_in_the_next_gets_no_loop_a_400(name, provider_for):
    thoughtful = AssistantTurn(thinking="Two cities.", calls=BOTH.calls)
    provider = provider_for([thoughtful, ONE, ONE, thoughtful, DONE])
    with LOOPS[name](provider) as loop:
        assert run(loop, lambda n: f"{20 + n} C") == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []


def test_a_loop_that_loses_thinking_is_refused_for_the_turn_that_had_it(provider_for):
    provider = provider_for([ONE, AssistantTurn(thinking="Two cities.", calls=BOTH.calls), DONE])
    with LOOPS["openai-chat"](provider) as loop:

        def thoughtless(response):
            (message,) = loop.said(response)
            return [message.model_dump(exclude={"reasoning_content"}, exclude_none=True)]

        with pytest.raises(loop.refused, match="must be passed back"):
            run(replace(loop, said=thoughtless), lambda n: "20 C")
    assert [rejection.violations[0].place for rejection in provider.rejections] == ["messages[3].reasoning_content"]


def test_gemini_3_refuses_calls_whose_signature_was_lost(provider_for):
    provider = provider_for([BOTH, DONE])
    with LOOPS["gemini"](provider) as loop:

        def unsigned(response):
            (content,) = loop.said(response)
            return [content.model_copy(update={"parts": [_without_signature(part) for part in content.parts]})]

        with pytest.raises(loop.refused, match="missing a thought_signature"):
            run(replace(loop, said=unsigned), lambda n: "20 C")


def _without_signature(part):
    return part.model_copy(update={"thought_signature": None})
