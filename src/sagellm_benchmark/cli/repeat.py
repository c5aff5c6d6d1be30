"""`run --repeat N`: the same run several times, so that chance can be told from change.

Each run is a process of its own, one after the other, in a directory of its own under one parent
and with a salt of its own. With `--against URL` two targets take turns, A B, B A, …, so that what
drifts meanwhile hits both alike. A signal ends the run that is on in good order, and the series.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagellm_benchmark.cli.window import window
from sagellm_benchmark.config import values
from sagellm_benchmark.config.hosts import check_hosts
from sagellm_benchmark.config.option import Option
from sagellm_benchmark.config.options import arguments
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.report.figures import plural

REPEAT = Option(
    "--repeat", "make the run N times, to be judged together", values.count, metavar="N"
)
AGAINST = Option(
    "--against",
    "a second target: its runs and those of --host take turns; goes with --repeat",
    values.text,
    metavar="URL",
)
PLAIN_WIDTH = 120
_BAD_INPUT, _UNUSABLE = 2, 3
_WORST = (_BAD_INPUT, _UNUSABLE, 1, 0)
_ONE_FILE = ("--csv", "--html", "--json-file", "--logfile")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Turn:
    """One run of the series.

    Attributes:
        name: Its directory's.
        host: Where it goes.
    """

    name: str
    host: str


def add_repeat(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    for option in (REPEAT, AGAINST):
        parser.add_argument(option.flag, **arguments(option))


def asked_for(args: argparse.Namespace) -> bool:
    """Whether a series is wanted.

    Raises:
        UsageError: The options contradict each other.
    """
    if args.repeat is None:
        if args.against is not None:
            raise UsageError("--against URL compares series of runs: write --repeat 5 beside it")
        return False
    if args.web:
        raise UsageError("--web and --repeat exclude each other: the page starts its own runs")
    for word in args.rest:
        if word.partition("=")[0] in _ONE_FILE:
            raise UsageError(
                f"{word} and --repeat exclude each other: every run would overwrite it"
            )
    return True


def repeat(args: argparse.Namespace, settings: Settings, given: Sequence[str]) -> int:
    """Make the series, print what came of it.

    Args:
        args: The command line; `rest` is Locust's.
        settings: The same, checked.
        given: Our options as Locust's parser takes them.

    Returns:
        The worst exit code: 2 ends the series at once, an interrupted one is 3.

    Raises:
        UsageError: The options are wrong, or the parent directory is taken.
    """
    number, hosts = _asked(args, settings)
    parent = _claim(settings)
    turns = list(_turns(parent.name, number, hosts))
    series = _Series(parent, given, args.rest)
    series.play(turns)
    if not any(parent.iterdir()):
        parent.rmdir()
    else:
        _conclude(parent, turns, hosts)
    if series.signal is not None:
        print(f"{series.signal}: {len(series.codes)} of {len(turns)} runs were begun", flush=True)
    return next(code for code in _WORST if code in series.codes)


def announce(args: argparse.Namespace, settings: Settings) -> None:
    """Say before a plan that is only shown how often it would be run.

    Raises:
        UsageError: As in `repeat`.
    """
    number, hosts = _asked(args, settings)
    print(f"{plural(number * len(hosts), 'run')}, one after the other, each with this plan:\n")


def _asked(args: argparse.Namespace, settings: Settings) -> tuple[int, list[str]]:
    """How many runs, and where they go."""
    hosts = [settings.host]
    if args.against is not None:
        hosts.append(_other(args.against, settings.host))
    return REPEAT.value(args.repeat), hosts


def _other(against: str, host: str) -> str:
    try:
        other = check_hosts(AGAINST.value(against))
    except UsageError as error:
        raise UsageError(str(error).replace("--host", "--against")) from None
    if other == host:
        raise UsageError(f"--against {other}: that is --host itself; name another target")
    return other


def _claim(settings: Settings) -> Path:
    """Make the parent of the runs' directories."""
    name = settings.run_id or time.strftime("%Y%m%d-%H%M%S")
    parent = Path(settings.out) / name
    try:
        parent.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"--run-id {name}: {parent} exists already; choose another name") from None
    except OSError as error:
        raise UsageError(f"--out {settings.out}: cannot be written: {error.strerror}") from None
    return parent


def _turns(stem: str, number: int, hosts: Sequence[str]) -> Iterator[Turn]:
    """A B, B A, A B, …: what drifts evenly cancels out."""
    sides = list(zip("ab", hosts, strict=False))
    for turn in range(1, number + 1):
        for letter, host in sides if turn % 2 else reversed(sides):
            yield Turn(f"{stem}-{letter}{turn}", host)


class _Series:
    """Runs, one process after the other.

    Attributes:
        codes: Exit codes of those that were begun.
        signal: Name of the signal that ended the series, None where none did.
    """

    def __init__(self, parent: Path, given: Sequence[str], rest: Sequence[str]) -> None:
        self.codes: list[int] = []
        self.signal: str | None = None
        self._parent = parent
        self._given = given
        self._rest = rest
        self._process: subprocess.Popen[bytes] | None = None

    def play(self, turns: Sequence[Turn]) -> None:
        """Make the runs, until one finds its input bad, or a signal comes."""
        before = {number: signal.signal(number, self._pass_on) for number in _SIGNALS}
        try:
            for place, turn in enumerate(turns, 1):
                where = f"run {place} of {len(turns)}: {turn.name}, {turn.host}"
                print(f"{'' if place == 1 else chr(10)}{where}", flush=True)
                self.codes.append(self._one(turn))
                if self.codes[-1] == _BAD_INPUT or self.signal is not None:
                    return
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _one(self, turn: Turn) -> int:
        command = [sys.executable, "-m", "sagellm_benchmark", "run", *self._given]
        command += [f"--out={self._parent}", f"--run-id={turn.name}", f"--host={turn.host}"]
        # A session of its own: a terminal's Ctrl-C comes here alone, and is passed on once.
        self._process = subprocess.Popen(
            [*command, *self._rest], stdin=subprocess.DEVNULL, start_new_session=True
        )
        if self.signal is not None:  # it came while the process was being made
            self._process.terminate()
        code = self._process.wait()
        if code == _BAD_INPUT:
            return code
        ended = (self._parent / turn.name / "summary.json").exists()
        return code if ended and self.signal is None and code in _WORST else _UNUSABLE

    def _pass_on(self, number: int, _: Any) -> None:
        self.signal = signal.Signals(number).name
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def _conclude(parent: Path, turns: Sequence[Turn], hosts: Sequence[str]) -> None:
    """Print the runs together, and the comparison of two targets."""
    from sagellm_benchmark.load.identity import Identity, point_latest
    from sagellm_benchmark.record.archive import open_archive
    from sagellm_benchmark.report.comparison.sides import Side
    from sagellm_benchmark.report.series_text import series_text

    point_latest(Identity(parent.name, parent, ""))
    sides = []
    for letter, host in zip("ab", hosts, strict=False):
        names = [turn.name for turn in turns if turn.name.startswith(f"{parent.name}-{letter}")]
        ended = [name for name in names if (parent / name / "summary.json").exists()]
        archives = tuple(open_archive(parent / name) for name in ended)
        if archives:
            sides.append(Side(letter.upper(), host, archives))
    if not sides:
        return
    width, color = window(PLAIN_WIDTH)
    print(f"\n{series_text(sides, parent, width=width, color=color)}", end="", flush=True)
