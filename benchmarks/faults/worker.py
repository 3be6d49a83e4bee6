"""The inside of a contender's process: one fault, written down as it happens.

1. A healthy message in a conversation of its own comes first, so that no contender pays for lazy imports on the clock.
2. `turn`: the message at fault. If the model was not asked again in that run, `go on`: the user says something else,
   and what the model is sent then is the answer. What a library keeps or repairs after an exception counts for it.
3. `next`: a healthy message in the same conversation and process.
4. Nothing is caught on a contender's behalf that would end a program: SystemExit and KeyboardInterrupt do.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.faults import world
from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.catalogue.well import MARK, WELL, well_call
from benchmarks.faults.contenders import CONTENDERS
from benchmarks.faults.shapes import Fault, Item, Message, NotExpressibleError, Open, Say
from benchmarks.faults.terms import MOST_CHARACTERS, SHOWN

_WARM = Fault(name="warm", about="", group="", tools=(), calls=(well_call("warm_1"), well_call("warm_2", "well_sync")))
_NEXT = Message(calls=(well_call("next_1"), well_call("next_2", "well_sync")))


class Scripted:
    """The model: says what it was told to say, and writes down what it is sent.

    Args:
        message: the first it says.
        quiet: nothing is written down.
    """

    def __init__(self, message: Message, *, quiet: bool = False) -> None:
        self._messages = [message]
        self._quiet = quiet
        self.requests = 0
        self.phase = "turn"

    def say_next(self, message: Message) -> None:
        """Let *message* be the answer to the next request."""
        self._messages = [message]

    def answer(self, request: Sequence[Item]) -> Message:
        """Return the next message; without one, the model has answered."""
        self.requests += 1
        if not self._quiet:
            world.note("request", phase=self.phase, items=[described(one) for one in request])
        return self._messages.pop() if self._messages else Message()


def described(item: Item) -> dict[str, Any]:
    """Return what the judge has to know of *item*, bounded."""
    seen: dict[str, Any] = {"kind": item.kind, "id": item.call_id}
    if item.kind == "call":
        seen["arguments"] = _values(item.content)
    if item.kind == "result":
        text, unsendable = as_sent(item.content, escapes=item.escapes)
        shown = text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]} ... {text[-SHOWN:]}"
        seen |= {"text": shown, "length": len(text), "unsendable": unsendable, "failed": item.failed}
    return seen


def as_sent(content: Any, *, escapes: bool = False) -> tuple[str, str]:
    """Return *content* as text on the wire, and why it cannot be sent; that is empty if it can.

    Half of a surrogate pair cannot be sent as UTF-8: the clients of OpenAI and Anthropic raise. With *escapes* it can.
    """
    try:
        text = content if isinstance(content, str) else json.dumps(content, allow_nan=False, ensure_ascii=escapes)
        if not escapes:
            text.encode("utf-8")
    except Exception as error:
        return _shown(content), type(error).__name__
    return text, "too long" if len(text) > MOST_CHARACTERS else ""


def _shown(content: Any) -> str:
    try:
        return repr(content)[: 2 * SHOWN]
    except Exception:
        return f"({type(content).__name__} that cannot be shown)"


def _values(arguments: Any) -> Any:
    """Return the values of a call's arguments, or None where they are not to be compared."""
    try:
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
        return values if len(json.dumps(values)) <= SHOWN else None
    except (ValueError, RecursionError, TypeError):
        return None


async def run_phase(phase: str, say: Say, stop_after: float | None = None) -> None:
    """Run one turn of the user and write down how it ended.

    Args:
        phase: a word for the facts.
        say: runs it.
        stop_after: seconds after which it is cancelled from outside; time is then counted from there.
    """
    began = time.monotonic()
    world.note("run", phase=phase)
    error = ""
    try:
        if stop_after is None:
            await say()
        else:
            task = asyncio.ensure_future(say())
            await asyncio.sleep(stop_after)
            began = time.monotonic()
            task.cancel()
            await asyncio.wait({task})
            task.result()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as raised:
        error = type(raised).__name__
        world.note("raised", phase=phase, error=error, text=_told(raised))
    world.note("ended", phase=phase, seconds=round(time.monotonic() - began, 3), error=error)


def _told(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except BaseException:
        return "(cannot be shown)"


async def run(open_conversation: Open, fault: Fault) -> None:
    """Ask one contender about one fault."""
    warm = await open_conversation(WELL, Scripted(_WARM.message, quiet=True), _WARM)
    await warm()
    script = Scripted(fault.message)
    say = await open_conversation((*WELL, *fault.tools), script, fault)
    world.note("begun")
    try:
        await run_phase("turn", say, fault.stop_after)
    finally:
        if MARK.get() != "clean":
            world.note("effect", name="seen by the caller")
    if script.requests < 2:
        script.phase = "go on"
        script.say_next(Message())
        await run_phase("go on", say)
    script.phase = "next"
    script.say_next(_NEXT)
    await run_phase("next", say)


def main(contender: str, fault: str, path: str) -> None:
    """Write the facts of *contender* under *fault* to *path*, and end the process whatever still runs in it."""
    world.open_at(path)
    world.note("versions", found=_versions(CONTENDERS[contender].packages))
    module = importlib.import_module(f"benchmarks.faults.contenders.{CONTENDERS[contender].module}")
    runner = asyncio.Runner()
    try:
        runner.run(_expressible(module.open_conversation, FAULTS[fault]))
        world.note("closed")
    except BaseException as error:
        world.note("program ended", error=type(error).__name__, text=_told(error))
        if not isinstance(error, SystemExit | KeyboardInterrupt):
            sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()
    os._exit(0)


async def _expressible(open_conversation: Open, fault: Fault) -> None:
    try:
        await run(open_conversation, fault)
    except NotExpressibleError as error:
        world.note("not expressible", why=str(error))


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "from the source tree"
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
