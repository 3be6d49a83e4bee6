"""What foreign exceptions say on the command line: without secrets, in one line. Only made when something is wrong."""

import os

from everycall.core.errors import EverycallError
from everycall.core.redaction import Redaction, Redactor
from everycall.core.text import MAX_ERROR_TEXT, one_line, said, type_name


def _shown(text: str, limit: int) -> str:
    # No registry is known yet, so no secrets but those of the environment, as it is now.
    return Redactor(Redaction(), os.environ).shown(text, limit)


def words_of(error: BaseException, limit: int) -> str:
    """Return what *error* says in at most *limit* characters; the type's name where that is nothing.

    An error of this library is bounded by `MAX_ERROR_TEXT` alone: its cure comes last.
    """
    return shown_line(said(error), MAX_ERROR_TEXT if isinstance(error, EverycallError) else limit) or type_name(error)


def shown_line(text: str, limit: int) -> str:
    """Return *text*, which may repeat what somebody else's code has said, in one line."""
    return one_line(_shown(text, 2 * limit), limit)  # only the second may cut: two marks of it would confuse
