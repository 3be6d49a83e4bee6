"""What foreign exceptions say on the command line: without secrets, in one line. Only made when something is wrong."""

import os

from everycall.core.redaction import Redaction, Redactor
from everycall.core.text import one_line, said, type_name


def _shown(text: str, limit: int) -> str:
    # No registry is known yet, so no secrets but those of the environment, as it is now.
    return Redactor(Redaction(), os.environ).shown(text, limit)


def words_of(error: BaseException, limit: int) -> str:
    """Return what *error* says in at most *limit* characters; the type's name where that is nothing."""
    return one_line(_shown(said(error), limit), limit) or type_name(error)


def shown_line(text: str, limit: int) -> str:
    """Return *text*, which may repeat what somebody else's code has said, in one line."""
    return one_line(_shown(text, limit), limit)
