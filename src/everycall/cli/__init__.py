"""The command line: `everycall run`, `tools`, `demo`, `check` and `repair`.

1. A command lives in a module of this package with `add_commands(subparsers)`. It sets `run`, a function of the parsed
   arguments that returns the exit code. Only the module of the command that was asked for is imported.
2. Bad input is one line on stderr and exit code 2, never a traceback.
3. Text that is not ours is escaped before it is shown: see `everycall.core.text`.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from everycall.cli.exits import BROKEN_PIPE, INTERRUPTED, UNUSABLE
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

exit codes: 0 all is well, 1 --strict or check found something, 2 unusable input, 130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Args:
        argv: the words after `everycall`; those of the process by default.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if sys.stdout is None:  # it was closed by whoever started this
        return UNUSABLE
    try:
        return _carry_out(words)
    except EverycallError as error:
        print(f"everycall: {_shown(_in_words_of_the_shell(str(error)))}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()  # nobody reads any more, as in `everycall ... | head`
        return BROKEN_PIPE
    except OSError as error:
        _discard_output()
        if sys.stderr is not None:
            print(f"everycall: {_shown(str(error))}", file=sys.stderr)  # noqa: T201 - as above
        return UNUSABLE


def _shown(complaint: str) -> str:
    from everycall.cli.foreign import shown_line  # noqa: PLC0415 - only where something is wrong

    return shown_line(complaint, 600)


def _discard_output() -> None:
    """Send what is still in the buffer nowhere: the interpreter would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words_of_the_shell(text: str) -> str:
    """Return an error of the library with its parameters spelled as options."""
    text = re.sub(r'dialect="([a-z-]+)"', r"--dialect \1", text).replace("dialect=...", "--dialect")
    return text.replace("; write None for no limit", "").replace("turn_timeout must", "--turn-timeout must")


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
