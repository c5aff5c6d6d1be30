"""Fault scripts: which request meets which fault.

In goes a YAML or JSON file; out comes a `Script`, checked whole, or one line that says what is
wrong with it. `Faults.on` numbers the requests as they arrive and names the rule for each: the
same requests in the same order meet the same faults.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sagellm_benchmark.document import Document, Place, read_document
from sagellm_benchmark.sim.fault_kinds import KINDS, Flag, Number, Reach, problem_between
from sagellm_benchmark.sim.http import HttpRequest

PREFLIGHT = "preflight-"
"""How the ids of requests begin that only look whether a target is there."""

CHAT = "/v1/chat/completions"
_TEXT_PATHS = frozenset((CHAT, "/v1/completions"))
_PATHS = _TEXT_PATHS | {"/v1/embeddings", "/v1/completions/stream"}
_SELECTORS = ("requests", "every", "chance", "ids", "all")
_POSITIVE = Number(None, 1, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is done to which requests.

    Attributes:
        kind: Key in `KINDS`.
        selector: Key of the selector.
        selected: Its value.
        values: Every parameter of the kind, defaults included.
        preflight: Whether requests of a preflight are seen too.
    """

    kind: str
    selector: str
    selected: Any
    values: Mapping[str, Any]
    preflight: bool = False

    def selects(self, number: int, request_id: str, draw: str) -> bool:
        """Tell whether this is one of its requests; `draw` seeds the chance."""
        selected = self.selected
        if self.selector == "requests":
            return number in selected
        if self.selector == "every":
            return number % selected == 0
        if self.selector == "chance":
            return random.Random(draw).random() < selected
        if self.selector == "ids":
            return any(fnmatchcase(request_id, pattern) for pattern in selected)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Rules in their order.

    Attributes:
        path: The file they come from.
        rules: The first that fits decides.
        seed: Of every chance.
    """

    path: Path
    rules: tuple[Rule, ...]
    seed: int = 0


def make_rule(
    kind: str, selector: str, selected: Any, *, preflight: bool = False, **values: Any
) -> Rule:
    """Make a rule from what is known to be right; the kind's defaults fill the rest."""
    defaults = {name: one.default for name, one in KINDS[kind].parameters.items()}
    return Rule(
        kind=kind,
        selector=selector,
        selected=selected,
        values={**defaults, **values},
        preflight=preflight,
    )


class Faults:
    """Names the fault of each request.

    Args:
        rules: The first that fits decides.
        seed: Of every chance.
    """

    def __init__(self, rules: tuple[Rule, ...], seed: int) -> None:
        self._rules = rules
        self._seed = seed
        self._all = 0
        self._counted = 0

    def on(self, request: HttpRequest) -> Rule | None:
        """Count a request that just arrived, and name its rule."""
        if request.method != "POST" or request.path not in _PATHS:
            return None
        request_id = request.headers.get("x-request-id", "")
        preflight = request_id.startswith(PREFLIGHT)
        self._all += 1
        self._counted += not preflight
        for place, rule in enumerate(self._rules, 1):
            if preflight and not rule.preflight:
                continue
            number = self._all if rule.preflight else self._counted
            draw = f"{self._seed}/{place}/{number}"
            if rule.selects(number, request_id, draw) and _in_reach(rule.kind, request):
                return rule
        return None


def _in_reach(kind: str, request: HttpRequest) -> bool:
    reach = KINDS[kind].reach
    if reach is Reach.ANY:
        return True
    if reach is Reach.CHAT_STREAM and request.path != CHAT:
        return False
    return request.path in _TEXT_PATHS and (reach is Reach.TEXT or _streams(request.body))


def _streams(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("stream") is True


def read_faults(path: Path) -> Script:
    """Read a script.

    Raises:
        InputError: It cannot be read or says what cannot be done.
    """
    document = read_document(path, "--faults")
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("faults"), list):
        raise document.error("--faults must hold `faults:` with a list of rules")
    for key in value:
        if key not in ("seed", "faults"):
            said = f"--faults: unknown key {key!r}; known are seed and faults"
            raise document.error(said, (key,))
    seed = value.get("seed", 0)
    if type(seed) is not int:
        raise document.error("seed: give a whole number", ("seed",))
    rules = tuple(_rule(document, index, rule) for index, rule in enumerate(value["faults"]))
    return Script(path=path, rules=rules, seed=seed)


def _rule(document: Document, index: int, value: Any) -> Rule:
    def check(problem: str | None, *place: str) -> None:
        if problem is not None:
            where: Place = ("faults", index, *place)
            raise document.error(f"rule {index + 1}: {': '.join((*place, problem))}", where)

    if not isinstance(value, dict) or "do" not in value:
        check("give a mapping with `do:` and the requests that it is done to")
    given = dict(value)
    # YAML's null is how the kind of that name reads without quotes.
    kind = given.pop("do")
    kind = "null" if kind is None else kind
    if not isinstance(kind, str) or kind not in KINDS:
        check(f"unknown kind {kind!r}; known are {', '.join(KINDS)}", "do")
    selectors = [name for name in _SELECTORS if name in given]
    if len(selectors) != 1:
        check(f"give exactly one of {', '.join(_SELECTORS)}")
    (selector,) = selectors
    selected = given.pop(selector)
    check(_selector_problem(selector, selected), selector)
    preflight = given.pop("preflight", False)
    check(Flag(False).problem(preflight), "preflight")
    parameters = KINDS[kind].parameters
    for key, one in given.items():
        known = ", ".join(parameters) or "none"
        if key not in parameters:
            check(f"unknown key {key!r}; {kind} takes {known}")
        check(parameters[key].problem(one), key)
    rule = make_rule(kind, selector, selected, preflight=preflight, **given)
    check(problem_between(kind, rule.values))
    return rule


def _selector_problem(selector: str, value: Any) -> str | None:
    if selector == "every":
        return _POSITIVE.problem(value)
    if selector == "chance":
        return Number(None, 0, 1).problem(value)
    if selector == "all":
        return None if value is True else "give true"
    if not isinstance(value, list) or not value:
        return "give a list"
    if selector == "requests":
        bad = [one for one in value if _POSITIVE.problem(one) is not None]
        return "give whole numbers from 1" if bad else None
    bad = [one for one in value if not isinstance(one, str) or not one]
    return 'give patterns in quotes, such as "*-3"' if bad else None
