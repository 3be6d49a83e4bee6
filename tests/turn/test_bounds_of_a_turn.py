"""What one turn may take in and give out, all calls together; and the bounds of single things (research: D.2)."""

import json

import anyio
import pytest

from everycall import Limits, Text, ToolError, ToolRegistry, UsageError, run_tool_calls
from everycall.core.ids import ANY_ID, MAX_ID_BYTES
from everycall.core.outcomes import MIN_ENVELOPE
from tests.messages import call, envelope, message


def size(result):
    return len(result.content.encode())


class TestArguments:
    def tools(self):
        tools = ToolRegistry()
        tools.add(lambda a: len(a), name="count", executor="task")
        return tools

    def sent(self, *lengths):
        return message(*[call("count", {"a": "x" * n}, f"c{at}") for at, n in enumerate(lengths)])

    async def test_of_a_turn_that_do_not_fit_are_answered_and_the_rest_runs(self):
        limits = Limits(turn_argument_bytes=1000)
        turn = await run_tool_calls(self.sent(400, 400, 400, 100, 100), self.tools(), limits=limits)
        assert [result.code for result in turn.results] == ["ok", "ok", "limit", "ok", "limit"]
        told = envelope(turn.results[2])
        assert (told["status"], told["effect"], told["retryable"]) == ("rejected", "none", True)
        assert "more than 1000 bytes" in told["message"]

    async def test_fit_to_the_byte_whatever_the_script(self):
        text = '{"a":"é"}'
        sent = message(*[call("count", text, f"c{at}") for at in range(3)])
        exact = 2 * len(text.encode())
        turn = await run_tool_calls(sent, self.tools(), limits=Limits(turn_argument_bytes=exact))
        assert [result.code for result in turn.results] == ["ok", "ok", "limit"]
        turn = await run_tool_calls(sent, self.tools(), limits=Limits(turn_argument_bytes=exact - 1))
        assert [result.code for result in turn.results] == ["ok", "limit", "limit"]

    async def test_that_are_objects_count_as_the_text_they_become(self):
        calls = [{"function": {"name": "count", "arguments": {"a": "x" * 90}}} for _ in range(3)]
        sent = {"role": "assistant", "content": "", "tool_calls": calls}
        turn = await run_tool_calls(sent, self.tools(), dialect="ollama", limits=Limits(turn_argument_bytes=190))
        assert [result.code for result in turn.results] == ["ok", "limit", "limit"]

    async def test_that_are_refused_take_no_room(self):
        sent = message(call("count", '{"a":"' + "x" * 500, "bad"), call("count", {"a": "x" * 500}, "good"))
        turn = await run_tool_calls(sent, self.tools(), limits=Limits(turn_argument_bytes=600))
        assert [result.code for result in turn.results] == ["invalid_arguments", "ok"]

    async def test_beyond_the_bound_of_one_call_are_invalid_as_ever(self):
        limits = Limits(argument_bytes=300, turn_argument_bytes=200)
        turn = await run_tool_calls(self.sent(400, 250, 100), self.tools(), limits=limits)
        assert [result.code for result in turn.results] == ["invalid_arguments", "limit", "ok"]

    @pytest.mark.parametrize(("digits", "code"), [(4300, "ok"), (4301, "invalid_arguments")])
    async def test_hold_whole_numbers_of_4300_digits_and_no_more(self, digits, code):
        tools = ToolRegistry()
        schema = {"type": "object", "properties": {"a": {}}}
        tools.add(lambda a: str(a % 10), name="f", executor="task", parameters=schema)
        turn = await run_tool_calls(message(call("f", '{"a":' + "9" * digits + "}")), tools)
        assert turn.results[0].code == code


class TestResults:
    def tools(self, **options):
        tools = ToolRegistry(**options)

        @tools.tool
        async def give(n: int, wait: float = 0) -> str:
            await anyio.sleep(wait)
            return "x" * n

        @tools.tool
        async def fail(n: int) -> str:
            raise ToolError("y" * n)

        return tools

    async def run(self, *calls, limit, seen=None, **options):
        sent = message(*[call(name, arguments, f"c{at}") for at, (name, arguments) in enumerate(calls)])
        observers = [seen.append] if seen is not None else []
        tools = self.tools(**options)
        return await run_tool_calls(sent, tools, limits=Limits(turn_result_bytes=limit), observers=observers)

    async def test_stay_within_the_bound_together(self):
        turn = await self.run(*[("give", {"n": 5000})] * 20, limit=20_000)
        assert [size(result) for result in turn.results] == [1000] * 20
        assert all("bytes left out" in result.content for result in turn.results)

    async def test_may_use_what_others_leave_over(self):
        turn = await self.run(*[("give", {"n": 10})] * 19, ("give", {"n": 15_000, "wait": 1}), limit=20_000)
        assert size(turn.results[-1]) == 15_000

    @pytest.mark.parametrize("first", [True, False])
    async def test_are_sure_of_their_share_whoever_ends_first(self, first):
        greedy = ("give", {"n": 100_000, "wait": 0 if first else 5})
        others = [("give", {"n": 1000, "wait": 1})] * 9
        turn = await self.run(greedy, *others, limit=10_000)
        assert all(size(result) == 1000 and "left out" not in result.content for result in turn.results[1:])
        assert 990 < size(turn.results[0]) <= 1000

    async def test_that_were_cut_for_the_turn_say_so_to_the_observers(self):
        seen = []
        await self.run(*[("give", {"n": 5000})] * 4, limit=8000, seen=seen)
        notes = {event.what for event in seen if event.name == "value_coerced"}
        assert notes == {"the text was cut: the results of the turn are too large together"}
        seen.clear()
        await self.run(("give", {"n": 300_000}), limit=1 << 20, seen=seen)
        assert {event.what for event in seen if event.name == "value_coerced"} == {"the text was cut"}

    async def test_of_failures_count_too_and_stay_one_json_object(self):
        turn = await self.run(*[("fail", {"n": 1900})] * 40, limit=30_000)
        assert sum(map(size, turn.results)) <= 30_000
        assert all(envelope(result)["message"].startswith("yyyy") for result in turn.results)

    async def test_have_room_for_a_useful_sentence_however_many_they_are(self):
        turn = await self.run(*[("fail", {"n": 1900})] * 50, *[("give", {"n": 1900})] * 50, limit=100)
        assert all(size(result) <= MIN_ENVELOPE for result in turn.results)
        assert all(len(envelope(result)["message"]) >= 60 for result in turn.results[:50])
        assert all(size(result) > 400 for result in turn.results[50:])

    async def test_worded_by_the_program_are_bounded_as_well(self):
        turn = await self.run(*[("fail", {"n": 1})] * 10, limit=10_000, explain=lambda result: "é" * 5000)
        assert sum(map(size, turn.results)) <= 10_000
        assert all(result.content.startswith("éé") for result in turn.results)

    async def test_given_to_two_calls_count_twice(self):
        twice = [call("give", {"n": 5000}, "same")] * 2
        turn = await run_tool_calls(message(*twice), self.tools(), limits=Limits(turn_result_bytes=4000))
        assert [size(result) for result in turn.results] == [2000, 2000]
        small = [call("give", {"n": 10}, f"small{n}") for n in range(2)]
        twice = [call("give", {"n": 5000, "wait": 1}, "same")] * 2
        turn = await run_tool_calls(message(*small, *twice), self.tools(), limits=Limits(turn_result_bytes=8000))
        assert [size(result) for result in turn.results] == [10, 10, 3990, 3990]

    async def test_made_of_parts_count_by_their_texts(self):
        tools = ToolRegistry()

        @tools.tool
        async def give(n: int) -> object:
            return [Text("x" * n), Text("tail")]

        sent = message(*[call("give", {"n": 900}, f"c{n}") for n in range(4)])
        turn = await run_tool_calls(sent, tools, limits=Limits(turn_result_bytes=2400))
        texts = [sum(len(part.text) for part in result.content) for result in turn.results]
        assert sum(texts) <= 2400
        assert min(texts) >= 500

    async def test_of_an_ordinary_turn_are_as_they_were(self):
        turn = await self.run(*[("give", {"n": 200_000})] * 10, limit=2 << 20)
        assert [size(result) for result in turn.results] == [200_000] * 10

    def test_bounds_are_checked(self):
        for name in ("turn_argument_bytes", "turn_result_bytes"):
            with pytest.raises(UsageError, match=name):
                Limits(**{name: 0})


class TestIds:
    @pytest.mark.parametrize(("call_id", "kept"), [("i" * 4096, True), ("i" * 4097, False), ("é" * 2048, True)])
    async def test_have_at_most_4_kib(self, call_id, kept):
        tools = ToolRegistry()
        tools.add(lambda: "x", name="f", executor="task")
        turn = await run_tool_calls(message(call("f", {}, call_id)), tools)
        assert (turn.results[0].call_id == call_id) is kept
        assert turn.ids_changed is not kept
        assert turn[call_id].ok

    def test_are_counted_in_bytes(self):
        assert not ANY_ID.accepts("日" * 1366)
        assert ANY_ID.accepts("日" * 1365)
        assert MAX_ID_BYTES == 4096


async def test_an_event_as_a_dict_holds_no_text_of_unbounded_length():
    tools = ToolRegistry()
    seen = []
    huge = "n" * 100_000
    await run_tool_calls(message(call(huge, {}, huge)), tools, key=huge, observers=[seen.append])
    for event in seen:
        texts = [value for value in event.to_dict().values() if isinstance(value, str)]
        assert max(map(len, texts)) <= 4096
        json.dumps(event.to_dict())
