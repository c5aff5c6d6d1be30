"""The models that a trace's rows go to, held against what the target serves.

In go the names that rows have, `--model-map` and what the target lists; out comes nothing, or one
line that names what is wrong before any load.
"""

from __future__ import annotations

from collections.abc import Mapping

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.preflight import ALIASES
from sagellm_benchmark.load.server import Server
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.target import listed, models


def check_models(recorded: Mapping[str | None, int], settings: Settings, server: Server) -> None:
    """Check that every row goes to a model, and the map is about these rows.

    Args:
        recorded: Rows by the model that they name; None for those that name none.
        settings: What the run was told.
        server: What the target lists.

    Raises:
        UsageError: Rows name no model, or one that the target has not; a part of the map is of no
            use.
    """
    if settings.model is not None:
        return
    rows = sum(recorded.values())
    if None in recorded:
        raise UsageError(
            f"--model is missing: {recorded[None]} of {rows} rows name no model; write --model M "
            f"(GET {settings.hosts[0]}/v1/models lists them)"
        )
    renamed = settings.model_map or {}
    if unused := tuple(name for name in renamed if name not in recorded):
        named = listed(models(recorded, {}))
        raise UsageError(f"--model-map: no row names {listed(unused)}; the rows name {named}")
    served = server.ready
    sent = {name: renamed.get(name, name) for name in recorded}
    known = (*served, *ALIASES) if server.engines is not None else served
    foreign = {name: recorded[name] for name in recorded if sent[name] not in known}
    if served and foreign:
        first = snippet(next(iter(foreign)), 80)
        raise UsageError(
            f"the target does not list the models of {sum(foreign.values())} of {rows} rows, "
            f"{listed(models(foreign, renamed))}; it has {listed(served)}: write --model M, or "
            f"--model-map {first}=M (run --no-preflight sends the load all the same)"
        )
