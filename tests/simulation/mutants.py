"""Broken engines: each row changes one line of the engine, and the simulation must find it out.

A mutant is a change of text within one function. It is put into the function's own code object, so that whoever has
imported the function has the mutant too. A row whose text is no longer in its function fails loudly (`Stale`): then the
engine was rewritten, and the mutant must be, too.
"""

import contextlib
import importlib
import inspect
import io
import textwrap
from contextlib import contextmanager
from typing import NamedTuple

from tests.simulation.run import simulate


class Stale(AssertionError):
    """The text that a mutant changes is not there."""


class Mutant(NamedTuple):
    """One broken engine.

    Attributes:
        breaks: what is wrong with it, in words.
        where: `module:function` or `module:Class.method`, below `everycall`.
        text: a part of the function, once in it.
        instead: what stands there instead.
    """

    breaks: str
    where: str
    text: str
    instead: str


def function_of(where):
    """Return the function that a mutant changes."""
    module, _, path = where.partition(":")
    found = importlib.import_module(f"everycall.{module}")
    try:
        for name in path.split("."):
            found = inspect.getattr_static(found, name)
    except AttributeError as error:
        raise Stale(f"{where} is not there any more") from error
    found = found.fget if isinstance(found, property) else found
    return found.__func__ if isinstance(found, staticmethod | classmethod) else found


def mutated(mutant):
    """Return the code of the mutant.

    Raises:
        Stale: its text is not, or not just once, in its function.
    """
    function = function_of(mutant.where)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutant.text) != 1:
        raise Stale(f"{mutant.where} holds {mutant.text!r} {source.count(mutant.text)} times: rewrite this mutant")
    source = source.replace(mutant.text, mutant.instead)
    while source.lstrip().startswith("@"):  # decorators have done their work: only the code is exchanged
        source = source.lstrip().partition("\n")[2]
    names = {}
    exec(compile(textwrap.dedent(source), f"<mutant of {mutant.where}>", "exec"), function.__globals__, names)
    code = names[function.__name__].__code__
    if code.co_freevars != function.__code__.co_freevars:
        raise Stale(f"{mutant.where} closes over other names than its mutant")
    return code.replace(co_flags=code.co_flags | (function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE))


@contextmanager
def applied(mutant, code):
    """Break the engine in this block, by the code that `mutated` gave."""
    function = function_of(mutant.where)
    sound, function.__code__ = function.__code__, code
    try:
        yield
    finally:
        function.__code__ = sound


def found_out(mutant, *, most_turns=5000):
    """Return how the simulation finds out that the engine is broken; None if it does not.

    Args:
        mutant: how it is broken.
        most_turns: turns that are tried, on asyncio.

    Raises:
        Stale: the mutant does not fit the engine any more.
    """
    code = mutated(mutant)  # here, so that what is stale is not taken for found out
    with applied(mutant, code), contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            found = simulate("asyncio", most_turns, 500_000, most_violations=1)
        except BaseException as error:  # whatever ends the whole run
            if isinstance(error, KeyboardInterrupt) and not error.args:
                raise
            return f"{type(error).__name__}: {error}".partition("\n")[0][:60]
    if not found.violations:
        return None
    first = next(line for line in said.getvalue().splitlines() if line and not line.startswith(" "))
    return f"{first.partition(' (')[0][:60]}, after {found.turns:,} turns"
