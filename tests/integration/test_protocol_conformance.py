"""Our Protocol models against the official package, field by field and by round trip.

The official `isagellm-protocol` is installed into a folder of its own, with the pydantic version
that this project runs on, and is asked in a process that sees nothing else. It is compiled for
CPython 3.11 alone, so these tests need that Python and a package index.
"""

from __future__ import annotations

import copy
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from sagellm_benchmark import protocol

from . import protocol_fields
from .protocol_cases import Case, Cases

OURS = "sagellm_benchmark.protocol"
THEIRS = "sagellm_protocol"
VERSION_QUERY = "import sys; print(*sys.version_info[:2])"

Ask = Callable[..., Any]

pytestmark = pytest.mark.timeout(300)


def run(command: list[str], stdin: str = "", **env: str) -> str:
    """Run a program to its end and give what it wrote; its errors fail the test."""
    done = subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **env},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def python311() -> str:
    """Find a CPython 3.11, or skip."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if found is None:
        pytest.skip("isagellm-protocol is compiled for Python 3.11, and there is none on PATH")
    probe = subprocess.run([found, "-c", VERSION_QUERY], capture_output=True, check=False)
    if probe.stdout.split() != [b"3", b"11"]:
        pytest.skip(f"isagellm-protocol is compiled for Python 3.11, and {found} does not run")
    return found


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Install the official package into a folder of its own; the fixture's value asks it."""
    python, target = python311(), tmp_path_factory.mktemp("official")
    pydantic = f"pydantic=={importlib.metadata.version('pydantic')}"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*pip, "--target", str(target), "isagellm-protocol", pydantic], PYTHONPATH="")
    script = str(Path(protocol_fields.__file__))

    def ask(action: str, cases: list[Case] | None = None) -> Any:
        # -S and -P leave the folder and the standard library as all that can be imported.
        command = [python, "-S", "-P", script, THEIRS, action]
        return json.loads(run(command, json.dumps(cases), PYTHONPATH=str(target)))

    return ask


@pytest.fixture(scope="module")
def cases() -> Cases:
    """The cases of our own tables, which `test_tables` holds equal to the official ones."""
    return Cases(protocol_fields.table(OURS))


def verdicts(answers: list[list[Any]]) -> list[bool]:
    """Tell which cases were accepted."""
    return [answer[0] == "ok" for answer in answers]


def disagreements(asked: list[Case], ours: list[Any], theirs: list[Any]) -> list[Any]:
    """List the cases that were answered differently."""
    both = zip(asked, ours, theirs, strict=True)
    return [(case, mine, other) for case, mine, other in both if mine != other]


@pytest.mark.integration
def test_tables(official: Ask) -> None:
    """Every model, field, type, default, range and enum member is theirs, and none of theirs lacks.

    A field, a validator or a setting that either side gains or loses shows here by its name.
    """
    ours = json.loads(json.dumps(protocol_fields.table(OURS)))
    assert protocol_fields.differences(ours, official("table")) == []


@pytest.mark.integration
def test_allowed_values(official: Ask, cases: Cases) -> None:
    """Both accept exactly what the tables allow: bounds, words, required fields, event names."""
    expected = [*cases.edges(), *cases.words(), *cases.missing(), *cases.events()]
    asked = [case for case, _ in expected]
    ours, theirs = protocol_fields.parse(OURS, asked), official("parse", asked)
    assert disagreements(asked, ours, theirs) == []
    assert list(zip(asked, verdicts(theirs), strict=True)) == expected


@pytest.mark.integration
def test_any_values(official: Ask, cases: Cases) -> None:
    """Whatever a field is given, both accept or refuse it alike, and write the same JSON."""
    asked = [*cases.whole(), *cases.odd()]
    ours, theirs = protocol_fields.parse(OURS, asked), official("parse", asked)
    assert disagreements(asked, ours, theirs) == []
    assert all(verdicts(ours)[: 3 * len(protocol_fields.MODELS)])


@pytest.mark.integration
def test_round_trips(official: Ask, cases: Cases) -> None:
    """A model comes back equal from the other side, whichever side it started from."""
    edges = [case for case, allowed in (*cases.edges(), *cases.words()) if allowed]
    start = [*cases.whole(), *edges]

    ours = models_of(start)
    assert models_of(rewritten(official, written(ours))) == ours

    theirs = rewritten(official, start)
    assert rewritten(official, written(models_of(theirs))) == theirs


def rewritten(official: Ask, asked: list[Case]) -> list[Case]:
    """Let the official models read cases and write them again."""
    answers = official("parse", asked)
    assert all(verdicts(answers))
    return [(name, text) for (name, _), (_, text) in zip(asked, answers, strict=True)]


def models_of(asked: list[Case]) -> list[BaseModel]:
    """Read cases with our models."""
    return [getattr(protocol, name).model_validate_json(text) for name, text in asked]


def written(models: list[BaseModel]) -> list[Case]:
    """Write our models as cases."""
    return [(type(model).__name__, model.model_dump_json()) for model in models]


@pytest.mark.integration
def test_created_is_now(official: Ask, cases: Cases) -> None:
    """Where `created` is not given, both write the time of day in whole seconds."""
    asked = []
    for name, told in cases.models.items():
        if "created" in told["fields"]:
            sample = cases.sample(name, full=True)
            del sample["created"]
            asked.append((name, json.dumps(sample)))
    before = int(time.time())
    answers = protocol_fields.parse(OURS, asked) + official("parse", asked)
    stamps = [json.loads(text)["created"] for _, text in answers]
    assert len(stamps) == 8
    assert all(before <= stamp <= time.time() for stamp in stamps)


GONE = object()
PERTURBATIONS: dict[str, tuple[str, object]] = {
    "a model lost": ("models/Timestamps", GONE),
    "a field lost": ("models/Metrics/fields/tbt_ms", GONE),
    "a field added": ("models/Metrics/fields/new_ms", {"required": True}),
    "a type": ("models/Metrics/fields/peak_mem_mb/type/type", "float"),
    "an item's type": ("models/Metrics/fields/itl_list/type/of", [{"type": "int"}]),
    "a field made optional": ("models/Metrics/fields/ttft_ms/required", False),
    "a default": ("models/SamplingParams/fields/top_k/default", -1),
    "a default's type": ("models/Metrics/fields/evict_ms/default", 0),
    "a default made anew": ("models/Metrics/fields/itl_list/factory", [0.0]),
    "a bound moved": ("models/Metrics/fields/error_rate/type/le", 2),
    "a bound lost": ("models/Request/fields/max_tokens/type/gt", GONE),
    "a bound of an optional field": ("models/Request/fields/rank/type/union", [{"type": "int"}]),
    "a word lost": ("models/Request/fields/phase/type/union", [{"literal": ["prefill"]}]),
    "an error code lost": ("enums/ErrorCode/members/UNAVAILABLE", GONE),
    "an error code renamed": ("enums/ErrorCode/members/UNAVAILABLE", "gone"),
    "unknown fields": ("models/Error/config/extra", "forbid"),
    "a validator": ("models/SamplingParams/model_validators", []),
    "an alias": ("aliases/EndEvent", "StreamEventDelta"),
    "an event": ("stream_event/union", []),
    "the version": ("version", "0.2"),
}


@pytest.mark.parametrize(("path", "value"), PERTURBATIONS.values(), ids=PERTURBATIONS)
def test_a_changed_table_is_seen(path: str, value: object) -> None:
    """The comparison can fail: one changed entry is one difference, named, from either side."""
    table = protocol_fields.table(OURS)
    changed = copy.deepcopy(table)
    *parents, last = path.split("/")
    place = changed
    for key in parents:
        place = place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    there, back = (
        protocol_fields.differences(table, changed),
        protocol_fields.differences(changed, table),
    )
    assert protocol_fields.differences(table, table) == []
    assert [line.split(":")[0] for line in (*there, *back)] == [f"/{path}"] * 2


def test_a_changed_model_changes_its_table() -> None:
    """The tables are read from the models: what a model gains or loses stands in its table."""

    class Stricter(protocol.Error, extra="forbid"):
        message: str = "unknown"
        retryable: int | None = None
        hint: str

    ours = protocol_fields.model(protocol.Error)
    theirs = protocol_fields.model(Stricter)
    found = protocol_fields.differences(ours, theirs)
    places = {line.split(":")[0] for line in found}
    assert places == {
        "/config/extra",
        "/fields/hint",
        "/fields/message/required",
        "/fields/message/default",
        "/fields/message/default_type",
        "/fields/retryable/type/union",
    }


def test_every_model_is_compared() -> None:
    """No model of ours stays outside the comparison."""
    exported = {name for name in protocol.__all__ if isinstance(getattr(protocol, name), type)}
    compared = {*protocol_fields.MODELS, *protocol_fields.ENUMS, *protocol_fields.ALIASES}
    assert exported == compared
