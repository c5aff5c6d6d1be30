"""Labels of issues: the form's answers in, the labels that an issue must carry out.

    labels.py sync     give the repository the labels of .github/labels.yml
    labels.py issue    label the issue of the event that GITHUB_EVENT_PATH names, or say what lacks

Both speak to GitHub through its `gh` command. Needs PyYAML.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

LABELS = Path(__file__).parents[1] / ".github" / "labels.yml"
_PRIORITY = r"(?:\[P[0-2]\] ?)"
_TITLE = re.compile(rf"{_PRIORITY}?\[(\w+)\] ?{_PRIORITY}?\S.*")
_ANSWER = re.compile(r"^### (?:Component|Type)\n+(.+)$", re.MULTILINE)


def known() -> list[dict[str, str]]:
    """The labels of the repository: name, color, description."""
    return yaml.safe_load(LABELS.read_text(encoding="utf-8"))


def judged(title: str, body: str, carried: set[str]) -> tuple[set[str], list[str]]:
    """The labels that an issue is to carry, and what is wrong with it, in words.

    Args:
        title: the issue's title.
        body: what the form made of the answers.
        carried: labels that it has already.
    """
    names = {label["name"] for label in known()}
    components = {name for name in names if name.startswith("sagellm-")}
    types = names - components
    answers = {name.strip() for found in _ANSWER.findall(body) for name in found.split(",")}
    labels = (answers | carried) & names
    wrong = []
    match = _TITLE.fullmatch(title)
    if match is None or match[1].lower() not in types:
        kinds = ", ".join(sorted(kind.capitalize() for kind in types))
        wrong.append(f"The title is not `[Type] short description`, with a type of {kinds}.")
    if not labels & components:
        wrong.append(f"A component label lacks, one of {', '.join(sorted(components))}.")
    if not labels & types:
        wrong.append(f"A type label lacks, one of {', '.join(sorted(types))}.")
    return labels, wrong


def sync() -> int:
    """Create each label, or bring it in line."""
    for label in known():
        gh("label", "create", label["name"], "--force", "--color", label["color"],
           "--description", label["description"])  # fmt: skip
    return 0


def issue() -> int:
    """Label the event's issue; a new one that breaks a rule gets a comment that says which."""
    event: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    found = event["issue"]
    carried = {label["name"] for label in found["labels"]}
    labels, wrong = judged(found["title"], found["body"] or "", carried)
    if labels - carried:
        gh("issue", "edit", str(found["number"]), "--add-label", ",".join(sorted(labels - carried)))
    if wrong and event["action"] == "opened":
        gh("issue", "comment", str(found["number"]), "--body", "\n".join(wrong))
    print("\n".join(wrong) or f"labels: {', '.join(sorted(labels))}")
    return bool(wrong)


def gh(*arguments: str) -> None:
    """Run GitHub's command; its failure is ours."""
    subprocess.run(["gh", *arguments], check=True)


if __name__ == "__main__":
    sys.exit({"sync": sync, "issue": issue}[sys.argv[1]]())
