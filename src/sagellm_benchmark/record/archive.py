"""A finished run as it lies on disk: what was run, what came of it, and each of its records.

In: a run's directory, `runs/latest` among them. Out: `run.json`, `summary.json` and readers of the
records, none of which is changed. A directory that is no run, or a run that never ended, is one
clear line, and so are records that are not those which the summary counted, unless the reader tells
it itself. Whoever writes such a file writes it whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.record.manifest_shape import Known, Manifest
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import RecordReader, read_outlines, read_records
from sagellm_benchmark.record.summary_shape import Summary

MANIFEST_SCHEMA = "sagellm.run/1"
SUMMARY_SCHEMA = "sagellm.summary/1"
NAMELESS = "a run's name is empty: name its directory, as in runs/latest"

R = TypeVar("R", bound=RequestRecord | Outline)


@dataclass(frozen=True)
class Archive:
    """One run's directory.

    Attributes:
        directory: Where it lies, links followed.
        manifest: `run.json`.
        summary: `summary.json`.
    """

    directory: Path
    manifest: dict[str, Any]
    summary: dict[str, Any]

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.manifest["run_id"]

    def segments(self) -> list[Path]:
        """The files of its records, in order.

        Raises:
            InputError: There are none.
        """
        found = sorted((self.directory / "records").glob("*.jsonl"))
        if not found:
            raise InputError("no run: there is no records/*.jsonl in it", self.directory)
        return found

    @property
    def counted(self) -> int:
        """Records that the run had when its summary was made."""
        return recorded(self.summary)

    def records(self) -> RecordReader[RequestRecord]:
        """Those of its records that are there, one after the other, in the order of writing.

        For who says how many they are; all others take `every`.

        Raises:
            InputError: There are none; or, while reading, a line that is no record.
        """
        return read_records(self.segments())

    def outlines(self) -> RecordReader[Outline]:
        """The same in short, three times as fast.

        Raises:
            InputError: As `records`.
        """
        return read_outlines(self.segments())

    def every(self, kind: type[R]) -> Iterator[R]:
        """All records that the run counted, for figures that are wrong where some are missing.

        Args:
            kind: What is read of each: all of it, or an outline.

        Raises:
            InputError: As `records`; or, behind the last one, they were not those counted.
        """
        reader = RecordReader(self.segments(), kind)
        yield from reader
        if reader.found != self.counted:
            raise InputError(
                f"{self.shortage(reader.found)}: `sagellm-benchmark merge {self.directory}` counts "
                "what is there",
                self.directory,
            )

    def shortage(self, found: int) -> str | None:
        """What to say of so many records that were found; None where they are all."""
        if found == self.counted:
            return None
        return f"records/ holds {found:,} records, and summary.json counts {self.counted:,}"


def recorded(summary: dict[str, Any]) -> int:
    """Records that a summary counts: those of every state."""
    return sum(number for state, number in summary["counts"].items() if state != "planned")


def open_archive(path: str | Path) -> Archive:
    """Look at a run's directory.

    Raises:
        InputError: It is none, or the run has no summary.
    """
    directory = existing(path)
    manifest = read_manifest(directory)
    summary = read_summary(directory)
    if summary is None:
        raise InputError(
            f"the run has no summary, it did not end: `sagellm-benchmark merge {directory}` makes "
            "one from its records",
            directory,
        )
    return Archive(directory.resolve(), manifest, summary)


def existing(path: str | Path) -> Path:
    """A directory that is there.

    Raises:
        UsageError: It is not, or has no name.
    """
    if not str(path):  # a variable that is not set; to Path it is the directory worked in
        raise UsageError(NAMELESS)
    directory = Path(path)
    if not directory.is_dir():
        what = "no directory" if directory.exists() else "no such directory"
        raise InputError(f"{what}: name a run's, as in runs/latest", directory)
    return directory


def read_manifest(directory: Path) -> dict[str, Any]:
    """A directory's `run.json`.

    Raises:
        InputError: There is none, or it is none.
    """
    manifest = _document(directory / "run.json", MANIFEST_SCHEMA, Manifest, Known)
    if manifest is None:
        raise InputError("no run: there is no run.json in it", directory)
    return manifest


def read_summary(directory: Path) -> dict[str, Any] | None:
    """A directory's `summary.json`; None where the run did not end.

    Raises:
        InputError: It is none.
    """
    return _document(directory / "summary.json", SUMMARY_SCHEMA, Summary)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole: a reader sees the old one or the new one, never a part.

    Raises:
        OSError: It cannot be written; the old one, if any, is untouched.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _document(path: Path, schema: str, *shapes: type) -> dict[str, Any] | None:
    """A JSON object of a schema and of shapes; None where there is no such file."""
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    except msgspec.DecodeError as error:
        raise InputError(f"no JSON: {error}", path) from error
    except RecursionError:
        raise InputError("nested too deep to be read", path) from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise InputError(f"schema {found!r}, expected {schema!r}", path)
    try:
        for shape in shapes:
            msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        raise InputError(f"no {schema}: {error}", path) from error
    return content
