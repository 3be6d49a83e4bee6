"""Why a turn ends, in the words of each protocol: two tables.

1. A neutral word is translated for each protocol; a protocol's own word is sent as it is, in that protocol alone.
2. Any other word is a mistake in the script: no client would know what to make of it, and a cut-off that no client
   sees tests nothing.
"""

from everycall.core.errors import UsageError

# neutral word -> protocol -> its own
NEUTRAL: dict[str, dict[str, str]] = {
    "stop": {
        "openai-chat": "stop",
        "openai-responses": "completed",
        "anthropic": "end_turn",
        "gemini": "STOP",
        "ollama": "stop",
    },
    "length": {
        "openai-chat": "length",
        "openai-responses": "max_output_tokens",
        "anthropic": "max_tokens",
        "gemini": "MAX_TOKENS",
        "ollama": "length",
    },
}

OWN: dict[str, tuple[str, ...]] = {
    # model_length, error: Mistral; insufficient_system_resource: DeepSeek; max_tokens: another's word, passed through
    "openai-chat": (
        *("stop", "length", "tool_calls", "content_filter", "function_call"),
        *("model_length", "error", "insufficient_system_resource", "max_tokens"),
    ),
    # completed, or the reason why the response is incomplete
    "openai-responses": ("completed", "max_output_tokens", "content_filter", "max_messages", "steered"),
    "anthropic": (
        *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"),
        *("model_context_window_exceeded", "compaction"),
    ),
    "gemini": (
        *("STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"),
        *("SPII", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"),
        *("MISSING_THOUGHT_SIGNATURE", "CONTINUATION", "ESCALATION", "MODEL_ARMOR", "PUP_LIMITED_DISABLED"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE"),
        "FINISH_REASON_UNSPECIFIED",
    ),
    "ollama": ("stop", "length", "load", "unload"),
}


def translated(protocol: str, finish: str | None) -> str | None:
    """Return the word of *protocol* for *finish*; None for None.

    Raises:
        UsageError: *finish* is neither a neutral word nor one of *protocol*.
    """
    if finish is None or (finish not in NEUTRAL and finish in OWN[protocol]):
        return finish
    if finish not in NEUTRAL:
        raise UsageError(
            f"{protocol} has no finish={finish!r}: {_neutral()}; its own words are {', '.join(OWN[protocol])}"
        )
    return NEUTRAL[finish][protocol]


def require_known(finish: object) -> None:
    """Judge a word whose protocol is not known yet.

    Raises:
        UsageError: no protocol has it.
    """
    words = {word for own in (NEUTRAL, *OWN.values()) for word in own}
    if finish is None or (isinstance(finish, str) and finish in words):
        return
    own = "; ".join(f"{protocol}: {', '.join(said)}" for protocol, said in OWN.items())
    raise UsageError(f"no protocol has finish={finish!r}: {_neutral()}; a protocol's own words are {own}")


def _neutral() -> str:
    return "use 'length' (cut off) or 'stop', which every protocol translates"
