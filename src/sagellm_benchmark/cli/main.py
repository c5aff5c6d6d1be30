"""The command line's edge: commands found, errors turned into one line, exit codes given.

Each command is a module with `add_parser`; its imports happen when it runs, so that `--help` and
the analysis commands start without Locust.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from sagellm_benchmark.cli import (
    check,
    compare,
    demo,
    export,
    gate,
    locustfile,
    merge,
    report,
    run,
    sim,
    trace,
)
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.redact import printable

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """argparse that ends bad options in one line, and takes no option by half its name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, and note which command was asked: the innermost one comes first."""
        known, rest = super().parse_known_args(args, namespace)
        known.prog = getattr(known, "prog", self.prog)
        return known, rest

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on."""
        self.exit(EXIT_USAGE, printable(f"error: {message} (see {self.prog} --help)\n"))


class Version(argparse.Action):
    """`--version`: looks the version up when it is asked for, and not whenever a parser is made."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print it and end the program."""
        from sagellm_benchmark import __version__

        print(f"{parser.prog} {__version__}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 fine, 1 a gate failed, 2 bad input or options, 3 an unusable result.
    """
    if sys.stdout is None:  # closed by whoever started us: nobody reads
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # as long as the program
    if isinstance(sys.stdout, io.TextIOWrapper):  # where ASCII is all that a locale allows
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _command(argv)
        finally:
            _flush()
    except UsageError as error:
        print(printable(f"error: {error}"), file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:  # whoever read our output has left
        return EXIT_USAGE
    except PermissionError as error:  # of a folder that something is only looked for in
        print(printable(f"error: {error.filename}: {error.strerror}"), file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        # Only text larger than a buffer comes here: files are written where their name is known.
        print(f"error: output cannot be written: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _command(argv: Sequence[str] | None) -> int:
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and not getattr(args, "passes_on", False):
        parser.prog = args.prog
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    return args.run(args)


def _flush() -> None:
    """Write what is still held back, while what goes wrong can still be told."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and would complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise UsageError(f"standard output cannot be written: {error.strerror}") from None


def _parser() -> Parser:
    parser = Parser(
        prog="sagellm-benchmark",
        description="Replay LLM request traces and measure every token.",
        epilog="Start with: sagellm-benchmark demo",
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, check, run, report, compare, gate, export, merge, locustfile, trace, sim):
        command.add_parser(commands)
    return parser
