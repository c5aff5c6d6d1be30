"""The charts over time: latencies, rates, what was in flight, tokens, states; lag.

In: a scene. Out: charts, in the order of a page; what there is nothing of has no chart. A request
lies where it was sent, in the chart of states where it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sagellm_benchmark.metrics.columns import OK, STATUSES, UNKNOWN
from sagellm_benchmark.report import axis
from sagellm_benchmark.report.axis import Axis
from sagellm_benchmark.report.chart import Band, Line, Points, chart
from sagellm_benchmark.report.figures import UNKNOWN as NOTHING
from sagellm_benchmark.report.figures import count, measure
from sagellm_benchmark.report.html.drawing import FRAME, Chart, Key
from sagellm_benchmark.report.html.scene import Scene

_LATENCIES = (("ttft_ms", "TTFT"), ("e2e_ms", "e2e"), ("tpot_ms", "TPOT"))
_SPANS_FACTOR = 200
_TAIL = (Key("s1", "line", "p50"), Key("s1", "band", "to p90"), Key("s1", "far", "to p99"))


def timelines(scene: Scene) -> Iterator[Chart]:
    """All charts over time."""
    yield from filter(None, (_latency(scene, *which) for which in _LATENCIES))
    due = None if scene.closed else _from_due(scene)
    if due is not None:
        yield due
    yield _requests(scene)
    yield _in_flight(scene)
    tokens = _tokens(scene)
    if tokens is not None:
        yield tokens
    yield _states(scene)


def _latency(scene: Scene, name: str, word: str) -> Chart | None:
    latencies, title = scene.latencies, f"{word} over time"
    sent, values = latencies.table["sent"][latencies.ok], latencies[name][latencies.ok]
    return _spread(scene, sent, values, (title, f"{word} of ok requests, by when sent", name))


def lag(scene: Scene) -> Chart | None:
    """How late the generator sent; a closed loop has no such chart."""
    latencies, title = scene.latencies, "Dispatch lag over time"
    reading = "How late requests were sent: the generator's own doing"
    told = (title, reading, "dispatch_lag_ms")
    return _spread(scene, latencies.table["sent"], latencies.dispatch_lag_ms, told)


def _spread(
    scene: Scene, times_s: np.ndarray, values_ms: np.ndarray, told: tuple[str, str, str]
) -> Chart | None:
    """p50 as a line, up to p90 and up to p99 as bands; `told` are title, reading and term."""
    found = scene.grid.quantiles(times_s, values_ms)
    if np.isnan(found).all():
        return None
    title, reading, term = told
    p50, p90, p99 = found.T
    rows = _rows(scene, [p50, p90, p99], scene.grid.counts(times_s[~np.isnan(values_ms)]))
    hovers = [f"p50 {a}, p90 {b}, p99 {c} ms, {n} requests" for _, a, b, c, n in rows]
    svg = chart(
        title,
        f"p99 of a bin at most {measure(_most(p99))} ms",
        (scene.time, _milliseconds(p50, p99)),
        [Line("s1", _points(scene, p50))],
        FRAME,
        bands=[
            Band("s1", _between(scene, p50, p90)),
            Band("s1", _between(scene, p90, p99), style="far"),
        ],
        spans=[*scene.spans, *scene.hovers(hovers)],
    )
    head = ("sent", "p50 ms", "p90 ms", "p99 ms", "requests")
    return Chart(title, reading, svg, [*_TAIL, *scene.keys()], head, rows, term)


def _from_due(scene: Scene) -> Chart | None:
    """What the client measured beside what the user felt."""
    latencies, grid = scene.latencies, scene.grid
    ok = latencies.ok
    sent = latencies.table["sent"][ok]
    streamed = not np.isnan(latencies.ttft_ms[ok]).all()
    pair = ("ttft_ms", "ttft_from_due_ms") if streamed else ("e2e_ms", "e2e_from_due_ms")
    found = [grid.quantiles(sent, latencies[name][ok]) for name in pair]
    if np.isnan(found[0]).all():
        return None
    word = "TTFT" if streamed else "e2e"
    (from_sent, _, from_sent_99), (from_due, _, from_due_99) = (each.T for each in found)
    values = [from_sent, from_due, from_sent_99, from_due_99]
    rows = _rows(scene, values)
    told = [f"p50 {a} from sent, {b} from due; p99 {c}, {d} ms" for _, a, b, c, d in rows]
    lines = [Line(name, _points(scene, each)) for name, each in zip(_FOUR, values, strict=True)]
    apart = float(np.nanmax(np.abs(from_due_99 - from_sent_99)))
    svg = chart(
        f"{word} from due beside from sent",
        f"p99 of a bin at most {measure(apart)} ms apart",
        (scene.time, _milliseconds(from_sent, from_due_99)),
        lines,
        FRAME,
        spans=[*scene.spans, *scene.hovers(told)],
    )
    texts = ("p50 from sent", "p50 from due", "p99 from sent", "p99 from due")
    keys = [Key(name, "line", text) for name, text in zip(_FOUR, texts, strict=True)]
    head = ("sent", *(f"{text} ms" for text in texts))
    reading = "One line where the generator kept up; apart where it sent late"
    title = f"{word} from due beside from sent"
    return Chart(title, reading, svg, [*keys, *scene.keys()], head, rows, pair[1])


_FOUR = ("s1", "s2", "s3", "s4")


def _requests(scene: Scene) -> Chart:
    """Offered, sent, and answered well."""
    table, grid = scene.latencies.table, scene.grid
    done = grid.rates(table["ended"][table["status"] == OK])
    drawn = [("s1", "sent", grid.rates(table["sent"])), ("s3", "ok, by their end", done)]
    if not scene.closed:
        drawn.insert(0, ("s2", "due", grid.rates(table["due"])))
    lines = [
        Line(name, _steps(scene, rates), steps=True, area=text == "due")
        for name, text, rates in drawn
    ]
    rows = _rows(scene, [rates for *_, rates in drawn])
    texts = [text for _, text, _ in drawn]
    told = [_told(row, texts) for row in rows]
    highest = max(float(rates.max()) for *_, rates in drawn)
    svg = chart(
        "Requests a second",
        f"{measure(highest)} at most",
        (scene.time, axis.linear_axis("requests/s", highest or 1.0, axis.number)),
        lines,
        FRAME,
        spans=[*scene.spans, *scene.hovers(told)],
    )
    keys = [Key(name, "line", text) for name, text, _ in drawn]
    reading = "When requests were due, when they were sent, when they were complete"
    head = ("second", *texts)
    return Chart("Requests a second", reading, svg, [*keys, *scene.keys()], head, rows)


def _in_flight(scene: Scene) -> Chart:
    table, grid = scene.latencies.table, scene.grid
    flown = table[~np.isnan(table["sent"])]
    most = grid.most_at_once(flown["sent"], flown["ended"])
    rows = [(moment, count(int(n))) for moment, n in zip(scene.moments(), most, strict=True)]
    svg = chart(
        "Requests in flight",
        f"{count(int(most.max(initial=0)))} at most",
        (scene.time, axis.linear_axis("requests", max(float(most.max()), 4.0), axis.number)),
        [Line("s1", _steps(scene, most), steps=True, area=True)],
        FRAME,
        spans=[*scene.spans, *scene.hovers([f"{n} at most" for _, n in rows])],
    )
    reading = "The most that were on the wire at once, sent and not ended"
    head = ("second", "in flight")
    return Chart("Requests in flight", reading, svg, scene.keys(), head, rows, "peak_in_flight")


def _tokens(scene: Scene) -> Chart | None:
    table, grid = scene.latencies.table, scene.grid
    end = np.where(np.isnan(table["last_token"]), table["ended"], table["last_token"])
    start = np.where(np.isnan(table["first_token"]), end, table["first_token"])
    known = table["output_tokens"] != UNKNOWN
    if not (table["output_tokens"][known] > 0).any():
        return None
    amounts = table["output_tokens"][known].astype(float)
    flow = grid.flow(start[known], end[known], amounts)
    rows = _rows(scene, [flow])
    svg = chart(
        "Output tokens a second",
        f"{measure(float(flow.max()))} at most",
        (scene.time, axis.linear_axis("tokens/s", float(flow.max()), axis.number)),
        [Line("s1", _steps(scene, flow), steps=True, area=True)],
        FRAME,
        spans=[*scene.spans, *scene.hovers([f"{n} tokens/s" for _, n in rows])],
    )
    reading = "A reply's tokens evenly between its first and its last; of failed ones what came"
    head = ("second", "tokens/s")
    return Chart("Output tokens a second", reading, svg, scene.keys(), head, rows, "output_tokens")


def _states(scene: Scene) -> Chart:
    """Stacked: how many requests a second ended in each state."""
    table, grid = scene.latencies.table, scene.grid
    widths = np.diff(grid.edges)
    counts = {
        number: grid.counts(table["ended"][table["status"] == number])
        for number in np.unique(table["status"]).tolist()
    }
    order = sorted(counts, key=lambda number: (number != OK, -counts[number].sum()))
    bands, keys, floor = [], [], np.zeros(grid.bins)
    for place, number in enumerate(order):
        name = "s3" if number == OK else _FAILED[min(place, len(_FAILED) - 1)]
        upto = floor + counts[number] / widths
        bands.append(Band(name, _layer(scene, floor, upto), steps=True, style="stack"))
        text = f"{STATUSES[number]}: {count(int(counts[number].sum()))}"
        keys.append(Key(name, "stack", text))
        floor = upto
    rows = [
        (moment, *(count(int(counts[number][at])) for number in order))
        for at, moment in enumerate(scene.moments())
    ]
    texts = [STATUSES[number] for number in order]
    told = [_told(row, texts) for row in rows]
    svg = chart(
        "States",
        ", ".join(key.text for key in keys),
        (scene.time, axis.linear_axis("requests/s", float(floor.max()) or 1.0, axis.number)),
        [],
        FRAME,
        bands=bands,
        spans=[*scene.spans, *scene.hovers(told)],
    )
    reading = "Requests that ended a second, one colour a state"
    return Chart("States", reading, svg, [*keys, *scene.keys()], ("ended", *texts), rows, "states")


_FAILED = ("s3", "s2", "s4", "s5", "s1", "s6", "s8")


def _milliseconds(low: np.ndarray, high: np.ndarray) -> Axis:
    """Of milliseconds; factors where they span more than a linear axis can show."""
    most = max(_most(high), 1e-3)
    least = max(float(np.nanmin(low)), 1e-3) if not np.isnan(low).all() else most
    if most > least * _SPANS_FACTOR:
        return axis.log_axis("", least, most, _tick)
    return axis.linear_axis("", most, _tick)


def _tick(value_ms: float) -> str:
    return axis.seconds(value_ms / 1000)


def _most(values: np.ndarray) -> float:
    return 0.0 if np.isnan(values).all() else float(np.nanmax(values))


def _points(scene: Scene, values: np.ndarray) -> Points:
    return list(zip(scene.grid.middles.tolist(), values.tolist(), strict=True))


def _steps(scene: Scene, values: np.ndarray) -> Points:
    """The last bin lasts to its end."""
    held = [*values.tolist(), float(values[-1])]
    return list(zip(scene.grid.edges.tolist(), held, strict=True))


def _between(
    scene: Scene, low: np.ndarray, high: np.ndarray
) -> Sequence[tuple[float, float, float]]:
    return list(zip(scene.grid.middles.tolist(), low.tolist(), high.tolist(), strict=True))


def _layer(scene: Scene, low: np.ndarray, high: np.ndarray) -> Sequence[tuple[float, float, float]]:
    edges = scene.grid.edges.tolist()
    lows, highs = [*low.tolist(), float(low[-1])], [*high.tolist(), float(high[-1])]
    return list(zip(edges, lows, highs, strict=True))


def _rows(
    scene: Scene, values: Sequence[np.ndarray], many: np.ndarray | None = None
) -> list[tuple[str, ...]]:
    """One line a bin: when, each value, and how many requests stand behind them."""
    rows = []
    for at, moment in enumerate(scene.moments()):
        cells = [NOTHING if np.isnan(each[at]) else measure(float(each[at])) for each in values]
        rows.append((moment, *cells, *([] if many is None else [count(int(many[at]))])))
    return rows


def _told(row: Sequence[str], texts: Sequence[str]) -> str:
    return ", ".join(f"{text} {cell}" for text, cell in zip(texts, row[1:], strict=True))
