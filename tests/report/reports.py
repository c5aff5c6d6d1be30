"""Archives of runs made of records, whole enough for a report, and texts that mean harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from metrics.runs import mixed_run
from record.directories import write_run
from sagellm_benchmark.record.archive import Archive, open_archive
from sagellm_benchmark.record.record import RecordError, RequestRecord

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style></title></textarea>--><svg onload=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "\x1b]0;title\x07\x1b[31mred\u202eder\x9b2J",
    "=cmd|' /C calc'!A0",
    "| a | b |\n\n# heading\n- [x](javascript:alert(1)) `` ``` ![i](http://e/i.png) @all",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &#60;i&#62; ]]>",
)
"""Texts of a model, a trace or a server that would do something if they were not shown as text."""

_TOLD = {
    "salt": "salt",
    "target": {"url": "http://one", "dialect": None, "models": ["m"], "tls": False},
    "machine": {
        "system": "Linux",
        "release": "6",
        "architecture": "x86_64",
        "cpus": 2,
        "python": "3",
    },
    "versions": {"locust": "2"},
}


def archive_of(folder: Path, records: list[RequestRecord], **more: Any) -> Archive:
    """The archive of a run of these records."""
    trace = {
        "path": "chat.jsonl",
        "rows": len(records),
        "span_s": 1.0,
        "drops": {"bad": 1},
        "sha256": "0f",
    }
    return open_archive(write_run(folder, records, **(_TOLD | {"trace": trace} | more)))


def hostile_archive(folder: Path) -> Archive:
    """A run in which every text from outside means harm."""
    records = []
    for number, one in enumerate(mixed_run(120, 3)):
        text = HOSTILE[number % len(HOSTILE)]
        error = None if one.status == "ok" else RecordError(text, text)
        names = dict.fromkeys(("model", "tenant", "class_", "host", "name"), text)
        ids = dict.fromkeys(("row_id", "request_id", "session_id", "server_id", "phase"), text)
        records.append(msgspec.structs.replace(one, error=error, text=text, **names, **ids))
    spoiled = "\n".join(HOSTILE)
    return archive_of(
        folder,
        records,
        options={"trace": spoiled, "model": spoiled, "keep_content": "all"},
        target={"url": spoiled, "dialect": spoiled, "models": [spoiled], "tls": False},
        server={"name": spoiled, "version": spoiled},
        system_declared={spoiled: {spoiled: [spoiled]}},
        remarks=[spoiled],
    )
