"""Student's t distribution against the printed tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics.student import cdf, incomplete_beta, quantile, two_sided

TABLE = [
    (0.975, 1, 12.7062047362),
    (0.975, 2, 4.30265272975),
    (0.975, 4, 2.77644510520),
    (0.975, 8, 2.30600413520),
    (0.995, 8, 3.35538733129),
    (0.95, 10, 1.81246112281),
    (0.975, 30, 2.04227245630),
    (0.9995, 5, 6.86882663),
    (0.8, 8, 0.88888979),
    (0.975, 1e6, 1.95996635),
]


@pytest.mark.parametrize(("share", "degrees", "value"), TABLE)
def test_quantiles_are_those_of_the_tables(share: float, degrees: float, value: float) -> None:
    """A quantile is the one that every table prints."""
    assert quantile(share, degrees) == pytest.approx(value, rel=1e-6)
    assert cdf(value, degrees) == pytest.approx(share, abs=1e-7)
    assert quantile(1 - share, degrees) == pytest.approx(-value, rel=1e-6)


def test_one_degree_is_cauchys_law_and_two_have_a_closed_form() -> None:
    """Where the tail has a closed form, it is that, to a part in 10^12."""
    for t in (0.0, 1e-6, 0.3, 1.0, 7.0, 1e4):
        assert two_sided(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, abs=1e-12)
        assert two_sided(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(0.001, 0.999), st.floats(0.6, 500))
def test_a_quantile_and_its_share_are_each_others_inverse(share: float, degrees: float) -> None:
    """The share under a quantile is the share that it was asked for."""
    assert cdf(quantile(share, degrees), degrees) == pytest.approx(share, abs=1e-9)


def test_the_beta_function_is_symmetric_and_ends_at_0_and_1() -> None:
    """I_x(a, b) and I_1-x(b, a) make 1; at the ends it is 0 and 1."""
    assert incomplete_beta(2, 3, 0.4) + incomplete_beta(3, 2, 0.6) == pytest.approx(1)
    assert incomplete_beta(2, 3, 0.4) == pytest.approx(0.5248)
    assert (incomplete_beta(2, 3, 0), incomplete_beta(2, 3, 1)) == (0, 1)


@pytest.mark.parametrize("share", [0, 1, -0.1, math.nan])
def test_there_is_no_quantile_at_the_ends(share: float) -> None:
    """A share of 0 or 1 has no value."""
    with pytest.raises(ValueError, match="no quantile"):
        quantile(share, 5)
