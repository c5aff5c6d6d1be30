"""When a client's requests arrive.

In: a rate over time, a law of gaps, random numbers. Out: seconds, in order. Gaps are drawn at rate
1 and summed; the n-th arrival comes when the cumulative rate reaches the n-th sum. A gap that does
not fit into a window of low rate is carried on into the next, so that nothing begins anew where
the rate changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from sagellm_benchmark.trace.workload.clients import Sizes
from sagellm_benchmark.trace.workload.draws import Draws, drawn
from sagellm_benchmark.trace.workload.gaps import Gaps
from sagellm_benchmark.trace.workload.laws import Law, whole
from sagellm_benchmark.trace.workload.rates import Curve
from sagellm_benchmark.trace.workload.servegen import Measured
from sagellm_benchmark.trace.workload.spec import Arrivals


def gaps_of(given: str | Arrivals) -> Gaps:
    """The law of gaps that a specification names."""
    if isinstance(given, Arrivals):
        return given.gaps()
    return Gaps(given)  # type: ignore[arg-type]  # a specification takes no other words


def renewals(curve: Curve, gaps: Gaps, draws: Draws, most: int) -> Iterator[float]:
    """Arrivals with one law of gaps; infinity for those that never come."""
    total = gaps.residual(draws)
    for gap in drawn(gaps.sampler(draws), most):
        yield curve.second(total)
        total += gap


def measured(
    client: Measured, curve: Curve, from_s: float, draws: Draws, most: int
) -> Iterator[float]:
    """Arrivals whose law of gaps is that of the window they fall in."""
    window = client.window(from_s)
    gaps = client.windows[window].gaps
    total = gaps.residual(draws)
    values = drawn(gaps.sampler(draws.named("window", window)), most)
    while True:
        second = curve.second(total)
        yield second
        if (now := client.window(from_s + second)) != window:
            window = now
            values = drawn(client.windows[now].gaps.sampler(draws.named("window", now)), most)
        total += next(values)


def measured_sizes(client: Measured, from_s: float, draws: Draws, most: int) -> Sizes:
    """Draw lengths from what was measured at the time of each request."""
    known: dict[int, list[Iterator[int]]] = {}

    def sizes(second: float) -> tuple[int, int]:
        span = client.span(from_s + second)
        if span not in known:
            known.clear()
            lengths = client.lengths[span]
            pair = (("input", lengths.input_tokens), ("output", lengths.output_tokens))
            known[span] = [
                drawn(whole(Law(empirical=shares), draws.named(what, span)), most)
                for what, shares in pair
            ]
        inputs, outputs = known[span]
        return next(inputs), next(outputs)

    return sizes


def until(seconds: Iterator[float], end_s: float) -> Iterator[float]:
    """The arrivals before an end; those that never come are none."""
    return takewhile(lambda second: second < end_s, seconds)
