"""A run as an entry of the sageLLM leaderboard.

In: a finished, usable run, and the system as its operator declared it. Out: an entry. Figures are
the run's own; what a client cannot see is what was declared, and the notes say so of a figure. What
is missing is refused, all of it in one line: nothing is made up.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.config.system import KEYS, declared, keys_of, missing, to_write
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.redact import redact
from sagellm_benchmark.report.command import command_line
from sagellm_benchmark.report.export.entry import Entry, checked

_ALWAYS = (
    "hardware.vendor",
    "hardware.chip_model",
    "hardware.chip_count",
    "model.parameters",
    "model.precision",
    "versions.sagellm",
    "versions.protocol",
    "versions.backend",
    "versions.core",
    "environment.os",
    "environment.python_version",
    "submission.submitter",
)
_OF_A_CLUSTER = ("cluster.node_count", "cluster.comm_backend", "cluster.topology_type")
_MEASURED = ("ttft_ms", "throughput_tps", "error_rate")
_OPTIONAL = (
    *("tbt_ms", "tpot_ms", "prefix_hit_rate", "kv_used_tokens", "kv_used_bytes"),
    *("evict_count", "evict_ms", "spec_accept_rate"),
)
_ORDER = [f"{section}.{key}" for section, keys in KEYS.items() for key in keys_of(keys)]
"""The keys in the order of the file."""

_NOT_AVAILABLE = "N/A"

System = Mapping[str, Any]


def leaderboard_entry(archive: Archive, system: System | None, submitted_at: datetime) -> Entry:
    """Make the entry; the same run gives the same `entry_id`.

    Args:
        archive: A run whose verdict is not invalid.
        system: What is declared of it.
        submitted_at: The instant of the export, with a time zone.

    Raises:
        UsageError: The run lacks a figure that is required; or keys are not declared: all of them
            are named, with the YAML to write.
    """
    metrics = archive.summary["protocol_metrics"]
    for name in _MEASURED:
        if name in metrics["unobserved"]:
            raise UsageError(
                f"{archive.directory}: the run has no {name}, and an entry cannot do without: "
                "replay with streaming, and with at least one reply that is ok"
            )
    system = system or {}
    workload = _workload(archive, system)
    model = _model_name(archive, system)
    _refuse_missing(_missing(system, metrics, workload, model))
    summary, manifest = archive.summary, archive.manifest
    entry = {
        "entry_id": str(uuid.uuid5(uuid.NAMESPACE_URL, _identity(archive))),
        "sagellm_version": declared(system, "versions.sagellm"),
        "config_type": _config_type(system),
        "hardware": _section(system, "hardware"),
        "model": {**_section(system, "model"), "name": model},
        "workload": workload,
        "metrics": _metrics(metrics, system),
        "cluster": _section(system, "cluster") or None,
        "versions": {**_versions(system), "benchmark": manifest["version"]},
        "environment": _section(system, "environment"),
        "metadata": {
            "submitted_at": submitted_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "submitter": declared(system, "submission.submitter"),
            "data_source": declared(system, "submission.data_source") or "automated-benchmark",
            "reproducible_cmd": command_line(manifest),
            "git_commit": declared(system, "submission.git_commit"),
            "notes": "; ".join(_notes(summary, system)) or None,
            "verified": False,
        },
    }
    try:
        return checked(_redacted(entry))
    except msgspec.ValidationError as error:
        raise UsageError(f"{archive.directory}: no entry can be made of it: {error}") from None


def _identity(archive: Archive) -> str:
    manifest = archive.manifest
    parts = (manifest["run_id"], manifest["started_at"], manifest["schedule_digest"])
    return "sagellm-benchmark:" + ":".join(map(str, parts))


def _missing(
    system: System, metrics: Mapping[str, Any], workload: Mapping[str, Any], model: str | None
) -> list[str]:
    names = list(_ALWAYS)
    if not declared(system, "hardware.intra_node_interconnect"):
        names.append("hardware.interconnect")
    if _section(system, "cluster"):
        names += _OF_A_CLUSTER
    if model is None:
        names.append("model.name")
    if "peak_mem_mb" in metrics["unobserved"]:
        names.append("metrics.peak_mem_mb")
    names += [f"workload.{key}" for key in ("input_length", "output_length") if not workload[key]]
    return sorted(missing(system, names), key=_ORDER.index)


def _refuse_missing(names: list[str]) -> None:
    if names:
        raise UsageError(
            f"--system FILE.yaml lacks {len(names)} keys of an entry: write {{{to_write(names)}}}"
        )


def _config_type(system: System) -> str:
    if _section(system, "cluster"):
        return "multi_node"
    return "multi_gpu" if declared(system, "hardware.chip_count") > 1 else "single_gpu"


def _section(system: System, name: str) -> dict[str, Any]:
    """What is declared in a section, without empty keys."""
    return {key: value for key, value in (system.get(name) or {}).items() if value is not None}


def _versions(system: System) -> dict[str, str]:
    names = [name for name in keys_of(KEYS["versions"]) if name != "sagellm"]
    return {name: declared(system, f"versions.{name}") or _NOT_AVAILABLE for name in names}


def _model_name(archive: Archive, system: System) -> str | None:
    """As declared, else as asked for where that was one model."""
    asked = {group["model"] for group in archive.summary["groups"]}
    return declared(system, "model.name") or (asked.pop() or None if len(asked) == 1 else None)


def _workload(archive: Archive, system: System) -> dict[str, Any]:
    settings, trace = archive.manifest["settings"], archive.manifest["trace"]
    path = None if trace is None or trace["path"] is None else Path(trace["path"]).name
    lengths = _Lengths()
    for outline in archive.every(Outline):
        if outline.status == "ok" and not outline.warmup:
            lengths.add(outline)
    return {
        "input_length": lengths.input or declared(system, "workload.input_length"),
        "output_length": lengths.output or declared(system, "workload.output_length"),
        "batch_size": declared(system, "workload.batch_size"),
        "concurrent_requests": settings["concurrency"]["value"],
        "dataset": declared(system, "workload.dataset") or path,
    }


class _Lengths:
    """Mean lengths of the ok requests in tokens: as counted, else as asked for."""

    def __init__(self) -> None:
        self._sums = [0, 0]
        self._numbers = [0, 0]

    def add(self, outline: Any) -> None:
        asked = outline.asked
        for place, (got, wanted) in enumerate(
            (
                (outline.input_tokens, asked.input_tokens),
                (outline.output_tokens, asked.output_tokens),
            )
        ):
            tokens = wanted if got is None else got
            if tokens is not None:
                self._sums[place] += tokens
                self._numbers[place] += 1

    @property
    def input(self) -> int | None:
        """Of prompts, at least 1; None where no length is known."""
        return self._mean(0)

    @property
    def output(self) -> int | None:
        """Of replies, at least 1; None where no length is known."""
        return self._mean(1)

    def _mean(self, place: int) -> int | None:
        number = self._numbers[place]
        return max(1, round(self._sums[place] / number)) if number else None


def _metrics(metrics: Mapping[str, Any], system: System) -> dict[str, Any]:
    unobserved = metrics["unobserved"]
    peak = metrics["peak_mem_mb"]
    if "peak_mem_mb" in unobserved:
        peak = declared(system, "metrics.peak_mem_mb")
    return {
        **{name: metrics[name] for name in _MEASURED},
        "peak_mem_mb": peak,
        **{name: None if name in unobserved else metrics[name] for name in _OPTIONAL},
    }


def _notes(summary: Mapping[str, Any], system: System) -> list[str]:
    notes = []
    if declared(system, "submission.notes"):
        notes.append(declared(system, "submission.notes"))
    if "peak_mem_mb" in summary["protocol_metrics"]["unobserved"]:
        notes.append("peak_mem_mb is declared, not measured")
    return notes + [f"warned: {reason}" for reason in summary["verdict"]["reasons"]]


def _redacted(value: Any) -> Any:
    """What is handed on to others holds nothing that looks like a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(held) for key, held in value.items()}
    return value
