"""Where the records of one run lie: in `records/`, in `workers/*/`, in directories of their own.

In: directories, each with a `run.json`. Out: the files of records in them. Directories of two runs
are never taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.archive import existing, read_manifest
from sagellm_benchmark.record.scrapes import FILE as SCRAPES


@dataclass(frozen=True)
class Sources:
    """Where the records of one run lie.

    Attributes:
        directory: The first directory.
        manifest: Its `run.json`.
        segments: All files of records, those of the first directory's `records/` first.
    """

    directory: Path
    manifest: dict[str, Any]
    segments: tuple[Path, ...]


def find_segments(paths: Sequence[str | Path]) -> Sources:
    """Look for the records of a run.

    Args:
        paths: Directories of it, each with a `run.json`.

    Raises:
        InputError: One is no such directory, or of another run; there are no records in any.
    """
    directories = [existing(path).resolve() for path in paths]
    manifest = read_manifest(directories[0])
    found: dict[Path, None] = {}
    for directory in directories:
        _check_same_run(directory, directories[0], read_manifest(directory), manifest)
        found |= dict.fromkeys(_segments_of(directory, directories[0], manifest))
    if not found:
        raise InputError("no records: there is no *.jsonl in records/ or workers/*/", paths[0])
    return Sources(directories[0], manifest, tuple(found))


def _segments_of(directory: Path, first: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    records, workers = directory / "records", directory / "workers"
    if not (records.is_dir() or workers.is_dir()):  # a worker's own
        yield from _lines_in(directory)
        return
    yield from _lines_in(records)
    for worker in sorted(path for path in workers.glob("*") if path.is_dir()):
        if (worker / "run.json").exists():
            _check_same_run(worker, first, read_manifest(worker), manifest)
        yield from _lines_in(worker)


def _lines_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.jsonl") if path.name != SCRAPES)


def _check_same_run(
    directory: Path, first: Path, manifest: dict[str, Any], wanted: dict[str, Any]
) -> None:
    name, expected = manifest["run_id"], wanted["run_id"]
    if name != expected:
        raise InputError(
            f"a record of run {name}, and {first} is run {expected}: one run is put together at a "
            "time",
            directory,
        )
    if manifest.get("started_at") != wanted.get("started_at"):
        raise InputError(
            f"another run of the name {name}: it started at {manifest.get('started_at')}, that in "
            f"{first} at {wanted.get('started_at')}",
            directory,
        )
