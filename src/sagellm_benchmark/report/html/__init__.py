"""The report of a run as one HTML file: `write_report`, and the look that other pages share.

A finished run's directory comes in; one self-contained file goes out, with a strict policy, no
script but the switch between light and dark, and nothing in it that text from outside could change.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.report.files import write_whole


def write_report(archive: Archive, path: Path) -> None:
    """Write the report of a run, whole or not at all; for the owner alone where replies are kept.

    Raises:
        InputError: The run has no records, or a line is none.
        OSError: It cannot be written; what was there is untouched.
    """
    from sagellm_benchmark.report.html.page import page

    kept = archive.manifest["settings"]["keep_content"]["value"]
    write_whole(path, page(archive), private=kept != "none")
