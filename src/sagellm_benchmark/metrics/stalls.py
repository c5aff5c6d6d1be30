"""Times at which the generator stood still, and the requests that they touched.

Spans in seconds of the run and a table of records in; out come the same spans with how many
requests each touched, and how many were touched at all: on the wire while nobody read or stamped.
Those are the records with `sent_s` before a span's end and `ended_s` after its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.blocks import share


def stalls(table: np.ndarray, spans: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Count what the stalls touched.

    Args:
        table: Of all records.
        spans: [start_s, end_s] each, in order, none overlapping the next.

    Returns:
        `stalls`: each `{start_s, end_s, requests}`; `stalled_requests`: `{count, fraction}` of
        those sent.
    """
    flown = table[~np.isnan(table["sent"])]
    sent, ended = flown["sent"], flown["ended"]
    starts, ends = np.asarray(spans, dtype=float).reshape(-1, 2).T
    # Whatever ended before a span began was also sent before it ended.
    upto_end = np.searchsorted(np.sort(sent), ends, side="left")
    over_before = np.searchsorted(np.sort(ended), starts, side="right")
    next_span = np.searchsorted(ends, sent, side="right")
    begins = np.append(starts, np.inf)[next_span]
    touched = int((begins < ended).sum())
    return {
        "stalls": [
            {"start_s": start, "end_s": end, "requests": int(count)}
            for (start, end), count in zip(spans, upto_end - over_before, strict=True)
        ],
        "stalled_requests": {"count": touched, "fraction": share(touched, int(flown.size))},
    }
