"""The plan of a run: which rows, when, and what that amounts to.

In: a trace, a selection, a pace. Out: rows in due order with their number and due time, as a stream
that can be started again, and the figures of the one pass that checked them all. The same trace,
selection and pace give the same digest on any machine; the salt and the text of made prompts are
not part of it, the rule that makes them is. A row that waits for others has its number like any
and no due time; it lies on disk until those are complete. Held in memory: 8 bytes a row while
checking, and what `Dependents` holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.allotment import Allotment, Allotting, Families
from sagellm_benchmark.schedule.counts import Count
from sagellm_benchmark.schedule.dependents import Dependents, Gathering
from sagellm_benchmark.schedule.lengths import DROP, TOO_LONG, Fitting, Lengths
from sagellm_benchmark.schedule.packing import packed
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.schedule.soundness import Soundness, check_continued
from sagellm_benchmark.trace.changes.rounds import moved
from sagellm_benchmark.trace.changes.spreading import spread_tick_s
from sagellm_benchmark.trace.garbage import collected_seldom
from sagellm_benchmark.trace.prompts import ONE_TOKEN_A_WORD, Wording
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.transforms import Pace, Selection, pace_factor, select

_NS_PER_S = 1_000_000_000
_BLOCK = 64  # rows looked at together: a call a row costs more than what it does
NO_LIMIT = Lengths()


@dataclass(frozen=True)
class Plan:
    """What a run will send.

    Attributes:
        rows: Requests of one round.
        times: How often the trace is replayed; infinity for ever.
        period_s: From the start of one round to that of the next; 0 where arrivals do not count.
        span_s: First to last due time, that of a row that waits taken from its arrival; 0 where
            arrivals do not count.
        rate_per_s: Mean rate, (rows - 1) / span_s; None where there is no span.
        peak_rate_per_s: Most rows due within one whole second of the run's clock; None in a closed
            loop.
        input_tokens: Sum over the rows that say how many.
        output_tokens: Sum over the rows that say how many.
        peak_streams: Estimate of the most requests in flight at once, were each to last 0.5 s and
            20 ms a token; None in a closed loop.
        digest: SHA-256 of the schedule, in hex.
        trace_sha256: SHA-256 of the file, in hex; None where the rows are made.
        rows_read: Rows of the file that were looked at.
        drops: Rows left out, by reason.
        inversions: Rows that the file has out of order of time.
        sessions: Different session ids.
        coarse: Arrivals lie on a grid so wide that many are tied; gaps between them mean little.
        spread_ties_s: The ticks of a coarse clock over which tied arrivals were spread; None where
            they were not.
        made_prompts: Rows without recorded messages or a prompt: theirs are made.
        models: Rows by the model that they name; None for those that name none.
        operations: Rows by what they ask for; None for those that do not say.
        block_size: Tokens of one prefix block; None where rows have no block ids.
        factor: What all times are divided by.
        lengths: How long a request may be.
        too_long: Rows that are longer: left out (then also in `drops`), or shortened.
        wording: How many words make the tokens of a made prompt.
        messages: The first row with recorded messages; None where there is none.
        token_ids: The first row with a prompt recorded as token ids; None where there is none.
        dependents: The rows that wait for others; None where none does.
        allotment: Which of several targets each row goes to; None where there is one.
        families: Which rows belong together; None where none do, or nobody asked.
    """

    rows: int
    times: float
    period_s: float
    span_s: float
    rate_per_s: float | None
    peak_rate_per_s: int | None
    input_tokens: int
    output_tokens: int
    peak_streams: int | None
    digest: str
    trace_sha256: str | None
    rows_read: int
    drops: dict[str, int]
    inversions: int
    sessions: int
    coarse: bool
    spread_ties_s: float | None
    made_prompts: int
    models: dict[str | None, int]
    operations: dict[str | None, int]
    block_size: int | None
    factor: float
    lengths: Lengths
    too_long: int
    wording: Wording
    messages: str | None
    token_ids: str | None
    dependents: Dependents | None
    allotment: Allotment | None
    families: Families | None
    _timetable: _Timetable = field(repr=False)

    @property
    def total_rows(self) -> float:
        """Requests of all rounds; infinity for ever."""
        return self.rows * self.times

    @property
    def total_span_s(self) -> float:
        """First to last due time of all rounds; infinity for ever."""
        return self.span_s + (self.times - 1) * self.period_s if self.period_s else self.span_s

    def planned(self) -> Iterator[Planned]:
        """Begin a new pass over the rows that wait for no others, in due order."""
        number = 0
        while number < self.times:
            for planned in self._free():
                yield self._placed(self._moved(planned, number) if number else planned)
            number += 1

    def dependent(self, seq: int) -> Planned:
        """A row that waits for others, by its number."""
        number = seq // self.rows
        assert self.dependents is not None  # there is one wherever a row waits
        row = self.dependents.row(seq)
        think_ns = self._timetable.think_ns(row)
        moved(row, number, self.period_s * self.factor)
        return self._placed(Planned(seq, None, row, think_ns, number))

    def _placed(self, planned: Planned) -> Planned:
        return planned if self.allotment is None else self.allotment.placed(planned)

    def _free(self) -> Iterator[Planned]:
        """The rows of the first round that wait for no others."""
        dependents = self.dependents
        for planned in self._timetable.planned():
            if dependents is None or not dependents.mended(planned.row).depends_on:
                yield planned

    def _moved(self, planned: Planned, number: int) -> Planned:
        due_ns = planned.due_ns
        if due_ns is not None:
            due_ns += round(number * self.period_s * _NS_PER_S)
        row = moved(planned.row, number, self.period_s * self.factor)
        return Planned(number * self.rows + planned.seq, due_ns, row, 0, number)


def make_plan(
    trace: Trace,
    selection: Selection,
    pace: Pace,
    *,
    closed: bool = False,
    times: float = 1,
    think_speed: float | None = None,
    lengths: Lengths = NO_LIMIT,
    wording: Wording = ONE_TOKEN_A_WORD,
    hosts: int = 1,
    together: bool = False,
) -> Plan:
    """Read all selected rows once, check them, and count.

    Args:
        trace: The rows.
        selection: The part of them to send.
        pace: How fast; of no effect in a closed loop.
        closed: Arrivals do not count: a row that waits for no other is sent when there is room.
        times: How often the trace is replayed; infinity for ever.
        think_speed: What think times are divided by; None for what arrivals are.
        lengths: How long a request may be.
        wording: How many words make the tokens of a made prompt.
        hosts: How many targets there are.
        together: Families of rows are asked for: several workers send them.

    Raises:
        UsageError: No row is left, rows are too long, an id comes twice, or a row cannot be sent.
    """
    rows = _Rows(trace, selection, lengths)
    factor = 1.0 if closed else pace_factor(rows.fitting(), pace)
    timetable = _Timetable(rows, factor, think_speed or factor, closed)
    fitting, soundness, count = (
        Fitting(lengths),
        Soundness(),
        Count(trace.header, wording.full_rule),
    )
    gathering, allotting = Gathering(), Allotting(hosts, together=together)
    due = timetable.planned(fitting)
    with collected_seldom():
        while block := list(islice(due, _BLOCK)):
            due_rows = [planned.row for planned in block]
            soundness.add(due_rows)
            allotting.add(due_rows)
            count.add(block)
            gathering.add(block)
            if together:
                packed(due_rows)  # as they will be for the workers
    fitting.finish(count.rows)
    dependents = gathering.finish(soundness.hashes)
    if times > 1:
        count.repeat(times)
        if not (closed or count.span_ns):
            raise UsageError("--loop: all rows arrive at one instant, so a round has no length")
    drops = trace.drops
    if fitting.too_long and lengths.too_long == DROP:
        drops[TOO_LONG] = fitting.too_long
    rows_read, inversions = trace.rows_read, trace.inversions
    soundness.finish(trace, selection, drops)
    if count.token_ids is not None and dependents is not None and dependents.continuing:
        check_continued(timetable.planned(), dependents)
    return Plan(
        rows=count.rows,
        times=times,
        period_s=count.period_s,
        span_s=count.span_ns / _NS_PER_S,
        rate_per_s=count.mean_rate_per_s,
        peak_rate_per_s=None if closed else count.peaks.rate_per_s,
        input_tokens=count.input_tokens,
        output_tokens=count.output_tokens,
        peak_streams=None if closed else count.peaks.streams,
        digest=count.digest,
        trace_sha256=trace.sha256,
        rows_read=rows_read,
        drops=drops,
        inversions=inversions,
        sessions=count.sessions,
        coarse=not closed and count.coarse,
        spread_ties_s=None if closed else spread_tick_s(trace.header),
        made_prompts=count.made_prompts,
        models=count.models,
        operations=count.operations,
        block_size=trace.header.block_size,
        factor=factor,
        lengths=lengths,
        too_long=fitting.too_long,
        wording=wording,
        messages=count.messages,
        token_ids=count.token_ids,
        dependents=dependents,
        allotment=allotting.finish(dependents),
        families=allotting.families(dependents) if together else None,
        _timetable=timetable,
    )


@dataclass(frozen=True)
class _Rows:
    """The passes over the selected rows that are not too long."""

    trace: Trace
    selection: Selection
    lengths: Lengths

    def fitting(self, fitting: Fitting | None = None) -> Iterator[Row]:
        each = fitting or Fitting(self.lengths)
        return each.fitting(select(self.trace.rows(), self.selection))


@dataclass(frozen=True)
class _Timetable:
    """The same with their due times, and with the time that a user thinks."""

    rows: _Rows
    factor: float
    think_factor: float
    closed: bool

    def planned(self, fitting: Fitting | None = None) -> Iterator[Planned]:
        """Every row; one that waits is due when its arrival suggests, if it has one."""
        origin_s, factor, closed = self.rows.selection.start_s, self.factor, self.closed
        for seq, row in enumerate(self.rows.fitting(fitting)):
            arrival_s = row.arrival_time_s
            if arrival_s is None or closed:
                due_ns = None
            else:
                if origin_s is None:
                    origin_s = arrival_s
                due_ns = round((arrival_s - origin_s) / factor * _NS_PER_S)
            yield (
                Planned(seq, due_ns, row, self.think_ns(row))
                if row.depends_on
                else Planned(seq, due_ns, row)
            )

    def think_ns(self, row: Row) -> int:
        return round((row.think_time_s or 0.0) / self.think_factor * _NS_PER_S)
