"""What a name on the command line stands for."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.report.comparison.sides import open_sides

from .runs import write_run


def _names(sides):
    return [(side.letter, side.name, [run.run_id for run in side.archives]) for side in sides]


def test_a_side_is_a_run_or_several_with_commas(tmp_path):
    """The order of the names is that of the sides; the base is the first."""
    for name in ("x", "y", "z"):
        write_run(tmp_path / name)
    told = [f"{tmp_path}/x", f"{tmp_path}/z,{tmp_path}/y"]
    assert _names(open_sides(told)) == [("A", told[0], ["x"]), ("B", told[1], ["z", "y"])]


def test_a_directory_of_runs_is_one_side(tmp_path):
    """Repeats in one directory are pooled by their numbers; a link such as latest is none."""
    for number in (1, 2, 10):
        write_run(tmp_path / "many" / f"x-a{number}")
    (tmp_path / "many" / "latest").symlink_to("x-a1")
    write_run(tmp_path / "one")
    found = open_sides([str(tmp_path / "one"), str(tmp_path / "many")])
    assert [run.run_id for run in found[1].archives] == ["x-a1", "x-a2", "x-a10"]


def test_what_stands_before_the_numbers_is_a_side(tmp_path):
    """`x-a` stands for x-a1, x-a2, … and for nothing else."""
    for name in ("x-a1", "x-a2", "x-ab1", "x-a1b", "x-b1"):
        write_run(tmp_path / name)
    found = open_sides([str(tmp_path / "x-a"), str(tmp_path / "x-b")])
    assert [[run.run_id for run in side.archives] for side in found] == [["x-a1", "x-a2"], ["x-b1"]]


def test_one_directory_of_an_experiment_is_its_sides(tmp_path):
    """A series against a second target needs no more than its directory."""
    for name in ("x-b1", "x-a1", "x-a2", "x-b2"):
        write_run(tmp_path / "x" / name)
    assert _names(open_sides([str(tmp_path / "x")])) == [
        ("A", "x-a", ["x-a1", "x-a2"]),
        ("B", "x-b", ["x-b1", "x-b2"]),
    ]


def test_an_experiment_is_not_pooled_by_mistake(tmp_path):
    """Its two sides in one would hide what they differ in."""
    for name in ("x-a1", "x-b1"):
        write_run(tmp_path / "x" / name)
    write_run(tmp_path / "y")
    with pytest.raises(UsageError, match="holds the sides of an experiment"):
        open_sides([str(tmp_path / "y"), str(tmp_path / "x")])


@pytest.mark.parametrize("names", [["x", "x"], ["x", "./x"], ["x,x", "y"], ["x", "latest"]])
def test_no_run_stands_twice(tmp_path, monkeypatch, names):
    """A run differs from itself in nothing, however it is named."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "x")
    write_run(tmp_path / "y")
    (tmp_path / "latest").symlink_to("x")
    with pytest.raises(UsageError, match="named twice"):
        open_sides(names)


@pytest.mark.parametrize(
    ("name", "words"), [("none", "no such directory"), ("x,,y", "beside a comma"), (".", "no run")]
)
def test_what_is_no_run_is_one_line(tmp_path, monkeypatch, name, words):
    """A slip of the pen is named, and nothing is compared."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        open_sides([name])


def test_more_sides_than_letters(tmp_path):
    """Any number of sides can be told apart."""
    names = [str(write_run(tmp_path / f"n{number}")) for number in range(28)]
    found = [side.letter for side in open_sides(names)]
    assert found[25:] == ["Z", "A1", "B1"]
    assert len(set(found)) == 28
