"""What `gate --json` prints: one object, schema `sagellm.gate/1`, the same as the table says.

Every number is finite or null.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.gate import Check, Gate
from sagellm_benchmark.report.regressions import Regression

SCHEMA = "sagellm.gate/1"


def gate_object(gate: Gate) -> dict[str, Any]:
    """The object."""
    rules = gate.rules
    return {
        "schema": SCHEMA,
        "exit_code": gate.exit_code,
        "passed": gate.exit_code == 0,
        "runs": _runs(gate.runs),
        "baseline": None if gate.baseline is None else _runs(gate.baseline),
        "contract": None if rules.contract is None else rules.contract.name,
        "objectives": [_check(check) for check in gate.checks],
        "method": {
            "unit": "run",
            "test": "pairs" if rules.method.paired else "welch",
            "confidence": rules.method.confidence,
            "max_regression": rules.method.max_regression,
            "corrected": "holm",
        },
        "comparison": [_regression(one) for one in gate.regressions],
        "warnings": gate.warnings,
        "notes": gate.notes,
        "strict": rules.strict,
    }


def _runs(side: Side) -> list[dict[str, Any]]:
    return [
        {
            "run_id": archive.run_id,
            "directory": str(archive.directory),
            "state": archive.summary["verdict"]["state"],
            "reasons": archive.summary["verdict"]["reasons"],
        }
        for archive in side.archives
    ]


def _check(check: Check) -> dict[str, Any]:
    return {
        "expr": check.expr,
        "origin": check.origin,
        "passed": all(check.met),
        "values": list(check.values),
    }


def _regression(one: Regression) -> dict[str, Any]:
    found = None if one.difference is None else asdict(one.difference)
    return {
        "metric": one.figure.name,
        "better": one.figure.better,
        "word": one.word,
        "margin": one.margin,
        "lacking": list(one.lacking),
        "difference": found,
    }
