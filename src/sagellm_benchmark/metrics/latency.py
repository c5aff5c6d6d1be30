"""Latencies of requests from a table of their stamps, in milliseconds: all definitions.

Each array has one value a row, NaN where the request has none: no token, no new connection, a reply
that was not streamed. Nothing is filtered here; summaries take the ok requests only. Arrays are
made when asked for and not kept: a million rows are 8 MB each.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sagellm_benchmark.metrics.columns import OK
from sagellm_benchmark.metrics.quantiles import DECIMALS
from sagellm_benchmark.metrics.slo import Slo

_WAITED_SINCE = {
    "ttft_ms": "sent",
    "ttfa_ms": "sent",
    "ttft_from_due_ms": "due",
    "e2e_ms": "sent",
    "e2e_from_due_ms": "due",
}


class Latencies:
    """The latencies of a table's rows.

    Args:
        table: Rows of `Columns.table()`.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = table

    def where(self, chosen: np.ndarray) -> Latencies:
        """Those of the chosen rows; itself, not a copy, where that is all of them.

        Args:
            chosen: Truth values, shape (rows,).
        """
        return self if chosen.all() else Latencies(self.table[chosen])

    def __getitem__(self, metric: str) -> np.ndarray:
        """Milliseconds by the metric's name, shape (rows,)."""
        return getattr(self, metric)

    @cached_property
    def ok(self) -> np.ndarray:
        """Which rows are ok, shape (rows,)."""
        return self.table["status"] == OK

    @cached_property
    def aborted(self) -> np.ndarray:
        """Which rows a simulated user ended, as the run asked for, shape (rows,)."""
        return self.table["aborted"]

    @cached_property
    def failed(self) -> np.ndarray:
        """Which rows are neither ok nor aborted, shape (rows,)."""
        return ~(self.ok | self.aborted)

    @property
    def ttft_ms(self) -> np.ndarray:
        """First token - sent."""
        return self._between("sent", "first_token")

    @property
    def ttfa_ms(self) -> np.ndarray:
        """First token that is not reasoning - sent."""
        return self._between("sent", "first_answer")

    @property
    def ttft_from_due_ms(self) -> np.ndarray:
        """First token - due."""
        return self._between("due", "first_token")

    @property
    def e2e_ms(self) -> np.ndarray:
        """Last token (of a whole reply its last byte) - sent."""
        return self._between("sent", "last_token")

    @property
    def e2e_from_due_ms(self) -> np.ndarray:
        """Last token - due."""
        return self._between("due", "last_token")

    @property
    def connect_ms(self) -> np.ndarray:
        """New connection ready - sent."""
        return self._between("sent", "connected")

    @property
    def dispatch_lag_ms(self) -> np.ndarray:
        """Sent - due."""
        return self._between("due", "sent")

    @property
    def tpot_ms(self) -> np.ndarray:
        """(last token - first token)/(n - 1), of two tokens in two chunks at least."""
        tokens, chunks = self.table["output_tokens"], self.table["chunks"]
        several = (tokens > 1) & (chunks > 1)
        steps = np.where(several, tokens - 1, np.nan)
        return np.round(self._between("first_token", "last_token") / steps, DECIMALS)

    @property
    def protocol_tpot_ms(self) -> np.ndarray:
        """The Protocol's `tpot_ms`: e2e/n."""
        return np.round(self.e2e_ms / self._some_tokens, DECIMALS)

    @property
    def throughput_tps(self) -> np.ndarray:
        """Tokens a second of one request: n/e2e."""
        taken = np.where(self.e2e_ms > 0, self.e2e_ms, np.nan)
        return np.round(self._some_tokens * 1000 / taken, DECIMALS)

    def good(self, slos: tuple[Slo, ...]) -> np.ndarray:
        """Which rows did not fail and meet every objective per request, shape (rows,).

        A reply of one chunk has no TPOT and a pooled connection no connect time: there was nothing
        to be slow. A request without any other latency does not meet a limit on it. A request whose
        user left is judged by what that user had seen.
        """
        good = ~self.failed
        for slo in slos:
            if not slo.per_request:
                continue
            values = self._seen(slo.metric)
            met = values <= slo.limit
            if slo.metric in ("tpot_ms", "connect_ms"):
                met |= np.isnan(values)
            good &= met
        return good

    def _seen(self, metric: str) -> np.ndarray:
        """A latency; where the user left before it was known, how long that user had waited.

        Who had left before a turn was sent had not waited for it at all.
        """
        values = self[metric]
        since = _WAITED_SINCE.get(metric)
        if since is None or not self.aborted.any():
            return values
        unknown = self.aborted & (np.isnan(values) | metric.startswith("e2e"))
        return np.where(unknown, np.nan_to_num(self._between(since, "ended")), values)

    @property
    def _some_tokens(self) -> np.ndarray:
        tokens = self.table["output_tokens"]
        return np.where(tokens > 0, tokens, np.nan)

    def _between(self, start: str, end: str) -> np.ndarray:
        return np.round((self.table[end] - self.table[start]) * 1000, DECIMALS)
