"""The system under test as its operator declares it: hardware, flags, versions, from a YAML file.

In goes a path; out comes a plain mapping for `run.json` and the reports, which mark it declared.
Every key is known and every value has its kind: a mistake is one line with file and line number.
Nothing has to be there; whoever needs a key asks `missing` for it. `engine.flags` and `other` take
whatever is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.document import Document, Place, read_document
from sagellm_benchmark.errors import InputError, UsageError

VENDORS = ("Intel", "AMD", "NVIDIA", "Huawei", "Unknown", "Other")
PRECISIONS = ("FP32", "FP16", "BF16", "INT8", "INT4", "FP8")
DATA_SOURCES = ("automated-benchmark", "manual-submission", "community-contribution")

_VERSION = re.compile(r"\d+\.\d+\.\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """What a value may be.

    Attributes:
        words: What to write, as an error says it.
        sign: What stands for the value where a file is shown that is to be written.
        accepts: Whether a value is one.
    """

    words: str
    sign: str
    accepts: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _one_of(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", "|".join(words), lambda value: value in words)


_TEXT = Kind("text (in quotes where it looks like a number)", "TEXT", _is_text)
_COUNT = Kind("a whole number of at least 1", "N", lambda value: _is_whole(value, 1))
_NODES = Kind("a whole number of at least 2", "N", lambda value: _is_whole(value, 2))
_WHOLE = Kind("a whole number of at least 0", "N", lambda value: _is_whole(value, 0))
_AMOUNT = Kind(
    "a number of at least 0", "N", lambda value: type(value) in (int, float) and value >= 0
)
_RELEASE = Kind(
    "a version such as 0.5.4 or 0.5.4.2",
    "N.N.N",
    lambda value: isinstance(value, str) and _VERSION.fullmatch(value) is not None,
)
_RELEASE_OR_NONE = Kind(
    "a version such as 0.5.4 or 0.5.4.2, or N/A",
    "N.N.N or N/A",
    lambda value: value == "N/A" or _RELEASE.accepts(value),
)
_ANYTHING = Kind("anything", "…", lambda value: True)

Section = Mapping[str, "Kind | Section"]

KEYS: Section = {
    "hardware": {
        "vendor": _one_of(*VENDORS),
        "chip_model": _TEXT,
        "chip_count": _COUNT,
        "chips_per_node": _COUNT,
        "interconnect": _TEXT,
        "intra_node_interconnect": _TEXT,
        "memory_per_chip_gb": _AMOUNT,
        "total_memory_gb": _AMOUNT,
    },
    "model": {
        "name": _TEXT,
        "parameters": _TEXT,
        "precision": _one_of(*PRECISIONS),
        "quantization": _TEXT,
    },
    "engine": {"name": _TEXT, "version": _TEXT, "flags": _ANYTHING},
    "cluster": {
        "node_count": _NODES,
        "comm_backend": _TEXT,
        "topology_type": _TEXT,
        "inter_node_network": _TEXT,
        "network_bandwidth_gbps": _WHOLE,
        "parallelism": {
            "tensor_parallel": _COUNT,
            "pipeline_parallel": _COUNT,
            "data_parallel": _COUNT,
        },
    },
    "versions": {
        "sagellm": _RELEASE,
        **dict.fromkeys(
            (
                *("protocol", "backend", "core", "control_plane", "gateway", "kv_cache"),
                *("comm", "compression"),
            ),
            _RELEASE_OR_NONE,
        ),
    },
    "environment": {
        "os": _TEXT,
        "python_version": _TEXT,
        "pytorch_version": _TEXT,
        "cuda_version": _TEXT,
        "cann_version": _TEXT,
        "driver_version": _TEXT,
    },
    "workload": {
        "input_length": _COUNT,
        "output_length": _COUNT,
        "batch_size": _COUNT,
        "dataset": _TEXT,
    },
    "metrics": {"peak_mem_mb": _WHOLE},
    "submission": {
        "submitter": _TEXT,
        "data_source": _one_of(*DATA_SOURCES),
        "git_commit": _TEXT,
        "notes": _TEXT,
    },
    "other": _ANYTHING,
}
"""Every key of the file, section by section."""


def read_system(path: str | None) -> dict[str, Any] | None:
    """Read the declaration.

    Args:
        path: The file; None where nothing is declared.

    Raises:
        InputError: It cannot be read, is no YAML mapping, uses what is refused, has a key that
            nobody knows, or a value of another kind.
    """
    if path is None:
        return None
    document = read_document(path, "--system")
    if not isinstance(document.value, dict):
        raise InputError(
            "--system must be a YAML mapping, such as `hardware: {vendor: NVIDIA}`", path
        )
    _check(document, document.value, KEYS, ())
    return document.value


def completed(
    system: Mapping[str, Any] | None, more: Mapping[str, Any] | None, name: str = ""
) -> dict[str, Any]:
    """A declaration with what another one adds.

    Args:
        system: What was declared when the run was made.
        more: What is declared now.
        name: The section that they are of.

    Raises:
        UsageError: They say different things of one key.
    """
    found = dict(system or {})
    for key, value in (more or {}).items():
        old, here = found.get(key), f"{name}{key}"
        if isinstance(old, dict) and isinstance(value, dict):
            found[key] = completed(old, value, f"{here}.")
        elif old is None:
            found[key] = value
        elif value is not None and value != old:
            raise UsageError(
                f"--system: {here} is {value!r}, and {old!r} was declared when the run was made"
            )
    return found


def declared(system: Mapping[str, Any] | None, name: str) -> Any:
    """The value of a key such as `hardware.vendor`; None where it is not declared."""
    found: Any = system or {}
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def keys_of(section: Kind | Section) -> list[str]:
    """The keys of a section; none where anything may stand."""
    return [] if isinstance(section, Kind) else list(section)


def missing(system: Mapping[str, Any] | None, names: Iterable[str]) -> list[str]:
    """Those of some keys, such as `hardware.vendor`, that are not declared."""
    return [name for name in names if declared(system, name) is None]


def to_write(names: Iterable[str]) -> str:
    """One line of YAML with these keys, a sign in the place of each value."""
    sections: dict[str, list[str]] = {}
    for name in names:
        section, _, key = name.partition(".")
        kind = KEYS[section][key]  # type: ignore[index]  # whoever asks names keys there are
        sections.setdefault(section, []).append(f"{key}: {kind.sign}")  # type: ignore[union-attr]
    parts = (f"{section}: {{{', '.join(keys)}}}" for section, keys in sections.items())
    return ", ".join(parts)


def _check(document: Document, value: Mapping[str, Any], known: Section, place: Place) -> None:
    for key, held in value.items():
        here = (*place, key)
        kind = known.get(key)
        name = ".".join(map(str, here))
        if kind is None:
            raise document.error(f"--system: unknown key {name!r}: there are {_list(known)}", here)
        if held is None:
            continue
        if isinstance(kind, Kind):
            if not kind.accepts(held):
                raise document.error(f"--system: {name} must be {kind.words}", here)
        elif isinstance(held, dict):
            _check(document, held, kind, here)
        else:
            raise document.error(f"--system: {name} must be a mapping of {_list(kind)}", here)


def _list(known: Section) -> str:
    return ", ".join(known)
