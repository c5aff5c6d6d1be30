"""A summary made from records says what the run's own said, and no more than records tell."""

from __future__ import annotations

import copy

import pytest

from metrics.runs import columns_of, mixed_run, summary_of
from record.directories import STARTED_AT, manifest
from record.outcomes import UNIX_S, record
from sagellm_benchmark.clock import utc
from sagellm_benchmark.metrics.recovery import Start, own_summary, recover
from sagellm_benchmark.record.scrapes import Scrape

FOUND = {"segments": 1}
GENERATOR = {
    "cpu_percent": 12.5,
    "read_lag_ms": {"count": 5, "p95": 7.0, "p99": 8.0},
    "stalls": [[1.0, 1.5]],
    "workers": [{"name": "local"}],
}


def recovered(records, own=None, **more):
    """The summary of records."""
    start = Start()
    for one in records:
        start.add(one)
    told = manifest(rows=more.pop("rows", len(records)), **more)
    return recover(columns_of(records), told, own, start, FOUND)


def ended(records, **more):
    """The summary that the run itself wrote."""
    return summary_of(records, generator=GENERATOR, started_at=STARTED_AT, **more)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_runs_own_figures(seed):
    """Of a run that ended every figure comes out as it was, the generator's too."""
    records = mixed_run(200, seed)
    own = ended(records, clock_bound_ms=7.5)
    own["notes"] = ["a remark", *own["notes"]]
    again = recovered(records[::-1], own)
    assert again.pop("merged") == {"segments": 1, "ended": True}
    assert again == own


def test_what_servers_told_is_kept():
    """A scraped figure stands in no record: of a run that ended it is what the run made of it."""
    records = mixed_run(20, 1)
    told = {"figures": {"peak_mem_mb": {"value": 70_000, "from": "x", "unit": "MB"}}, "notes": []}
    own = ended(records, servers=[{"name": "s", "kind": "sagellm", "untold": [], **told}])
    assert own["protocol_metrics"]["peak_mem_mb"] == 70_000
    assert recovered(records, own)["protocol_metrics"] == own["protocol_metrics"]


def test_what_servers_told_is_read():
    """Of a run that did not end it is made from what was scraped so far."""
    page = {"name": "s", "url": "http://s/metrics"}
    level = "vllm:num_requests_running"
    scrapes = [Scrape(t_s=1.0, phase="during", values={level: 3.0}, **page)]
    told = manifest(rows=1)
    found = recover(columns_of([record(0)]), told, None, Start(), FOUND, scrapes)
    (block,) = found["server_metrics"]
    assert (block["name"], block["kind"], block["scrapes"]) == ("s", "vllm", 1)


def test_a_run_that_did_not_end():
    """Invalid, with what is known of the rest; second 0 comes from the Protocol's timestamps."""
    records = [record(seq) for seq in range(3)]
    found = recovered(records, rows=10)
    assert found["verdict"]["exit_code"] == 3
    assert found["verdict"]["reasons"][0] == (
        "put together by merge: the run did not end in order; 3 of 10 rows are on record, nobody "
        "knows what became of the rest"
    )
    assert found["counts"]["planned"] == 3
    assert found["trace"] == {"rows": 10, "released": 3, "unreached": 7}
    assert found["generator"]["cpu_percent"] is None
    assert found["started_at"] == utc(UNIX_S)
    assert found["notes"][0] == "TLS certificates are not verified"
    assert not any("not reached" in note for note in found["notes"])
    assert found["merged"] == {"segments": 1, "ended": False}


@pytest.mark.parametrize(("loop", "rows"), [(None, 4), ("3", 12), ("forever", 2)])
def test_rows_of_the_plan(loop, rows):
    """Each round has them again; without an end there are as many as were reached."""
    options = {"trace": "t.jsonl"} | ({"loop": loop} if loop else {})
    found = recovered([record(0), record(1)], rows=4, options=options)
    assert found["trace"]["rows"] == rows


def test_other_records_than_were_counted():
    """A worker's records that the run had given up for lost: told, and not valid for it."""
    records = mixed_run(60, 3)
    own = ended(records)
    counts = copy.deepcopy(own["counts"])
    counts["ok"] -= 1
    counts["lost"] += 1
    found = recovered(records, {**own, "counts": counts})
    assert found["verdict"]["state"] == "invalid"
    assert found["verdict"]["reasons"][0].startswith("put together by merge: ")
    assert (
        f"{own['counts']['ok']} ok, and {counts['ok']} by the run's own summary"
        in (found["verdict"]["reasons"][0])
    )


def test_records_that_are_gone():
    """What the run had counted and nobody has any more makes it invalid."""
    records = mixed_run(60, 3)
    found = recovered(records[:-2], ended(records))
    reasons = found["verdict"]["reasons"]
    assert any("60 planned, 58 recorded, 2 without a record" in reason for reason in reasons)


def test_an_earlier_merge_is_no_end():
    """What merge itself wrote of an unended run does not make it ended."""
    unended = recovered([record(0)])
    assert own_summary(unended) is None
    assert own_summary(None) is None
    own = ended([record(0)])
    assert own_summary(own) is own
    assert own_summary(recovered([record(0)], own)) is not None
