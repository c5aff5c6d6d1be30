"""How latencies are distributed: one chart each, on an axis of factors.

In: the requests of a run. Out: charts of the measured requests that were ok: the share of them in
each class of values, classes being equally wide as factors, with p50, p90 and p99 marked, and the
share at or below each value in the chart's table. TTFT and e2e are drawn from due as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.record.buckets import middle_us
from sagellm_benchmark.report import axis
from sagellm_benchmark.report.axis import Axis
from sagellm_benchmark.report.chart import Line, Span, chart
from sagellm_benchmark.report.figures import measure, percent
from sagellm_benchmark.report.html.drawing import FRAME, Chart, Key
from sagellm_benchmark.report.html.reading import Requests

_CLASSES = 48
_LEAST_CLASSES = 12
_LEAST_MS = 1e-3
_LEAST_FACTOR = 1.5
_LOWEST = 0.01
_FAR_BELOW = 20

_PARTS = (
    ("ttft_ms", "TTFT", "ttft_from_due_ms"),
    ("e2e_ms", "e2e", "e2e_from_due_ms"),
    ("tpot_ms", "TPOT", None),
)

Weighed = tuple[np.ndarray, np.ndarray]
"""Values in ms, ascending, and how often each."""


def distributions(requests: Requests, summary: Mapping[str, Any], *, closed: bool) -> list[Chart]:
    """Of the latencies; what there is nothing of has none."""
    drawn = [_of_requests(requests, summary, part, closed=closed) for part in _PARTS]
    drawn.insert(1, _of_tokens(requests, summary))
    return [drawing for drawing in drawn if drawing is not None]


def lag_distribution(requests: Requests, summary: Mapping[str, Any]) -> Chart | None:
    """How late requests were sent; of all that were."""
    sets = {"": _weighed(requests.measured.dispatch_lag_ms)}
    block = summary["fidelity"]["dispatch_lag_ms"]
    reading = "Share of the requests sent at each value"
    return _distribution("dispatch_lag_ms", "dispatch lag", sets, block, reading)


def _of_requests(
    requests: Requests,
    summary: Mapping[str, Any],
    part: tuple[str, str, str | None],
    *,
    closed: bool,
) -> Chart | None:
    name, word, beside = part
    measured = requests.measured
    sets = {"from sent": _weighed(measured[name][measured.ok])}
    if beside and not closed:
        sets["from due"] = _weighed(measured[beside][measured.ok])
    block = summary["latency"][name]
    limits = [
        slo.limit for slo in parse_slos(summary["goodput"]["slo"]) if slo.metric in (name, beside)
    ]
    return _distribution(name, word, sets, block, "Share of ok requests at each value", limits)


def _of_tokens(requests: Requests, summary: Mapping[str, Any]) -> Chart | None:
    every = requests.gap_every
    of = "ok requests" if every == 1 else f"one ok request in {every:,}"
    return _distribution(
        "itl_ms",
        "ITL",
        {"": _counted(requests.gaps.itl)},
        summary["latency"]["itl_ms"],
        f"Share of the latencies between tokens at each value, of {of}",
    )


def _weighed(values: np.ndarray) -> Weighed:
    known = np.sort(values[~np.isnan(values)])
    return known, np.ones(known.size)


def _counted(histogram: Histogram) -> Weighed:
    pairs = np.array(histogram.counts().buckets, dtype=np.int64).reshape(-1, 2)
    return np.array([middle_us(bucket) / 1000 for bucket in pairs[:, 0].tolist()]), pairs[:, 1]


def _distribution(
    name: str,
    word: str,
    sets: Mapping[str, Weighed],
    block: Mapping[str, Any],
    reading: str,
    limits: Sequence[float] = (),
) -> Chart | None:
    known = {text: each for text, each in sets.items() if each[0].size}
    if not known or not block["count"]:
        return None
    title = f"Distribution of {word}"
    axis_x, bounds = _classes(list(known.values()), block["count"])
    shares = {text: _shares(each, bounds) for text, each in known.items()}
    lines = [
        Line(style, _corners(bounds, share), steps=True, area=style == "s1")
        for style, share in zip(("s1", "s2"), shares.values(), strict=False)
    ]
    rows = list(_rows(bounds, known))
    marks = [(block[stat], f"{stat} {_told(block[stat])}") for stat in ("p50", "p90", "p99")]
    marks += [(limit, f"objective {_told(limit)}") for limit in limits]
    hovers = [
        Span("hover", low, high, f"{row[0]}: {row[1]}, {row[2]} at or below")
        for low, high, row in zip(bounds[:-1].tolist(), bounds[1:].tolist(), rows, strict=True)
    ]
    highest = max(float(share.max()) for share in shares.values())
    svg = chart(
        title,
        ", ".join(text for _, text in marks),
        (axis_x, _share_axis(highest)),
        lines,
        FRAME,
        spans=hovers,
        marks=marks,
    )
    keys = [
        Key(style, "line", text)
        for style, text in zip(("s1", "s2"), known, strict=False)
        if len(known) > 1
    ]
    texts = list(known) if len(known) > 1 else [""]
    head = [word]
    for text in texts:
        head += [f"share {text}".strip(), f"at or below {text}".strip()]
    return Chart(title, reading, svg, keys, head, rows, name)


def _classes(sets: Sequence[Weighed], many: int) -> tuple[Axis, np.ndarray]:
    """Equal factors up to the largest; what few are far below all others is in the first."""
    low = max(min(_lowest(each) for each in sets), _LEAST_MS)
    high = max(max(float(values[-1]) for values, _ in sets), low * _LEAST_FACTOR)
    low /= _LEAST_FACTOR**0.1
    high *= _LEAST_FACTOR**0.1
    wanted = min(_CLASSES, max(_LEAST_CLASSES, round(4 * many ** (1 / 3))))
    bounds = np.geomspace(low, high, wanted + 1)
    if high < 10 * low:
        return _narrow_axis(low, high), bounds
    return axis.log_axis("", low, high, _told), bounds


def _lowest(weighed: Weighed) -> float:
    """What all but few values reach, and none that are decades below the middle."""
    values, weights = weighed
    risen = np.cumsum(weights)
    places = np.searchsorted(risen, np.array([_LOWEST, 0.5]) * risen[-1], side="right")
    least, middle = values[places].tolist()
    return max(least, middle / _FAR_BELOW)


def _narrow_axis(low: float, high: float) -> Axis:
    """Less than a decade: ticks at round numbers, still equal factors."""
    step = axis.round_step((high - low) / 5)
    first = math.ceil(low / step)
    ticks = tuple((at * step, _told(at * step)) for at in range(first, int(high / step) + 1) if at)
    return Axis("", low, high, ticks, log=True)


def _share_axis(highest: float) -> Axis:
    return axis.linear_axis("share", max(highest, 0.01), lambda share: f"{100 * share:.3g} %")


def _told(value_ms: float) -> str:
    """With its unit, three digits."""
    if value_ms >= 999.5:
        return f"{measure(value_ms / 1000)} s"
    if value_ms < 0.0995:
        return f"{measure(value_ms * 1000)} µs"
    return f"{value_ms:.3g} ms"


def _shares(weighed: Weighed, bounds: np.ndarray) -> np.ndarray:
    upto = _upto(weighed, bounds)
    return np.diff(upto)


def _upto(weighed: Weighed, bounds: np.ndarray) -> np.ndarray:
    """Share at or below each bound; the first bound has nothing below it."""
    values, weights = weighed
    risen = np.concatenate(([0.0], np.cumsum(weights)))
    upto = risen[np.searchsorted(values, bounds, side="right")] / risen[-1]
    upto[0] = 0.0
    return upto


def _corners(bounds: np.ndarray, shares: np.ndarray) -> list[tuple[float, float]]:
    heights = [*shares.tolist(), float(shares[-1])]
    return list(zip(bounds.tolist(), heights, strict=True))


def _rows(bounds: np.ndarray, sets: Mapping[str, Weighed]) -> Iterator[tuple[str, ...]]:
    upto = [_upto(each, bounds) for each in sets.values()]
    ends = bounds.tolist()
    for at, (low, high) in enumerate(itertools.pairwise(ends)):
        cells = []
        for each in upto:
            cells += [percent(float(each[at + 1] - each[at])), percent(float(each[at + 1]))]
        yield (f"{_told(low)} to {_told(high)}" if at else f"up to {_told(high)}", *cells)
