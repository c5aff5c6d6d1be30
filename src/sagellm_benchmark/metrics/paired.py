"""Do two groups of runs differ? A figure a run in; change, interval, p and what was to be seen out.

The unit is the run: requests within one share its caches, its neighbours and its minute, and are
not independent. Two independent groups are held together by Welch's t-test, runs that alternated
(A B, B A, …) by the t-test of their pairs, which a slow drift leaves alone. Figures are compared as
ratios, so on a log scale; where one is not above 0, as an error rate is, as differences. One run
a side can tell nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sagellm_benchmark.metrics.student import quantile, two_sided

POWER = 0.8
"""How often the minimum detectable change would be found."""

Scale = Literal["ratio", "difference"]
Verdict = Literal["different", "same", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was found of one figure of two groups.

    Attributes:
        mean_a: Mean of the first group; a geometric mean where the scale is "ratio".
        mean_b: The same of the second.
        change: From a to b. Scale "ratio": relative, 0.1 is 10 % more. Scale "difference": in the
            figure's own unit. So are the next two, and `minimum_detectable`.
        low: Lower end of the confidence interval of the change; None where nothing can be told.
        high: Its upper end.
        p: Of the test that nothing changed, two-sided; None where nothing can be told.
        minimum_detectable: The smallest change that this many runs of this spread would find with
            power `POWER`; None where nothing can be told, or no run differs from its group.
        verdict: "same" means that no difference was found, so none much larger than
            `minimum_detectable` is likely.
        scale: See `change`.
        runs_a: Runs of the first group.
        runs_b: Runs of the second.
        paired: Whether the runs were held together in pairs.
    """

    mean_a: float
    mean_b: float
    change: float
    low: float | None
    high: float | None
    p: float | None
    minimum_detectable: float | None
    verdict: Verdict
    scale: Scale
    runs_a: int
    runs_b: int
    paired: bool


def compare_groups(
    a: Sequence[float],
    b: Sequence[float],
    *,
    confidence: float = 0.95,
    scale: Scale | None = None,
) -> Difference:
    """Hold two independent groups of runs together: Welch's t-test.

    Args:
        a: A figure of each run of the first group, one at least.
        b: The same of the second.
        confidence: Of the interval, and 1 − the level of the test.
        scale: How to compare; None is "ratio" where every figure is above 0, else "difference".

    Raises:
        ValueError: A group is empty, a figure is not finite, or not above 0 on the scale "ratio".
    """
    scale = _scale([*a, *b], scale)
    x, y = _scaled(a, scale), _scaled(b, scale)
    error, degrees = 0.0, 0.0
    if min(len(x), len(y)) > 1:
        error, degrees = _welch(x, y)
    found = _Found(_mean(y) - _mean(x), error, degrees, _fewest_swaps(len(x), len(y)))
    return _difference(x, y, found, confidence, scale, paired=False)


def compare_pairs(
    a: Sequence[float],
    b: Sequence[float],
    *,
    confidence: float = 0.95,
    scale: Scale | None = None,
) -> Difference:
    """Hold runs together that alternated, the n-th of a with the n-th of b: the t-test of pairs.

    Args:
        a: A figure of each run of the first group, one at least.
        b: As many of the second.
        confidence: As in `compare_groups`.
        scale: As in `compare_groups`.

    Raises:
        ValueError: As in `compare_groups`, or the groups differ in size.
    """
    scale = _scale([*a, *b], scale)
    x, y = _scaled(a, scale), _scaled(b, scale)
    steps = [after - before for before, after in zip(x, y, strict=True)]
    error = math.sqrt(_variance(steps) / len(steps)) if len(steps) > 1 else 0.0
    found = _Found(_mean(steps), error, len(steps) - 1, 2 * 0.5 ** len(steps))
    return _difference(x, y, found, confidence, scale, paired=True)


def holm(differences: Sequence[Difference], *, confidence: float = 0.95) -> list[Difference]:
    """Judge several figures at once: the same differences, p and verdict corrected after Holm.

    The chance that any of them is called different where none is stays under 1 − confidence.
    """
    tested = sorted(
        (difference.p, place)
        for place, difference in enumerate(differences)
        if difference.p is not None
    )
    judged = list(differences)
    p = 0.0
    for rank, (own, place) in enumerate(tested):
        p = min(1.0, max(p, own * (len(tested) - rank)))
        verdict: Verdict = "different" if p < 1 - confidence else "same"
        judged[place] = replace(judged[place], p=p, verdict=verdict)
    return judged


@dataclass(frozen=True, slots=True)
class _Found:
    """On the scale of the comparison.

    Attributes:
        step: From a to b.
        error: Its standard error, 0 where there is no spread.
        degrees: Of freedom; 0 where there are too few runs.
        least_p: What an exact test by swapping runs could give at the least.
    """

    step: float
    error: float
    degrees: float
    least_p: float


def _difference(
    x: Sequence[float],
    y: Sequence[float],
    found: _Found,
    confidence: float,
    scale: Scale,
    *,
    paired: bool,
) -> Difference:
    low = high = p = seen = None
    verdict: Verdict = "cannot tell"
    if found.degrees > 0:
        p = _p(found)
        reach = quantile(0.5 + confidence / 2, found.degrees)
        low = _back(found.step - reach * found.error, scale)
        high = _back(found.step + reach * found.error, scale)
        if found.error > 0:
            seen = _back((reach + quantile(POWER, found.degrees)) * found.error, scale)
        verdict = "different" if p < 1 - confidence else "same"
    ratio = scale == "ratio"
    return Difference(
        mean_a=math.exp(_mean(x)) if ratio else _mean(x),
        mean_b=math.exp(_mean(y)) if ratio else _mean(y),
        change=_back(found.step, scale),
        low=low,
        high=high,
        p=p,
        minimum_detectable=seen,
        verdict=verdict,
        scale=scale,
        runs_a=len(x),
        runs_b=len(y),
        paired=paired,
    )


def _p(found: _Found) -> float:
    if found.error > 0:
        return two_sided(found.step / found.error, found.degrees)
    # Equal within each group: Student's law does not apply, an exact test by swapping runs does.
    return found.least_p if found.step else 1.0


def _fewest_swaps(a: int, b: int) -> float:
    return min(1.0, 2 / math.comb(a + b, a))


def _welch(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Standard error of the difference of the means, and Satterthwaite's degrees of freedom."""
    of_x, of_y = _variance(x) / len(x), _variance(y) / len(y)
    both = of_x + of_y
    if not both:
        return 0.0, float(len(x) + len(y) - 2)
    degrees = 1 / ((of_x / both) ** 2 / (len(x) - 1) + (of_y / both) ** 2 / (len(y) - 1))
    return math.sqrt(both), degrees


def _scale(figures: Sequence[float], asked: Scale | None) -> Scale:
    if not all(math.isfinite(figure) for figure in figures):
        raise ValueError("a figure of a run is not finite")
    positive = all(figure > 0 for figure in figures)
    if asked == "ratio" and not positive:
        raise ValueError("ratios need figures above 0")
    return asked or ("ratio" if positive else "difference")


def _scaled(figures: Sequence[float], scale: Scale) -> list[float]:
    if not figures:
        raise ValueError("a group has no run")
    return [math.log(figure) for figure in figures] if scale == "ratio" else list(figures)


def _back(step: float, scale: Scale) -> float:
    return step if scale == "difference" else math.expm1(min(step, 700.0))


def _mean(figures: Sequence[float]) -> float:
    return math.fsum(figures) / len(figures)


def _variance(figures: Sequence[float]) -> float:
    if min(figures) == max(figures):
        return 0.0
    mean = _mean(figures)
    return math.fsum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
