"""Exact statistics of values that are all in memory: one block of a summary.

Values in, `{count, mean, std, min, p50, p90, p95, p99, p999, max}` out. NaN means "this request
has none" and is left out; a block of nothing has count 0 and null everywhere else, never NaN.
Results are rounded to a nanosecond.
"""

from __future__ import annotations

import numpy as np

from sagellm_benchmark.metrics.names import QUANTILES, STATS

Block = dict[str, int | float | None]

DECIMALS = 6
"""Of a millisecond: a nanosecond, the grain of every stamp."""


def block(values: np.ndarray) -> Block:
    """Exact statistics of milliseconds.

    Args:
        values: Shape (n,), milliseconds in the order of `seq`; NaN is left out.

    Returns:
        Mean, standard deviation (of the population) and quantiles (numpy's linear rule).
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        return empty_block()
    quantiles = np.quantile(known, list(QUANTILES.values()))
    figures = [known.mean(), known.std(), known.min(), *quantiles, known.max()]
    rounded = (round(float(figure), DECIMALS) for figure in figures)
    return {"count": int(known.size), **dict(zip(STATS, rounded, strict=True))}


def empty_block() -> Block:
    """The block of no values."""
    return {"count": 0, **dict.fromkeys(STATS)}
