"""Whether an endpoint can carry a plan's rows.

In: a plan, and the endpoint that was asked for. Out: nothing, or one line that says what to write.
A row that asks for a chat may go as a completion and the other way round, as long as its prompt is
no recorded messages; an embedding is no reply, and neither stands for the other.
"""

from __future__ import annotations

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.plan import Plan

_EMBEDDINGS = "embeddings"


def check_endpoint(plan: Plan, endpoint: str) -> None:
    """Refuse what an endpoint cannot carry, and rows that ask for something else.

    Raises:
        UsageError: There are such rows.
    """
    embeddings = plan.operations.get(_EMBEDDINGS, 0)
    if endpoint != _EMBEDDINGS and embeddings:
        raise UsageError(
            f"--endpoint {endpoint}: {embeddings} of {plan.rows} rows ask for embeddings "
            "(operation): leave them out with trace convert --where 'operation!=embeddings', or "
            "write --endpoint embeddings"
        )
    replies = plan.rows - embeddings - plan.operations.get(None, 0)
    if endpoint == _EMBEDDINGS and replies:
        raise UsageError(
            f"--endpoint embeddings: {replies} of {plan.rows} rows ask for a reply (operation): "
            "leave them out with trace convert --where operation=embeddings, or write --endpoint "
            "chat or completions"
        )
    if endpoint != "chat" and plan.messages is not None:
        raise UsageError(
            f"request {plan.messages} is recorded as messages: send it with --endpoint chat, not "
            f"{endpoint}"
        )
    if endpoint != "completions" and plan.token_ids is not None:
        raise UsageError(
            f"request {plan.token_ids} is recorded as token ids: send it with --endpoint "
            f"completions, not {endpoint}"
        )
    if endpoint == _EMBEDDINGS and plan.dependents is not None:
        raise UsageError(
            f"--endpoint embeddings: {plan.dependents.count} of {plan.rows} rows wait for replies "
            "(depends_on), and an embedding is none: write --endpoint chat or completions"
        )
