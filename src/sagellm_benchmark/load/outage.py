"""Is anybody there? Connections that never stood, counted until the first answer.

Records come in; out comes, once, the reason to end the run: so many requests in a row found no
connection, and none before them was answered. To go on would measure nothing.
"""

from __future__ import annotations

from sagellm_benchmark.record.record import RequestRecord

_OPENING = ("dns", "connect", "tls")


class Outage:
    """Watches the first requests of a run.

    Args:
        limit: How many failures in a row end it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0
        self._over = False

    def add(self, record: RequestRecord) -> str | None:
        """Take a record.

        Returns:
            Why the run must end, when the limit is reached; None else.
        """
        if self._over or record.sent_s is None:
            return None
        if record.first_byte_s is not None:
            self._over = True  # somebody is there, whatever the answer was worth
            return None
        if record.status not in ("connect_error", "timeout") or record.phase not in _OPENING:
            self._in_a_row = 0
            return None
        self._in_a_row += 1
        if self._in_a_row < self._limit:
            return None
        self._over = True
        last = record.error.message if record.error else record.reason or record.status
        return (
            f"{self._in_a_row} requests in a row found no connection and none before them was "
            f"answered (the limit is {self._limit}): {last}"
        )
