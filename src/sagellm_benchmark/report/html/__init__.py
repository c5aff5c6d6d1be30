"""The report of a run as one HTML file: `write_report`, and the look that other pages share.

A finished run's directory comes in; one self-contained file goes out, with a strict policy, no
script but the switch between light and dark, and nothing in it that text from outside could change.
"""

from __future__ import annotations

import os
from pathlib import Path

from sagellm_benchmark.record.archive import Archive


def write_report(archive: Archive, path: Path) -> None:
    """Write the report of a run, whole or not at all.

    Raises:
        InputError: The run has no records, or a line is none.
        OSError: It cannot be written; what was there is untouched.
    """
    from sagellm_benchmark.report.html.page import page

    write_whole(path, page(archive))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Raises:
        OSError: It cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
