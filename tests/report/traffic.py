"""Small traces in memory, observed."""

from __future__ import annotations

from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.statistics import observe


def observed(rows, format="native", **header):
    """What is observed of rows given as dicts."""
    known = Header(schema=SCHEMA, source=Source(name="test"), **header)
    made = [Row(request_id=str(number), **row) for number, row in enumerate(rows)]
    return observe(Trace(known, lambda tally: iter(made), path=None, format=format))
