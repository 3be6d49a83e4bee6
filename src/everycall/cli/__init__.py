"""The command line: `everycall run`, `tools`, `demo`, `check` and `repair`.

1. A command lives in a module of this package with `add_commands(subparsers)`. It sets `run`, a function of the parsed
   arguments that returns the exit code. Only the module of the command that was asked for is imported.
2. Bad input is one line on stderr and exit code 2, never a traceback. A command tells what it cannot read or start:
   an `OSError` that it lets through means that its answer could not be written.
3. Text that is not ours is escaped before it is shown: see `everycall.core.text`.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from everycall.cli.exits import BROKEN_PIPE, INTERRUPTED, UNUSABLE, UNWRITTEN
from everycall.cli.streams import always_stderr, discard_output
from everycall.core.errors import EverycallError
from everycall.core.text import one_line

_HOME = {"demo": "demo", "run": "run", "tools": "tools", "check": "history", "repair": "history"}
"""The module of each command, in the order in which `--help` lists them."""

_EXAMPLES = """\
examples:
  everycall demo                                       see one turn; no key and no network needed
  everycall tools my_app.tools:registry                what a provider is told of your tools
  everycall run message.json --tools my_app.tools:registry
  curl ... | everycall run - --tools my_app.tools:registry --output json
  everycall check conversations.jsonl                  what a provider would refuse in stored conversations

exit codes: 0 all is well, 1 --strict or check found something, 2 unusable input, 74 no output, 130 Ctrl-C
"""

_MAX_COMPLAINT = 2600
"""Characters of one error: one of the library within a sentence of ours, with the path of a file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Args:
        argv: the words after `everycall`; those of the process by default.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    with always_stderr():
        return _exit_code_of(words)


def _exit_code_of(words: list[str]) -> int:
    if sys.stdout is None:  # it was closed by whoever started this
        _complain("cannot write the answer: the standard output is closed; lead it to a file, or to /dev/null")
        return UNWRITTEN
    try:
        return _carry_out(words)
    except EverycallError as error:
        _complain(_in_words_of_the_shell(str(error)))
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()  # nobody reads any more, as in `everycall ... | head`
        return BROKEN_PIPE
    except OSError as error:
        discard_output()
        _complain(f"cannot write the answer: {error.strerror or error}")
        return UNWRITTEN


def _complain(what: str) -> None:
    from everycall.cli.foreign import shown_line  # noqa: PLC0415 - only where something is wrong

    with suppress(OSError):  # the exit code still says it
        print(f"everycall: {shown_line(what, _MAX_COMPLAINT)}", file=sys.stderr)  # noqa: T201 - what stderr is for


def _in_words_of_the_shell(text: str) -> str:
    """Return an error of the library with its parameters spelled as options."""
    text = re.sub(r'dialect="([a-z-]+)"', r"--dialect \1", text).replace("dialect=...", "--dialect")
    text = text.replace("; write None for no limit", "").replace("turn_timeout must", "--turn-timeout must")
    return re.sub(r"^key must be (.*), or None", r"--key must be \1", text)


def _carry_out(words: list[str]) -> int:
    parser = _parser(words)
    try:
        args = parser.parse_args(words)
    except SystemExit as end:  # --help, --version, or words that make no sense
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else UNUSABLE
    if args.command is None:
        parser.print_help(sys.stderr)
        return UNUSABLE
    code: int = args.run(args)
    sys.stdout.flush()
    return code


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """Return a parser that knows the command among *words*; all commands if there is none, for `--help`."""
    parser = _Parser(
        prog="everycall",
        description="Run every tool call of one assistant turn at once; get exactly one result per call.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    command = next((word for word in words if not word.startswith("-")), None)
    homes = [_HOME[command]] if command in _HOME else dict.fromkeys(_HOME.values())
    for home in homes:
        import_module(f"{__name__}.{home}").add_commands(subparsers)
    return parser


class _Parser(argparse.ArgumentParser):
    """Complains in one line; takes no abbreviated options, which a new option could make ambiguous."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        self.exit(UNUSABLE, f"{one_line(f'{self.prog}: {message}', 600)} (see {self.prog} --help)\n")


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for: that reads the package's metadata from the disk."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Show it, and leave."""
        from everycall import __version__  # noqa: PLC0415 - see above

        print(f"everycall {__version__}")  # noqa: T201 - the answer to the command
        parser.exit()
