"""Plans of rows that stand in a test."""

from __future__ import annotations

import msgspec

from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.transforms import Pace, Selection

HEADER = Header(schema=SCHEMA, source=Source(name="t"))


def row(name, *waits_for, **fields):
    """A row of ten tokens that arrives at 0."""
    more = {"arrival_time_s": 0.0, "input_tokens": 10, "output_tokens": 5, **fields}
    return Row(request_id=name, depends_on=list(waits_for), **more)


def plan_of(*rows, **more):
    """The plan of these rows; each pass has copies of them."""

    def start(_):
        return (msgspec.structs.replace(each, depends_on=list(each.depends_on)) for each in rows)

    trace = Trace(HEADER, start, path=None, format="native")
    return make_plan(trace, Selection(), more.pop("pace", Pace()), **more)
