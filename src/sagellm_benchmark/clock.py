"""Time: integer nanoseconds of the monotonic clock, and one anchor to the wall.

Every stamp is `now()`. Wall-clock time is derived from a stamp through the one `Anchor` of a run,
so a jump of the wall clock moves no measurement. On Linux `now()` is CLOCK_MONOTONIC, which all
processes of a machine share.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone

now = time.monotonic_ns
"""The clock of every stamp: nanoseconds, monotonic."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """One instant on both clocks.

    Attributes:
        monotonic_ns: The instant by `now()`.
        unix_s: The same instant in Unix seconds.
    """

    monotonic_ns: int
    unix_s: float

    @classmethod
    def take(cls) -> Anchor:
        """Read both clocks at once; the monotonic one is read on both sides and halved."""
        before = now()
        unix_s = time.time()
        return cls((before + now()) // 2, unix_s)

    def unix(self, stamp_ns: int) -> float:
        """Turn a stamp into Unix seconds."""
        return self.unix_s + (stamp_ns - self.monotonic_ns) / NS_PER_S


def utc(unix_s: float) -> str:
    """An instant as RFC 3339 in UTC."""
    return datetime.fromtimestamp(unix_s, timezone.utc).isoformat().replace("+00:00", "Z")
