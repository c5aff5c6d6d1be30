"""Contracts: those of the package, and what a file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.report.contracts import contract_names, read_contract

GOOD = "schema: sagellm.contract/1\ntitle: Mine\nobjectives:\n  - ttft_ms.p99<=500\n"

DEMO = {
    "year1": (100, 20, 50, 0.05, 32, None, None),
    "year2": (50, 10, 100, 0.02, 24, 0.7, None),
    "year3": (30, 5, 200, 0.01, 16, 0.85, 0.6),
}
"""TTFT ms, TBT and tpot ms, tokens/s, errors, memory GiB, prefix hits, accepted speculation."""


@pytest.mark.parametrize("name", DEMO)
def test_the_demo_contract_has_the_limits_of_its_year(name: str) -> None:
    """Every limit, no more, all of them on the Protocol's Metrics of the run."""
    ttft, tbt, rate, errors, memory, hits, accepted = DEMO[name]
    limits = [
        f"protocol.ttft_ms<={ttft}",
        f"protocol.tbt_ms<={tbt}",
        f"protocol.tpot_ms<={tbt}",
        f"protocol.throughput_tps>={rate}",
        f"error_rate<={errors}",
        f"protocol.peak_mem_mb<={memory * 1024}",
    ]
    limits += [f"protocol.prefix_hit_rate>={hits}"] if hits else []
    limits += [f"protocol.spec_accept_rate>={accepted}"] if accepted else []
    contract = read_contract(name)
    assert [slo.expr for slo in contract.slos] == limits
    assert contract.name == name
    assert contract.title == f"Demo Contract, year {name[-1]}"


def test_the_names_are_those_of_the_files() -> None:
    """Three contracts come with the package, and an unknown name lists them."""
    assert contract_names() == list(DEMO)
    with pytest.raises(UsageError, match="--contract year9: there are year1, year2, year3"):
        read_contract("year9")


def test_a_file_is_a_contract_of_its_own(tmp_path: Path) -> None:
    """Any path that ends in .yaml is read."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    contract = read_contract(str(path))
    assert (contract.name, contract.title) == ("mine", "Mine")
    assert [slo.expr for slo in contract.slos] == ["ttft_ms.p99<=500"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no contract"),
        ("- a", "no contract"),
        (GOOD.replace("/1", "/2"), "1: schema 'sagellm.contract/2'"),
        (GOOD.replace("title: Mine", "title: 3"), "2: title must be text"),
        (GOOD.replace("title: Mine", "titel: x"), "2: no key 'titel' in a contract"),
        (GOOD.replace("  - ttft_ms.p99<=500", "  []"), "3: objectives must be a list"),
        (GOOD.replace("ttft_ms.p99<=500", "5"), "4: an objective is text"),
        (GOOD.replace("ttft_ms.p99<=500", "speed<=5"), "4: objective 'speed<=5': "),
        (GOOD.replace("ttft_ms.p99", "ttft_ms"), "4: objective 'ttft_ms<=500' is one for each"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    """One line: the file, the line, what is wrong."""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_contract(str(path))
    line = str(caught.value)
    assert line.startswith(str(path)) and words in line and "\n" not in line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """No traceback for a file that is not there."""
    with pytest.raises(UsageError, match=r"--contract cannot be read"):
        read_contract(str(tmp_path / "none.yaml"))
