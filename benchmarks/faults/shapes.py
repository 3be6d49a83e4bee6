"""The values that faults, contenders and the judge exchange."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Tool = Callable[..., Any]
Expected = Literal["success", "failure", "either"]


class NotExpressibleError(Exception):
    """A contender's shape of messages has no way to say this: its fault does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an assistant message.

    Attributes:
        call_id: as the provider sends it; None if it sends none.
        name: of the tool.
        arguments: the raw text of them.
        expected: what an honest result says.
        token: text that the result of a success holds; empty if any will do.
        well: a sibling of the faulty call, whose result is not to be lost.
    """

    call_id: str | None
    name: str
    arguments: str = "{}"
    expected: Expected = "failure"
    token: str = ""
    well: bool = False

    def values(self) -> dict[str, Any]:
        """Return the arguments for a shape that has no text for them; an empty text is an empty object.

        Raises:
            NotExpressibleError: they are no JSON object.
        """
        try:
            read = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            raise NotExpressibleError("arguments that are not JSON") from None
        if not isinstance(read, dict):
            raise NotExpressibleError("arguments that are no object")
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One assistant message.

    Attributes:
        calls: its calls; none means that the model has answered.
        cut_off: the model's output ended at its limit of tokens.
    """

    calls: tuple[Call, ...] = ()
    cut_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: of the row; a word for `--faults`.
        about: one sentence.
        group: the heading it stands under.
        tools: those at fault, as their authors would write them.
        calls: of the message.
        cut_off: the message was cut off at the limit of tokens.
        stop_after: seconds after which the program cancels the turn; None to let it end.
        lie: a regular expression; a result that holds it says what was not so.
        never: a regular expression; what no result may hold.
        longest: characters that no result may exceed.
        effects: how often at most a tool may have noted this effect.
        repeatable: tools that are declared safe to repeat, where a contender can be told so.
    """

    name: str
    about: str
    group: str
    tools: tuple[Tool, ...]
    calls: tuple[Call, ...]
    cut_off: bool = False
    stop_after: float | None = None
    lie: str = ""
    never: str = ""
    longest: int | None = None
    effects: dict[str, int] = field(default_factory=dict)
    repeatable: bool = False

    @property
    def message(self) -> Message:
        """Return the message that the scripted model sends."""
        return Message(calls=self.calls, cut_off=self.cut_off)


Kind = Literal["call", "result", "text", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of what the model would be sent next.

    Attributes:
        kind: a call of the assistant, a result, text of the user, or text of the assistant that stands for a call and
            says that it was not run.
        call_id: of a call or result; None if the shape has none.
        content: of a result: text, or the value that the shape holds; of a call: its arguments.
        failed: the shape's own flag of a result; None where it has none.
        escapes: the client of this shape writes what is not ASCII as JSON escapes; others write UTF-8.
    """

    kind: Kind
    call_id: Any = None
    content: Any = None
    failed: bool | None = None
    escapes: bool = False


class Script(Protocol):
    """The scripted model: gets what it is sent, gives what it says."""

    def answer(self, request: Sequence[Item]) -> Message:
        """Return the next message. *request* is the whole conversation."""
        ...


Say = Callable[[], Awaitable[None]]
"""The user says something: one run of the contender, on a conversation that goes on from run to run."""
Open = Callable[[Sequence[Tool], Script, Fault], Awaitable[Say]]
"""What a contender's module offers as `open_conversation`."""
