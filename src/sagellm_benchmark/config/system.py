"""The system under test as its operator declares it: hardware, flags, versions, from a YAML file.

In goes a path; out comes a plain mapping for `run.json`, marked declared. YAML's surprises are
off: no tags, no aliases, no duplicate keys, and `NO` and `1:30` stay text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import InputError

_DEEPEST = 50


def read_system(path: str | None) -> dict[str, Any] | None:
    """Read the declaration.

    Args:
        path: The file; None where nothing is declared.

    Raises:
        InputError: It cannot be read, is no YAML mapping, or uses what is refused.
    """
    if path is None:
        return None
    import yaml  # 20 ms that runs without a declaration do not pay

    try:
        declared = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_loader(yaml))
    except OSError as error:
        raise InputError(f"--system cannot be read: {error.strerror}", path) from None
    except UnicodeDecodeError as error:
        raise InputError(f"--system is no UTF-8: {error.reason}", path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"--system: {problem}", path, line) from None
    if not isinstance(declared, dict):
        raise InputError("--system must be a YAML mapping, such as `gpu: H100`", path)
    return declared


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
