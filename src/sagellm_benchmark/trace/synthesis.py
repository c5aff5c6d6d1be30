"""Traces made from numbers: one shape of request at random times, and the demo.

In: sizes, a rate, a seed. Out: a Trace like any other, the same for the same numbers anywhere. What
`--input-tokens` asks for is drawn as workloads are. The demo draws from `random.Random.random`,
which Python keeps the same for a seed across versions and machines, and rounds times to the
millisecond, so that the last bit of a platform's logarithm does not show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, repeat
from random import Random

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally
from sagellm_benchmark.trace.workload.draws import Draws, drawn
from sagellm_benchmark.trace.workload.gaps import Gaps

_AHEAD = 1024


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
    if rate is None:
        yield from repeat(0.0, count)
        return
    gaps = Gaps("constant") if math.isinf(burstiness) else Gaps("gamma", burstiness)
    arrival_s = 0.0
    for gap in islice(drawn(gaps.sampler(Draws(seed, "uniform")), _AHEAD), count):
        yield round(arrival_s, 6)
        arrival_s += gap / rate


def demo(seed: int = 3) -> Trace:
    """Make the sample trace: half a minute of chat with bursts, under four system prompts.

    It is gentle enough for a simulated engine on a laptop: about 7 requests/s, 20 at the most, and
    some 400 tokens/s. `data/demo.jsonl` is this with the default seed.
    """
    header = Header(
        schema=SCHEMA,
        source=Source(name="demo", license="Apache-2.0"),
        time_resolution_s=1e-3,
        block_size=_DEMO_BLOCK,
        hash_scope="file",
        partial_tail_hashed=True,
        transforms=[{"op": "demo", "seed": seed}],
    )
    return Trace(header, lambda tally: _demo_rows(Random(seed), tally), path=None, format="demo")


_DEMO_BLOCK = 64
_DEMO_SPAN_S = 30.0
_DEMO_RATE, _DEMO_BURST_RATE = 4.5, 14.0
_DEMO_BURSTS_S = ((6.0, 8.0), (14.0, 16.0), (23.0, 25.0))
_DEMO_SYSTEM_BLOCKS = (1, 2, 4, 8)
_DEMO_SYSTEM_SHARES = (0.4, 0.7, 0.9, 1.0)
_DEMO_MAX_INPUT = 1500


def _demo_rows(random: Random, tally: Tally) -> Iterator[Row]:
    """Thin a Poisson process to the rate of each moment (Lewis and Shedler 1979)."""
    next_id = sum(_DEMO_SYSTEM_BLOCKS)
    arrival_s = 0.0
    while (arrival_s := arrival_s + _exponential(random) / _DEMO_BURST_RATE) < _DEMO_SPAN_S:
        burst = any(start <= arrival_s < end for start, end in _DEMO_BURSTS_S)
        if random.random() >= (1.0 if burst else _DEMO_RATE / _DEMO_BURST_RATE):
            continue
        shared = _demo_system(random)
        own = 1 + int(180 * _exponential(random))
        tokens = min(len(shared) * _DEMO_BLOCK + own, _DEMO_MAX_INPUT)
        new = -(-tokens // _DEMO_BLOCK) - len(shared)
        tally.rows_read += 1
        yield Row(
            request_id=f"demo-{tally.rows_read:03d}",
            arrival_time_s=round(arrival_s, 3),
            input_tokens=tokens,
            output_tokens=min(160, 16 + int(45 * _exponential(random))),
            prefix_block_ids=[*shared, *range(next_id, next_id + new)],
        )
        next_id += new


def _demo_system(random: Random) -> list[int]:
    """Choose a system prompt, as its block ids."""
    draw = random.random()
    which = next(place for place, share in enumerate(_DEMO_SYSTEM_SHARES) if draw < share)
    first = sum(_DEMO_SYSTEM_BLOCKS[:which])
    return list(range(first, first + _DEMO_SYSTEM_BLOCKS[which]))


def _exponential(random: Random) -> float:
    return -math.log(1 - random.random())
