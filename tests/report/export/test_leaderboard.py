"""The leaderboard's entry: the run's figures, what was declared, and nothing made up."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest

from record.directories import summary_in, write_run
from record.outcomes import at, outcome, record
from sagellm_benchmark.config.system import KEYS, declared, keys_of, read_system
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.record import Asked
from sagellm_benchmark.report.command import command_line
from sagellm_benchmark.report.export.entry import checked
from sagellm_benchmark.report.export.leaderboard import leaderboard_entry

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
PAGE = Path(__file__).parents[3] / "docs" / "system.md"
PUBLISHED = Path(__file__).parents[4] / "shared/data/schemas/leaderboard_v1.schema.json"
SYSTEM = {
    "hardware": {"vendor": "NVIDIA", "chip_model": "H100", "chip_count": 1, "interconnect": "PCIe"},
    "model": {"parameters": "7B", "precision": "BF16"},
    "versions": {"sagellm": "0.5.4.2", "protocol": "0.5.4", "backend": "N/A", "core": "0.5.4.3"},
    "environment": {"os": "Ubuntu 22.04", "python_version": "3.11"},
    "metrics": {"peak_mem_mb": 71_680},
    "submission": {"submitter": "ada"},
}
CLUSTER = {"node_count": 2, "comm_backend": "nccl", "topology_type": "ring"}


def changed(**sections):
    """The declaration with some keys of some sections different; None takes one out."""
    found = {name: dict(keys) for name, keys in SYSTEM.items()}
    for name, keys in sections.items():
        found[name] = {**found.get(name, {}), **keys}
    return found


@pytest.fixture
def run(tmp_path):
    """A run of two requests."""
    records = [
        record(0, outcome(input_tokens=100, output_tokens=3), asked=Asked(90, 4)),
        record(1, outcome(due=2000, sent=2000.5, tokens=[2100.5, 2110.5]), asked=Asked(60, 2)),
    ]
    return open_archive(write_run(tmp_path / "r", records))


def made(run, system=None):
    """The entry as a reader of the file has it."""
    entry = leaderboard_entry(run, SYSTEM if system is None else system, NOW)
    return json.loads(msgspec.json.encode(entry))


def follows(entry):
    """Hold an entry against the schema that the leaderboard publishes."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with check-jsonschema")
    schema = json.loads(PUBLISHED.read_text())
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator(schema, format_checker=checker).validate(entry)


def test_an_entry(run):
    """Figures of the run, means of lengths, the system as declared, the command to run again."""
    entry = made(run)
    metrics = summary_in(run.directory)["protocol_metrics"]
    assert entry["config_type"] == "single_gpu"
    assert entry["sagellm_version"] == "0.5.4.2"
    assert entry["model"] == {
        "name": "m",
        "parameters": "7B",
        "precision": "BF16",
        "quantization": None,
    }
    assert entry["workload"] == {
        "input_length": 80,  # 100 were counted, 60 asked for
        "output_length": 2,
        "batch_size": None,
        "concurrent_requests": None,
        "dataset": "chat.jsonl",
    }
    assert entry["metrics"]["ttft_ms"] == metrics["ttft_ms"]
    assert entry["metrics"]["peak_mem_mb"] == 71_680
    assert entry["metrics"]["kv_used_tokens"] is None
    assert entry["cluster"] is None
    assert entry["versions"]["benchmark"] == "0.5.5.0"
    assert entry["versions"]["gateway"] == "N/A"
    assert entry["metadata"] == {
        "submitted_at": "2026-11-23T09:30:00Z",
        "submitter": "ada",
        "data_source": "automated-benchmark",
        "reproducible_cmd": command_line(run.manifest),
        "git_commit": None,
        "notes": "peak_mem_mb is declared, not measured",
        "verified": False,
    }


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published schema is not at hand")
@pytest.mark.parametrize(
    "system",
    [
        SYSTEM,
        changed(hardware={"chip_count": 8, "interconnect": None, "intra_node_interconnect": "x"}),
        changed(cluster={**CLUSTER, "parallelism": {"tensor_parallel": 8}}),
        None,
    ],
    ids=["one", "several", "cluster", "page"],
)
def test_the_published_schema_takes_it(run, system):
    """Entries of every kind pass the schema of the leaderboard itself; so does the page's file."""
    follows(made(run, system or read_system_of_the_page(run)))


def read_system_of_the_page(run):
    """The example of the documentation."""
    path = run.directory / "system.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1])
    return read_system(str(path))


def test_the_pages_example_makes_an_entry(run):
    """Whoever fills in the file of the documentation has all that an entry needs."""
    entry = made(run, read_system_of_the_page(run))
    assert entry["config_type"] == "multi_node"
    assert entry["cluster"]["parallelism"]["pipeline_parallel"] == 2
    assert entry["metadata"]["notes"].startswith("warm prefix cache; ")


def test_the_same_run_is_the_same_entry(run, tmp_path):
    """Exported again it keeps its id; another run has another."""
    other = write_run(tmp_path / "other", [record(0)], run_id="q")
    first = made(run)["entry_id"]
    assert made(run)["entry_id"] == first
    assert made(open_archive(other), changed(workload={"input_length": 5}))["entry_id"] != first


@pytest.mark.parametrize(
    ("chips", "cluster", "kind"),
    [(1, {}, "single_gpu"), (2, {}, "multi_gpu"), (16, CLUSTER, "multi_node")],
)
def test_what_kind_of_system(run, chips, cluster, kind):
    """The number of chips and nodes says it; nobody can declare it otherwise."""
    system = changed(hardware={"chip_count": chips}, cluster=cluster)
    assert made(run, system)["config_type"] == kind


def test_everything_missing_is_named_at_once(tmp_path):
    """One line has every key, as the YAML to write; filled in, it is enough."""
    records = [
        record(0, outcome(output_tokens=3), model="m1"),
        record(1, outcome(output_tokens=3), model="m2"),
    ]
    run = open_archive(write_run(tmp_path / "r", records))
    with pytest.raises(UsageError) as refused:
        leaderboard_entry(run, {"cluster": {"node_count": 2}}, NOW)
    said = str(refused.value)
    assert "\n" not in said
    assert len(said) < 1000  # what the command line shows of a line
    yaml = said.partition("write {")[2].removesuffix("}")
    asked = [
        f"{section}.{key}"
        for section, keys in re.findall(r"(\w+): \{(.*?)\}", yaml)
        for key in re.findall(r"(?:^|, )(\w+): ", keys)
    ]
    assert asked == [
        *("hardware.vendor", "hardware.chip_model", "hardware.chip_count"),
        *("hardware.interconnect", "model.name", "model.parameters", "model.precision"),
        *("cluster.comm_backend", "cluster.topology_type"),
        *("versions.sagellm", "versions.protocol", "versions.backend", "versions.core"),
        *("environment.os", "environment.python_version", "workload.input_length"),
        *("metrics.peak_mem_mb", "submission.submitter"),
    ]
    assert f"lacks {len(asked)} keys" in said
    filled = changed(cluster=CLUSTER, model={"name": "both"}, workload={"input_length": 5})
    assert all(declared(filled, name) for name in asked)
    assert made(run, filled)["model"]["name"] == "both"


@pytest.mark.parametrize(
    "name",
    [
        f"{section}.{key}"
        for section, keys in SYSTEM.items()
        for key in keys
        if key in keys_of(KEYS[section])
    ],
)
def test_each_key_is_needed(run, name):
    """Without any one of them there is no entry, and the line names it."""
    section, key = name.split(".")
    with pytest.raises(UsageError, match=rf"lacks 1 keys of an entry: write \{{{section}: .{key}:"):
        leaderboard_entry(run, changed(**{section: {key: None}}), NOW)


def test_a_measured_peak_needs_no_declaration(run):
    """What the servers told is the figure, and the notes have nothing to say."""
    metrics = run.summary["protocol_metrics"]
    metrics["peak_mem_mb"] = 5
    metrics["unobserved"].remove("peak_mem_mb")
    entry = made(run, changed(metrics={"peak_mem_mb": None}))
    assert entry["metrics"]["peak_mem_mb"] == 5
    assert entry["metadata"]["notes"] is None


def test_what_cannot_be_declared(tmp_path):
    """A run that streamed nothing has no TTFT, and nobody may write one in its place."""
    whole = record(0, outcome(tokens=[], last_token_ns=at(1200.0), output_tokens=3))
    run = open_archive(write_run(tmp_path / "r", [whole]))
    with pytest.raises(UsageError, match="the run has no ttft_ms"):
        leaderboard_entry(run, SYSTEM, NOW)


def test_warnings_go_along(run):
    """A run to look at twice says so in its notes."""
    run.summary["verdict"]["reasons"] = ["dispatch lag p99 6 ms is over 5 ms"]
    assert made(run)["metadata"]["notes"].endswith("; warned: dispatch lag p99 6 ms is over 5 ms")


def test_nothing_secret_is_handed_on(run):
    """What looks like a key is masked, wherever it was declared."""
    system = changed(submission={"notes": "started with api_key=canary-abcdef"})
    assert "canary" not in json.dumps(made(run, system))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verified": True}, "verified"),
        ({"config_type": "multi_node"}, "a cluster goes with multi_node"),
        ({"entry_id": "1"}, "entry_id"),
        ({"more": 1}, "unknown field `more`"),
        ({"versions": {"core": "0.5"}}, "versions"),
        ({"hardware": {"vendor": "AMD", "chip_model": "x", "chip_count": 1}}, "interconnect"),
    ],
)
def test_the_model_is_strict(run, change, words):
    """What the leaderboard would refuse is no entry."""
    entry = made(run)
    checked(entry)
    if "verified" in change:
        change = {"metadata": {**entry["metadata"], **change}}
    with pytest.raises(msgspec.ValidationError, match=words):
        checked({**entry, **change})
