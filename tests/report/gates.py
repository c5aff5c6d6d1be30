"""Runs on disk for a gate, with nothing but what a gate reads of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from record.directories import manifest, write_manifest

from .summaries import summary


def write_run(
    folder: Path,
    name: str,
    *,
    scale: float = 1.0,
    error_rate: float = 0.0,
    second: int = 0,
    url: str = "http://127.0.0.1:1",
    verdict: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """One run's directory.

    Args:
        folder: Its parent.
        name: Its name.
        scale: How many times the usual latencies it has; its throughput is divided by it.
        error_rate: Share of failed requests.
        second: When it started.
        url: Its target.
        verdict: Instead of a valid one.
        protocol: Changes of its Protocol Metrics.
        settings: Values of settings.
        **changes: Other keys of the summary.
    """
    found = summary(run_id=name, slo=[{"expr": "error_rate<=0", "value": 0, "passed": True}])
    for block in found["latency"].values():
        for stat in block:
            if stat != "count" and block[stat] is not None:
                block[stat] *= scale
    found["throughput"] = {key: x / scale for key, x in found["throughput"].items()}
    found["protocol_metrics"] |= {"error_rate": error_rate, **(protocol or {})}
    good = {"state": "valid", "valid": True, "exit_code": 0, "reasons": []}
    found |= {"verdict": verdict or good, **changes}
    start = f"2026-11-23T08:{second // 60:02d}:{second % 60:02d}Z"
    told = manifest(name, started_at=start, target={"url": url})
    for key, value in (settings or {}).items():
        told["settings"][key] = {"value": value, "source": "cli"}
    directory = folder / name
    write_manifest(directory, told)
    (directory / "summary.json").write_text(json.dumps(found))
    return directory


def write_series(folder: Path, name: str, scales: Sequence[float], **more: Any) -> Path:
    """Several runs under one parent, a minute after the other.

    Returns:
        The parent.
    """
    for number, scale in enumerate(scales, 1):
        write_run(folder / name, f"{name}-a{number}", scale=scale, second=60 * number, **more)
    return folder / name


BASE = (1.0, 1.01, 0.99, 1.005, 0.995)
"""What equal runs differ by."""

SLOW = tuple(1.1 * scale for scale in (1.004, 0.99, 1.012, 0.998, 1.0))
"""The same, a tenth slower."""

INVALID = {
    "state": "invalid",
    "valid": False,
    "exit_code": 3,
    "reasons": ["dispatch lag p99 80 ms is over 10 ms"],
}
