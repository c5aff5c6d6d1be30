"""The times between arrivals, in units of their mean: Poisson, Gamma, Weibull, constant.

In: a law and random numbers. Out: gaps with mean 1 and the law's coefficient of variation. The
first arrival comes after a residual gap, as where one begins to watch a stream that has long been
going: so the expected number of arrivals is the rate times the time from the start on, also for few
arrivals of a bursty client, and clients do not all begin at once.

Gamma gaps with coefficient of variation c have shape 1/c**2. Weibull gaps have the shape k with
Γ(1+2/k)/Γ(1+1/k)**2 = 1 + c**2. Of any of them the index of dispersion tends to c**2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sagellm_benchmark.trace.workload.arithmetic import (
    Floats,
    exp,
    log,
    log_gamma,
    normal_quantile,
)
from sagellm_benchmark.trace.workload.draws import Draws, Sampler

_HALVINGS = 60


@dataclass(frozen=True)
class Gaps:
    """A law of gaps with mean 1.

    Attributes:
        kind: Its family; `poisson` and `constant` have no shape.
        shape: Of the Gamma or the Weibull distribution.
    """

    kind: Literal["constant", "poisson", "gamma", "weibull"]
    shape: float = 1.0

    def sampler(self, draws: Draws) -> Sampler:
        """Draw gaps."""
        if self.kind == "constant":
            return np.ones
        uniform = draws.named("gap").uniform
        if self.kind == "poisson":
            return lambda count: -log(uniform(count))
        if self.kind == "weibull":
            power, scale = 1.0 / self.shape, self._weibull_scale()
            return lambda count: scale * exp(power * log(-log(uniform(count))))
        gammas = gamma(self.shape, draws.named("gap"))
        return lambda count: gammas(count) / self.shape

    def residual(self, draws: Draws) -> float:
        """Draw what is left of the gap that the start falls into.

        Long gaps are hit more often: that gap has the density x·f(x), which is a Gamma of the next
        shape, or the power of one; a uniform part of it is left.
        """
        draws = draws.named("residual")
        part = draws.one()
        if self.kind == "constant":
            return part
        if self.kind == "weibull":
            hit = _first(gamma(1.0 + 1.0 / self.shape, draws))
            return part * self._weibull_scale() * _power(hit, 1.0 / self.shape)
        shape = 1.0 if self.kind == "poisson" else self.shape
        return part * _first(gamma(shape + 1.0, draws)) / shape

    def _weibull_scale(self) -> float:
        return 1.0 / float(exp(np.array([log_gamma(1.0 + 1.0 / self.shape)]))[0])


def gamma_gaps(cv: float) -> Gaps:
    """Gamma gaps with a coefficient of variation."""
    return Gaps("gamma", 1.0 / (cv * cv))


def weibull_gaps(cv: float) -> Gaps:
    """Weibull gaps with a coefficient of variation."""
    low, high = 0.05, 200.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        excess = log_gamma(1.0 + 2.0 / middle) - 2.0 * log_gamma(1.0 + 1.0 / middle)
        # The larger the shape, the more regular the gaps.
        if excess > float(log(np.array([1.0 + cv * cv]))[0]):
            low = middle
        else:
            high = middle
    return Gaps("weibull", (low + high) / 2)


def gamma(shape: float, draws: Draws) -> Sampler:
    """Draw from Gamma(shape, 1) (Marsaglia and Tsang 2000; below shape 1 by their boost)."""
    normals, accepts, boosts = (draws.named(each).uniform for each in ("x", "u", "boost"))
    d = (shape + 1.0 if shape < 1.0 else shape) - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)

    def sample(count: int) -> Floats:
        x = normal_quantile(normals(count))
        root = 1.0 + c * x
        v = root * root * root
        fit = v > 0.0
        safe = np.where(fit, v, 1.0)
        limit = x * x / 2.0 + d - d * v + d * log(safe)
        values = (d * v)[fit & (log(accepts(count)) < limit)]
        if shape < 1.0:
            values = values * exp(log(boosts(len(values))) / shape)
        return values

    return sample


def _first(sampler: Sampler) -> float:
    while not len(values := sampler(4)):
        pass
    return float(values[0])


def _power(x: float, power: float) -> float:
    return float(exp(power * log(np.array([x])))[0])
