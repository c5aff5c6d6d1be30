"""The package's front: what it exports, and what it loads when."""

from __future__ import annotations

import subprocess
import sys
from inspect import getdoc

import pytest

from sagellm_benchmark import protocol

LIGHT = """
import sys
from sagellm_benchmark.protocol import ErrorCode, PROTOCOL_VERSION
print(ErrorCode.UNAVAILABLE.value, PROTOCOL_VERSION, "pydantic" in sys.modules)
from sagellm_benchmark.protocol import Metrics
print(Metrics.__name__, "pydantic" in sys.modules)
"""


def test_a_code_costs_no_pydantic() -> None:
    """A process that only names error codes never loads pydantic; the first model loads it."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["unavailable", "0.1", "False", "Metrics", "True"]


def test_every_exported_name_is_there() -> None:
    """Each name of `__all__` can be fetched, stands in `dir()`, and is the same each time."""
    for name in protocol.__all__:
        assert getattr(protocol, name) is getattr(protocol, name)
    assert set(protocol.__all__) <= set(dir(protocol))


def test_an_unknown_name_is_refused() -> None:
    """A name that the Protocol lacks is an AttributeError that says so."""
    with pytest.raises(AttributeError, match="no attribute 'KVHandle'"):
        _ = protocol.KVHandle


def test_models_say_what_their_fields_are() -> None:
    """Every model tells each of its fields in its docstring, or has too few to need it."""
    for name in protocol.__all__:
        model = getattr(protocol, name)
        fields = getattr(model, "model_fields", {})
        if len(fields) > 3:
            untold = [field for field in fields if f"\n    {field}: " not in getdoc(model)]
            assert untold == [], name
