"""What the model asks for in the demo: one message, nine calls, and what is about to happen to each."""

import json

SCRIPT: tuple[tuple[str, dict[str, object], str], ...] = (
    ("get_weather", {"city": "Oslo"}, "an answer"),
    ("get_invoice", {"number": 1042}, "403: no use in trying again"),
    ("search_flights", {"origin": "OSL", "destination": "TRD"}, "503 twice, then an answer"),
    ("track_parcel", {"number": "RX77"}, "no answer; its timeout is 1 s"),
    ("import_contacts", {"source": "old-phone"}, "swallows its cancellation, for ever"),
    ("resize_photos", {"album": "summer"}, "blocks a thread for 1.6 s, succeeds"),
    ("convert_currency", {"amount": "a lot", "currency": "NOK"}, "arguments that do not fit"),
    ("send_pigeon", {"to": "Anna"}, "no such tool"),
    ("mean_delay", {"delays": []}, "NaN, which JSON does not have"),
)
"""Tool, arguments, and what happens."""


def demo_message() -> dict[str, object]:
    """Return the assistant message, as an OpenAI-compatible provider sends it."""
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments, _) in enumerate(SCRIPT, 1)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}
