"""Several targets of one run are taken for one: what they said of themselves must agree.

In go the targets with what each said; out comes one `Server` that speaks for all, the others kept
in it, or one line that names the first difference. Each must speak the same dialect and serve the
same models, or a row's target would decide how it fares. The shortest context holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sagellm_benchmark.load.server import RefusalError, Server
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.report.target import listed


def agreed(targets: Sequence[Target], servers: Sequence[Server]) -> Server:
    """The first one, which speaks for all.

    Args:
        targets: The targets of a run.
        servers: What is known of each, in the same order.

    Raises:
        RefusalError: Two differ.
    """
    first, *others = servers
    if not others:
        return first
    both = replace(first, others=tuple(others))
    for target, server in zip(targets[1:], others, strict=True):
        whose = f"--host: {targets[0].url} and {target.url} are not alike"
        if server.dialect != first.dialect:
            one, other = _dialect(first), _dialect(server)
            raise RefusalError(f"{whose}: one is {one}, the other {other}; load them apart", both)
        if set(server.ready) != set(first.ready):
            one, other = _models(first), _models(server)
            raise RefusalError(
                f"{whose}: one serves {one}, the other {other}; load them apart, or start the same "
                "models behind both",
                both,
            )
    contexts = [each.context_tokens for each in servers if each.context_tokens is not None]
    return replace(both, context_tokens=min(contexts, default=None))


def _dialect(server: Server) -> str:
    return server.dialect or "of unknown dialect"


def _models(server: Server) -> str:
    return listed(sorted(set(server.ready))) or "none that it lists"
