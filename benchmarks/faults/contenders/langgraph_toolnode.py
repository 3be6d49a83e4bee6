"""LangGraph: a graph of a model and a `ToolNode`, with a checkpointer, as its documentation builds an agent."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call
from langchain_core.tools import tool as as_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from benchmarks.faults.contenders.openai_shape import as_message
from benchmarks.faults.shapes import Fault, Item, Message, Say, Script, Tool
from benchmarks.faults.terms import TIMEOUT

_CONFIG: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 50}


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:  # noqa: ARG001
    """Return a thread of the graph."""

    async def model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [as_ai_message(script.answer(read(state["messages"])))]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    node = ToolNode([as_tool(one) for one in tools], handle_tool_errors=True)
    graph.add_node("tools", node, timeout=TIMEOUT)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    compiled = graph.compile(checkpointer=InMemorySaver())

    async def say() -> None:
        await compiled.ainvoke({"messages": [HumanMessage("go on")]}, _CONFIG)

    return say


def as_ai_message(message: Message) -> AIMessage:
    """Return *message* as LangChain's models read it: with its parser, and what that refuses as an invalid call."""
    good, bad = [], []
    for raw in as_message(message).get("tool_calls", ()):
        try:
            good.append(parse_tool_call(raw, return_id=True))
        except Exception as error:
            bad.append(make_invalid_tool_call(raw, str(error)))
    return AIMessage(
        "" if message.calls else "done",
        tool_calls=good,
        invalid_tool_calls=bad,
        response_metadata={"finish_reason": "length" if message.cut_off else "tool_calls"},
    )


def read(messages: Sequence[AnyMessage]) -> list[Item]:
    """Return the messages as LangChain would send them: invalid calls are sent too."""
    items: list[Item] = []
    for one in messages:
        if isinstance(one, AIMessage):
            calls = [*one.tool_calls, *one.invalid_tool_calls]
            items += [Item(kind="call", call_id=call["id"], content=call["args"]) for call in calls]
        elif isinstance(one, ToolMessage):
            failed = one.status == "error"
            items.append(Item(kind="result", call_id=one.tool_call_id, content=one.content, failed=failed))
        else:
            items.append(Item(kind="text"))
    return items
