"""Rows as bytes, for the disk and for other processes.

In: rows. Out: each as msgpack. Recorded content is whatever JSON holds; what msgpack does not hold
of it, a whole number beyond 64 bits, is found while planning, and its row named.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import Row

_encode = msgspec.msgpack.Encoder().encode


def packed(rows: Iterable[Row]) -> list[bytes]:
    """Pack rows.

    Raises:
        UsageError: One of them holds what cannot be packed.
    """
    done: list[bytes] = []
    for row in rows:
        try:
            done.append(_encode(row))
        except (OverflowError, RecursionError):
            raise UsageError(
                f"request {row.request_id} holds a whole number beyond 64 bits, or is nested too "
                "deep, which cannot be kept until it is due: mend it, or leave the row out"
            ) from None
    return done
