"""The finished runs of a directory, newest first, for the page's list.

In goes `--out`; out come a few figures a run, read from its `summary.json`, and the directory of a
run by its name. A name never leads out of the directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagellm_benchmark.config import values
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.archive import open_archive

MOST = 50
"""Runs in the list."""


class Runs:
    """The runs under one directory.

    Args:
        out: That directory, which need not exist yet.
    """

    def __init__(self, out: str) -> None:
        self._out = Path(out)
        self._lines: dict[Path, tuple[int, dict[str, Any]]] = {}

    def directory(self, run_id: str) -> Path | None:
        """Where a run lies; None where there is none of that name."""
        try:
            path = self._out / values.name(run_id)
        except ValueError:
            return None
        return None if path.is_symlink() or not (path / "run.json").is_file() else path

    def lines(self) -> list[dict[str, Any]]:
        """What is to be said of each that has ended; read once, and again when it changes."""
        found = []
        for summary in self._out.glob("[!.]*/summary.json"):
            directory = summary.parent
            if not directory.is_symlink():
                found.append((summary.stat().st_mtime_ns, directory))
        found.sort(reverse=True)
        known = {directory: self._line(changed, directory) for changed, directory in found[:MOST]}
        self._lines = {path: entry for path, entry in known.items() if entry is not None}
        return [
            {**line, "report": (directory / "report.html").is_file()}
            for directory, (_, line) in self._lines.items()
        ]

    def _line(self, changed: int, directory: Path) -> tuple[int, dict[str, Any]] | None:
        known = self._lines.get(directory)
        if known is not None and known[0] == changed:
            return known
        try:
            archive = open_archive(directory)
            return changed, _figures(archive.run_id, archive.manifest, archive.summary)
        except (InputError, KeyError):  # no run of ours, or of a version that writes other figures
            return None


def _figures(run_id: str, manifest: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    settings = manifest["settings"]
    trace = settings["trace"]["value"]
    return {
        "run_id": run_id,
        "started_at": summary["started_at"],
        "trace": None if trace is None else Path(trace).name,
        "model": settings["model"]["value"],
        "state": summary["verdict"]["state"],
        "passed": all(gate["passed"] for gate in summary["slo"]),
        "planned": summary["counts"]["planned"],
        "ok": summary["counts"]["ok"],
        "ttft_p50_ms": summary["latency"]["ttft_ms"]["p50"],
        "ttft_p99_ms": summary["latency"]["ttft_ms"]["p99"],
        "itl_p99_ms": summary["latency"]["itl_ms"]["p99"],
        "e2e_p99_ms": summary["latency"]["e2e_ms"]["p99"],
        "tokens_per_s": summary["throughput"]["output_tokens_per_s"],
        "goodput": summary["goodput"]["fraction"],
    }
