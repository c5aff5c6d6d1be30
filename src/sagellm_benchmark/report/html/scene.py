"""What all timelines of a run share: the bins, the axis of time, and which parts of it are marked.

In: the table of requests and the summary. Out: warm-up and drain to shade, the steady window, and
the stalls of the generator, in seconds of the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.report import axis
from sagellm_benchmark.report.axis import Axis
from sagellm_benchmark.report.chart import Span
from sagellm_benchmark.report.figures import count, measure
from sagellm_benchmark.report.html.drawing import Key
from sagellm_benchmark.report.html.grid import Grid, grid_over

_MOST_STALLS = 100
_LABEL_SHARE = 0.13


@dataclass(frozen=True)
class Scene:
    """The stage of the timelines.

    Attributes:
        latencies: Of all requests, warm-up included.
        grid: The bins.
        spans: What is shaded and marked.
        closed: A closed loop: nothing has a due time of its own.
    """

    latencies: Latencies
    grid: Grid
    spans: tuple[Span, ...]
    closed: bool

    @property
    def time(self) -> Axis:
        """The axis of x."""
        return axis.time_axis("since the start", self.grid.span_s)

    def keys(self) -> list[Key]:
        """Legend of what is marked."""
        found = {
            "shade": "warm-up and drain",
            "steady": "steady window",
            "stall": "the generator stood still",
        }
        styles = {span.style for span in self.spans}
        return [Key("", style, text) for style, text in found.items() if style in styles]

    def moments(self) -> list[str]:
        """Each bin in words."""
        edges = self.grid.edges.tolist()
        return [f"{second(start)} to {second(end)} s" for start, end in itertools.pairwise(edges)]

    def hovers(self, told: list[str]) -> list[Span]:
        """What a pointer reads over each bin."""
        edges = self.grid.edges.tolist()
        return [
            Span("hover", start, end, f"{moment}: {words}")
            for start, end, moment, words in zip(
                edges[:-1], edges[1:], self.moments(), told, strict=True
            )
        ]


def second(value: float) -> str:
    """A moment of the run, in seconds."""
    return f"{value:,.6g}"


def make_scene(latencies: Latencies, summary: Mapping[str, Any], *, closed: bool) -> Scene:
    """Set the stage; there is a request at least."""
    table = latencies.table
    grid = grid_over(float(table["ended"].max()), int(table.size))
    return Scene(latencies, grid, tuple(_spans(table, grid, summary)), closed)


def _spans(table: np.ndarray, grid: Grid, summary: Mapping[str, Any]) -> Iterator[Span]:
    warm, sent = table["warmup"], table["sent"]
    if warm.any():
        end = grid.span_s if warm.all() else float(table["due"][~warm].min())
        text = f"warm-up: {count(int(warm.sum()))} requests that are in no figure"
        yield _labelled("warm-up", 0.0, end, text, grid)
    if not np.isnan(sent).all():
        last = float(np.nanmax(sent))
        text = f"drain: nothing is sent after second {second(round(last, 3))}"
        yield _labelled("drain", last, grid.span_s, text, grid)
    if summary["steady"]:
        window = summary["steady"]["window"]
        start, end = window["start_s"], min(window["end_s"], grid.span_s)
        yield Span("steady", start, end, "the steady window")
    for stall in summary["generator"]["stalls"][:_MOST_STALLS]:
        lasted = measure(1000 * (stall["end_s"] - stall["start_s"]))
        text = f"the generator stood still for {lasted} ms: {count(stall['requests'])} requests"
        yield Span("stall", stall["start_s"], stall["end_s"], text)


def _labelled(name: str, start: float, end: float, text: str, grid: Grid) -> Span:
    room = (end - start) / grid.span_s >= _LABEL_SHARE
    return Span("shade", start, end, text, name if room else "")
