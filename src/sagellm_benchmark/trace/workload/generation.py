"""A workload's trace: all its clients together, row by row in order of time.

In: a specification and a seed. Out: a Trace like any other. Rows are made as they are read, and
made anew on every pass; held are the clients, what they have drawn ahead, and the sessions under
way. Times are whole microseconds. What a client sends depends on the seed, on its name and on its
own keys, so that changing one client leaves what the others draw as it was.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, repeat
from math import fsum, inf
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.row import SCHEMA, Header, Row
from sagellm_benchmark.trace.row import Source as Origin
from sagellm_benchmark.trace.source import Trace, open_trace
from sagellm_benchmark.trace.tally import Tally
from sagellm_benchmark.trace.workload import arrivals, servegen
from sagellm_benchmark.trace.workload.clients import (
    Blocks,
    Pairs,
    Session,
    Sizes,
    Source,
    Tree,
    marks,
    sizes,
)
from sagellm_benchmark.trace.workload.draws import Draws, drawn
from sagellm_benchmark.trace.workload.laws import weighted, zipf_weights
from sagellm_benchmark.trace.workload.rates import as_curve
from sagellm_benchmark.trace.workload.spec import Client, Workload, described, read_workload

_AHEAD = 65_536
"""Values that all clients together draw ahead of each kind, about."""

_MICROSECONDS = 1_000_000


def workload_trace(path: Path, seed: int | None = None) -> Trace:
    """Make the trace of a specification.

    Args:
        path: The YAML file.
        seed: Instead of the one that the specification names.

    Raises:
        InputError: The specification is wrong, or a file that it names is.
    """
    workload, sha256 = read_workload(path)
    if seed is None:
        seed = workload.seed or 0
    found = _Materials(path, workload)
    name = workload.name or path.stem
    blocks = any(client.prefix or client.sessions for client in workload.clients)
    header = Header(
        schema=SCHEMA,
        source=Origin(name=name, sha256=sha256, format="workload"),
        time_resolution_s=1e-6,
        block_size=workload.block_size if blocks else None,
        hash_scope="file" if blocks else None,
        partial_tail_hashed=True if blocks else None,
        rows_emitted=workload.requests if workload.at_once else None,
        transforms=[{"op": "workload", "seed": seed, "spec": described(workload), **found.notes}],
    )

    def rows(tally: Tally) -> Iterator[Row]:
        cast = _Cast(workload, seed, found)
        made = _at_once(cast) if workload.at_once else _timed(cast)
        for tally.rows_read, row in enumerate(made, 1):
            yield row

    return Trace(header, rows, path=path, format="workload")


class _Materials:
    """What a specification takes from other files, read once.

    Attributes:
        pairs: Lengths, by the client's place.
        pools: Measured clients, by the client's place.
        notes: What a header says of them.
    """

    def __init__(self, path: Path, workload: Workload) -> None:
        self.pairs: dict[int, Pairs] = {}
        self.pools: dict[int, list[servegen.Measured]] = {}
        self.notes: dict[str, Any] = {}
        until_s = inf if workload.duration_s is None else workload.duration_s
        for place, client in enumerate(workload.clients):
            if client.pairs is not None:
                self.pairs[place] = client.pairs
            if client.pairs_of is not None:
                self._read_pairs(place, path.parent / client.pairs_of)
            if (pool := client.servegen) is not None:
                self.pools[place], left_out = servegen.read_pool(
                    path.parent / pool.path, pool.clients, pool.from_s, pool.from_s + until_s
                )
                self.notes.setdefault("clients_without_lengths", 0)
                self.notes["clients_without_lengths"] += left_out

    def _read_pairs(self, place: int, path: Path) -> None:
        trace = open_trace(path)
        found = [
            (row.input_tokens, row.output_tokens)
            for row in trace.rows()
            if row.input_tokens and row.output_tokens
        ]
        if not found:
            raise InputError("no row says how long prompt and reply are", path)
        self.pairs[place] = found
        self.notes.setdefault("pairs_sha256", []).append(trace.sha256)


@dataclass(frozen=True)
class _Actor:
    """A source with its arrivals."""

    source: Source
    seconds: Iterator[float]


class _Cast:
    """All sources of one pass.

    Attributes:
        workload: The specification.
        actors: In the specification's order.
        draws: For what belongs to none of them.
    """

    def __init__(self, workload: Workload, seed: int, found: _Materials) -> None:
        self.workload = workload
        self.draws = Draws(seed)
        self.actors: list[_Actor] = []
        self._found = found
        self._blocks = Blocks(workload.block_size)
        self._end_s = inf if workload.duration_s is None else workload.duration_s
        crowd = sum(
            len(found.pools[place]) if place in found.pools else client.count
            for place, client in enumerate(workload.clients)
        )
        self._alone = crowd == 1
        self._most = max(32, min(4096, _AHEAD // crowd))
        for place, client in enumerate(workload.clients):
            name = client.name or f"client-{place + 1}"
            tree = Tree(client.prefix, self._blocks, self.draws.named(name), self._most)
            if place in found.pools:
                self._add_measured(client, name, tree, found.pools[place])
            else:
                self._add_alike(client, name, tree, found.pairs.get(place))

    def _add_alike(self, client: Client, name: str, tree: Tree, pairs: Pairs | None) -> None:
        weights = zipf_weights(client.skew, client.count)
        # Exactly rounded: Python's own sum of floats differs from 3.12 on.
        total = fsum(weights)
        for number, weight in enumerate(weights, 1):
            own = name if client.count == 1 else f"{name}-{number}"
            draws = self.draws.named(own)
            seconds: Iterator[float] = repeat(0.0)
            if client.rate is not None:
                curve = as_curve(client.rate).scaled(weight / total)
                gaps = arrivals.gaps_of(client.arrivals)
                seconds = arrivals.renewals(curve, gaps, draws, self._most)
            self._add(client, own, tree, sizes(client, pairs, draws, self._most), seconds)

    def _add_measured(
        self, client: Client, name: str, tree: Tree, pool: list[servegen.Measured]
    ) -> None:
        from_s = client.servegen.from_s
        curves = [each.curve(from_s) for each in pool]
        factor = 1.0
        if client.servegen.rate is not None:
            until_s = min(self._end_s, max(curve.end_s for curve in curves))
            factor = client.servegen.rate * until_s / fsum(each.count(until_s) for each in curves)
        for measured, curve in zip(pool, curves, strict=True):
            own = f"{name}-{measured.name}"
            draws = self.draws.named(own)
            seconds = arrivals.measured(measured, curve.scaled(factor), from_s, draws, self._most)
            drawn_sizes = arrivals.measured_sizes(measured, from_s, draws, self._most)
            self._add(client, own, tree, drawn_sizes, seconds)

    def _add(
        self, client: Client, name: str, tree: Tree, own: Sizes, seconds: Iterator[float]
    ) -> None:
        draws = self.draws.named(name)
        source = Source(
            client,
            name,
            own,
            tree,
            marks(client, draws, self._most, None if self._alone else name),
            self._blocks if client.prefix or client.sessions else None,
            draws,
            self._most,
        )
        self.actors.append(_Actor(source, arrivals.until(seconds, self._end_s)))


def _at_once(cast: _Cast) -> Iterator[Row]:
    """Rows without a time of their own, each from a client drawn by its share."""
    shares = [client.share or 1.0 for client in cast.workload.clients]
    chosen = repeat(0) if len(shares) == 1 else drawn(weighted(shares, cast.draws), 4096)
    for number, place in zip(range(1, cast.workload.requests + 1), chosen, strict=False):
        yield cast.actors[place].source.arrival(f"row-{number}", 0.0)[0]


def _timed(cast: _Cast) -> Iterator[Row]:
    """Merge arrivals and later turns in order of time."""
    starts = ((next(actor.seconds, None), actor) for actor in cast.actors)
    heap: list[tuple[int, int, _Actor | Session]] = [
        (_microseconds(second), place, actor)
        for place, (second, actor) in enumerate(starts)
        if second is not None
    ]
    heapq.heapify(heap)
    order = count(len(cast.actors))
    most = cast.workload.requests
    for number in count(1):
        if not heap or (most is not None and number > most):
            return
        time, place, what = heap[0]
        name, second = f"row-{number}", time / _MICROSECONDS
        if isinstance(what, Session):
            heapq.heappop(heap)
            row, rest = what.source.turn(name, second, what)
        else:
            row, rest = what.source.arrival(name, second)
            following = next(what.seconds, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (_microseconds(following), place, what))
        if rest is not None:
            heapq.heappush(heap, (_microseconds(rest.second), next(order), rest))
        yield row


def _microseconds(second: float) -> int:
    return int(second * _MICROSECONDS + 0.5)
