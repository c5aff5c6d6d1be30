"""Other tools' figures, of records whose figures are known by hand."""

from __future__ import annotations

import math

import pytest

from record.outcomes import at, outcome, record
from sagellm_benchmark.record.builder import Warmup
from sagellm_benchmark.report.definitions import aiperf, guidellm, protocol, vllm
from sagellm_benchmark.report.definitions.measured import measured
from sagellm_benchmark.report.definitions.view import TOOLS, view
from sagellm_benchmark.wire.states import Status

from ..comparison.runs import sides, write_run

POOLED = {"connected_ns": None, "reused": True}


def _results():
    """Three replies, a stream that failed after a token, a request that was dropped; milliseconds.

    The first waits 10 for its connection; the last reply has both of its tokens in one chunk.
    """
    return [
        outcome(0, 0, [100, 120, 160], 170, connected_ns=at(10), output_tokens=5, input_tokens=10),
        outcome(40, 50, [250, 270], 290, **POOLED, output_tokens=11, input_tokens=20),
        outcome(60, 60, [360], 360, **POOLED, output_tokens=2, input_tokens=30),
        outcome(70, 70, [200], 400, **POOLED, status=Status.STREAM_ERROR),
        outcome(80, None, [], 80, **POOLED, status=Status.DROPPED),
    ]


def _archive(tmp_path, results=None, *, slo=(), **options):
    made = [record(seq, one, **options) for seq, one in enumerate(results or _results())]
    run = write_run(tmp_path / "x", settings={"slo": list(slo)}, records=made)
    return sides([run])


def _told(tool, tmp_path, *arguments, **options):
    """Every figure by its name, single numbers bare."""
    run = measured(_archive(tmp_path, *arguments, **options)[0].archives[0])
    found = {term.name: term.of(run) for term in tool.TOOL.terms}
    return {
        name: numbers["value"] if numbers is not None and numbers.keys() == {"value"} else numbers
        for name, numbers in found.items()
    }


def test_vllm(tmp_path):
    """Over the time to the end of the failed request; no token no TPOT; every gap an ITL."""
    told = _told(vllm, tmp_path)
    assert told["Successful requests"] == 3
    assert told["Failed requests"] == 1
    assert told["Benchmark duration"] == pytest.approx(0.4)
    assert told["Total input tokens"] == 60
    assert told["Total generated tokens"] == 18
    assert told["Request throughput"] == pytest.approx(7.5)
    assert told["Output token throughput"] == pytest.approx(45)
    assert told["Total token throughput"] == pytest.approx(195)
    assert told["Peak concurrent requests"] == 3
    assert told["TTFT"] == pytest.approx({"Mean": 200, "Median": 200, "P99": 298})
    assert told["TPOT"] == pytest.approx({"Mean": 17 / 3, "Median": 2, "P99": 14.74})
    assert told["ITL"]["Mean"] == pytest.approx(80 / 3)
    assert told["ITL"]["Median"] == pytest.approx(20, rel=0.005)
    assert told["E2EL"] == pytest.approx({"Mean": 680 / 3, "Median": 220, "P99": 298.4})


def test_aiperf(tmp_path):
    """Over the time to the last content of valid requests; one ITL a request."""
    told = _told(aiperf, tmp_path)
    assert told["Benchmark Duration"] == pytest.approx(0.36)
    assert told["Request Count"] == 3
    assert told["Error Request Count"] == 1
    assert told["Request Throughput"] == pytest.approx(3 / 0.36)
    assert told["Output Token Throughput"] == pytest.approx(50)
    assert told["Total Token Throughput"] == pytest.approx(78 / 0.36)
    means = {name: told[name]["avg"] for name in told if isinstance(told[name], dict)}
    assert means == pytest.approx(
        {
            "Time to First Token": 200,
            "Time to Second Token": 20,
            "Time to First Output Token": 200,
            "Request Latency": 680 / 3,
            "Inter Token Latency": 17 / 3,
            "Inter Chunk Latency": 80 / 3,
            "Output Token Throughput Per User": (1000 / 15 + 500) / 2,
            "Prefill Throughput Per User": 100,
            "E2E Output Token Throughput": (5 / 0.16 + 50 + 2 / 0.3) / 3,
            "Output Sequence Length": 6,
            "Input Sequence Length": 20,
        }
    )
    assert told["Inter Token Latency"] == pytest.approx(
        {"avg": 17 / 3, "min": 0, "max": 15, "p99": 14.74, "p90": 12.4, "p50": 2, "std": 6.649979}
    )


def test_guidellm(tmp_path):
    """From a connection that stands, weighted by tokens, the TTFT inside its TPOT."""
    told = _told(guidellm, tmp_path)
    assert told["request_totals.successful"] == 3
    assert told["request_totals.errored"] == 1
    means = {name: told[name]["mean"] for name in told if isinstance(told[name], dict)}
    assert means == pytest.approx(
        {
            "request_latency": 0.7 / 3,
            "time_to_first_token_ms": 590 / 3,
            "inter_token_latency_ms": (4 * 15 + 10 * 2 + 1 * 0) / 15,
            "time_per_output_token_ms": (150 + 220 + 300) / 18,
            "requests_per_second": 3 / 0.39,
            "request_concurrency": 0.7 / 0.39,
            "output_tokens_per_second": 18 / 0.26,
            "output_token_count": 6,
            "prompt_token_count": 20,
        }
    )
    assert told["inter_token_latency_ms"]["median"] == pytest.approx(2)
    assert told["inter_token_latency_ms"]["p95"] == pytest.approx(15)
    assert told["request_latency"]["median"] == pytest.approx(0.24)


def test_protocol(tmp_path):
    """The summary's own figures; what a client cannot see has none."""
    told = _told(protocol, tmp_path)
    assert told["ttft_ms"] == 49.8
    assert told["tbt_ms"] == 11.02
    assert told["tpot_ms"] == 11.3
    assert told["error_rate"] == 0
    assert told["kv_used_tokens"] is None


def test_goodput_is_each_tools_own(tmp_path):
    """Objectives per request are taken over; one that a tool does not have is left out."""
    slo = ["ttft_ms<=200", "tpot_ms<=15"]
    assert _told(vllm, tmp_path / "v", slo=slo)["Request goodput"] == pytest.approx(2 / 0.4)
    assert _told(aiperf, tmp_path / "a", slo=slo)["Goodput"] == pytest.approx(2 / 0.36)
    other = ["ttft_from_due_ms<=200"]
    assert _told(vllm, tmp_path / "w", slo=other)["Request goodput"] is None
    assert _told(aiperf, tmp_path / "b", slo=[])["Goodput"] is None


def test_a_reply_of_one_token(tmp_path):
    """VLLM takes its TPOT for 0 in goodput alone; aiperf and guidellm have none."""
    one = [outcome(0, 0, [100], 100, **POOLED, output_tokens=1, input_tokens=1)]
    told = _told(vllm, tmp_path / "v", one, slo=["tpot_ms<=10"])
    assert told["TPOT"] is None
    assert told["Request goodput"] == pytest.approx(10)
    assert _told(aiperf, tmp_path / "a", one)["Inter Token Latency"] is None
    assert _told(guidellm, tmp_path / "g", one)["inter_token_latency_ms"] is None


def test_warm_up_is_left_out(tmp_path):
    """Each tool has its own warm-up; ours is in none of its figures."""
    told = _told(vllm, tmp_path, warmup=Warmup("req", 1))
    assert told["Successful requests"] == 2
    assert told["TTFT"]["Mean"] == pytest.approx(250)
    assert told["ITL"]["Mean"] == pytest.approx(20)


def test_gaps_that_were_only_counted(tmp_path):
    """With --itl hist gaps are known, which of them was the first is not."""
    told = _told(aiperf, tmp_path, itl="hist")
    assert told["Inter Chunk Latency"]["avg"] == pytest.approx(80 / 3)
    assert told["Time to Second Token"] is None


@pytest.mark.parametrize("name", TOOLS)
def test_nothing_was_ok(tmp_path, name):
    """A run of failures has counts and no latency, in anybody's terms."""
    shown = view(name, _archive(tmp_path, _results()[3:]))
    assert all(line.values[0] is not None for line in shown.lines)
    if name in ("vllm", "aiperf"):
        assert {line.stat for line in shown.lines} == {"value"}


@pytest.mark.parametrize("name", TOOLS)
def test_each_figure_says_how_it_differs(name):
    """No name without a line, and no line that runs over."""
    tool = {"vllm": vllm, "aiperf": aiperf, "guidellm": guidellm, "protocol": protocol}[name].TOOL
    assert len({term.name for term in tool.terms}) == len(tool.terms)
    for term in tool.terms:
        assert 0 < len(term.differs) <= 100, term.name
    assert tool.absent


@pytest.mark.parametrize("tool", [vllm, aiperf, guidellm, protocol])
def test_replies_without_a_token_are_no_nan(tmp_path, tool):
    """What has no end has no duration and no rate: unknown, and never a figure called nan."""
    run = measured(_archive(tmp_path, [outcome(0, 0, []), outcome(9, 9, [])])[0].archives[0])
    for term in tool.TOOL.terms:
        known = [value for value in (term.of(run) or {}).values() if value is not None]
        assert not any(map(math.isnan, known)), term.name
