"""`records/merged.jsonl`: what the `records/` of a run directory do not hold yet.

In: the lines of all its records, one a request. Out: the file, with the lines that stand elsewhere.
Nothing is deleted: a segment with lines that no longer speak is set aside under `superseded/`, and
only when the new file has its name, so that no moment loses a record.
"""

from __future__ import annotations

import os
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.merging import Assembly

MERGED = "merged.jsonl"
SUPERSEDED = "superseded"


class MergedSegment:
    """The file in the making; leaving its `with` block before `close` leaves everything as it was.

    Args:
        assembly: The run's records.
        out: The run directory to complete, the first of the sources or a new one.

    Raises:
        UsageError: From here and from every method: it cannot be written.
    """

    def __init__(self, assembly: Assembly, out: Path) -> None:
        folder = out / "records"
        here = [path for path in assembly.sources.segments if path.parent == folder]
        self._path = folder / MERGED
        self._stays = {path for path in here if path != self._path and assembly.is_whole(path)}
        self._replaced = [path for path in here if path not in self._stays]
        self._draft = folder / f".{MERGED}.{os.getpid()}"
        self._lines = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._draft.touch(mode=0o600 if _keeps_text(assembly) else 0o666)
            self._file = self._draft.open("wb")
        except OSError as error:
            raise self._failed(error) from None

    def __enter__(self) -> MergedSegment:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def add(self, path: Path, line: bytes) -> None:
        """Take a line of a file, unless it stays where it is."""
        if path in self._stays:
            return
        try:
            self._file.write(line if line.endswith(b"\n") else line + b"\n")
        except OSError as error:
            raise self._failed(error) from None
        self._lines += 1

    def close(self) -> None:
        """Give the file its name, and set aside what it takes the place of."""
        try:
            self._file.close()
            if self._lines:
                self._draft.replace(self._path)
            for path in self._replaced:
                if path != self._path or not self._lines:
                    aside = path.parent / SUPERSEDED
                    aside.mkdir(exist_ok=True)
                    path.replace(aside / path.name)
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._draft.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> UsageError:
        return UsageError(f"{self._path}: cannot be written: {error.strerror}")


def _keeps_text(assembly: Assembly) -> bool:
    """Whether there may be text of replies in the records, which is nobody else's."""
    kept = assembly.sources.manifest["settings"].get("keep_content")
    return kept is not None and kept["value"] != "none"
