"""How dense a plan is: ties, the rows of each second, and an estimate of replies that last at once.

In: due times in order, each with the tokens of its reply. Out: figures of all seen so far. Held:
some thousand rows that are still to be looked at, which one look at all of them makes cheap, and
the ends of the replies that last.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sagellm_benchmark.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

FIRST_TOKEN_S = 0.5
TOKEN_S = 0.02
"""What a reply is taken to last before anything was measured: so long to its first token, and so
long each."""

_NS_PER_S = 1_000_000_000
_FIRST_TOKEN_NS = round(FIRST_TOKEN_S * _NS_PER_S)
_TOKEN_NS = round(TOKEN_S * _NS_PER_S)
_BLOCK = 4096


def reply_s(output_tokens: float) -> float:
    """Estimate how long a reply of so many tokens lasts, in seconds."""
    return FIRST_TOKEN_S + output_tokens * TOKEN_S


class Peaks:
    """The figures of the rows seen so far; up to date once `settle` was called.

    Attributes:
        rows: Rows that have a due time.
        ties: Those of them due when the one before is.
        span_ns: From the first due time to the last.
        rate_per_s: Most rows due within one whole second.
        streams: Most replies that last at once.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.ties = 0
        self.rate_per_s = 0
        self.streams = 0
        self._first_ns = self._last_ns = 0
        self._second = self._in_second = 0
        self._dues_ns, self._replies = array("q"), array("q")
        self._ends: np.ndarray | None = None

    @property
    def span_ns(self) -> int:
        """From the first due time to the last."""
        return self._last_ns - self._first_ns

    def add(self, dues_ns: Iterable[int], replies: Iterable[int]) -> None:
        """Take the next rows.

        Raises:
            UsageError: One is due centuries after the start.
        """
        try:
            self._dues_ns.extend(dues_ns)
        except OverflowError:
            raise UsageError(
                "a row is due over 292 years after the start: is the unit of the trace's times "
                "right (--time-unit), and --speed or --rate?"
            ) from None
        self._replies.extend(replies)
        if len(self._dues_ns) >= _BLOCK:
            self.settle()

    def settle(self) -> None:
        """Look at the rows that were taken."""
        import numpy as np

        if not self._dues_ns:
            return
        dues_ns = np.array(self._dues_ns)
        ends_ns = dues_ns + _FIRST_TOKEN_NS + np.array(self._replies) * _TOKEN_NS
        self._dues_ns, self._replies = array("q"), array("q")
        self._follow(dues_ns)
        self._rates(dues_ns // _NS_PER_S)
        self._streams(dues_ns, ends_ns)

    def _follow(self, dues_ns: np.ndarray) -> None:
        self.ties += int((dues_ns[1:] == dues_ns[:-1]).sum())
        if self.rows:
            self.ties += int(dues_ns[0]) == self._last_ns
        else:
            self._first_ns = int(dues_ns[0])
        self.rows += dues_ns.size
        self._last_ns = int(dues_ns[-1])

    def _rates(self, seconds: np.ndarray) -> None:
        import numpy as np

        found, rows = np.unique(seconds, return_counts=True)
        if found[0] == self._second:
            rows[0] += self._in_second
        self._second, self._in_second = int(found[-1]), int(rows[-1])
        self.rate_per_s = max(self.rate_per_s, int(rows.max()))

    def _streams(self, dues_ns: np.ndarray, ends_ns: np.ndarray) -> None:
        """A reply lasts beyond its due time, so later ones' ends never count as past."""
        import numpy as np

        before = self._ends if self._ends is not None else ends_ns[:0]
        ends = np.sort(np.concatenate((before, ends_ns)), kind="stable")
        over = np.searchsorted(ends, dues_ns, side="right")
        begun = np.arange(before.size + 1, ends.size + 1)
        self.streams = max(self.streams, int((begun - over).max()))
        self._ends = ends[over[-1] :].copy()
