"""Words for what differs between two traces."""

from __future__ import annotations

import re
from random import Random

from sagellm_benchmark.report.differences import differences, moment, unknown
from sagellm_benchmark.trace.comparison import compare

from .traffic import observed


def _poisson(seed, rows=2000, rate=10.0, tokens=100, **row):
    random, time_s, made = Random(seed), 0.0, []
    for _ in range(rows):
        time_s += random.expovariate(rate)
        length = 1 + int(random.expovariate(1 / tokens))
        made.append({"arrival_time_s": time_s, "input_tokens": length, **row})
    return made


def _told(a, b):
    figures = a.figures(), b.figures()
    return differences(compare(a, b), *figures), unknown(*figures)


def test_nothing_is_said_of_chance():
    """Two draws of one law differ in nothing, large or small."""
    for rows in (10, 200, 5000):
        told = _told(observed(_poisson(1, rows)), observed(_poisson(2, rows)))
        assert told == ([], []), rows


def test_a_faster_trace_is_called_faster():
    """Twice the speed is a rate of two, other gaps, and the same gaps over their mean."""
    rows = _poisson(1)
    fast = [{**row, "arrival_time_s": row["arrival_time_s"] / 2} for row in rows]
    (rate, gaps), _ = _told(observed(rows), observed(fast))
    assert re.match(r"B has 2\.00 times the rate of A: \d\d\.\d requests/s against ", rate)
    assert gaps.startswith("gaps differ: KS 0.2")
    assert gaps.endswith("over their means KS 0, which is alike")


def test_each_difference_has_its_sentence():
    """Count, ties, bursts, lengths, sessions, think times and reuse are each told of."""
    one = [{**row, "arrival_time_s": float(int(row["arrival_time_s"])), "output_tokens": 5,
            "session_id": str(n), "think_time_s": 1.0, "prefix_block_ids": [0]}
           for n, row in enumerate(_poisson(1))]  # fmt: skip
    other = [{**row, "output_tokens": 9, "session_id": str(n // 4), "think_time_s": 70.0,
              "prefix_block_ids": [n]}
             for n, row in enumerate(_poisson(2, 1500, tokens=900))]  # fmt: skip
    told, untold = _told(observed(one, block_size=16), observed(other, block_size=16))
    begun = [sentence.partition(":")[0] for sentence in told]
    assert begun == [
        "A has 2,000 requests, B 1,500",
        *("gaps differ", "ties differ", "B has smaller bursts"),
        *("input lengths differ", "output lengths differ"),
        *("sessions differ in length", "think times differ", "reuse differs"),
    ]
    assert any("1 s and 1 min 10 s" in sentence for sentence in told)
    assert untold == []


def test_bursts_are_told_by_their_windows():
    """Traffic that comes in bursts is called so, in the windows in which it does."""
    bursts = [row for row in _poisson(1, 20_000) if row["arrival_time_s"] % 20 < 10]
    (sentence,) = [each for each in _told(observed(_poisson(2)), observed(bursts))[0]
                   if "index of dispersion" in each]  # fmt: skip
    assert sentence.startswith("A has smaller bursts: index of dispersion of A and B ")
    assert " in 1 s, " in sentence


def test_a_run_may_be_a_little_late():
    """Gaps and ties within a millisecond are the same against a run, and not against a trace."""
    rows = [{"arrival_time_s": float(n // 2)} for n in range(400)]
    late = [{"arrival_time_s": n // 2 + 0.0003 * (n % 2)} for n in range(400)]
    assert _told(observed(rows), observed(late, format="run"))[0] == []
    assert "50.1 % of the gaps of A are 0" in " ".join(_told(observed(rows), observed(late))[0])


def test_what_only_one_tells_of_is_said():
    """What cannot be compared is named with the one that lacks it."""
    one = _poisson(1, output_tokens=3)
    waiting = [*_poisson(1), *[{"depends_on": ["0"], "input_tokens": 3}] * 2]
    assert _told(observed(one), observed(waiting))[1] == [
        "B tells nothing of output lengths",
        "B has no arrival of 2 rows that wait for others",
    ]


def test_short_times_are_readable():
    """Times below a second are in milliseconds."""
    assert [moment(s) for s in (0, 0.0004, 0.25, 1, 70)] == [
        *("0 ms", "0.400 ms", "250 ms", "1 s", "1 min 10 s")
    ]
