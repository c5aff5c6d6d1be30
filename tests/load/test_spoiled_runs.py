"""A run that the generator spoiled says so; one that the target slowed down does not blame it."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager

import pytest
from tests.load.processes import BUSY, books_agree, free_port, load, made, target, to

from sagellm_benchmark.metrics.thresholds import Thresholds

pytestmark = pytest.mark.integration

BUSY_THREAD = """
import time
from gevent import monkey
from locust import events
from sagellm_benchmark.load.users import {user}

def compute():
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass

@events.test_start.add_listener
def begin(**_):
    monkey.get_original("_thread", "start_new_thread")(compute, ())
"""
QUIET = "from sagellm_benchmark.load.users import {user}\n"


def blamed(results):
    """The reasons that blame the generator, and whether that made the run invalid."""
    verdict = results.summary["verdict"]
    return [reason for reason in verdict["reasons"] if BUSY.match(reason)], not verdict["valid"]


@pytest.mark.parametrize(
    ("user", "pace"),
    [("ReplayUser", ("--rate", 40)), ("ClosedLoopUser", ("--concurrency", 2))],
    ids=["open", "closed"],
)
def test_a_thread_that_computes_makes_a_run_invalid(user, pace, fast, tmp_path):
    """Its lag is that of another order than a quiet run's, which stays valid; counts add up."""
    lags = {}
    for name, file in (("quiet", QUIET), ("busy", BUSY_THREAD)):
        options = ("--headless", *made(requests=100, output_tokens=10), *pace, *to(fast, name))
        with load(tmp_path / name, *options, file=file.format(user=user)) as run:
            run.ended(40)
            books_agree(run.run)
            reasons, invalid = blamed(run.run)
            generator = run.run.summary["generator"]
            lags[name] = generator["loop_lag_ms"]["p95"]
            assert generator["read_lag_ms"]["count"] > 50
            if name == "busy":
                assert invalid and reasons
                assert run.process.returncode == 3
                assert any(reason.startswith("loop lag") for reason in reasons)
            elif invalid:
                assert run.run.summary["verdict"]["reasons"] == reasons
            else:
                assert run.process.returncode == 0
    assert lags["busy"] > 5 * lags["quiet"]


@contextmanager
def stopped(process, *, after_s, seconds):
    """While the block lasts a process is stopped once, and goes on, come what may."""

    def stop():
        time.sleep(after_s)
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        yield
    finally:
        stopper.join(timeout=after_s + seconds + 5)
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("cap", [None, 20])
def test_what_a_stopped_target_costs_is_in_the_latencies_from_due(cap, tmp_path):
    """A target that stands still for 1.4 s at 100 requests/s: no request of that time is forgotten.

    Those that were sent waited for it; those that the cap kept from being sent are dropped, and
    count against goodput.
    """
    capped = () if cap is None else ("--max-in-flight", cap)
    options = (*made(requests=500, rate=100), "--slo", "error_rate<=1", *capped)
    with (
        target(tmp_path / "target", "--fixed", "--ttft-ms", 20, "--itl-ms", 2) as whom,
        load(tmp_path, "--headless", *options, *to(whom, "stopped")) as run,
    ):
        run.running(20)
        with stopped(whom.process, after_s=0, seconds=1.4):
            run.ended(40)
        books_agree(run.run)
        summary = run.run.summary
    latency, counts = summary["latency"], summary["counts"]
    assert latency["ttft_from_due_ms"]["p99"] > 1000
    assert latency["ttft_from_due_ms"]["p99"] >= latency["ttft_ms"]["p99"] - 1
    assert latency["e2e_from_due_ms"]["p99"] > 1000
    assert counts["ok"] + counts["dropped"] == counts["planned"] == 500
    if cap is None:
        assert counts["dropped"] == 0
    else:
        assert counts["dropped"] >= 60
        assert any("were dropped: as many as --max-in-flight" in line for line in summary["notes"])
    assert summary["goodput"]["fraction"] == pytest.approx(counts["ok"] / 500)
    if summary["fidelity"]["dispatch_lag_ms"]["p99"] < 5:  # nobody else held the processor
        assert not any("the generator" in line for line in summary["notes"])


@pytest.mark.parametrize("user", ["ReplayUser", "ClosedLoopUser"])
def test_a_target_that_is_not_there_ends_the_run(user, tmp_path):
    """After 20 connections in a row that never stood no more is sent; the books agree; exit 3."""
    limit = Thresholds().connect_errors
    options = (*made(requests=4000), "--no-preflight", "--model", "m", "--run-id", "nobody")
    pace = ("--rate", 100) if user == "ReplayUser" else ("--concurrency", 4)
    nobody = ("--host", f"http://127.0.0.1:{free_port()}")
    with load(
        tmp_path, "--headless", *options, *pace, *nobody, file=QUIET.format(user=user)
    ) as run:
        assert run.ended(30) == 3, run.err
        assert "Traceback" not in run.err
        books_agree(run.run)
        summary = run.run.summary
        assert run.run.manifest["thresholds"]["connect_errors"] == limit
        assert f"{limit} requests in a row found no connection" in run.err
    counts = summary["counts"]
    assert counts["connect_error"] == counts["planned"] - counts["cancelled"]
    assert limit <= counts["planned"] <= limit + 10
    assert summary["trace"]["unreached"] == 4000 - counts["planned"]
    assert summary["verdict"]["reasons"][0].startswith(
        f"aborted: {limit} requests in a row found no connection and none before them was answered"
    )
    assert "Connection refused" in summary["verdict"]["reasons"][0]


def test_a_target_that_was_there_once_is_measured(tmp_path):
    """One that goes away in mid-run is a result: the run goes on to the end of its trace."""
    with (
        target(tmp_path / "target", "--fixed", "--ttft-ms", 5, "--itl-ms", 1) as whom,
        load(tmp_path, "--headless", *made(requests=200, rate=60), *to(whom, "gone")) as run,
    ):
        run.running(20)
        whom.stop(signal.SIGKILL)
        assert run.ended(40) in (1, 3)
        books_agree(run.run)
        summary = run.run.summary
    assert summary["counts"]["planned"] == 200
    assert summary["counts"]["connect_error"] > Thresholds().connect_errors
    assert not any(reason.startswith("aborted") for reason in summary["verdict"]["reasons"])
