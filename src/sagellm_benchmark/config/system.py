"""The system under test as its operator declares it: hardware, flags, versions, from a YAML file.

In goes a path; out comes a plain mapping for `run.json`, marked declared.
"""

from __future__ import annotations

from typing import Any

from sagellm_benchmark.document import read_document
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
    declared = read_document(path, "--system").value
    if not isinstance(declared, dict):
        raise InputError("--system must be a YAML mapping, such as `gpu: H100`", path)
    return declared
