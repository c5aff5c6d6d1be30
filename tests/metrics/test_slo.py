"""Promises of the SLO grammar."""

from __future__ import annotations

from typing import Any

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.names import LATENCIES, PER_REQUEST, STATS
from sagellm_benchmark.metrics.slo import evaluate, parse_slo, parse_slos


def _summary(**latency: dict[str, float | None]) -> dict[str, Any]:
    return {
        "latency": latency,
        "goodput": {"fraction": 0.98, "requests_per_s": 4.5},
        "short_output": {"fraction": 0.0, "count": 0},
        "throughput": {"requests_per_s": 5.0, "output_tokens_per_s": 50.0},
        "protocol_metrics": {
            "error_rate": 0.02,
            "tpot_ms": 19.0,
            "ttft_ms": 0.0,
            "prefix_hit_rate": 0.75,
            "peak_mem_mb": 0,
            "unobserved": ["ttft_ms", "peak_mem_mb"],
        },
    }


@pytest.mark.parametrize("metric", PER_REQUEST)
def test_a_plain_limit_is_per_request(metric: str) -> None:
    """`METRIC<=N` defines goodput and gates nothing."""
    slo = parse_slo(f" {metric} <= 500 ")
    assert slo.per_request
    assert (slo.expr, slo.limit) == (f"{metric}<=500", 500.0)


@pytest.mark.parametrize("metric", LATENCIES)
@pytest.mark.parametrize("stat", STATS)
def test_every_statistic_can_gate(metric: str, stat: str) -> None:
    """`METRIC.STAT` takes <= and >=, for every latency and statistic of the summary."""
    for operator, passed in (("<=", True), (">=", False)):
        slo = parse_slo(f"{metric}.{stat}{operator}500")
        assert not slo.per_request
        results = evaluate([slo], _summary(**{metric: {stat: 400.0}}))
        assert results[1] == {"expr": slo.expr, "value": 400.0, "passed": passed}


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ("goodput.fraction>=0.99", 0.98, False),
        ("goodput.requests_per_s>=4.5", 4.5, True),
        ("short_output.fraction<=0.01", 0.0, True),
        ("throughput.output_tokens_per_s>=10", 50.0, True),
        ("protocol.tpot_ms.mean<=20", 19.0, True),
        ("protocol.tpot_ms<=18", 19.0, False),
        ("protocol.ttft_ms<=500", None, False),
        ("protocol.prefix_hit_rate>=0.7", 0.75, True),
        ("protocol.peak_mem_mb<=100", None, False),
        ("error_rate<=0.05", 0.02, True),
        ("error_rate<=0.01", 0.02, False),
    ],
)
def test_figures_of_the_run(text: str, value: float, passed: bool) -> None:
    """Gates on goodput, short output, throughput, Protocol figures and the error rate."""
    assert {"expr": text, "value": value, "passed": passed} in evaluate(
        parse_slos([text]), _summary()
    )


def test_the_error_rate_is_always_a_gate() -> None:
    """`error_rate<=0` is implied until another error rate replaces it."""
    assert evaluate([], _summary()) == [{"expr": "error_rate<=0", "value": 0.02, "passed": False}]
    assert [one["expr"] for one in evaluate(parse_slos(["error_rate<=0.5"]), _summary())] == [
        "error_rate<=0.5"
    ]


def test_an_unknown_figure_fails() -> None:
    """A gate on what was not observed does not pass."""
    slos = parse_slos(["ttft_ms.p99<=500", "protocol.ttft_ms.mean<=500"])
    for result in evaluate(slos, _summary(ttft_ms={"p99": None}))[1:]:
        assert (result["value"], result["passed"]) == (None, False)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "write METRIC<=N"),
        ("ttft_ms", "write METRIC<=N"),
        ("ttft_ms<500", "write METRIC<=N"),
        ("ttft_ms==500", "write METRIC<=N"),
        ("ttft_ms<=fast", "'fast' is no number"),
        ("ttft_ms<=nan", "finite number"),
        ("ttft_ms<=inf", "finite number"),
        ("ttft_ms<=-1", "0 or more"),
        ("ttft_ms>=5", "takes <= only"),
        ("error_rate>=0.5", "takes <= only"),
        ("itl_ms<=5", "one of ttft_ms, ttfa_ms"),
        ("speed<=5", "one of ttft_ms, ttfa_ms"),
        ("speed.p99<=5", "no metric 'speed'; there are ttft_ms"),
        ("ttft_ms.p98<=5", "ttft_ms has no 'p98'; it has mean, std"),
        ("goodput<=5", "there are goodput"),
        ("goodput.p99<=5", "goodput has no 'p99'; it has fraction"),
        ("protocol.component_trace.mean<=5", "no metric 'protocol.component_trace'"),
        ("protocol.ttft_ms.p99<=5", "it has mean"),
        ("protocol.itl_list<=5", "no metric 'protocol'"),
    ],
)
def test_a_wrong_objective_says_what_is_allowed(text: str, what: str) -> None:
    """Every mistake is one line that names the option, the text and what is allowed there."""
    with pytest.raises(UsageError) as caught:
        parse_slo(text)
    line = str(caught.value)
    assert line.startswith(f"--slo {text!r}: ")
    assert what in line
    assert "\n" not in line
