"""LangChain's stored form, `{"type": "ai", "data": {...}}`: read as it is, and answered in the same form."""

import copy

import pytest

from everycall.core.errors import MessageError
from everycall.dialects import detect
from everycall.history import check
from tests.dialects.samples import TWO, Call, read, render, sdk_response


def stored(calls=TWO):
    from langchain_core.messages import message_to_dict

    return message_to_dict(sdk_response("langchain", calls))


def test_the_stored_form_is_read_like_the_message():
    sample = stored()
    assert detect(sample).name == "langchain"
    assert read("langchain", sample).calls == read("langchain", sdk_response("langchain")).calls


def test_a_stored_message_that_was_cut_off_says_so():
    sample = stored()
    sample["data"]["response_metadata"] = {"finish_reason": "length"}
    assert read("langchain", sample).cut_off


def test_the_exchange_is_stored_forms_that_langchain_loads():
    from langchain_core.messages import AIMessage, ToolMessage, messages_from_dict

    sample = stored()
    rendered = render("langchain", sample)
    assert rendered.assistant_message is sample
    assistant, *results = messages_from_dict([rendered.assistant_message, *rendered.messages])
    assert isinstance(assistant, AIMessage)
    assert all(isinstance(one, ToolMessage) and one.status == "success" for one in results)
    assert [one.tool_call_id for one in results] == [call["id"] for call in assistant.tool_calls]
    question = {"type": "human", "data": {"type": "human", "content": "hi"}}
    assert check([question, rendered.assistant_message, *rendered.messages], "langchain") == []


@pytest.mark.parametrize("ids", [("x", "x"), (None, "x")])
def test_an_id_that_cannot_stay_is_changed_within_the_stored_form(ids):
    sample = stored([Call(one, "f", {"n": n}) for n, one in enumerate(ids)])
    before = copy.deepcopy(sample)
    rendered = render("langchain", sample)
    assert sample == before
    assert rendered.assistant_message["type"] == "ai"
    new = [call["id"] for call in rendered.assistant_message["data"]["tool_calls"]]
    assert len(set(new)) == 2
    assert [one["data"]["tool_call_id"] for one in rendered.messages] == new
    assert {**rendered.assistant_message["data"], "tool_calls": None} == {**before["data"], "tool_calls": None}


def test_data_that_is_no_message_is_refused():
    for data in ({}, {"text": "hi"}, None, "x"):
        with pytest.raises(MessageError):
            detect({"type": "ai", "data": data})
