"""Retries, users who leave, caps and ends in one run: every row has its one record all the same."""

from __future__ import annotations

import csv
import time

import pytest
from tests.load.processes import (
    CLOSED,
    FILES,
    Load,
    Target,
    books_agree,
    came_out,
    free_port,
    load,
    locust_agrees,
    made,
    target,
    to,
    wait_for,
)

BARE = ("--headless", "--no-preflight")
LEAVING = ("--cancel-rate", 0.5, "--cancel-after", "3tok")


class Nowhere:
    """A target that is not there."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def loads(slow, tmp_path_factory):
    """Runs whose users leave, each ended or hindered in its own way, at once."""
    folder = tmp_path_factory.mktemp("mixes")
    replay = (*BARE, *FILES, *made(requests=40, rate=40, output_tokens=6), *LEAVING)
    nowhere = Nowhere()
    away = (*BARE, *FILES, *made(requests=300, rate=20), "--retry", 50)
    started = {
        "left": Load(folder / "left", *replay, *to(slow, "m-left")),
        "again": Load(folder / "again", *replay, *to(slow, "m-again"), "--warmup", "10req"),
        "capped": Load(folder / "capped", *replay, *to(slow, "m-capped"), "--max-in-flight", 8),
        "seconds": Load(
            *(folder / "seconds", *replay, *to(slow, "m-seconds")), "--cancel-after", "0.1s"
        ),
        "cut": Load(
            *(folder / "cut", *replay, *to(slow, "m-cut"), "-t", "1s", "--stop-timeout", 0)
        ),
        "closed": Load(
            *(folder / "closed", *BARE, *made(requests=40, output_tokens=6)),
            *(*LEAVING, "--concurrency", 8, "--warmup", "0.5s", *to(slow, "m-closed")),
            file=CLOSED,
        ),
        "SIGINT": Load(folder / "SIGINT", *away, *to(nowhere, "m-SIGINT")),
        "timed": Load(folder / "timed", *away, *to(nowhere, "m-timed"), "-t", "1s"),
    }
    yield started
    for each in started.values():
        each.close()


def drawn(results):
    """The rows whose users were to leave."""
    return {
        record.row_id
        for record in results.records
        if any(flag.startswith("cancel_after=") for flag in record.flags)
    }


def test_users_who_leave(loads, slow):
    """About half leave at their third token: counted, no failure, seen by the target, exit 0."""
    left = loads["left"]
    came_out(left, 0)
    books_agree(left.run, slow)
    locust_agrees(left, left.run)
    gone = [record for record in left.run.records if record.status == "cancelled"]
    assert 10 < len(gone) < 30
    assert left.run.states == {"ok": 40 - len(gone), "cancelled": len(gone)}
    assert left.run.summary["left"]["requests"] == len(gone)
    assert {record.row_id for record in gone} == drawn(left.run)
    for record in gone:
        assert (record.reason, record.error, record.chunks) == ("user", None, 3)
        assert record.flags == ["cancel_after=3tok"]
        assert record.metrics["error_rate"] == 0
    wait_for(
        lambda: (
            {line.request_id for line in slow.posts("m-left") if line.end == "client_closed"}
            == {record.request_id for record in gone}
        )
    )
    assert left.run.manifest["settings"]["cancel_rate"] == {"value": 0.5, "source": "cli"}
    assert "--cancel-rate 0.5  --cancel-after 3tok" in " ".join(left.out.split()).replace(
        " --cancel-after", "  --cancel-after"
    )


def test_the_same_users_leave_again(loads, slow):
    """The same load and seed: the same users, warm-up or not; warm-up is in the counts only."""
    again = loads["again"]
    came_out(again, 0)
    books_agree(again.run, slow)
    locust_agrees(again, again.run)
    assert drawn(again.run) == drawn(loads["left"].run)
    summary = again.run.summary
    assert summary["warmup"]["planned"] == 10
    assert summary["warmup"]["cancelled"] > 0
    measured = summary["counts"]["ok"] - summary["warmup"]["ok"]
    assert summary["latency"]["ttft_ms"]["count"] == measured
    with (again.folder / "c_stats.csv").open() as lines:
        counted = {row["Type"]: int(row["Request Count"]) for row in csv.DictReader(lines)}
    assert (counted["LLM"], counted["TTFT"]) == (40, measured)


def test_the_cap_drops_who_would_have_left(loads, slow):
    """A row that the cap drops is dropped; who leaves makes room for others."""
    capped = loads["capped"]
    came_out(capped, 1)
    books_agree(capped.run, slow)
    locust_agrees(capped, capped.run)
    assert set(capped.run.states) == {"ok", "cancelled", "dropped"}
    assert capped.run.summary["generator"]["peak_in_flight"] == 8


def test_users_who_leave_before_the_first_token(loads, slow):
    """A cut by seconds needs no token; within a tick or so the connection is gone."""
    early = loads["seconds"]
    came_out(early, 0)
    books_agree(early.run, slow)
    gone = [record for record in early.run.records if record.status == "cancelled"]
    assert {record.row_id for record in gone} == drawn(early.run) == drawn(loads["left"].run)
    assert all(record.chunks == 0 for record in gone)
    waited = sorted(record.ended_s - record.sent_s for record in gone)
    assert waited[0] >= 0.1
    assert waited[len(waited) // 2] < 0.45


def test_the_end_cuts_off_who_stays(loads, slow):
    """What the run's end cuts off is a failure, what its user left is none: told apart."""
    cut = loads["cut"]
    came_out(cut, 1)
    books_agree(cut.run, slow)
    locust_agrees(cut, cut.run)
    reasons = {record.reason for record in cut.run.records if record.status == "cancelled"}
    assert "stopped" in reasons
    stopped = sum(record.reason == "stopped" for record in cut.run.records)
    rate = stopped / cut.run.summary["counts"]["planned"]
    assert cut.run.summary["protocol_metrics"]["error_rate"] == pytest.approx(rate)


def test_a_closed_loop_whose_users_leave(loads, slow):
    """Who leaves takes the next row; the same rows are left; warm-up by time works there too."""
    closed = loads["closed"]
    came_out(closed, 0)
    books_agree(closed.run, slow)
    assert closed.run.summary["counts"]["planned"] == 40
    assert drawn(closed.run) == drawn(loads["left"].run)
    assert 8 <= closed.run.summary["warmup"]["planned"] < 40


def test_a_signal_ends_all_pauses(loads):
    """Who waits to try again does not hold up the end; every row has its record, and its waste."""
    ended = loads["SIGINT"]
    ended.running(0)
    wait_for(lambda: ended.runs and (ended.runs[-1] / "run.json").exists())
    time.sleep(1)
    ended.interrupt()
    began = time.monotonic()
    came_out(ended, 3)
    assert time.monotonic() - began < 5
    books_agree(ended.run)
    locust_agrees(ended, ended.run)
    assert set(ended.run.states) <= {"connect_error"}


def test_the_end_of_time_ends_all_pauses(loads):
    """So does `--run-time`: refused, tried again, given up, counted."""
    timed = loads["timed"]
    came_out(timed, 1)
    books_agree(timed.run)
    locust_agrees(timed, timed.run)
    summary = timed.run.summary
    assert set(timed.run.states) == {"connect_error"}
    assert summary["duration_s"] < 3
    tried = [record for record in timed.run.records if record.attempt > 1]
    assert summary["retries"]["requests"] == len(tried) > 5
    assert summary["retries"]["attempts"] == sum(record.attempt - 1 for record in tried)
    assert all(0 < record.wasted_s <= record.ended_s - record.sent_s for record in tried)
    assert any("attempts" in note for note in summary["notes"])


def test_a_target_that_comes_late(tmp_path):
    """With `--retry` a run outlives a target that is just starting: all ok, each sent once."""
    nowhere = Nowhere()
    options = (*BARE, *FILES, *made(requests=40, rate=40), "--retry", 30)
    with load(tmp_path / "load", *options, *to(nowhere, "m-late")) as late:
        late.running(0)
        wait_for(lambda: late.runs and (late.runs[-1] / "run.json").exists())
        whom = Target(tmp_path, "--port", nowhere.port, "--fixed", "--ttft-ms", 5, "--itl-ms", 1)
        try:
            came_out(late, 0)
            books_agree(late.run, whom)
            locust_agrees(late, late.run)
            assert late.run.states == {"ok": 40}
            retries = late.run.summary["retries"]
            assert retries["requests"] > 0
            waited = [record for record in late.run.records if record.attempt > 1]
            assert all(record.first_token_s - record.sent_s > record.wasted_s for record in waited)
        finally:
            whom.stop()


def test_what_breaks_midstream_is_not_tried_again(tmp_path):
    """Every third stream dies, and `--retry` sends none of them twice."""
    fault = ("--die-every", 3, "--die-after-tokens", 2, "--fixed", "--ttft-ms", 20, "--itl-ms", 5)
    options = (*BARE, *FILES, *made(requests=30, rate=60, output_tokens=8), "--retry", 5)
    with (
        target(tmp_path / "target", *fault) as whom,
        load(tmp_path / "load", *options, *LEAVING, *to(whom, "m-dying")) as dying,
    ):
        came_out(dying, 1)
        books_agree(dying.run, whom)
        locust_agrees(dying, dying.run)
        assert set(dying.run.states) == {"ok", "incomplete", "cancelled"}
        assert dying.run.summary["retries"]["requests"] == 0
