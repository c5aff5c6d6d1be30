"""The page of a run: every part put into the template, and the policy that nothing else may run.

In: a run's archive. Out: HTML text with its style, its drawings and one small script inside. Every
text is stripped of what moves or turns writing, redacted, and escaped; only the drawings, the style
and the script, which are ours, go in as they are.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.redact import printable, snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.glossary import TERMS, WORDS
from sagellm_benchmark.report.html import groups, sections
from sagellm_benchmark.report.html.distributions import distributions, lag_distribution
from sagellm_benchmark.report.html.drawing import Chart
from sagellm_benchmark.report.html.reading import Kind, Requests, read_requests
from sagellm_benchmark.report.html.scene import Scene, make_scene, second
from sagellm_benchmark.report.html.timelines import lag, timelines
from sagellm_benchmark.report.rerun import quoted, rerun

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = files("sagellm_benchmark.report.html")
_TEXT = 2000
_NUMBER = re.compile(r"[-~<> \d.,%]*(?:(?:ms|s|µs)?(?: to [\d.,]+)? ?(?:ms|s|µs)?)")
_LINE = 20_000


def page(archive: Archive) -> str:
    """Make the page.

    Raises:
        InputError: There are no records, or a line is none.
    """
    requests = read_requests(archive)
    style, script = _own("style.css"), _own("theme.js")
    template = environment().from_string(_own("page.html"))
    return template.render(
        style=style,
        script=script,
        policy=policy(style, script),
        terms=TERMS,
        words=WORDS,
        stats=sections.STATS,
        group_head=groups.HEAD,
        records=figures.count(requests.latencies.table.size),
        torn=requests.torn,
        shortage=archive.shortage(int(requests.latencies.table.size)),
        merge=f"sagellm-benchmark merge {quoted(str(archive.directory))}",
        **_told(archive),
        **_shown(archive, requests),
    )


def environment() -> Environment:
    """Templates that show any text as text."""
    from jinja2 import Environment
    from markupsafe import Markup

    def still(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Markup) or _NUMBER.fullmatch(value):
            return value
        return printable(value, _LINE)

    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=still)


def policy(style: str, script: str) -> str:
    """What a browser may do with the page: show it."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _told(archive: Archive) -> dict[str, Any]:
    """What the run's own files say."""
    manifest, summary = archive.manifest, archive.summary
    steady = summary["steady"]
    window = steady and steady["window"]
    return {
        "run_id": archive.run_id,
        "started_at": manifest["started_at"],
        "version": manifest["version"],
        "subject": _subject(manifest),
        "verdict": summary["verdict"],
        "meaning": sections.MEANINGS[summary["verdict"]["state"]],
        "states": _states(summary["counts"]),
        "objectives": sections.objectives(summary),
        "notes": summary["notes"],
        "tiles": list(sections.tiles(summary)),
        "latency": list(sections.latency_rows(summary["latency"])),
        "absent": sections.absent(summary["latency"]),
        "steady": steady
        and {
            "start": second(window["start_s"]),
            "end": second(window["end_s"]),
            "rows": list(sections.latency_rows(steady["latency"])),
        },
        "steady_reason": summary["steady_reason"],
        "fidelity": list(sections.fidelity_rows(summary)),
        "generator": list(sections.generator_rows(summary)),
        "servers": list(sections.servers(summary)),
        "protocol": list(sections.protocol_rows(summary["protocol_metrics"])),
        "unobserved": summary["protocol_metrics"]["unobserved"],
        "rerun": rerun(manifest),
        "facts": list(sections.facts(manifest)),
        "declared": list(sections.declared(manifest.get("system_declared"))),
        "settings": list(sections.settings(manifest)),
    }


def _subject(manifest: dict[str, Any]) -> str:
    """What was asked of whom, when."""
    settings = manifest["settings"]
    what = [settings[key]["value"] for key in ("trace", "model") if settings[key]["value"]]
    return ", ".join([*what, manifest["target"]["url"], manifest["started_at"]])


def _states(counts: dict[str, int]) -> str:
    states = [f"{name} {n:,}" for name, n in counts.items() if name != "planned" and n]
    return f"{counts['planned']:,} planned = {' + '.join(states) or 'none'}"


def _shown(archive: Archive, requests: Requests) -> dict[str, Any]:
    """What the records say."""
    closed = archive.summary["fidelity"]["offered_rps"] is None
    drawn = bool(requests.latencies.table.size)
    scene = drawn and make_scene(requests.latencies, archive.summary, closed=closed)
    return {
        "timelines": list(timelines(scene)) if scene else [],
        "distributions": distributions(requests, archive.summary, closed=closed),
        "lags": _lags(requests, archive, scene) if scene and not closed else [],
        "kinds": [_kind(kind) for kind in requests.kinds],
        "more_kinds": requests.more_kinds,
        "groupings": list(groups.groupings(requests)) if drawn else [],
        "slowest": [
            _slowest(name, label, records)
            for (name, records), label in zip(
                requests.slowest.items(), ("TTFT", "e2e"), strict=True
            )
            if records
        ],
    }


def _lags(requests: Requests, archive: Archive, scene: Scene) -> list[Chart]:
    return [*filter(None, (lag(scene), lag_distribution(requests, archive.summary)))]


def _kind(kind: Kind) -> dict[str, Any]:
    record = kind.example
    error = record.error
    return {
        "count": figures.count(kind.tally.count),
        "status": record.status,
        "code": error and error.code,
        "message": snippet(error.message if error else (record.reason or record.status), 500),
        "first": record.request_id,
        "example": [
            *_example(record),
            ("others", ", ".join(f"seq {seq}" for seq in kind.tally.seqs if seq != record.seq)),
        ],
        "text": _cut(record.text),
    }


def _example(record: RequestRecord) -> Iterator[tuple[str, str]]:
    told = {
        "seq": record.seq,
        "row": record.row_id,
        "request": record.request_id,
        "session": record.session_id,
        "host": record.host,
        "model": record.model,
        "tenant": record.tenant,
        "class": record.class_,
        "phase": record.phase,
        "reason": record.reason,
        "HTTP status": record.http_status,
        "due at": f"{record.due_s:.3f} s",
        "sent at": None if record.sent_s is None else f"{record.sent_s:.3f} s",
        "ended at": f"{record.ended_s:.3f} s",
        "tokens that came": record.output_tokens,
        "server's id": record.server_id,
    }
    yield from ((name, str(value)) for name, value in told.items() if value is not None)


def _slowest(name: str, label: str, records: list[RequestRecord]) -> dict[str, Any]:
    stamp = "first_token_s" if name == "ttft_ms" else "last_token_s"
    return {
        "label": label,
        "rows": [
            (
                record.request_id,
                figures.measure(1000 * (getattr(record, stamp) - record.sent_s)),
                f"{record.sent_s:.3f}",
                figures.count(record.input_tokens),
                figures.count(record.output_tokens),
            )
            for record in records
        ],
        "texts": [(record.request_id, _cut(record.text)) for record in records if record.text],
    }


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _TEXT:
        return text
    return f"{text[:_TEXT]}… ({len(text) - _TEXT:,} characters more)"
