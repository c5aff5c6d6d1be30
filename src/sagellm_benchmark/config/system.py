"""The system under test as its operator declares it: hardware, flags, versions, from a YAML file.

In goes a path; out comes a plain mapping for `run.json`, marked declared. YAML's surprises are
off: no tags, no aliases, no duplicate keys, and `NO` and `1:30` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import InputError


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
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--system cannot be read: {error}", path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"--system: {problem}", path, line) from None
    if not isinstance(declared, dict):
        raise InputError("--system must be a YAML mapping, such as `gpu: H100`", path)
    return declared


def _loader(yaml: Any) -> Any:
    class Loader(yaml.SafeLoader):
        """JSON's values in YAML's clothes."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML reads it off the class)

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.composer.ComposerError(
                    None, None, "aliases are refused: write the value out", event.start_mark
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    for tag, pattern, first in (
        ("tag:yaml.org,2002:bool", r"true|false", "tf"),
        ("tag:yaml.org,2002:null", r"null|~|", ["n", "~", ""]),
        ("tag:yaml.org,2002:int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
        ("tag:yaml.org,2002:float", r"-?(0|[1-9]\d*)\.\d+([eE][-+]?\d+)?", "-0123456789"),
    ):
        Loader.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), list(first))
    return Loader
