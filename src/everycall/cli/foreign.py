"""What foreign exceptions say on the command line: without secrets, in one line. Only made when something is wrong."""

import os

from everycall.core.redaction import Redaction, Redactor
from everycall.core.text import one_line, said, type_name

_redactor = Redactor(Redaction(), os.environ)  # no registry is known yet, so no secrets but those of the environment


def words_of(error: BaseException, limit: int) -> str:
    """Return what *error* says in at most *limit* characters; the type's name where that is nothing."""
    return one_line(_redactor.shown(said(error), limit), limit) or type_name(error)


def shown_line(text: str, limit: int) -> str:
    """Return *text*, which may repeat what somebody else's code has said, in one line."""
    return one_line(_redactor.shown(text, limit), limit)
