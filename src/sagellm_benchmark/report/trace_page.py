"""`trace plot`: one HTML page that shows a trace, or two over each other.

In: names, and what was observed. Out: the page's text, with its pictures in it. It needs no network
and runs no script; its policy forbids both. Charts are left out where there is nothing to draw, and
the page says which.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sagellm_benchmark import __version__
from sagellm_benchmark.redact import printable
from sagellm_benchmark.report.differences import differences, unknown
from sagellm_benchmark.report.figures import count, duration
from sagellm_benchmark.report.trace_charts import Shown, charts
from sagellm_benchmark.report.trace_table import distance_rows, figure_rows
from sagellm_benchmark.trace.comparison import compare
from sagellm_benchmark.trace.statistics import Traffic

_DATA = files("sagellm_benchmark") / "data"


@dataclass(frozen=True)
class _Verdict:
    """What comparing two traces came to."""

    differs: list[str]
    unknown: list[str]
    distances: list[tuple[str, ...]]
    same_gap: str | None


def trace_page(names: Sequence[str], observed: Sequence[Traffic], sizes: Sequence[int]) -> str:
    """Draw one trace or two.

    Args:
        names: What the user calls them.
        observed: What was observed of them, as many.
        sizes: Of the prefix caches to mark, in tokens.
    """
    from jinja2 import Environment

    names = [printable(name) for name in names]
    figures = [each.figures(sizes) for each in observed]
    letters = "AB"[: len(names)]
    shown = [Shown(*each) for each in zip(letters.lower(), observed, figures, strict=True)]
    drawn, missing = charts(shown)
    style = (_DATA / "trace_page.css").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (_DATA / "trace_page.html").read_text(encoding="utf-8")
    )
    return template.render(
        style=style,
        style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        title=" and ".join(names),
        traces=[
            {"letter": letter, "name": name, "told": _told(each)}
            for letter, name, each in zip(letters, names, figures, strict=True)
        ],
        verdict=_verdict(observed, figures) if len(observed) == 2 else None,
        charts=drawn,
        missing=missing,
        rows=list(figure_rows(figures)),
    )


def _told(figures: dict[str, Any]) -> str:
    rate = figures["rate_per_s"]
    pace = "" if rate is None else f", {rate:,.3g} requests/s"
    grid = figures["time_resolution_s"]
    coarse = f", recorded on a grid of {grid:g} s" if (grid or 0) >= 0.1 else ""
    span = duration(figures["span_s"])
    return f"{figures['format']}, {count(figures['rows'])} requests in {span}{pace}{coarse}"


def _verdict(observed: Sequence[Traffic], figures: Sequence[dict[str, Any]]) -> _Verdict:
    comparison = compare(*observed)
    distances = comparison.figures()
    same = comparison.same_gap_s
    return _Verdict(
        differences(comparison, *figures),
        unknown(*figures),
        list(distance_rows(distances))[1:],
        duration(same) if same else None,
    )
