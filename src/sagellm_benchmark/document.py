"""A YAML file as plain values, with the line that each of them stands on.

In: a path. Out: mappings, lists and JSON's scalars, and where they were. YAML's surprises are off:
no tags, no aliases, no duplicate keys, and `NO`, `1:30` and `1e3` stay text. Whatever is refused is
one line with file and line number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import InputError

_DEEPEST = 50

Place = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""


@dataclass(frozen=True)
class Document:
    """What a file says.

    Attributes:
        path: The file.
        value: Its content.
        lines: The line of each value, counted from 1.
    """

    path: Path
    value: Any
    lines: Mapping[Place, int]

    def error(self, problem: str, place: Place = ()) -> InputError:
        """The error that names the line of `place`, or of what it would be in."""
        while place and place not in self.lines:
            place = place[:-1]
        return InputError(problem, self.path, self.lines.get(place))


def read_document(path: str | Path, option: str = "") -> Document:
    """Read a file.

    Args:
        path: The file.
        option: What named it; stands before what is wrong.

    Raises:
        InputError: It cannot be read, is no YAML, or uses what is refused.
    """
    import yaml  # 20 ms that most commands need not pay

    path = Path(path)
    said = f"{option} " if option else ""
    try:
        loader = _loader(yaml)(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except OSError as error:
        raise InputError(f"{said}cannot be read: {error.strerror}", path) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{said}is no UTF-8: {error.reason}", path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"{option}: {problem}" if option else problem, path, line) from None
    lines: dict[Place, int] = {}
    if node is not None:
        _note_lines(node, (), lines)
    return Document(path, value, lines)


def _note_lines(node: Any, place: Place, lines: dict[Place, int]) -> None:
    lines[place] = node.start_mark.line + 1
    if node.id == "mapping":
        for key, value in node.value:
            _note_lines(value, (*place, key.value), lines)
            lines[(*place, key.value)] = key.start_mark.line + 1
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            _note_lines(value, (*place, number), lines)


def _loader(yaml: Any) -> Any:
    def refusal(problem: str, mark: Any) -> Exception:
        return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)

    class Loader(yaml.SafeLoader):
        """JSON's values in YAML's clothes; every key is text."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML reads it off the class)
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent):
                raise refusal("aliases are refused: write the value out", event.start_mark)
            if event.tag is not None:
                raise refusal(f"tags are refused: leave {event.tag} out", event.start_mark)
            self.depth += 1
            if self.depth > _DEEPEST:
                raise refusal(f"nested deeper than {_DEEPEST}", event.start_mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise refusal("a key must be plain text", key.start_mark)
                if key.value in found:
                    raise refusal(f"the key {key.value!r} stands twice", key.start_mark)
                found[key.value] = self.construct_object(value, deep=True)
            return found

    for tag, pattern, first in (
        ("tag:yaml.org,2002:bool", r"true|false", "tf"),
        ("tag:yaml.org,2002:null", r"null|~|", ["n", "~", ""]),
        ("tag:yaml.org,2002:int", r"-?(0|[1-9]\d{0,17})", "-0123456789"),
        ("tag:yaml.org,2002:float", r"-?(0|[1-9]\d{0,17})\.\d+([eE][-+]?\d\d?)?", "-0123456789"),
    ):
        Loader.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$", re.ASCII), list(first))
    return Loader
