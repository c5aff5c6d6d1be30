"""How far a worker's clock is from ours, and how sure that is, from round trips.

In: when a question was sent, what time it was there, when the answer came. Out: the offset and its
bound. A round trip of r seconds tells the offset to within r/2, whatever the way there and the way
back take each; the shortest one tells most.
"""

from __future__ import annotations

from collections import deque

RECENT = 16
"""The offset as it is now comes from the best of so many round trips."""


class Clock:
    """One worker's clock.

    Attributes:
        trips: Round trips so far.
        offset_ns: The worker's clock minus ours, as the run takes it to be; fixed by `freeze`.
    """

    def __init__(self) -> None:
        self.trips = 0
        self.offset_ns = 0
        self._frozen_bound_ns: int | None = None
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT)
        self._drift_ns = 0

    def add(self, sent_ns: int, there_ns: int, back_ns: int) -> None:
        """One more round trip."""
        self.trips += 1
        self._recent.append(((back_ns - sent_ns) // 2, there_ns - (sent_ns + back_ns) // 2))
        bound_ns, offset_ns = min(self._recent)
        if self._frozen_bound_ns is None:
            self.offset_ns = offset_ns
        elif len(self._recent) == RECENT:
            # What the two bounds allow is no drift: only what is beyond them is one for sure.
            apart_ns = abs(offset_ns - self.offset_ns) - bound_ns - self._frozen_bound_ns
            self._drift_ns = max(self._drift_ns, apart_ns)

    def freeze(self) -> None:
        """The first row goes out: the offset is what it is until the run ends."""
        self._frozen_bound_ns = min(self._recent)[0] if self._recent else 0
        self._recent.clear()

    @property
    def bound_ns(self) -> int | None:
        """How far the offset may be wrong, drift since then included; None before `freeze`."""
        bound_ns = self._frozen_bound_ns
        return None if bound_ns is None else bound_ns + self._drift_ns

    def theirs(self, ours_ns: int) -> int:
        """An instant of our clock by theirs."""
        return ours_ns + self.offset_ns
