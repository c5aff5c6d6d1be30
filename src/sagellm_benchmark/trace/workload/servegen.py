"""Clients as ServeGen measured them.

In: a folder with pairs of `chunk-N-trace.csv` (no header; every ten minutes: window start in
seconds, rate, CV, `Gamma`, `Weibull` or nothing, shape, scale) and `chunk-N-dataset.json` (every
six hours: window start to the probability of each count of tokens, written as Python literals).
Out: clients, busiest first, with what is needed to draw from them. A client without lengths is left
out, and counted.

Unlike ServeGen's own generator, gaps are not stretched to fill a window, which would make counts
nearly certain, and input and output are drawn apart, which would tie them rank to rank.
"""

from __future__ import annotations

import ast
import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.workload.gaps import Gaps, gamma_gaps
from sagellm_benchmark.trace.workload.rates import Curve

WINDOW_S = 600.0

_FILE = re.compile(r"chunk-(\d+)-trace\.csv")
_LEAST_SHAPE, _GREATEST_SHAPE = 0.001, 400.0


@dataclass(frozen=True)
class Window:
    """Ten minutes of one client.

    Attributes:
        rate: Requests per second.
        gaps: The law of its gaps.
    """

    rate: float
    gaps: Gaps


_IDLE = Window(0.0, Gaps("poisson"))


@dataclass(frozen=True)
class Lengths:
    """Token counts with their probabilities, from one moment on."""

    start_s: float
    input_tokens: dict[float, float]
    output_tokens: dict[float, float]


@dataclass(frozen=True)
class Measured:
    """One client.

    Attributes:
        name: `chunk-N`.
        first: The number of the first window here.
        windows: One after the other.
        lengths: In order of time; idle spans have none.
    """

    name: str
    first: int
    windows: tuple[Window, ...]
    lengths: tuple[Lengths, ...]

    def curve(self, from_s: float) -> Curve:
        """The rate from a moment on; nothing arrives behind the last window."""
        stairs: list[tuple[float, float]] = []
        for number, window in enumerate(self.windows, self.first):
            start, end = number * WINDOW_S - from_s, (number + 1) * WINDOW_S - from_s
            stairs += [(max(0.0, start), window.rate), (end, window.rate)]
        return Curve(stairs or [(0.0, 0.0)], after="end")

    def window(self, second: float) -> int:
        """Which of the windows a moment of the measurement lies in."""
        return min(max(int(second // WINDOW_S) - self.first, 0), len(self.windows) - 1)

    def span(self, second: float) -> int:
        """Which of the lengths hold at a moment; before the first, the first."""
        return max(0, bisect_right([each.start_s for each in self.lengths], second) - 1)


def read_pool(
    folder: Path, clients: int | None, from_s: float, until_s: float
) -> tuple[list[Measured], int]:
    """Read what a folder has of a part of the measurement.

    Args:
        folder: Where the files are.
        clients: The busiest so many of that part; None for all.
        from_s: Where the part begins.
        until_s: Where it ends.

    Returns:
        The clients that are not idle all the time, and how many were left out for want of lengths.

    Raises:
        InputError: There is no such folder, a file in it is not ServeGen's, or nothing arrives.
    """
    if not folder.is_dir():
        raise InputError("no such folder", folder)
    found = sorted(
        (int(match[1]), path)
        for path in folder.iterdir()
        if (match := _FILE.fullmatch(path.name)) is not None
    )
    if not found:
        raise InputError("holds no chunk-N-trace.csv", folder)
    measured, left_out = [], 0
    first = int(from_s // WINDOW_S)
    for number, path in found:
        windows = _windows(path, first, until_s)
        if not any(window.rate for window in windows):
            continue
        dataset = folder / f"chunk-{number}-dataset.json"
        if lengths := _lengths(dataset) if dataset.exists() else ():
            measured.append(Measured(f"chunk-{number}", first, windows, lengths))
        else:
            left_out += 1
    if not measured:
        raise InputError(f"no client sends between {from_s:g} s and {until_s:g} s", folder)
    measured.sort(key=lambda each: -fsum(window.rate for window in each.windows))
    return measured[:clients], left_out


def _windows(path: Path, first: int, until_s: float) -> tuple[Window, ...]:
    windows = []
    for number, line in enumerate(_text(path).splitlines()):
        if number < first:
            continue
        if number * WINDOW_S >= until_s:
            break
        try:
            windows.append(_window(number, line))
        except ValueError as error:
            raise InputError(f"no window of ServeGen's: {error}", path, number + 1) from None
    return tuple(windows)


def _window(number: int, line: str) -> Window:
    start, rate, cv, law, shape, _ = line.split(",")
    if float(start) != number * WINDOW_S:
        raise ValueError(f"it begins at {start}, not at {number * WINDOW_S:g}")
    if not 0 <= float(rate) < 1e6:
        raise ValueError(f"rate {rate}")
    return Window(float(rate), _gaps(law, float(shape), float(cv))) if float(rate) else _IDLE


def _gaps(law: str, shape: float, cv: float) -> Gaps:
    if law in ("Gamma", "Weibull"):
        if not _LEAST_SHAPE <= shape <= _GREATEST_SHAPE:
            raise ValueError(f"shape {shape}")
        return Gaps("gamma" if law == "Gamma" else "weibull", shape)
    if law:
        raise ValueError(f"law {law!r}")
    return gamma_gaps(cv) if 0.05 <= cv <= 30 else Gaps("poisson")


def _lengths(path: Path) -> tuple[Lengths, ...]:
    try:
        spans = json.loads(_text(path))
        read = [
            Lengths(float(start), _shares(span["input_tokens"]), _shares(span["output_tokens"]))
            for start, span in spans.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
        raise InputError(f"no lengths of ServeGen's: {error!r}", path) from None
    known = (each for each in read if each.input_tokens and each.output_tokens)
    return tuple(sorted(known, key=lambda each: each.start_s))


def _shares(text: str) -> dict[float, float]:
    """Parse a dict of counts to probabilities, which the files hold as text; nothing runs."""
    shares = ast.literal_eval(text)
    if not all(count >= 0 and share >= 0 for count, share in shares.items()):
        raise ValueError("a count or a probability is below 0")
    return shares


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path) from None
