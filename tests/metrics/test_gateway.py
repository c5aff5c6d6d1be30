"""Promises of the note that a gateway was the limit."""

from __future__ import annotations

from record.outcomes import outcome, record
from sagellm_benchmark.metrics.gateway import gateway_limit, in_flight
from sagellm_benchmark.record.record import RequestRecord

from .runs import latencies_of, summary_of


def _stream(number: int, sent: float, ttft: float, tokens: int, host: str = "one") -> RequestRecord:
    stamps = [sent + ttft + 5 * step for step in range(tokens)]
    return record(number, outcome(sent, sent, stamps, stamps[-1] + 1), host=f"http://{host}")


def _run(
    count: int, every_ms: float, ttft: float, growth: float, tokens: int
) -> list[RequestRecord]:
    return [
        _stream(number, number * every_ms, ttft + growth * number, tokens)
        for number in range(count)
    ]


def test_more_streams_than_it_serves() -> None:
    """Over 100 open requests are named with how many of them there were."""
    found = gateway_limit(latencies_of(_run(150, 1, 900, 0, 20)), "sagellm")
    assert found is not None
    assert found.startswith("the gateway was the limit: up to 150 requests were open")
    assert "33% of the requests" in found


def test_its_pace_was_reached_while_ttft_grew() -> None:
    """100 requests/s or 1,500 tokens/s with a growing TTFT are named with both figures."""
    requests = gateway_limit(latencies_of(_run(400, 8, 20, 0.5, 2)), "sagellm")
    assert requests is not None
    assert "125 requests/s were sent while TTFT p50 grew from 45 to 195 ms" in requests
    tokens = gateway_limit(latencies_of(_run(400, 12, 20, 0.5, 30)), "sagellm")
    assert tokens is not None
    assert "tokens/s came while TTFT p50 grew" in tokens


def test_no_evidence_no_claim() -> None:
    """A high pace at an even TTFT, a slow engine, or another server: nothing is said."""
    assert gateway_limit(latencies_of(_run(400, 8, 20, 0, 2)), "sagellm") is None
    assert gateway_limit(latencies_of(_run(100, 100, 20, 2, 2)), "sagellm") is None
    busy = _run(150, 1, 900, 0, 20)
    assert gateway_limit(latencies_of(busy), "openai") is None
    assert gateway_limit(latencies_of(busy), None) is None
    assert gateway_limit(latencies_of([]), "sagellm") is None


def test_each_host_is_a_gateway_of_its_own() -> None:
    """75 streams on each of two hosts are within the limit of both."""
    spread = [_stream(n, n, 900, 20, host="one" if n % 2 else "two") for n in range(150)]
    assert not any("gateway" in note for note in summary_of(spread, dialect="sagellm")["notes"])
    single = _run(150, 1, 900, 0, 20)
    notes = summary_of(single, dialect="sagellm")["notes"]
    assert sum("the gateway was the limit" in note for note in notes) == 1
    uneven = [_stream(n, n, 900, 20, host="two" if n % 9 else "one") for n in range(150)]
    (limit,) = [n for n in summary_of(uneven, dialect="sagellm")["notes"] if "gateway" in n]
    assert limit.startswith("http://two: the gateway was the limit: ")


def test_open_requests() -> None:
    """A request is open from sent to ended."""
    rows = [_stream(0, 0, 10, 1), _stream(1, 5, 10, 1), _stream(2, 11, 10, 1), _stream(3, 50, 1, 1)]
    assert in_flight(latencies_of(rows).table).tolist() == [1, 2, 2, 1]
