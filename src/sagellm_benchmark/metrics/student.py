"""Student's t distribution: its tails and its quantiles, exact to about 1e-12, without scipy.

The tail is a regularised incomplete beta function, by its continued fraction (Lentz's method). A
quantile is found by halving. Degrees of freedom may be any number above 0, as Welch's test needs.
"""

from __future__ import annotations

import math

_STEPS = 1000
_TINY = 1e-300
_ENOUGH = 1e-15


def two_sided(t: float, degrees: float) -> float:
    """The chance of a value as far from 0 as t, or farther."""
    square = t * t
    if square < degrees:  # near 0 the other end keeps the digits
        return 1 - incomplete_beta(0.5, degrees / 2, square / (degrees + square))
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square))


def cdf(t: float, degrees: float) -> float:
    """The chance of a value of t or less."""
    tail = two_sided(t, degrees) / 2
    return 1 - tail if t > 0 else tail


def quantile(share: float, degrees: float) -> float:
    """The value that this share of all values does not exceed.

    Raises:
        ValueError: The share is not between 0 and 1, ends left out.
    """
    if not 0 < share < 1:
        raise ValueError(f"no quantile for a share of {share}")
    if share < 0.5:
        return -quantile(1 - share, degrees)
    tail = 2 * (1 - share)
    low, high = 0.0, 1.0
    while two_sided(high, degrees) > tail:
        low, high = high, high * 2
    while (middle := (low + high) / 2) not in (low, high):
        if two_sided(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for x from 0 to 1."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    upper = 1.0
    lower = 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = lower
    for step in range(1, _STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            lower = 1 / _off_zero(1 + term * lower)
            upper = _off_zero(1 + term / upper)
            value *= upper * lower
        if abs(upper * lower - 1) < _ENOUGH:
            return value
    raise ArithmeticError(f"no convergence of I_{x}({a}, {b})")


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
