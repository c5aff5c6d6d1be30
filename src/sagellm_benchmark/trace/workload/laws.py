"""Laws that numbers of a workload follow: token counts, turns, seconds of thought.

In: a law as a specification writes it, such as `{lognormal: {p50: 400, p99: 3000}, max: 8000}`, and
random numbers. Out: a sampler of its values. Each value is one inverse transform of one uniform
number (a mix: of two), and falls on `min` or `max` where it would lie beyond.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import numpy as np

from sagellm_benchmark.trace.workload.arithmetic import Floats, exp, log, normal_quantile
from sagellm_benchmark.trace.workload.draws import Draws, Sampler

_P99 = 2.3263478740408408
"""Standard deviations from the median to the 99th percentile of a normal distribution."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Ranks = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Part of a specification: an unknown key is an error."""


class Normal(Strict):
    """`normal`: mean and standard deviation."""

    mean: float
    sd: NotNegative

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        return lambda count: self.mean + self.sd * normal_quantile(draws.uniform(count))


class Lognormal(Strict):
    """`lognormal`: median and 99th percentile, or mean and coefficient of variation."""

    p50: Positive | None = None
    p99: Positive | None = None
    mean: Positive | None = None
    cv: Positive | None = None

    def __post_init__(self) -> None:
        given = tuple(name for name in self.__struct_fields__ if getattr(self, name) is not None)
        if given not in (("p50", "p99"), ("mean", "cv")):
            raise ValueError("lognormal needs p50 and p99, or mean and cv")
        if self.p50 is not None and self.p99 < self.p50:
            raise ValueError("lognormal: p99 is below p50")

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        if self.p50 is not None:
            low, high = log(np.array([self.p50, self.p99]))
            centre, width = low, (high - low) / _P99
        else:
            mean, spread = log(np.array([self.mean, 1.0 + self.cv * self.cv]))
            centre, width = mean - spread / 2.0, np.sqrt(spread)
        return lambda count: exp(centre + width * normal_quantile(draws.uniform(count)))


class Exponential(Strict):
    """`exponential`: mean."""

    mean: Positive

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        return lambda count: -self.mean * log(draws.uniform(count))


class Geometric(Strict):
    """`geometric`: the mean of 1, 2, 3 and so on."""

    mean: Annotated[float, msgspec.Meta(ge=1)]

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        if self.mean == 1.0:
            return np.ones
        stay = float(log(np.array([1.0 - 1.0 / self.mean]))[0])
        return lambda count: np.ceil(log(draws.uniform(count)) / stay)


class Uniform(Strict):
    """`uniform`: every value between two bounds."""

    min: float
    max: float

    def __post_init__(self) -> None:
        if self.max < self.min:
            raise ValueError("uniform: max is below min")

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        return lambda count: self.min + (self.max - self.min) * draws.uniform(count)


class Pareto(Strict):
    """`pareto`: the least value, and the tail's exponent; without a mean up to alpha 1."""

    least: Positive
    alpha: Positive

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        power = -1.0 / self.alpha
        return lambda count: self.least * exp(power * log(draws.uniform(count)))


class Zipf(Strict):
    """`zipf`: 1, 2, …, `ranks`, each with the weight rank**-skew, times `unit`."""

    skew: NotNegative
    ranks: _Ranks
    unit: Positive = 1.0

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values."""
        ranks = ranked(self.skew, self.ranks, draws)
        return lambda count: self.unit * (1.0 + ranks(count))


class Law(Strict):
    """One law, with bounds.

    Attributes:
        fixed: The one value.
        empirical: Values with their weights.
        mix: Laws with their shares, one drawn for each value.
        min: Least value.
        max: Greatest value.
    """

    fixed: float | None = None
    normal: Normal | None = None
    lognormal: Lognormal | None = None
    exponential: Exponential | None = None
    geometric: Geometric | None = None
    uniform: Uniform | None = None
    pareto: Pareto | None = None
    zipf: Zipf | None = None
    empirical: dict[float, NotNegative] | None = None
    mix: Annotated[list[Part], msgspec.Meta(min_length=1)] | None = None
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError("max is below min")
        if self.empirical is not None and not sum(self.empirical.values()) > 0:
            raise ValueError("empirical: no value has a weight above 0")

    def sampler(self, draws: Draws) -> Sampler:
        """Draw values within the bounds."""
        raw = self._unbounded(draws)
        low = -np.inf if self.min is None else self.min
        high = np.inf if self.max is None else self.max
        return lambda count: np.minimum(np.maximum(raw(count), low), high)

    def _unbounded(self, draws: Draws) -> Sampler:
        if self.fixed is not None:
            return lambda count: np.full(count, float(self.fixed))
        if self.mix is not None:
            return _mixed(self.mix, draws)
        if self.empirical is not None:
            values = np.array(sorted(self.empirical))
            chosen = weighted([self.empirical[value] for value in values.tolist()], draws)
            return lambda count: values[chosen(count)]
        kinds = (getattr(self, name) for name in KINDS)
        return next(kind for kind in kinds if kind is not None).sampler(draws)


class Part(Law, kw_only=True):
    """A law of a mix.

    Attributes:
        share: How much of the mix it is; shares need not sum to 1.
    """

    share: Positive


KINDS = tuple(name for name in Law.__struct_fields__ if name not in ("min", "max"))


def as_law(value: float | Law) -> Law:
    """A bare number is the law that always gives it."""
    return value if isinstance(value, Law) else Law(fixed=value)


def whole(law: float | Law, draws: Draws) -> Sampler:
    """Draw whole numbers of at least 1: values rounded, halves up."""
    sampler = as_law(law).sampler(draws)
    return lambda count: np.maximum(np.floor(sampler(count) + 0.5), 1.0).astype(np.int64)


def weighted(weights: list[float], draws: Draws) -> Any:
    """Draw positions 0, 1, … with given weights."""
    ends = np.cumsum(np.array(weights, dtype=np.float64))
    last = int(np.flatnonzero(weights)[-1])

    def sample(count: int) -> Any:
        places = np.searchsorted(ends, draws.uniform(count) * ends[-1], side="right")
        return np.minimum(places, last)

    return sample


def ranked(skew: float, ranks: int, draws: Draws) -> Any:
    """Draw positions 0 to ranks - 1, the n-th with the weight (n + 1)**-skew."""
    return weighted(zipf_weights(skew, ranks), draws)


def zipf_weights(skew: float, ranks: int) -> list[float]:
    """The weights of Zipf's law."""
    return exp(-skew * log(np.arange(1.0, ranks + 1.0))).tolist()


def _mixed(parts: list[Part], draws: Draws) -> Sampler:
    choose = weighted([part.share for part in parts], draws.named("part"))
    samplers = [part.sampler(draws.named("part", n)) for n, part in enumerate(parts)]

    def sample(count: int) -> Floats:
        chosen = choose(count)
        values = np.empty(count)
        for number, sampler in enumerate(samplers):
            mine = chosen == number
            values[mine] = sampler(int(mine.sum()))
        return values

    return sample
