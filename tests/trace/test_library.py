"""Traces by what users call them."""

from __future__ import annotations

import pytest
from files import DEMO, TRACES

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.library import find, located, names, workload_of
from sagellm_benchmark.trace.transforms import Pace, Selection

SHAPES = {
    "Q1": (32, 64, 5, 1), "Q2": (512, 128, 3, 1), "Q3": (128, 256, 3, 1), "Q4": (256, 256, 3, 1),
    "Q5": (32, 64, 10, 10), "Q6": (512, 256, 10, 10), "Q7": (256, 512, 3, 1),
    "Q8": (192, 128, 4, 4),
}  # fmt: skip
"""Tokens in, tokens out, requests, users."""


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_the_workloads_by_name(name, shape):
    """Q1 to Q8 are found by their names and have their sizes, their numbers and their users."""
    inputs, outputs, requests, users = shape
    plan = make_plan(find(name), Selection(), Pace(), closed=True)
    assert (plan.rows, plan.input_tokens) == (requests, requests * inputs)
    assert plan.output_tokens == requests * outputs
    assert workload_of(name).concurrency == users


def test_the_packaged_workloads_are_the_repositorys():
    """What ships is, byte for byte, what stands in traces/."""
    assert names() == list(SHAPES)
    for name in names():
        assert located(name).read_bytes() == (TRACES / f"{name}.yaml").read_bytes()


def test_a_file_comes_first(tmp_path, monkeypatch):
    """A file of a workload's name is the file."""
    monkeypatch.chdir(tmp_path)
    assert located("Q1").name == "Q1.yaml"
    (tmp_path / "Q1").write_bytes(DEMO.read_bytes())
    assert find("Q1").format == "native"


def test_names_of_nothing(tmp_path):
    """A word that is neither file nor workload names the workloads; a path is just not there."""
    with pytest.raises(InputError, match=r"Q9: no such file, and no workload: there are Q1, .*Q8"):
        find("Q9")
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        find(str(tmp_path / "none.yaml"))
    assert workload_of(str(tmp_path / "none.jsonl")) is None


@pytest.mark.parametrize(
    "options",
    [{"format": "native"}, {"mapping": {"a": "b"}}, {"time_unit": "s"}, {"skip_bad": True}],
)
def test_reading_options_are_for_recorded_traces(options):
    """A workload has no format, no columns and no bad rows."""
    with pytest.raises(UsageError, match="is for recorded traces: Q1 is a workload"):
        find("Q1", **options)


@pytest.mark.parametrize(
    "path", sorted(path for path in TRACES.iterdir() if path.is_file() and path.suffix != ".md"),
    ids=lambda path: path.name,
)  # fmt: skip
def test_every_trace_in_the_repository_can_be_planned(path):
    """Each file in traces/ is a trace that a run would take."""
    closed = path.suffix == ".yaml" and workload_of(str(path)).concurrency is not None
    assert make_plan(find(str(path)), Selection(), Pace(), closed=closed).rows > 0
