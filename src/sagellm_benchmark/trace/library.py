"""A trace by what a user calls it: a recorded file, a workload's specification, or a known name.

In: a path or a name. Out: a Trace. A file of that name comes first; a name without a file is one of
the workloads that come with the package (Q1 to Q8). What ends in .yaml is a specification, and its
rows are made; anything else is a recorded trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.source import Trace, open_trace

if TYPE_CHECKING:
    from sagellm_benchmark.trace.workload.spec import Workload

_FOLDER = Path(__file__).parent.parent / "data" / "workloads"
_ENDINGS = (".yaml", ".yml")


def names() -> list[str]:
    """The workloads that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def find(
    name: str,
    *,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    skip_bad: bool = False,
    seed: int | None = None,
) -> Trace:
    """Open a trace, or make one.

    Args:
        name: A path, or the name of a workload.
        format: As for `open_trace`.
        mapping: As for `open_trace`.
        time_unit: As for `open_trace`.
        skip_bad: As for `open_trace`.
        seed: Of a made trace, instead of its own.

    Raises:
        UsageError: There is no such trace, or it is bad.
    """
    path = located(name)
    if not _made(path):
        return open_trace(
            path, format=format, mapping=mapping, time_unit=time_unit, skip_bad=skip_bad
        )
    given = {"--format": format, "--map": mapping, "--time-unit": time_unit, "--skip-bad": skip_bad}
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} is for recorded traces: {name} is a workload")
    from sagellm_benchmark.trace.workload.generation import workload_trace  # numpy

    return workload_trace(path, seed)


def workload_of(name: str) -> Workload | None:
    """The specification behind a name; None where it is a recorded trace.

    Raises:
        UsageError: There is no such workload, or it is bad.
    """
    path = located(name)
    if not _made(path):
        return None
    from sagellm_benchmark.trace.workload.spec import read_workload  # numpy

    return read_workload(path)[0]


def located(name: str) -> Path:
    """Where a trace or a specification is.

    Raises:
        InputError: A plain word is neither a file nor a workload.
    """
    path = Path(name)
    known = _FOLDER / f"{name}.yaml"
    if path.suffix or path.name != name or path.exists():
        return path
    if name in names():
        return known
    raise InputError(f"no such file, and no workload: there are {', '.join(names())}", path)


def _made(path: Path) -> bool:
    return path.suffix in _ENDINGS
