"""The progress of a run: one live line on a terminal, a plain line every 10 s in a log.

Snapshots come in, some twice a second; text goes out to one stream. The live line never wraps: what
does not fit is left out, the least important first. A reader that went away ends the display, not
the run.

A snapshot holds `elapsed_s`, `rows` (planned, None if unknown), `sent`, `in_flight`, `done` (ended
ok), `failed` (ended otherwise), `gone` (their simulated user left), `dropped` (never sent),
`lag_ms` (recent dispatch lag p99), `tokens_per_s` (recent) and `left_s`; the last three may be
None.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.report import figures

LOG_EVERY_NS = 10 * NS_PER_S
_CLEAR_TO_END = "\x1b[K"

Snapshot = Mapping[str, Any]


class Progress:
    """Shows snapshots on a stream.

    Args:
        stream: Where to; a terminal gets the live line, anything else a log.
        rows: Rows that the plan will send, None where nobody knows.
        clock: Nanoseconds, monotonic.
    """

    def __init__(
        self, stream: TextIO, rows: int | None = None, *, clock: Callable[[], int] = now
    ) -> None:
        self._stream = stream
        self._rows = rows
        self._clock = clock
        self._live = stream.isatty()
        self._next_line_ns = clock() + LOG_EVERY_NS
        self._last: Snapshot | None = None
        self._logged: Snapshot | None = None
        self._closed = False

    def show(self, snapshot: Snapshot) -> None:
        """Take the newest state; write it if it is time."""
        self._last = snapshot
        if self._live:
            line = live_line(snapshot, self._planned(snapshot), _columns(self._stream) - 1)
            self._write(f"\r{line}{_CLEAR_TO_END}")
        elif self._clock() >= self._next_line_ns:
            self._log(snapshot)
            while self._next_line_ns <= self._clock():
                self._next_line_ns += LOG_EVERY_NS

    def clear(self) -> None:
        """Make room for a line of somebody else's: the live line goes, and comes back below it."""
        if self._live and self._last is not None:
            self._write(f"\r{_CLEAR_TO_END}")

    def close(self) -> None:
        """Leave the last state standing, on a line of its own."""
        if self._last is not None:
            if self._live:
                self._write("\n")
            elif self._last is not self._logged:
                self._log(self._last)
        self._closed = True

    def _planned(self, snapshot: Snapshot) -> int | None:
        return self._rows if snapshot.get("rows") is None else snapshot["rows"]

    def _log(self, snapshot: Snapshot) -> None:
        self._write(log_line(snapshot, self._planned(snapshot)) + "\n")
        self._logged = snapshot

    def _write(self, text: str) -> None:
        if self._closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._closed = True  # nobody reads any more (`| head`); the run is worth finishing


def live_line(snapshot: Snapshot, rows: int | None, width: int) -> str:
    """The state in at most `width` columns."""
    parts = {
        "elapsed": figures.clock_time(snapshot["elapsed_s"]),
        "ended": _ended(snapshot, rows),
        "in_flight": f"{snapshot['in_flight']:,} in flight",
        "failed": f"{snapshot['failed']:,} failed",
        "dropped": f"{snapshot['dropped']:,} dropped" if snapshot["dropped"] else "",
        "tokens": _known(snapshot["tokens_per_s"], "{} tok/s", figures.count),
        "lag": _known(snapshot["lag_ms"], "lag {} ms", figures.measure),
        "left": _known(snapshot["left_s"], "{} left", figures.clock_time),
    }
    line = _joined(parts)
    for name in _LEAST_FIRST:
        if len(line) <= width:
            break
        del parts[name]
        line = _joined(parts)
    return line[: max(width, 0)]


_LEAST_FIRST = ("lag", "dropped", "tokens", "left", "elapsed", "in_flight", "failed")
"""What goes when the line is too long."""


def _joined(parts: Mapping[str, str]) -> str:
    return "  ".join(part for part in parts.values() if part)


def _ended(snapshot: Snapshot, rows: int | None) -> str:
    ended = sum(snapshot[name] for name in ("done", "failed", "gone", "dropped"))
    return f"{ended:,}/{rows:,} {100 * ended // rows}%" if rows else f"{ended:,} ended"


def log_line(snapshot: Snapshot, rows: int | None) -> str:
    """The state as one full line for a log."""
    parts = (
        f"{snapshot['sent']:,} of {rows:,} sent" if rows else f"{snapshot['sent']:,} sent",
        f"{snapshot['in_flight']:,} in flight",
        f"{snapshot['done']:,} ok",
        f"{snapshot['failed']:,} failed",
        f"{snapshot['gone']:,} left by their user" if snapshot["gone"] else "",
        f"{snapshot['dropped']:,} dropped",
        _known(snapshot["tokens_per_s"], "{} tokens/s", figures.count),
        _known(snapshot["lag_ms"], "dispatch lag p99 {} ms", figures.measure),
        _known(snapshot["left_s"], "{} left", _whole),
    )
    elapsed = _whole(snapshot["elapsed_s"])
    return f"after {elapsed}: {', '.join(part for part in parts if part)}"


def _whole(seconds: float) -> str:
    return figures.duration(round(seconds))


def _known(value: float | None, words: str, form: Callable[[float], str]) -> str:
    return "" if value is None else words.format(form(value))


def _columns(stream: TextIO) -> int:
    """The terminal's width now: it may be resized at any time."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:  # says it is a terminal, and has no size to ask for
        return 80
