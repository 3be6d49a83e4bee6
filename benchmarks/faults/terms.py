"""The terms of every contender: seconds, sizes and words. Tables, nothing else."""

import re

TIMEOUT = 1.0
"""Seconds that a contender is told to give one call, in whatever it has for that."""
GRACE = 0.5
"""Seconds that a contender is told to give a stopped call, where it asks."""
SLACK = 1.5
"""Seconds for the rest of the turn, on a machine that does other work as well."""
BOUND = TIMEOUT + GRACE + SLACK
"""Seconds after which an answer is late."""

PATIENCE = 7.0
"""Seconds without an answer after which the process is killed: far above BOUND, so that late and never differ."""
START = 90.0
"""Seconds that a contender has to be imported and to answer one healthy call."""

MOST_CHARACTERS = 10_485_760
"""Of one result: what OpenAI's API takes as the longest string of a message (`string_above_max_length`)."""
SHOWN = 2_000
"""Characters of the head and of the tail of a result that are written down."""

FAILURE = re.compile(
    r"error|exception|fail|timed?[ -]?out|not found|unknown tool|not a valid|invalid|interrupt|cancel|abort|denied"
    r"|reject|unable|could not|does not exist|not available|not executed|no result",
    re.IGNORECASE,
)
"""Words by which a model can tell that a call failed, where a shape has no flag for it. Wide on purpose: in favour of
the contender. No tool's result uses them unless it failed."""
