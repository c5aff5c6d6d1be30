"""Labels of issues, titles, and the form that asks for both."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from tests.rules.repository import ROOT

COMPONENTS = ["protocol", "backend", "core", "kv-cache", "control-plane", "gateway", "compression"]
TYPES = [
    "performance",
    "reliability",
    "tools",
    "integration",
    "testing",
    "documentation",
    "enhancement",
    "bug",
]
BODY = "### Component\n\nsagellm-gateway, sagellm-core\n\n### Type\n\nbug\n\n### What\n\nIt hangs."
GH = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["SAID"], "a") as said:
    said.write(json.dumps(sys.argv[1:]) + chr(10))
"""


def form():
    """The questions of the issue form, by name."""
    text = (ROOT / ".github/ISSUE_TEMPLATE/issue.yml").read_text(encoding="utf-8")
    return {part["id"]: part for part in yaml.safe_load(text)["body"] if "id" in part}


@pytest.fixture
def labels(tmp_path):
    """Run the labels' program beside a `gh` that writes down what it is told."""
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)

    def run(command, **event):
        (tmp_path / "event").write_text(json.dumps(event))
        (tmp_path / "said").write_text("")
        surroundings = {
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "SAID": str(tmp_path / "said"),
            "GITHUB_EVENT_PATH": str(tmp_path / "event"),
        }
        done = subprocess.run(
            [sys.executable, ROOT / ".ci" / "labels.py", command],
            env=os.environ | surroundings,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert done.stderr == ""
        lines = (tmp_path / "said").read_text().splitlines()
        return done.returncode, done.stdout, [json.loads(line) for line in lines]

    return run


def issue(title="[Bug] It hangs", body=BODY, carried=()):
    """An event's issue."""
    names = [{"name": name} for name in carried]
    return {"number": 7, "title": title, "body": body, "labels": names}


def test_the_owners_labels():
    """labels.yml has each component and each type, and nothing else."""
    text = (ROOT / ".github/labels.yml").read_text(encoding="utf-8")
    names = [label["name"] for label in yaml.safe_load(text)]
    assert names == [f"sagellm-{name}" for name in COMPONENTS] + TYPES


def test_the_form_demands_both():
    """Nobody opens an issue without a component and a type of those labels."""
    questions = form()
    components = [f"sagellm-{name}" for name in COMPONENTS]
    for name, options in (("component", components), ("type", TYPES)):
        assert questions[name]["attributes"]["options"] == options
        assert questions[name]["validations"] == {"required": True}
    config = (ROOT / ".github/ISSUE_TEMPLATE/config.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(config) == {"blank_issues_enabled": False}


def test_sync(labels):
    """Every label of labels.yml is made, or brought in line."""
    code, _, said = labels("sync")
    assert code == 0
    assert len(said) == len(COMPONENTS) + len(TYPES)
    assert said[-1][:4] == ["label", "create", "bug", "--force"]


@pytest.mark.parametrize(
    "title",
    [
        "[Bug] It hangs",
        "[Performance] 性能",
        "[P0] [Bug] It hangs",
        "[Bug] [P2] It hangs",
        "[P1][Tools] It",
    ],
)
def test_a_good_issue(labels, title):
    """The form's answers become labels, and nobody is told anything."""
    code, _, said = labels("issue", action="opened", issue=issue(title))
    assert code == 0
    assert said == [["issue", "edit", "7", "--add-label", "bug,sagellm-core,sagellm-gateway"]]


@pytest.mark.parametrize(
    ("title", "body", "words"),
    [
        ("It hangs", BODY, "The title is not"),
        ("[Type] short description", BODY, "The title is not"),
        ("[Bug]", BODY, "The title is not"),
        ("[P3] [Bug] It hangs", BODY, "The title is not"),
        ("[Bug] It hangs", "### Type\n\nbug", "A component label lacks"),
        ("[Bug] It hangs", "### Component\n\nsagellm-core", "A type label lacks"),
        ("[Bug] It hangs", "### Type\n\nnonsense", "A type label lacks"),
        ("[Bug] It hangs", None, "A type label lacks"),
    ],
)
def test_an_issue_that_breaks_a_rule(labels, title, body, words):
    """What lacks is told once, on the issue, and the check fails until it is mended."""
    code, out, said = labels("issue", action="opened", issue=issue(title, body))
    assert code == 1
    assert words in out
    assert said[-1][:4] == ["issue", "comment", "7", "--body"]
    assert words in said[-1][4]
    code, _, said = labels("issue", action="edited", issue=issue(title, body))
    assert code == 1
    assert not [call for call in said if "comment" in call]


def test_labels_by_hand(labels):
    """Labels that somebody put on an issue count as answers."""
    carried = ("bug", "sagellm-core", "wontfix")
    assert labels("issue", action="edited", issue=issue(body="", carried=carried)) == (
        0,
        "labels: bug, sagellm-core\n",
        [],
    )
