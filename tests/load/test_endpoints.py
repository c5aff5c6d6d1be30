"""What an endpoint can carry."""

from __future__ import annotations

import pytest
from tests.load.plans import plan_of, row

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.endpoints import check_endpoint


def _plan(*operations):
    return plan_of(*(row(f"r{at}", operation=each) for at, each in enumerate(operations)))


@pytest.mark.parametrize(
    ("operations", "endpoint", "said"),
    [
        (("chat", "embeddings", None), "chat", "1 of 3 rows ask for embeddings"),
        (("embeddings",), "completions", "1 of 1 rows ask for embeddings"),
        (("chat", "embeddings", None), "embeddings", "1 of 3 rows ask for a reply"),
        (("text_completion",), "embeddings", "1 of 1 rows ask for a reply"),
    ],
)
def test_an_embedding_is_no_reply(operations, endpoint, said):
    """A row that asks for the one is not sent for the other."""
    with pytest.raises(UsageError, match=said):
        check_endpoint(_plan(*operations), endpoint)


@pytest.mark.parametrize("endpoint", ["chat", "embeddings"])
def test_token_ids_are_completed(endpoint):
    """They go nowhere else, and the line says where."""
    plan = plan_of(row("r0"), row("r1", prompt_token_ids=[1, 2], input_tokens=2))
    with pytest.raises(UsageError, match=r"^request r1 .* send it with --endpoint completions, "):
        check_endpoint(plan, endpoint)
    check_endpoint(plan, "completions")


@pytest.mark.parametrize(
    ("operations", "endpoint"),
    [
        (("chat", "text_completion", None), "chat"),
        (("chat", "text_completion", None), "completions"),
        (("embeddings", None), "embeddings"),
    ],
)
def test_what_replies_may_go_either_way(operations, endpoint):
    """Made prompts are sent as a chat or as a completion, whatever was recorded."""
    check_endpoint(_plan(*operations), endpoint)
