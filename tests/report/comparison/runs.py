"""Runs on disk, as far as a comparison reads them: known figures, and records where asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from record.directories import manifest as run_json
from record.directories import write_manifest
from record.outcomes import outcome, record
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import SegmentWriter
from sagellm_benchmark.report.comparison.sides import Side, letters

from ..summaries import summary


def write_run(
    folder: Path,
    *,
    scale: float = 1.0,
    started: int = 0,
    manifest: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    records: Iterable[RequestRecord] = (),
) -> Path:
    """One run's directory, named as the folder.

    Args:
        folder: Where.
        scale: How many times the usual latencies it has; its rates are divided by it.
        started: Second of the hour.
        manifest: Other keys of `run.json`.
        settings: Values of settings.
        changes: Other keys of `summary.json`; of objects only what is named is replaced.
        records: What it recorded.
    """
    found = summary(run_id=folder.name)
    for block in found["latency"].values():
        for stat in block.keys() - {"count"}:
            block[stat] = None if block[stat] is None else block[stat] * scale
    found["throughput"] = {key: value / scale for key, value in found["throughput"].items()}
    found["protocol_metrics"]["error_rate"] = 0.0
    found["verdict"] = {"state": "valid", "valid": True, "exit_code": 0, "reasons": []}
    start = f"2026-11-23T08:{started // 60:02d}:{started % 60:02d}Z"
    told = run_json(**{"run_id": folder.name, "started_at": start, **(manifest or {})})
    for key, value in (settings or {}).items():
        told["settings"][key] = {"value": value, "source": "cli"}
    write_manifest(folder, told)
    records = list(records)
    if records:
        found["counts"] = {**dict.fromkeys(found["counts"], 0), "planned": len(records)}
        found["counts"] |= Counter(one.status for one in records)
    for key, value in (changes or {}).items():
        found[key] = found[key] | value if isinstance(value, dict) else value
    found["verdict"]["valid"] = found["verdict"]["state"] != "invalid"
    (folder / "summary.json").write_text(json.dumps(found))
    segment = SegmentWriter(folder / "records", "local")
    for one in records:
        segment.append(one)
    segment.close()
    return folder


def sides(*groups: Iterable[Path]) -> list[Side]:
    """Sides of these runs."""
    return [
        Side(letter, f"side {letter}", tuple(map(open_archive, group)))
        for letter, group in zip(letters(), groups, strict=False)
    ]


def several(
    folder: Path, name: str, scales: Iterable[float], first: int = 0, **more: Any
) -> list[Path]:
    """Runs that repeat each other, two minutes apart."""
    return [
        write_run(folder / f"{name}{number}", scale=scale, started=first + 120 * number, **more)
        for number, scale in enumerate(scales, 1)
    ]


def replies(count: int, ttft_ms: float = 100.0, gap_ms: float = 20.0) -> list[RequestRecord]:
    """Ok replies of three tokens each, one every 50 ms."""
    made = []
    for seq in range(count):
        due = 50.0 * seq
        first = due + ttft_ms + seq % 5
        stamps = [first, first + gap_ms, first + 2 * gap_ms]
        made.append(record(seq, outcome(due, due, stamps)))
    return made


STEADY = (1.0, 1.01, 0.99, 1.005)
SLOWER = (1.2, 1.21, 1.19, 1.205)
