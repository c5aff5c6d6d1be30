"""Users who leave before their reply is complete: which ones, and when.

In go the settings and a row's id; out comes a `Cut`, or None for a user who stays. Who leaves
depends on the seed and the row alone, not on order, time or worker, and a higher rate only adds to
those who left at a lower one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.config.settings import Settings

_DRAWS = 2**64


@dataclass(frozen=True, slots=True)
class Cut:
    """When a user leaves.

    Attributes:
        after: As it was asked for, "20tok" or "1.5s".
        tokens: Behind so many token frames; None where time decides.
        wait_ns: So long after sent; None where tokens decide.
    """

    after: str
    tokens: int | None = None
    wait_ns: int | None = None

    def reached(self, tokens: int, waited_ns: int) -> bool:
        """Whether the user has left.

        Args:
            tokens: Token frames so far.
            waited_ns: Since the request was sent.
        """
        if self.tokens is not None:
            return tokens >= self.tokens
        return self.wait_ns is not None and waited_ns >= self.wait_ns


class Leavers:
    """Draws the users who leave.

    Args:
        rate: Their share, 0 to 1.
        cut: When they do.
        seed: Of the run.
    """

    def __init__(self, rate: float, cut: Cut, seed: int) -> None:
        self._below = round(rate * _DRAWS)
        self._cut = cut
        self._seed = seed

    @classmethod
    def of(cls, settings: Settings) -> Leavers | None:
        """As `--cancel-rate` and `--cancel-after` ask; None where nobody leaves."""
        if settings.cancel_rate is None:
            return None
        unit, amount = settings.cancel_after
        after = f"{amount:g}{unit}"
        if unit == "tok":
            cut = Cut(after, tokens=int(amount))
        else:
            cut = Cut(after, wait_ns=round(amount * NS_PER_S))
        return cls(settings.cancel_rate, cut, settings.seed)

    def cut(self, row_id: str) -> Cut | None:
        """When the user of this row leaves; None for one who stays."""
        drawn = hashlib.blake2b(f"leaves {self._seed} {row_id}".encode(), digest_size=8)
        return self._cut if int.from_bytes(drawn.digest(), "big") < self._below else None
