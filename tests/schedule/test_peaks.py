"""How dense a plan is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.peaks import Peaks

HALF_S = 500_000_000
TOKEN_NS = 20_000_000


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=1, max_size=60),
    st.integers(1, 9),
)
def test_peaks_are_those_of_a_count_by_hand(rows, block):
    """Ties, rows a second and replies at once come out the same, however rows are blocked."""
    rows = sorted((tenths * 100_000_000, tokens) for tenths, tokens in rows)
    peaks = Peaks()
    for first in range(0, len(rows), block):
        some = rows[first : first + block]
        peaks.add([due for due, _ in some], [tokens for _, tokens in some])
        peaks.settle()
    dues = [due for due, _ in rows]
    ends = [due + HALF_S + tokens * TOKEN_NS for due, tokens in rows]
    lasting = [sum(end > due for end in ends[: n + 1]) for n, due in enumerate(dues)]
    assert peaks.rows == len(rows)
    assert peaks.ties == len(dues) - len(set(dues))
    assert peaks.span_ns == dues[-1] - dues[0]
    assert peaks.rate_per_s == max(Counter(due // 10**9 for due in dues).values())
    assert peaks.streams == max(lasting)


def test_a_row_due_centuries_later_is_refused():
    """Nobody waits 292 years: the unit of the times is wrong, and the error says so."""
    with pytest.raises(UsageError, match="292 years"):
        Peaks().add([2**63], [1])
