"""A worker as the coordinator sees it: how it is, what it holds, what has come back from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum

import msgspec

from sagellm_benchmark.clock import NS_PER_S, Anchor
from sagellm_benchmark.load.cluster.clocks import Clock
from sagellm_benchmark.load.cluster.inbox import Inbox
from sagellm_benchmark.load.cluster.letters import Done, Go, Handed, Pulse, bare, pack
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.schedule.planned import Planned

WELL_NS = NS_PER_S
"""A worker that was not heard of for so long gets no rows until it is heard of again."""

AHEAD_ROWS = 16
"""So many rows beyond its share an untimed worker has at hand, and those of `_AHEAD_S` seconds."""

_AHEAD_S = 0.75
_RATE_NS = NS_PER_S


class State(str, Enum):
    """How a worker is."""

    INVITED = "invited"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    LOST = "lost"


class Member:
    """One worker of a run.

    Args:
        key: Locust's name for it.
        name: What it is called in the run.
        moment_ns: Now.

    Attributes:
        state: How it is.
        why: Why it is lost, or what is in the way of its beginning.
        checked: It said that it could begin.
        clock: Its clock.
        inbox: What came of its records.
        acked: Bytes of its records that it was told have arrived.
        acked_ns: When it was last told.
        share: What of the run's limits is its.
        held: Rows that it was handed and has sent no record of.
        recorded: Its records.
        heard_ns: When it was last heard of.
        pulse: What it last said of itself.
        done: What it said at its end.
        letters: Those that its connection did not take yet.
        outgoing: Rows for its next letter, packed.
        outgoing_due_ns: When the first of them is due, nanoseconds of the run.
        lost: Rows of its that were counted as lost.
    """

    def __init__(self, key: str, name: str, moment_ns: int) -> None:
        self.key = key
        self.name = name
        self.state = State.INVITED
        self.why: str | None = None
        self.checked = False
        self.clock = Clock()
        self.inbox = Inbox()
        self.acked = self.acked_ns = 0
        self.share = Share()
        self.held: dict[int, Planned] = {}
        self.recorded = 0
        self.heard_ns = moment_ns
        self.pulse: Pulse | None = None
        self.done: Done | None = None
        self.letters: deque[bytes] = deque()
        self.outgoing: list[msgspec.Raw] = []
        self.outgoing_due_ns: int | None = None
        self._outgoing_bytes = 0
        self.lost = 0
        self._roots = 0
        self._rate = 0.0
        self._seen = (moment_ns, 0)

    def go(self, run: str, origin_ns: int, anchor: Anchor) -> Go:
        """The word to start, in its own time.

        Args:
            run: Name of the run.
            origin_ns: Second 0 of the run, by our clock.
            anchor: The run's tie between our clock and the wall.
        """
        theirs = self.clock.theirs
        return Go(
            run=run,
            origin_ns=theirs(origin_ns),
            anchor_ns=theirs(anchor.monotonic_ns),
            anchor_unix_s=anchor.unix_s,
            share=self.share,
        )

    @property
    def alive(self) -> bool:
        """Whether it still takes part."""
        return self.state in (State.READY, State.RUNNING)

    def well(self, moment_ns: int) -> bool:
        """Whether it may be handed rows."""
        if self.state is not State.RUNNING or self.share.nothing or self.letters:
            return False
        return moment_ns - self.heard_ns < WELL_NS

    def wants(self, moment_ns: int) -> int:
        """How many rows without a time of their own it may be handed now."""
        began_ns, recorded = self._seen
        if moment_ns - began_ns >= _RATE_NS:
            self._rate = (self.recorded - recorded) * NS_PER_S / (moment_ns - began_ns)
            self._seen = (moment_ns, self.recorded)
        users = self.share.users or self.share.conversations or 0
        return users + AHEAD_ROWS + int(_AHEAD_S * self._rate) - self._roots

    def hold(self, handed: Handed) -> int:
        """It is handed a row.

        Returns:
            Bytes of its rows that wait to be sent.
        """
        planned = handed.planned
        self.held[planned.seq] = bare(planned)
        self._roots += not handed.parents
        if not self.outgoing:
            self.outgoing_due_ns = planned.due_ns
        packed = pack(handed)
        self.outgoing.append(msgspec.Raw(packed))
        self._outgoing_bytes += len(packed)
        return self._outgoing_bytes

    def take_outgoing(self) -> list[msgspec.Raw]:
        """Take the rows that wait to be sent away."""
        rows, self.outgoing = self.outgoing, []
        self._outgoing_bytes = 0
        return rows

    def reported(self, seq: int) -> None:
        """A record of it has come."""
        self.recorded += 1
        planned = self.held.pop(seq, None)
        if planned is not None:
            self._roots -= not planned.row.depends_on

    @property
    def planned(self) -> int:
        """Rows that it released, as far as is known; those it lost are among them."""
        if self.state is State.LOST:
            return self.recorded + self.lost
        known = 0 if self.pulse is None else self.pulse.planned
        return max(known, self.recorded) if self.done is None else self.done.planned


def divide(share: Share, members: Sequence[Member]) -> list[Member]:
    """Give each its part of the limits; those whose part is another one now."""
    parts = share.split(len(members)) if members else []
    changed = [m for m, part in zip(members, parts, strict=True) if m.share != part]
    for member, part in zip(members, parts, strict=True):
        member.share = part
    return changed
