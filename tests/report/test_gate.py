"""What a gate decides: objectives, contracts, baselines, and when it decides nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.report.comparison.sides import Side, open_sides
from sagellm_benchmark.report.contracts import read_contract
from sagellm_benchmark.report.gate import Gate, Rules, judge
from sagellm_benchmark.report.gate_object import gate_object
from sagellm_benchmark.report.gate_text import gate_text
from sagellm_benchmark.report.regressions import DEFAULT_FIGURES, Method

from .gates import BASE, INVALID, SLOW, write_run, write_series


def side(*paths: Path) -> Side:
    """The runs of some directories."""
    (found,) = open_sides([",".join(map(str, paths))])
    return found


def gated(runs: Path, baseline: Path | None = None, *slos: str, **more: object) -> Gate:
    """A gate with these objectives; what else is given is the method's."""
    names = ("contract", "strict")
    rules = {name: more.pop(name) for name in names if name in more}
    rules = Rules(slos=parse_slos(slos), method=Method(**more), **rules)
    return judge(side(runs), None if baseline is None else side(baseline), rules)


def words(gate: Gate) -> dict[str, str]:
    """What each figure is called against the baseline."""
    return {one.figure.name: one.word for one in gate.regressions}


# Objectives


def test_each_run_must_meet_every_objective(tmp_path: Path) -> None:
    """Of several runs one that misses an objective fails the gate, and is named with its figure."""
    runs = write_series(tmp_path, "p", (1.0, 1.3))
    gate = gated(runs, None, "ttft_ms.mean<=60")
    assert gate.exit_code == 1
    failed = [one for one in gate.outcomes() if one.state == "FAIL"]
    assert [(one.name, one.text) for one in failed] == [("ttft_ms.mean<=60", "64.6932 in p-a2")]
    assert "each of them must meet every objective" in gate_text(gate, width=120, color=False)
    assert gated(runs, None, "ttft_ms.mean<=65").exit_code == 0


def test_the_runs_own_objectives_hold_where_no_others_are_given(tmp_path: Path) -> None:
    """Without `--slo` and contract it is what the run was told, any failed request included."""
    own = [{"expr": "ttft_ms.p99<=100", "value": 1, "passed": True}]
    run = write_run(tmp_path, "own", error_rate=0.01, slo=own)
    gate = gated(run)
    assert [check.expr for check in gate.checks] == ["error_rate<=0", "ttft_ms.p99<=100"]
    assert {check.origin for check in gate.checks} == {"the run's own"}
    assert gate.exit_code == 1


def test_any_failed_request_fails_unless_an_error_rate_is_allowed(tmp_path: Path) -> None:
    """`error_rate<=0` goes with every list of objectives that names no other."""
    run = write_run(tmp_path, "r", error_rate=0.01)
    assert gated(run, None, "ttft_ms.p99<=5000").exit_code == 1
    assert gated(run, None, "error_rate<=0.01").exit_code == 0


def test_an_objective_of_each_request_gates_nothing_alone(tmp_path: Path) -> None:
    """`ttft_ms<=500` without a goodput is refused, and the line says what to write."""
    run = write_run(tmp_path, "r")
    with pytest.raises(
        UsageError, match=r"add --slo 'goodput.fraction>=0.99', or write ttft_ms.p99"
    ):
        gated(run, None, "ttft_ms<=500")


def test_an_invalid_run_is_no_evidence(tmp_path: Path) -> None:
    """Exit code 3 with the run's reasons, on either side, even where an objective fails too."""
    bad = write_run(tmp_path, "bad", verdict=INVALID, error_rate=0.5)
    good = write_run(tmp_path, "good")
    for gate in (gated(bad), gated(good, bad), gated(bad, good)):
        assert gate.exit_code == 3
        text = gate_text(gate, width=200, color=False)
        assert "dispatch lag p99 80 ms is over 10 ms" in text


# Contracts

SEEN = {"peak_mem_mb": 30000, "prefix_hit_rate": 0.9, "spec_accept_rate": 0.7}
FAST = {"ttft_ms": 29.0, "tbt_ms": 4.0, "tpot_ms": 5.0, "throughput_tps": 200.0}


def test_what_nobody_observed_fails_a_contract(tmp_path: Path) -> None:
    """A memory that no server told of is no small memory: the contract fails and says so."""
    run = write_run(tmp_path, "r", protocol=FAST)
    gate = gated(run, contract=read_contract("year1"))
    failed = [one for one in gate.outcomes() if one.state == "FAIL"]
    assert [one.name for one in failed] == ["protocol.peak_mem_mb<=32768"]
    assert failed[0].text == "not observed, nobody told it: r"
    assert gate.exit_code == 1


@pytest.mark.parametrize(
    ("year", "changes", "missed"),
    [
        ("year1", {}, []),
        ("year2", {}, ["protocol.peak_mem_mb<=24576"]),
        ("year2", {"peak_mem_mb": 24576}, []),
        ("year2", {"peak_mem_mb": 1, "prefix_hit_rate": 0.69}, ["protocol.prefix_hit_rate>=0.7"]),
        ("year3", {"peak_mem_mb": 16384}, []),
        (
            "year3",
            {"peak_mem_mb": 16385, "prefix_hit_rate": 0.84, "spec_accept_rate": 0.5},
            [
                "protocol.peak_mem_mb<=16384",
                "protocol.prefix_hit_rate>=0.85",
                "protocol.spec_accept_rate>=0.6",
            ],
        ),
        ("year3", {"ttft_ms": 31, "peak_mem_mb": 1}, ["protocol.ttft_ms<=30"]),
    ],
)
def test_a_contract_is_held_against_the_protocols_metrics(
    year: str, changes: dict[str, float], missed: list[str], tmp_path: Path
) -> None:
    """Each limit of each year fails by itself, and a figure at its limit meets it."""
    run = write_run(tmp_path, "r", protocol={**SEEN, **FAST, **changes, "unobserved": []})
    gate = gated(run, contract=read_contract(year))
    assert [one.name for one in gate.outcomes() if one.state == "FAIL"] == missed
    assert gate.exit_code == (1 if missed else 0)
    assert {check.origin for check in gate.checks} == {f"contract {year}"}


# Baselines


def test_equal_runs_pass_and_a_tenth_slower_fails(tmp_path: Path) -> None:
    """Five against five: chance passes, 10 % are found, and the smallest change is told."""
    base = write_series(tmp_path, "base", BASE)
    same = gated(write_series(tmp_path, "same", [*BASE[2:], *BASE[:2]]), base)
    assert same.exit_code == 0
    assert set(words(same).values()) == {"no difference"}
    slow = gated(write_series(tmp_path, "slow", SLOW), base)
    assert slow.exit_code == 1
    assert words(slow) == {
        **dict.fromkeys(DEFAULT_FIGURES, "worse"),
        "error_rate": "no difference",
    }
    ttft = slow.regressions[0]
    assert ttft.difference.change == pytest.approx(0.1, abs=0.005)
    assert 0.005 < ttft.difference.minimum_detectable < 0.05
    assert "detectable from" in gate_text(slow, width=140, color=False)


def test_faster_is_no_failure(tmp_path: Path) -> None:
    """A change for the better passes, for latencies and for rates."""
    slow, base = write_series(tmp_path, "s", SLOW), write_series(tmp_path, "b", BASE)
    gate = gated(base, slow)
    assert gate.exit_code == 0
    assert words(gate)["throughput.output_tokens_per_s"] == words(gate)["ttft_ms.mean"] == "better"


def test_a_margin_lets_small_regressions_pass(tmp_path: Path) -> None:
    """Significant and within the margin passes; over it fails; what is printed names the margin."""
    base, slow = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    gate = gated(slow, base, max_regression=0.15)
    assert gate.exit_code == 0
    assert words(gate)["ttft_ms.mean"] == "within the margin"
    assert "A figure may become 15 % worse" in gate_text(gate, width=140, color=False)
    assert gated(slow, base, max_regression=0.05).exit_code == 1
    assert "No margin" in gate_text(gated(slow, base), width=140, color=False)


def test_an_error_rate_has_no_margin(tmp_path: Path) -> None:
    """More failed requests fail whatever margin latencies have."""
    base = write_series(tmp_path, "b", BASE)
    bad = write_series(tmp_path, "s", BASE, error_rate=0.02)
    gate = gated(bad, base, "error_rate<=1", max_regression=1.0)
    assert words(gate)["error_rate"] == "worse"
    assert gate.exit_code == 1


def test_one_run_a_side_cannot_tell(tmp_path: Path) -> None:
    """A single run on either side gives exit code 3, whatever its figures, and says what to do."""
    base, one = write_series(tmp_path, "b", BASE), write_run(tmp_path, "one", scale=3)
    for gate in (gated(one, base), gated(base, one)):
        assert gate.exit_code == 3
        assert set(words(gate).values()) == {"cannot tell"}
        assert "run --repeat 5" in gate_text(gate, width=140, color=False)


def test_a_missed_objective_outweighs_a_baseline_that_cannot_tell(tmp_path: Path) -> None:
    """What failed has failed."""
    one, other = write_run(tmp_path, "one"), write_run(tmp_path, "other")
    assert gated(one, other, "ttft_ms.p99<=1").exit_code == 1


def test_pairs_are_made_in_the_order_of_starts(tmp_path: Path) -> None:
    """A drift that hides a tenth from groups does not hide it from pairs."""
    drift = (1.0, 1.3, 1.6, 1.9, 2.2)
    base = write_series(tmp_path, "b", drift)
    slow = write_series(tmp_path, "s", [1.1 * x * y for x, y in zip(drift, BASE, strict=True)])
    assert gated(slow, base).exit_code == 0
    assert gated(slow, base, paired=True).exit_code == 1
    short = write_series(tmp_path, "short", BASE[:4])
    with pytest.raises(UsageError, match="--paired needs as many runs"):
        gated(short, base, paired=True)


def test_a_figure_that_a_run_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    """Whole replies have no TTFT: not measured; where nothing is measured nobody can tell."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", BASE)
    path = runs / "s-a2" / "summary.json"
    content = json.loads(path.read_text())
    content["latency"]["ttft_ms"] = dict.fromkeys(content["latency"]["ttft_ms"]) | {"count": 0}
    path.write_text(json.dumps(content))
    gate = gated(runs, base)
    assert words(gate)["ttft_ms.mean"] == "not measured"
    assert gate.regressions[0].text == "not measured in s-a2"
    assert gate.exit_code == 0
    assert gated(runs, base, figures=("ttft_ms.mean",)).exit_code == 3


def test_the_figures_can_be_chosen(tmp_path: Path) -> None:
    """`--metric` names them; an unknown one is refused."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    assert list(words(gated(runs, base, figures=("ttft_ms.p99",)))) == ["ttft_ms.p99"]
    with pytest.raises(UsageError, match="--metric 'speed'"):
        gated(runs, base, figures=("speed",))


def test_what_never_varies_costs_nothing(tmp_path: Path) -> None:
    """Figures equal in every run are not counted among those asked about."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    alone = gated(runs, base, figures=("ttft_ms.mean",)).regressions[0].difference
    with_errors = (
        gated(runs, base, figures=("ttft_ms.mean", "error_rate")).regressions[0].difference
    )
    assert alone == with_errors


# Runs that are not alike


def test_other_loads_are_warned_of_and_strict_refuses_them(tmp_path: Path) -> None:
    """Another rate is a warning line; `--strict` makes it exit code 3; another target is a note."""
    base = write_series(tmp_path, "b", BASE, settings={"rate": 10}, url="http://a")
    runs = write_series(tmp_path, "s", BASE, settings={"rate": 20}, url="http://b")
    gate = gated(runs, base)
    assert gate.exit_code == 0
    assert any("--rate" in text for text in gate.warnings), gate.warnings
    assert any("target differs" in text for text in gate.notes)
    strict = gated(runs, base, strict=True)
    assert strict.exit_code == 3
    assert "--strict: " in gate_text(strict, width=200, color=False)
    alike = write_series(tmp_path, "t", BASE, settings={"rate": 10}, url="http://b")
    assert gated(alike, base, strict=True).exit_code == 0


def test_the_object_says_what_the_table_says(tmp_path: Path) -> None:
    """`--json` has the exit code, every objective with its values, every figure with its change."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    found = gate_object(gated(runs, base, "ttft_ms.p99<=1000"))
    assert (found["schema"], found["exit_code"], found["passed"]) == ("sagellm.gate/1", 1, False)
    assert [one["expr"] for one in found["objectives"]] == ["error_rate<=0", "ttft_ms.p99<=1000"]
    assert len(found["objectives"][1]["values"]) == len(found["runs"]) == 5
    assert found["comparison"][0]["difference"]["minimum_detectable"] > 0
    assert found["method"]["unit"] == "run"
