"""How often one request may try to connect, and what trying again has cost it.

Only a connection that never stood is tried again: nothing of the request had been written, so no
POST is ever sent twice. Before the next attempt it waits 0.1 s, then twice as long each time, 1 s
at most. An attempt that could only begin behind the request's deadline is not waited for.
"""

from __future__ import annotations

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S

FIRST_PAUSE_NS = 100 * NS_PER_MS
LONGEST_PAUSE_NS = NS_PER_S


class Attempts:
    """The attempts of one request.

    Args:
        retries: How many there may be beside the first.
        sent_ns: When the first began.
        allowed_ns: How long all of them may take together, pauses included.

    Attributes:
        until_ns: When the time allowed is over.
        made: Attempts so far, the one that is on included.
        wasted_ns: From the first attempt's start to that of the last.
    """

    __slots__ = ("_retries", "_sent_ns", "made", "until_ns", "wasted_ns")

    def __init__(self, retries: int, sent_ns: int, allowed_ns: int) -> None:
        self.until_ns = sent_ns + allowed_ns
        self.made = 1
        self.wasted_ns = 0
        self._retries = retries
        self._sent_ns = sent_ns

    def left_ns(self, at_ns: int) -> int:
        """How long an attempt that begins now may take."""
        return max(self.until_ns - at_ns, 0)

    def pause_ns(self, at_ns: int) -> int | None:
        """How long to wait before the next attempt; None where there is none."""
        if self.made > self._retries:
            return None
        pause_ns = min(FIRST_PAUSE_NS << (self.made - 1), LONGEST_PAUSE_NS)
        return pause_ns if pause_ns < self.left_ns(at_ns) else None

    def again(self, at_ns: int) -> None:
        """One more begins."""
        self.made += 1
        self.wasted_ns = at_ns - self._sent_ns
