"""Which words say that the model's output was cut, so that its calls must not be run.

Whether there *are* calls is decided by the calls alone: several servers say `stop` above them. SDKs mend cut arguments
silently, so a cut call may look whole; only the word tells (research: protocols, 0.4).
"""

CUT_OFF: dict[str, frozenset[str]] = {
    # model_length and error: Mistral; max_tokens: servers that pass another provider's word through
    "openai-chat": frozenset({"length", "content_filter", "model_length", "max_tokens", "error"}),
    # status of the response or of an item, and the reasons why a response is incomplete
    "openai-responses": frozenset(
        {
            "incomplete",
            "failed",
            "cancelled",
            "in_progress",
            "queued",
            "max_output_tokens",
            "max_messages",
            "content_filter",
            "steered",
        }
    ),
    # the SDK's own runner: pause_turn and compaction are resent and run nothing; of the terminal ones end_turn is left
    # out, because proxies say it above whole calls
    "anthropic": frozenset(
        {"max_tokens", "model_context_window_exceeded", "refusal", "stop_sequence", "pause_turn", "compaction"}
    ),
    "gemini": frozenset(
        {
            "MAX_TOKENS",
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "OTHER",
            "MALFORMED_FUNCTION_CALL",
            "UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
            "MALFORMED_RESPONSE",
            "MISSING_THOUGHT_SIGNATURE",
            "CONTINUATION",
            "ESCALATION",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
            "NO_IMAGE",
        }
    ),
    "bedrock": frozenset(
        {
            "max_tokens",
            "stop_sequence",
            "guardrail_intervened",
            "content_filtered",
            "malformed_model_output",
            "malformed_tool_use",
            "model_context_window_exceeded",
        }
    ),
    "cohere": frozenset({"MAX_TOKENS", "ERROR", "TIMEOUT", "length", "max_tokens"}),
    "ollama": frozenset({"length"}),
}
# LangChain passes on the word of whatever provider is behind it; no word means two things in two of them.
CUT_OFF["langchain"] = frozenset().union(*CUT_OFF.values())


def is_cut_off(dialect: str, finish: str | None) -> bool:
    """Return whether *finish* says, in *dialect*, that the output was cut."""
    return finish in CUT_OFF[dialect]
