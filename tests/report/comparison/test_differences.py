"""What differs, what is noise, what cannot be told."""

from __future__ import annotations

import json

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.paired import compare_groups, holm
from sagellm_benchmark.report.comparison.differences import compare_sides
from sagellm_benchmark.report.comparison.figures import named_figures

from ..summaries import block
from .runs import SLOWER, STEADY, several, sides, write_run


def _rows(comparison):
    return {row.figure.name: row for row in comparison.rows}


def test_repeats_that_differ_and_repeats_that_do_not(tmp_path):
    """A fifth slower in every run is a difference, four runs of the same are noise."""
    a, b = several(tmp_path, "a", STEADY), several(tmp_path, "b", SLOWER)
    c = several(tmp_path, "c", (1.008, 0.994, 1.001, 1.0))
    comparison = compare_sides(sides(a, b, c))
    ttft = _rows(comparison)["ttft_ms.p50"]
    assert [ttft.word(0), ttft.word(1)] == ["worse", "noise"]
    assert ttft.differences[0].change == pytest.approx(0.2, abs=0.001)
    assert ttft.differences[0].low < 0.2 < ttft.differences[0].high
    rate = _rows(comparison)["throughput.output_tokens_per_s"]
    assert rate.word(0) == "worse"  # a rate that falls
    assert comparison.repeated


def test_which_way_is_better_is_the_figures(tmp_path):
    """The same change of a latency and of a rate are opposites."""
    a, b = several(tmp_path, "a", SLOWER), several(tmp_path, "b", STEADY)
    rows = _rows(compare_sides(sides(a, b)))
    assert rows["ttft_ms.p50"].word(0) == rows["throughput.requests_per_s"].word(0) == "better"
    assert rows["ttft_ms.p50"].differences[0].change < 0
    assert rows["throughput.requests_per_s"].differences[0].change > 0


@pytest.mark.parametrize("scales", [((1.0,), (5.0,)), ((1.0,), SLOWER), (STEADY, (5.0,))])
def test_one_run_a_side_tells_nothing(tmp_path, scales):
    """Five times slower in one run is shown, and not called a difference."""
    groups = [several(tmp_path, name, each) for name, each in zip("ab", scales, strict=True)]
    comparison = compare_sides(sides(*groups))
    assert {row.word(0) for row in comparison.rows} == {"cannot tell"}
    assert not comparison.repeated
    row = _rows(comparison)["ttft_ms.p50"]
    assert row.differences[0].change > 0.1
    assert row.spreads[0] == pytest.approx(45.24 * 0.3, rel=0.02)


def test_several_sides_are_corrected_after_holm(tmp_path):
    """What is just significant alone is noise among four."""
    a = several(tmp_path, "a", (1.0, 1.02, 0.98))
    near = [several(tmp_path, name, (1.05, 1.07, 1.03)) for name in "bcde"]
    alone = _rows(compare_sides(sides(a, near[0])))["ttft_ms.p50"]
    among = _rows(compare_sides(sides(a, *near)))["ttft_ms.p50"]
    assert 0.0125 < alone.differences[0].p < 0.05
    assert alone.word(0) == "worse"
    assert {among.word(place) for place in range(4)} == {"noise"}
    own = [compare_groups(among.values[0], other) for other in among.values[1:]]
    assert [one.p for one in among.differences] == [one.p for one in holm(own)]


def test_figures_that_are_zero_are_compared_as_they_are(tmp_path):
    """An error rate of nothing has no ratio; it differs in points."""
    a = several(tmp_path, "a", STEADY)
    b = [
        write_run(
            tmp_path / f"b{number}",
            changes={"protocol_metrics": {"error_rate": rate, "unobserved": []}},
        )
        for number, rate in enumerate((0.10, 0.11, 0.09, 0.10))
    ]
    row = _rows(compare_sides(sides(a, b)))["error_rate"]
    assert row.differences[0].scale == "difference"
    assert row.differences[0].change == pytest.approx(0.10)
    assert row.word(0) == "worse"


def test_shares_differ_in_points(tmp_path):
    """10 % of errors and 15 % of them are 5 points apart, never 50 %."""
    groups = [
        [
            write_run(
                tmp_path / f"{rate}-{number}",
                changes={"protocol_metrics": {"error_rate": rate, "unobserved": []}},
            )
            for number in range(2)
        ]
        for rate in (0.10, 0.15)
    ]
    row = _rows(compare_sides(sides(*groups)))["error_rate"]
    assert row.figure.step(row.differences[0].change, row.differences[0].scale) == "+5.00 points"


def test_a_sure_change_that_does_not_matter_is_marked(tmp_path):
    """Significant is not large."""
    a = several(tmp_path, "a", (1.0, 1.00001, 0.99999))
    b = several(tmp_path, "b", (1.003, 1.00301, 1.00299))
    comparison = compare_sides(sides(a, b))
    row = _rows(comparison)["ttft_ms.p50"]
    assert row.word(0) == "worse"
    assert row.small(0)
    assert "of them by less than 1 %" in comparison.tally(0)[0]


def test_what_no_run_measured_has_no_row(tmp_path):
    """Unknown is neither 0 nor equal."""
    x, y = write_run(tmp_path / "x"), write_run(tmp_path / "y")
    comparison = compare_sides(sides([x], [y]), named_figures(["ttft_ms.p50", "connect_ms.p99"]))
    assert len(comparison.rows) == 2
    for folder in (x, y):
        found = json.loads((folder / "summary.json").read_text())
        found["latency"]["connect_ms"] = block(0, 0)
        (folder / "summary.json").write_text(json.dumps(found))
    comparison = compare_sides(sides([x], [y]), named_figures(["ttft_ms.p50", "connect_ms.p99"]))
    assert [row.figure.name for row in comparison.rows] == ["ttft_ms.p50"]
    assert comparison.absent == ("connect p99",)


def test_a_table_has_what_one_of_its_two_sides_has(tmp_path):
    """A third side's figures make no empty rows."""
    x, y, z = (write_run(tmp_path / name) for name in "xyz")
    for folder in (x, y):
        found = json.loads((folder / "summary.json").read_text())
        found["latency"]["ttft_ms"] = block(0, 0)
        (folder / "summary.json").write_text(json.dumps(found))
    comparison = compare_sides(sides([x], [y], [z]), named_figures(["ttft_ms.p50", "itl_ms.p50"]))
    assert [len(comparison.rows_of(place)) for place in range(2)] == [1, 2]
    assert comparison.rows[0].word(1) == "cannot tell"


def test_a_latency_is_all_its_statistics():
    """`--metric tpot_ms` and a figure of it do not double a row."""
    names = [one.name for one in named_figures(["tpot_ms", "tpot_ms.p99", "error_rate"])]
    stats = ("mean", "p50", "p90", "p95", "p99", "p999")
    assert names == [*(f"tpot_ms.{stat}" for stat in stats), "error_rate"]


@pytest.mark.parametrize(
    "name", ["ttft", "ttft_ms.p12", "throughput", "goodput.p50", "", "protocol"]
)
def test_no_such_figure(name):
    """It is named, with those that there are."""
    with pytest.raises(UsageError, match=r"--metric .*throughput\.requests_per_s"):
        named_figures([name])
