"""Parts of a trace: by what rows say, and a share of the sessions."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
from files import native
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.picking import Thin, Where
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace, open_trace

fixed = settings(derandomize=True, deadline=None)


def _trace(rows):
    """A trace of fresh copies of these rows."""
    header = Header(schema=SCHEMA, source=Source(name="t"))

    def start(tally):
        for tally.rows_read, keys in enumerate(rows, 1):
            yield Row(input_tokens=1, **keys)

    return Trace(header, start, path=None, format="native")


def _rows(sessions):
    return [
        {"request_id": f"r{n}", "arrival_time_s": float(n)}
        | ({} if name is None else {"session_id": name})
        for n, name in enumerate(sessions)
    ]


@fixed
@given(st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=40), st.floats(0.05, 1),
       st.integers(0, 5))  # fmt: skip
def test_thinning_keeps_sessions_whole(sessions, share, seed):
    """A session is there with all its rows, or not at all; the books add up."""
    rows = _rows(sessions)
    thin = Thin(share, seed).applied(_trace(rows))
    left = {row.request_id for row in thin.rows()}
    for name in set(sessions) - {None}:
        mine = {row["request_id"] for row in rows if row.get("session_id") == name}
        assert mine <= left or not mine & left
    assert thin.rows_read == len(left) + sum(thin.drops.values()) == len(rows)


def test_a_session_is_kept_or_not_wherever_it_stands():
    """Whether a session is kept depends on its id and the seed: not on the rows before it."""
    alone = {row.session_id for row in Thin(0.5).applied(_trace(_rows(map(str, range(99))))).rows()}
    behind = _rows([None] * 7 + [str(number) for number in range(99)])
    assert alone == {row.session_id for row in Thin(0.5).applied(_trace(behind)).rows()} - {None}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_is_met(share):
    """Of many rows without sessions the share is kept, within three standard errors."""
    left = sum(1 for _ in Thin(share, 3).applied(_trace(_rows([None] * 20_000))).rows())
    assert abs(left - 20_000 * share) < 3 * math.sqrt(20_000 * share * (1 - share))


def test_what_a_session_began_goes_with_it():
    """Sub-agents that wait for a session's row are kept or dropped with it, whatever their ids."""
    rows = []
    for n in range(40):
        rows += [
            {"request_id": f"p{n}", "arrival_time_s": float(n), "session_id": f"parent{n}"},
            {"request_id": f"c{n}", "depends_on": [f"p{n}"], "session_id": f"child{n}"},
            {"request_id": f"d{n}", "depends_on": [f"c{n}"]},
        ]
    left = defaultdict(set)
    for row in Thin(0.5).applied(_trace(rows)).rows():
        left[row.request_id[1:]].add(row.request_id[0])
    assert set(map(frozenset, left.values())) == {frozenset("pcd")}
    assert 5 < len(left) < 35


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        (["model=a"], "02"),
        (["model=a,b"], "012"),
        (["model!=a"], "13"),
        (["class=x", "model=a"], "0"),
        (["tenant=t"], "3"),
        (["input_tokens>10"], "23"),
        (["input_tokens>=10", "input_tokens<30"], "12"),
        (["output_tokens=5"], "1"),
        (["output_tokens!=5"], "023"),
    ],
)
def test_conditions(tmp_path, conditions, kept):
    """Rows that fulfil all conditions stay; unknown values fulfil nothing but `!=`."""
    rows = [
        {"model": "a", "input_tokens": 5, "request_class": "x"},
        {"model": "b", "input_tokens": 10, "output_tokens": 5},
        {"model": "a", "input_tokens": 20},
        {"input_tokens": 30, "tenant_id": "t"},
    ]
    trace = open_trace(native(tmp_path / "t.jsonl", *rows))
    header, left = converted(trace, [Where(conditions)])
    assert "".join(row.request_id[1:] for row in left) == kept
    assert header.drops == {"not_wanted": 4 - len(kept)}
    assert header.transforms == [{"op": "where", "conditions": conditions}]


@pytest.mark.parametrize("condition", ["modell=a", "model<a", "input_tokens=many", "model", "=a"])
def test_conditions_that_are_none(condition):
    """What cannot be read as a condition is refused with what can."""
    with pytest.raises(UsageError, match=r"--where .*: write model, tenant"):
        Where([condition]).applied(_trace([]))


def test_rows_that_waited_for_what_is_gone():
    """They come at their own time; without one they are left out and counted as orphaned."""
    rows = [
        {"request_id": "a", "arrival_time_s": 0.0, "model": "out"},
        {"request_id": "b", "arrival_time_s": 1.0},
        {"request_id": "c", "arrival_time_s": 2.0, "depends_on": ["a"], "think_time_s": 1.0},
        {"request_id": "d", "depends_on": ["a", "b"], "think_time_s": 1.0},
        {"request_id": "e", "depends_on": ["a"]},
        {"request_id": "f", "depends_on": ["e"]},
    ]
    where = Where(["model!=out"]).applied(_trace(rows))
    left = {row.request_id: (row.depends_on, row.think_time_s) for row in where.rows()}
    assert left == {"b": ([], None), "c": ([], None), "d": (["b"], 1.0)}
    assert where.drops == {"not_wanted": 1, "orphaned": 2}


@pytest.mark.parametrize("share", [0, -1, 1.1, math.nan])
def test_shares_that_are_none(share):
    """A share is above 0 and up to 1."""
    with pytest.raises(UsageError, match="--thin"):
        Thin(share)
