"""Which worker a row is handed to, and when: in due order, families of rows together.

In: the plan's rows. Out: rows for a worker, ahead of their due time. Rows of one session, and rows
that wait for one another, go to one worker; with the first of a family that is handed out go all
those that wait behind it, so that a turn waits for no message. The rest goes round.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sagellm_benchmark.load.cluster.letters import NOBODY, Handed
from sagellm_benchmark.load.cluster.member import Member
from sagellm_benchmark.schedule.plan import Plan
from sagellm_benchmark.schedule.planned import Planned


class Hands:
    """Hands out one plan.

    Args:
        plan: Its rows, with their families.
        timed: Rows have due times; else a worker gets as many as it has use for.

    Attributes:
        over: All rows have been handed out.
    """

    def __init__(self, plan: Plan, *, timed: bool) -> None:
        self.over = False
        self._plan = plan
        self._dependents = plan.dependents
        self._families = plan.families
        self._planned = plan.planned()
        self._timed = timed
        self._next = next(self._planned, None)
        self._turn = 0
        self._homes: dict[int, Member] = {}
        self._left: dict[int, int] = {}
        self._gone: set[int] = set()

    def next(
        self, horizon_ns: int, members: Sequence[Member], moment_ns: int
    ) -> tuple[Member, list[Handed]] | None:
        """The next row that is to be handed out, with those behind it, and to whom.

        Args:
            horizon_ns: Rows due before this are handed out, nanoseconds of the run.
            members: Workers that send.
            moment_ns: Now.

        Returns:
            None where there is nothing to hand out now, or nobody to take it.
        """
        planned = self._next
        if planned is None:
            self.over = True
            return None
        if self._timed and (planned.due_ns or 0) > horizon_ns:
            return None
        home = self._home(planned.seq)
        member = home if home is not None and home.alive else self._choose(members, moment_ns)
        if member is None or (not self._timed and member.wants(moment_ns) <= 0):
            return None
        self._next = next(self._planned, None)
        self._settle(planned.seq, member)
        return member, self._with_those_behind(planned, member)

    def forget(self, member: Member, lost: Collection[int]) -> None:
        """A worker is gone with these rows: they are handed to nobody again."""
        if self._dependents is not None:
            self._gone.update(seq for seq in lost if self._dependents.parents(seq) > 1)

    def _choose(self, members: Sequence[Member], moment_ns: int) -> Member | None:
        """The next in turn of those that can take a row."""
        for step in range(len(members)):
            member = members[(self._turn + step) % len(members)]
            if member.well(moment_ns) and (self._timed or member.wants(moment_ns) > 0):
                self._turn += step + 1
                return member
        return None

    def _family(self, seq: int) -> int:
        number, row = divmod(seq, self._plan.rows)
        return number * self._plan.rows + self._families.first(row)

    def _home(self, seq: int) -> Member | None:
        """The worker of a row's family; None where the family has none yet."""
        return None if self._families is None else self._homes.get(self._family(seq))

    def _settle(self, seq: int, member: Member) -> None:
        """Note where a row's family is, until its last row of a time of its own is handed out."""
        if self._families is None:
            return
        family = self._family(seq)
        left = self._left.pop(family, None)
        if left is None:
            left = self._families.roots(family % self._plan.rows)
        if left > 1:
            self._homes[family], self._left[family] = member, left - 1
        else:
            self._homes.pop(family, None)

    def _with_those_behind(self, planned: Planned, member: Member) -> list[Handed]:
        dependents = self._dependents
        if dependents is None:
            return [Handed(planned)]
        behind = dependents.behind(planned.seq)
        rows = [Handed(planned, behind)]
        met: set[int] = set()
        waiting = list(reversed(behind))
        while waiting:
            seq = waiting.pop()
            parents = dependents.parents(seq)
            if seq in met or (parents > 1 and (seq in member.held or seq in self._gone)):
                continue
            met.add(seq)
            behind = dependents.behind(seq)
            heard = dependents.hears(seq)
            hears = NOBODY if heard is None else heard
            rows.append(Handed(self._plan.dependent(seq), behind, parents, hears))
            waiting.extend(reversed(behind))
        return rows
