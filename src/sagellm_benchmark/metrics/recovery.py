"""The summary of a run made anew from its records, where the run cannot or did not make it.

In: `run.json`, the columns of the records, and the summary that the run itself wrote, if it did.
Out: a summary. What records do not tell, what the generator cost above all, stays as the run wrote
it, and is unknown where it wrote nothing. A run that did not end in order is invalid, and so is one
whose records are not those that its own summary counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from sagellm_benchmark.clock import utc
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.server import server_metrics
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.summary import RunFacts, summarize
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.scrapes import Scrape

BLOCK = "merged"
"""The key of a summary that says how it was put together."""

_EXIT_UNUSABLE = 3
_OF_RECORDS = ("shared_stamp_fraction", "stalled_requests")
"""What the summary's `generator` has from the records."""


@dataclass
class Start:
    """The run's second 0 by the wall clock, from the stamps of its first request that has any."""

    seq: int | None = None
    unix_s: float | None = None

    def add(self, record: RequestRecord) -> None:
        """Look at a record."""
        stamps = record.metrics["timestamps"]
        if stamps is not None and (self.seq is None or record.seq < self.seq):
            self.seq, self.unix_s = record.seq, stamps["queued_at"] - record.due_s


def own_summary(summary: dict[str, Any] | None) -> dict[str, Any] | None:
    """A summary, if the run wrote it when it ended; None if an earlier merge made it."""
    if summary is None or not summary.get(BLOCK, {}).get("ended", True):
        return None
    return summary


def recover(
    columns: Columns,
    manifest: Mapping[str, Any],
    own: Mapping[str, Any] | None,
    start: Start,
    found: Mapping[str, Any],
    scrapes: Iterable[Scrape] = (),
) -> dict[str, Any]:
    """Make the summary.

    Args:
        columns: Of the records, each once.
        manifest: `run.json`.
        own: What the run wrote at its end; None where it did not end.
        start: Its second 0.
        found: What was put together; goes into the summary under `merged`.
        scrapes: What servers said of themselves; read where the run did not end.

    Raises:
        InputError: The manifest's thresholds are none.
    """
    records = len(columns.table())
    servers = server_metrics(scrapes) if own is None else own.get("server_metrics", ())
    facts = _facts(manifest, own, start, records)
    fresh = summarize(columns, replace(facts, servers=servers))
    block = {**found, "ended": own is not None}
    if own is None:
        rows = _rows(manifest, records)
        fresh["trace"].update(rows=rows, unreached=max(0, rows - records))
        fresh["notes"] = [*manifest.get("remarks", ()), *fresh["notes"]]
        _spoil(fresh, _unended(fresh))
        return {**fresh, BLOCK: block}
    if fresh["counts"] == own["counts"]:
        fresh |= {"verdict": own["verdict"], "notes": own["notes"]}
    else:
        fresh["notes"] = [*manifest.get("remarks", ()), *fresh["notes"]]
        _spoil(fresh, f"put together by merge: {_changes(own['counts'], fresh['counts'])}")
    return {**own, **fresh, BLOCK: block}


def _facts(
    manifest: Mapping[str, Any], own: Mapping[str, Any] | None, start: Start, records: int
) -> RunFacts:
    settings = manifest["settings"]
    return RunFacts(
        run_id=manifest["run_id"],
        started_at=_started_at(manifest, own, start),
        rows=records if own is None else own["trace"]["rows"],
        planned=records if own is None else own["counts"]["planned"],
        closed=settings["concurrency"]["value"] is not None or manifest["trace"] is None,
        slos=parse_slos(settings["slo"]["value"]),
        generator={} if own is None else _generator(own["generator"]),
        dialect=manifest["target"]["dialect"],
        thresholds=_thresholds(manifest),
        clock_bound_ms=None if own is None else own["fidelity"].get("clock_bound_ms"),
    )


def _thresholds(manifest: Mapping[str, Any]) -> Thresholds:
    try:
        return msgspec.convert(manifest["thresholds"], Thresholds)
    except msgspec.ValidationError as error:
        said = f"no thresholds of a verdict: {error} - at `$.thresholds`"
        raise InputError(said, f"run.json of {manifest['run_id']}") from None


def _started_at(manifest: Mapping[str, Any], own: Mapping[str, Any] | None, start: Start) -> str:
    if own is not None:
        return own["started_at"]
    return manifest["started_at"] if start.unix_s is None else utc(start.unix_s)


def _rows(manifest: Mapping[str, Any], records: int) -> int:
    """Rows of the plan; of own tasks, and of a trace without an end, those on record."""
    trace, loop = manifest["trace"], manifest["settings"]["loop"]["value"]
    if trace is None or loop == "forever":
        return records
    return trace["rows"] * (loop or 1)


def _generator(block: Mapping[str, Any]) -> dict[str, Any]:
    """What the run measured of itself, as `summarize` takes it."""
    known = {key: value for key, value in block.items() if key not in _OF_RECORDS}
    spans = [[each["start_s"], each["end_s"], each.get("worker")] for each in block["stalls"]]
    return {**known, "stalls": spans}


def _unended(fresh: Mapping[str, Any]) -> str:
    rows, records = fresh["trace"]["rows"], fresh["counts"]["planned"]
    text = "put together by merge: the run did not end in order"
    if rows > records:
        text += f"; {records} of {rows} rows are on record, nobody knows what became of the rest"
    return text


def _changes(counted: Mapping[str, int], found: Mapping[str, int]) -> str:
    changes = [
        f"{found[state]} {state}, and {number} by the run's own summary"
        for state, number in counted.items()
        if state != "planned" and found[state] != number
    ]
    return "; ".join(changes) or "there are other records than the run's own summary counted"


def _spoil(summary: dict[str, Any], reason: str) -> None:
    verdict = summary["verdict"]
    verdict.update(state="invalid", valid=False, exit_code=_EXIT_UNUSABLE)
    verdict["reasons"] = [reason, *verdict["reasons"]]
