"""When requests came: gaps between them, and how they bunch.

In: arrivals in order, in seconds. Out: span, rate, ties, the spread of gaps, and the index of
dispersion of counts in windows (1 for Poisson arrivals at any width, 0 for a constant rate, more
for bursts of that length). Kept are 8 bytes an arrival, and about 32 while the figures are made.
What too few arrivals cannot tell is None.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from sagellm_benchmark.trace.samples import Floats, Sample

WINDOWS_S = (1, 10, 60, 600)
"""Widths of the windows of `idc`."""


class Arrivals:
    """Arrivals of a trace or a run."""

    def __init__(self) -> None:
        self._times = array("d")

    def __len__(self) -> int:
        return len(self._times)

    def add(self, arrivals_s: Iterable[float | None]) -> None:
        """Take the next arrivals, but for those of rows that have none."""
        self._times.extend([each for each in arrivals_s if each is not None])

    @property
    def times_s(self) -> Floats:
        """Seconds from the first arrival."""
        times = np.frombuffer(self._times)
        return times - times[0] if times.size else times

    @property
    def span_s(self) -> float:
        """First to last arrival."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    @property
    def rate_per_s(self) -> float | None:
        """Gaps a second; None where that is no time at all."""
        return (len(self) - 1) / self.span_s if self.span_s > 0 else None

    def gaps(self) -> Sample:
        """The times between neighbours, in seconds."""
        return Sample.of(np.diff(self.times_s))

    def whole_windows(self, width_s: float) -> int:
        """How many windows the arrivals fill."""
        return int(self.span_s // width_s)

    def dispersion(self, width_s: float) -> float | None:
        """Variance over mean of the counts in whole windows that follow the first arrival."""
        whole = self.whole_windows(width_s)
        if whole < 2:
            return None
        windows = self.times_s
        np.floor_divide(windows, width_s, out=windows)
        # The last window is not full; of the empty ones nothing is held, however many there are.
        windows = windows[: np.searchsorted(windows, whole)]
        counts = np.diff(np.flatnonzero(np.diff(windows, prepend=-1)), append=windows.size)
        mean = counts.sum() / whole
        return float(np.square(counts, dtype=np.float64).sum() / whole / mean - mean)

    def described(self) -> dict[str, Any]:
        """Span, rate, gaps and dispersion."""
        idc = {str(width_s): self.dispersion(width_s) for width_s in WINDOWS_S}
        gaps = np.diff(self.times_s)
        spread = self.rate_per_s is not None
        return {
            "span_s": self.span_s,
            "rate_per_s": self.rate_per_s,
            "gaps_s": Sample.of(gaps).described() if gaps.size else None,
            "iat": {
                "cv": float(gaps.std() / gaps.mean()) if spread else None,
                "ties": float((gaps == 0).mean()) if gaps.size else None,
            },
            "idc": idc,
        }
