"""The exit codes of all commands."""

DONE = 0
FOUND = 1
"""`run --strict`: not every call succeeded; `demo`: the promise was not kept."""
UNUSABLE = 2
"""Input that cannot be used."""
UNWRITTEN = 74
"""The answer cannot be written; tools may have run. EX_IOERR of sysexits.h: input or output failed."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it: 128 and the number of SIGINT."""
BROKEN_PIPE = 141
"""Nobody reads the output any more: 128 and the number of SIGPIPE."""
