"""Which module changes a reply's body for which kind; most kinds leave the body as it is."""

from __future__ import annotations

from sagellm_benchmark.sim.fault_bodies import changed_body
from sagellm_benchmark.sim.fault_content import CONTENT
from sagellm_benchmark.sim.fault_events import EVENTS, broken, spoil
from sagellm_benchmark.sim.fault_json import BROKEN, SPOILT, Values
from sagellm_benchmark.sim.fault_lines import LINES
from sagellm_benchmark.sim.fault_reply import Parts, Reply
from sagellm_benchmark.sim.fault_wire import Part


def changed(kind: str, reply: Reply, values: Values) -> Parts:
    """Change the body of a reply; one that failed by itself stays as it is."""
    if not reply.head.status.startswith(b"200 "):
        return reply.parts
    if not reply.streamed:
        return _body(kind, reply, values)
    if kind in BROKEN:
        return broken(kind, reply.parts, values)
    if kind in SPOILT:
        return spoil(kind, reply.parts, values)
    if kind in CONTENT and reply.exchange.job is not None:
        return CONTENT[kind](reply.parts, values, reply.exchange.job)
    change = EVENTS.get(kind) or LINES.get(kind)
    return reply.parts if change is None else change(reply.parts, values)


async def _body(kind: str, reply: Reply, values: Values) -> Parts:
    async for part in reply.parts:
        yield Part(data=changed_body(kind, part.data, values))
