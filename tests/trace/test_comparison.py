"""Two traces compared: distances, and what is known of their size."""

from __future__ import annotations

import pytest
from files import native, real_slices
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.comparison import compare
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import observe

fixed = settings(derandomize=True, deadline=None, max_examples=40)


def _observed(path, times, **row):
    rows = ({"arrival_time_s": time, "output_tokens": 3, **row} for time in times)
    return observe(open_trace(native(path, *rows)))


@fixed
@given(st.lists(st.integers(1, 10_000), min_size=3, max_size=60))
def test_a_trace_is_at_no_distance_from_itself(tmp_path_factory, millis):
    """Every distance of a trace to itself is 0, and none is noticeable."""
    times = sorted(each / 1000 for each in millis)
    one = _observed(tmp_path_factory.mktemp("one") / "t.jsonl", times, session_id="s")
    compared = compare(one, one)
    known = {name: each for name, each in compared.distances.items() if each is not None}
    assert {"gaps_s", "input_tokens", "output_tokens", "turns"} <= known.keys()
    assert all(each.ks == each.wasserstein == 0.0 for each in known.values())
    assert not any(each.noticeable for each in known.values())
    assert compared.ties[0] == compared.ties[1]


@fixed
@given(st.lists(st.integers(1, 1024), min_size=3, max_size=60))
def test_twice_the_speed_halves_the_gaps(tmp_path_factory, steps):
    """Time scaled by 2 moves gaps by half their mean, and leaves what they are over their mean."""
    times = [sum(steps[:place]) / 64 for place in range(len(steps) + 1)]
    folder = tmp_path_factory.mktemp("two")
    one = _observed(folder / "a.jsonl", times)
    other = _observed(folder / "b.jsonl", [time / 2 for time in times])
    distances = compare(one, other).distances
    mean = times[-1] / len(steps)
    assert distances["gaps_s"].wasserstein == pytest.approx(mean / 2)
    assert distances["rhythm"].ks == distances["rhythm"].wasserstein == 0.0
    assert one.arrivals.dispersion(2) == other.arrivals.dispersion(1)


def test_small_samples_may_differ_by_chance(tmp_path):
    """A distance that three gaps happen to have is not noticeable, however large it is."""
    few = [_observed(tmp_path / f"{n}.jsonl", [0, 1, 1 + n, 9]) for n in (1, 5)]
    gaps = compare(*few).distances["gaps_s"]
    assert gaps.ks > 0.3
    assert not gaps.noticeable


def test_what_one_does_not_tell_has_no_distance(tmp_path):
    """Without sessions, think times or more than one arrival there is no distance, and no error."""
    one = _observed(tmp_path / "a.jsonl", [0.0], session_id="s", think_time_s=2.0)
    other = _observed(tmp_path / "b.jsonl", [0.0, 1.0])
    distances = compare(one, other).figures()
    assert {name for name, each in distances.items() if each is None} == {
        *("gaps_s", "rhythm", "turns", "think_time_s", "ties")
    }
    assert distances["input_tokens"] == {"ks": 0.0, "wasserstein": 0.0}


def test_the_head_of_a_real_trace_is_like_the_whole(tmp_path):
    """Half of a real slice has the lengths of the whole, and another real trace has others."""
    folder, half = real_slices(), tmp_path / "half.jsonl"
    whole = folder / "mooncake/conversation_trace_head2000.jsonl"
    half.write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[:1000]))
    one, *others = (
        observe(open_trace(path))
        for path in (whole, half, folder / "azure/AzureLLMInferenceTrace_code.csv")
    )
    lengths = [compare(one, each).distances for each in others]
    assert not lengths[0]["output_tokens"].noticeable
    assert lengths[1]["output_tokens"].noticeable
