"""What the sageLLM Protocol v0.1 reports of a run: its Metrics, as the summary has them.

Means over the ok requests. What only the server knows is there where it was read from the server.
"""

from __future__ import annotations

from collections.abc import Callable

from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY
from sagellm_benchmark.report.definitions.measured import Measured
from sagellm_benchmark.report.definitions.term import Numbers, Term, Tool

_UNITS = {"throughput_tps": "tok/s", "error_rate": "", "peak_mem_mb": "MB"}
_DIFFERS = {
    "ttft_ms": "executed - scheduled, which a client sees as ttft_ms",
    "tbt_ms": "our tpot_ms: (last - first)/(n - 1)",
    "tpot_ms": "e2e/n: the TTFT is in it. No tpot_ms of ours",
    "throughput_tps": "the mean of n/e2e over requests, no rate of the run",
    "error_rate": "failed/planned; dropped and skipped requests are failed",
}
_SERVER = "of the server, where it was read"


def _field(name: str) -> Callable[[Measured], Numbers | None]:
    def of(run: Measured) -> Numbers | None:
        metrics = run.summary["protocol_metrics"]
        value = metrics.get(name)
        known = name not in metrics["unobserved"] and isinstance(value, int | float)
        return {"value": value} if known else None

    return of


def _unit(name: str) -> str:
    return _UNITS.get(name, "ms" if name.endswith("_ms") else "")


TOOL = Tool(
    name="Protocol v0.1",
    terms=tuple(
        Term(name, _unit(name), _DIFFERS.get(name, _SERVER), _field(name))
        for name in (*_DIFFERS, *SERVER_ONLY)
    ),
    absent=(
        ("itl_list", "all latencies between tokens; each record has its own"),
        ("timestamps", "of a request; each record has its own"),
    ),
    remarks=lambda run: (),
)
