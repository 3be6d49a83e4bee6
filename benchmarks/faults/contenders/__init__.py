"""Who is asked, and how each is set up. One module per contender; it is imported in that contender's process only.

A module offers `open_conversation`, as `shapes.Open` describes it: it sets its library up with the tools and with the
scripted model, by the library's own interface for that, and returns what runs one turn of the user. Where the library
runs no loop of its own, the module appends what the library returns, as its users do.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One library.

    Attributes:
        name: on the command line and in the tables; `requirements/<name>.txt` says what to install.
        module: within this package.
        imports: the module whose presence shows that the library is installed.
        packages: the distributions whose versions are shown.
        settings: how it was set up, in one sentence.
    """

    name: str
    module: str
    imports: str
    packages: tuple[str, ...]
    settings: str


OURS = "everycall"

CONTENDERS: dict[str, Contender] = {
    one.name: one
    for one in (
        Contender(
            name=OURS,
            module="ours",
            imports="everycall",
            packages=("everycall", "anyio", "pydantic"),
            settings="`ToolRegistry(timeout=1)`, `Limits(cancel_grace=0.5, unsafe_cancel_grace=0.5)`; a `Retry` for "
            "tools that are declared safe to repeat; else the defaults.",
        ),
        Contender(
            name="langgraph",
            module="langgraph_toolnode",
            imports="langgraph.prebuilt",
            packages=("langgraph", "langgraph-prebuilt", "langchain-core"),
            settings="`ToolNode(handle_tool_errors=True)` in a graph with `tools_condition` and `InMemorySaver`; "
            "`add_node(timeout=1)`, the only timeout it has for tools, holds for all calls of the message together.",
        ),
        Contender(
            name="pydantic-ai",
            module="pydantic_ai_agent",
            imports="pydantic_ai",
            packages=("pydantic-ai-slim",),
            settings="`Agent(tool_timeout=1, retries={'tools': 5})`, and a `tool_execute_error` hook that raises "
            "`ToolFailed` with the type of any exception; after an exception the captured messages are the history.",
        ),
        Contender(
            name="openai-agents",
            module="openai_agents_runner",
            imports="agents",
            packages=("openai-agents",),
            settings="`function_tool(timeout=1)` (async tools only: it refuses a timeout for sync ones), "
            "`tool_not_found_behavior='return_error_to_model'`, `SQLiteSession`.",
        ),
        Contender(
            name="google-adk",
            module="google_adk_runner",
            imports="google.adk.runners",
            packages=("google-adk", "google-genai"),
            settings="`ReflectAndRetryToolPlugin(throw_exception_if_retry_exceeded=False)`, "
            "`ToolThreadPoolConfig(max_workers=16)`; it has no timeout for a call.",
        ),
        Contender(
            name="strands-agents",
            module="strands_agent",
            imports="strands",
            packages=("strands-agents",),
            settings="The defaults: concurrent execution, errors as results; it has no timeout for a call.",
        ),
        Contender(
            name="agent-framework",
            module="agent_framework_agent",
            imports="agent_framework",
            packages=("agent-framework-core",),
            settings="`max_consecutive_errors_per_request=10`, an `AgentSession`; the text of errors is off, as "
            "by default; it has no timeout for a call.",
        ),
        Contender(
            name="chuk-tool-processor",
            module="chuk_processor",
            imports="chuk_tool_processor",
            packages=("chuk-tool-processor",),
            settings="`ToolProcessor(default_timeout=1)` and `process(return_order='submission')`, which runs the "
            "calls at once and without its retries; results are paired by `call_id`, or by position without one.",
        ),
    )
}
"""Every contender by its name, in the order of the table."""
