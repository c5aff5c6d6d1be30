"""Traces made from numbers: one shape of request at random times, and the demo.

In: sizes, a rate, a seed. Out: a Trace like any other. Only `random.Random.random` is drawn from,
which Python keeps the same for a seed across versions and machines (numpy's generators and the
library's own distributions are not kept so), and times are rounded to the microsecond, so that the
last bit of a platform's logarithm does not show: the same numbers give the same trace anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally


def uniform(
    input_tokens: int,
    output_tokens: int,
    requests: int,
    *,
    rate: float | None,
    burstiness: float = 1.0,
    seed: int = 0,
) -> Trace:
    """Make equal requests with Gamma-distributed gaps.

    Args:
        input_tokens: Of each prompt; no two prompts share a prefix.
        output_tokens: Of each reply.
        requests: How many.
        rate: Mean requests per second; None lets all arrive at 0, for a closed loop.
        burstiness: The Gamma's shape: 1 is a Poisson process, less is burstier, `inf` constant.
        seed: Of the gaps.

    Raises:
        UsageError: A number is out of range.
    """
    for option, value in (
        ("--input-tokens", input_tokens),
        ("--output-tokens", output_tokens),
        ("--requests", requests),
    ):
        if value < 1:
            raise UsageError(f"{option}: {value} is not 1 or more")
    if rate is not None and not 0 < rate < math.inf:
        raise UsageError(f"--rate: {rate} is not a number above 0")
    if not burstiness > 0:
        raise UsageError(f"--burstiness: {burstiness} is not a number above 0")
    shape = burstiness if math.isfinite(burstiness) else "inf"
    made = {"op": "uniform", "rate": rate, "burstiness": shape, "seed": seed}
    header = Header(
        schema=SCHEMA, source=Source(name="synthetic"), rows_emitted=requests, transforms=[made]
    )

    def rows(tally: Tally) -> Iterator[Row]:
        for number, arrival_s in enumerate(_arrivals(requests, rate, burstiness, seed), 1):
            tally.rows_read = number
            yield Row(
                request_id=f"row-{number}",
                arrival_time_s=arrival_s,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
            )

    return Trace(header, rows, path=None, format="synthetic")


def _arrivals(count: int, rate: float | None, burstiness: float, seed: int) -> Iterator[float]:
    """Yield times from 0 on, in seconds."""
    random = Random(seed)
    arrival_s = 0.0
    for _ in range(count):
        yield round(arrival_s, 6)
        if rate is None:
            continue
        constant = math.isinf(burstiness)
        arrival_s += (1.0 if constant else _gamma(random, burstiness) / burstiness) / rate


def _gamma(random: Random, shape: float) -> float:
    """Draw from Gamma(shape, 1) (Marsaglia and Tsang 2000; below 1 by their boost)."""
    if shape < 1:
        return _gamma(random, shape + 1) * (1 - random.random()) ** (1 / shape)
    d = shape - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = _normal(random)
        v = (1 + c * x) ** 3
        if v > 0 and math.log(1 - random.random()) < x * x / 2 + d - d * v + d * math.log(v):
            return d * v


def _normal(random: Random) -> float:
    """Draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2 * math.log(1 - random.random()))
    return radius * math.cos(2 * math.pi * random.random())
