"""Makes JSON texts for every field of the Protocol's models, from their field tables.

In: the tables of `protocol_fields`. Out: cases, each a model's name and a JSON text. `whole` and
`edges` say whether the text must be accepted; `odd` does not: there two packages have to agree.
The same tables always give the same cases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

Case = tuple[str, str]

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 5, 1.0, 1.5, -0.5, 1e-6, 9.999e-6, 1e-5, 1e308, 2**63, 2**70),
    *("", "5", "1.5", "text", "true", "1e-3", "\0", "line\nline", "\U0001f600", "\ud800"),
    *([], [1], [1.5], ["a"], [None], [{}], {}, {"a": 1}, {"a": {"b": [1]}}),
    *(math.inf, -math.inf, math.nan),
)
SAMPLES: dict[str, Any] = {"int": 3, "float": 0.75, "str": "some text", "bool": True, "Any": 1}
CLOCK = 1_700_000_000
"""Stands in for a default that reads the clock."""


class Cases:
    """The cases of one set of tables."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.models: dict[str, Any] = table["models"]

    def whole(self) -> Iterator[Case]:
        """Each model with its required fields only, with all fields, and with one too many."""
        for model in self.models:
            yield model, json.dumps(self.sample(model, full=False))
            yield model, json.dumps(self.sample(model, full=True))
            yield model, json.dumps({**self.sample(model, full=True), "unknown_field": [1]})

    def edges(self) -> Iterator[tuple[Case, bool]]:
        """Each bound of each field: the value on it and its neighbours, and which are allowed."""
        for model, name, arm in self.arms():
            for bound in ("ge", "gt", "le", "lt"):
                if bound not in arm:
                    continue
                limit = arm[bound]
                below, above = neighbours(limit, arm["type"])
                inside, outside = (above, below) if bound[0] == "g" else (below, above)
                yield self.put(model, name, limit), bound[1] == "e"
                yield self.put(model, name, inside), True
                yield self.put(model, name, outside), False

    def words(self) -> Iterator[tuple[Case, bool]]:
        """Each member of each literal and enum, and words that are none."""
        for model, name, arm in self.arms():
            allowed = arm.get("literal") or list(arm.get("members", {}).values())
            for word in allowed:
                yield self.put(model, name, word), True
                yield self.put(model, name, f"{word}_"), False
                yield self.put(model, name, word.upper()), False

    def missing(self) -> Iterator[tuple[Case, bool]]:
        """Each model without one of its fields: allowed unless the field is required."""
        for model, told in self.models.items():
            for name, field in told["fields"].items():
                rest = self.sample(model, full=True)
                if field.get("factory") != "int":
                    del rest[name]
                    yield (model, json.dumps(rest)), not field["required"]

    def odd(self) -> Iterator[Case]:
        """Each field with values of every kind, wanted or not; alone, and among all the others."""
        for model, told in self.models.items():
            for name in told["fields"]:
                for value in ODD:
                    yield self.put(model, name, value, full=False)
                    yield self.put(model, name, value)

    def events(self) -> Iterator[tuple[Case, bool]]:
        """Each stream event under each name, under none and under a wrong one."""
        kinds = {"start": "StreamEventStart", "delta": "StreamEventDelta", "end": "StreamEventEnd"}
        for kind, model in kinds.items():
            event = self.sample(model, full=True)
            yield ("StreamEvent", json.dumps(event)), True
            yield ("StreamEvent", json.dumps({**event, "event": "stop"})), False
            del event["event"]
            yield ("StreamEvent", json.dumps(event)), False
            yield ("StreamEvent", json.dumps({**event, "event": kind.upper()})), False

    def put(self, model: str, name: str, value: Any, *, full: bool = True) -> Case:
        """Give one field of an otherwise good model a value."""
        return model, json.dumps({**self.sample(model, full=full), name: value})

    def arms(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Each field's type, a union's arm by arm."""
        for model, told in self.models.items():
            for name, field in told["fields"].items():
                for arm in field["type"].get("union", [field["type"]]):
                    yield model, name, arm

    def sample(self, model: str, *, full: bool) -> dict[str, Any]:
        """A model that must be accepted: all its fields, or only those that must be given."""
        return {
            name: CLOCK if field.get("factory") == "int" else self.value(field["type"], full=full)
            for name, field in self.models[model]["fields"].items()
            if full or field["required"] or field.get("factory") == "int"
        }

    def value(self, told: dict[str, Any], *, full: bool) -> Any:
        """A value of a type that lies inside its range."""
        if "union" in told:
            arms = [arm for arm in told["union"] if arm.get("type") != "NoneType"]
            return self.value(arms[0], full=full)
        if "literal" in told:
            return told["literal"][0]
        if "members" in told:
            return next(iter(told["members"].values()))
        kind = told["type"]
        if kind == "list":
            return [self.value(told["of"][0], full=full)] * 2
        if kind == "dict":
            return {"key": self.value(told["of"][1], full=full)}
        if kind in self.models:
            return self.sample(kind, full=full)
        return max(SAMPLES[kind], told["ge"]) if "ge" in told else SAMPLES[kind]


def neighbours(limit: float, kind: str) -> tuple[float, float]:
    """The closest values of a type on either side of a limit."""
    if kind == "int":
        return limit - 1, limit + 1
    return math.nextafter(limit, -math.inf), math.nextafter(limit, math.inf)
