"""Times at which the generator stood still, and the requests that they touched.

Spans in seconds of the run and a table of records in; out come the same spans with how many
requests each touched, and how many were touched at all: on the wire while nobody read or stamped.
Those are the records with `sent_s` before a span's end and `ended_s` after its start, of the worker
that stood still: the others went on reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.blocks import share

Span = Sequence[Any]
"""[start_s, end_s, worker]; one without a worker is everybody's."""


def stalls(table: np.ndarray, spans: Sequence[Span], workers: Mapping[str, int]) -> dict[str, Any]:
    """Count what the stalls touched.

    Args:
        table: Of all records.
        spans: In order, none of a worker's overlapping its next.
        workers: Numbers of the workers in the table, by their names.

    Returns:
        `stalls`: each `{start_s, end_s, worker, requests}`; `stalled_requests`: `{count, fraction}`
        of those sent.
    """
    flown = table[~np.isnan(table["sent"])]
    each, touched = touching(flown, spans, workers)
    return {
        "stalls": [
            {"start_s": span[0], "end_s": span[1], "worker": _whose(span), "requests": count}
            for span, count in zip(spans, each, strict=True)
        ],
        "stalled_requests": {"count": touched, "fraction": share(touched, int(flown.size))},
    }


def touching(
    flown: np.ndarray, spans: Sequence[Span], workers: Mapping[str, int]
) -> tuple[list[int], int]:
    """How many requests each span touched, and how many were touched at all.

    Args:
        flown: Records of what was sent.
        spans: As above.
        workers: As above.
    """
    each, touched = [0] * len(spans), 0
    of_worker: dict[str | None, list[int]] = {}
    for number, span in enumerate(spans):
        of_worker.setdefault(_whose(span), []).append(number)
    for worker, numbers in of_worker.items():
        if worker is not None and worker not in workers:
            continue  # it sent nothing
        own = flown if worker is None else flown[flown["worker"] == workers[worker]]
        counts, some = _overlaps(own, np.array([spans[number][:2] for number in numbers]))
        touched += some
        for number, count in zip(numbers, counts, strict=True):
            each[number] = int(count)
    return each, touched


def _whose(span: Span) -> str | None:
    return span[2] if len(span) > 2 else None


def _overlaps(flown: np.ndarray, spans: np.ndarray) -> tuple[np.ndarray, int]:
    sent, ended = flown["sent"], flown["ended"]
    starts, ends = spans.T
    # Whatever ended before a span began was also sent before it ended.
    upto_end = np.searchsorted(np.sort(sent), ends, side="left")
    over_before = np.searchsorted(np.sort(ended), starts, side="right")
    next_span = np.searchsorted(ends, sent, side="right")
    begins = np.append(starts, np.inf)[next_span]
    return upto_end - over_before, int((begins < ended).sum())
