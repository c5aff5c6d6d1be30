"""Logarithms, exponentials and quantiles that are the same to the last bit everywhere.

In: float64 arrays. Out: arrays, exact to about 1e-15. Only what IEEE 754 defines to the bit is
used: sums, products, quotients, square roots, comparisons, and the splitting of a float into
mantissa and exponent. The machine's `log` and `exp`, which differ in their last bits between
libraries, processors and versions of numpy, are not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SQRT_HALF = 0.7071067811865476
_LN2 = 0.6931471805599453
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
_HALF_LN_2PI = 0.9189385332046727
_TWO_PI = 6.283185307179586

_LOG = tuple(2.0 / odd for odd in range(21, 0, -2))
_EXP = (
    *(1 / 6227020800, 1 / 479001600, 1 / 39916800, 1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040),
    *(1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0),
)
_SINE = (
    *(1 / 355687428096000, -1 / 1307674368000, 1 / 6227020800, -1 / 39916800, 1 / 362880),
    *(-1 / 5040, 1 / 120, -1 / 6, 1.0),
)
_STIRLING = (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)

# Wichura 1988, algorithm AS 241 (PPND16): three rational functions, highest power first.
_CENTRE = (
    *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4),
    *(4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3),
    *(1.3314166789178437745e2, 3.3871328727963666080e0),
)
_CENTRE_BELOW = (
    *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4),
    *(2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2),
    *(4.2313330701600911252e1, 1.0),
)
_TAIL = (
    *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1),
    *(1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0),
    *(4.63033784615654529590e0, 1.42343711074968357734e0),
)
_TAIL_BELOW = (
    *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2),
    *(1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0),
    *(2.05319162663775882187e0, 1.0),
)
_FAR = (
    *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3),
    *(2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0),
    *(5.46378491116411436990e0, 6.65790464350110377720e0),
)
_FAR_BELOW = (
    *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5),
    *(7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1),
    *(5.99832206555887937690e-1, 1.0),
)


def log(x: Floats) -> Floats:
    """The natural logarithm of numbers above 0."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    return (exponent - low) * _LN2 + ratio * _polynomial(_LOG, ratio * ratio)


def exp(x: Floats) -> Floats:
    """The exponential; 0 below -745, and bounded above 709."""
    x = np.minimum(np.maximum(x, -750.0), 709.0)
    twos = np.rint(x / _LN2)
    rest = (x - twos * _LN2_HIGH) - twos * _LN2_LOW
    return np.ldexp(_polynomial(_EXP, rest), twos.astype(np.int32))


def sine(turns: Floats) -> Floats:
    """The sine of an angle in whole turns."""
    turns = turns - np.floor(turns)
    # Mirrored into the quarter turn on either side of 0.
    turns = np.where(turns > 0.75, turns - 1.0, np.where(turns > 0.25, 0.5 - turns, turns))
    angle = turns * _TWO_PI
    return angle * _polynomial(_SINE, angle * angle)


def log_gamma(x: float) -> float:
    """The logarithm of the Gamma function of a number above 0 (Stirling's series)."""
    product = 1.0
    while x < 12.0:
        product *= x
        x += 1.0
    logs = log(np.array([x, product]))
    series = _polynomial(_STIRLING, np.array([1.0 / (x * x)])) / x
    return float((x - 0.5) * logs[0] - x + _HALF_LN_2PI + series[0] - logs[1])


def normal_quantile(share: Floats) -> Floats:
    """The point of the standard normal distribution below which a share of it lies."""
    centre = share - 0.5
    square = 0.180625 - centre * centre
    found = centre * _polynomial(_CENTRE, square) / _polynomial(_CENTRE_BELOW, square)
    outer = np.abs(centre) > 0.425
    if outer.any():
        found[outer] = _outer_quantile(share[outer])
    return found


def _outer_quantile(share: Floats) -> Floats:
    depth = np.sqrt(-log(np.minimum(share, 1.0 - share)))
    near, far = depth - 1.6, depth - 5.0
    found = np.where(
        depth <= 5.0,
        _polynomial(_TAIL, near) / _polynomial(_TAIL_BELOW, near),
        _polynomial(_FAR, far) / _polynomial(_FAR_BELOW, far),
    )
    return np.where(share < 0.5, -found, found)


def _polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    """Horner's rule, the coefficient of the highest power first."""
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total
