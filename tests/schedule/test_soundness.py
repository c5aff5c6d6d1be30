"""What cannot be sent is refused while planning: prompts of token ids in conversations."""

from __future__ import annotations

import pytest
from tests.load.plans import plan_of, row

from sagellm_benchmark.errors import UsageError

IDS = {"prompt_token_ids": [5, 6, 7], "input_tokens": 3}


def test_token_ids_are_planned():
    """They are recorded content: no prompt is made, and the plan names the first such row."""
    plan = plan_of(row("a"), row("b", **IDS), row("c", **IDS))
    assert (plan.token_ids, plan.made_prompts, plan.input_tokens) == ("b", 1, 16)
    assert [each.row.prompt_token_ids for each in plan.planned()] == [None, [5, 6, 7], [5, 6, 7]]
    assert plan_of(row("a")).token_ids is None


def test_other_ids_are_another_schedule():
    """The digest tells prompts of ids apart."""
    one, other = (
        plan_of(row("a", prompt_token_ids=ids, input_tokens=2)) for ids in ([1, 2], [1, 3])
    )
    assert one.digest != other.digest


def test_a_turn_of_ids_cannot_follow_a_reply():
    """A reply is text: ids behind it would be neither text nor ids."""
    with pytest.raises(UsageError, match=r"request b carries only its own turn.*record the turn"):
        plan_of(row("a"), row("b", "a", message_mode="delta", turn_index=1, **IDS))


def test_nothing_goes_on_behind_ids():
    """A row that goes on with a conversation of ids is named, with the one that it follows."""
    with pytest.raises(UsageError, match=r"request b goes on with the conversation of a, which"):
        plan_of(row("a", **IDS), row("b", "a"), row("c"))


@pytest.mark.parametrize(
    "fields", [{"relation": "spawn"}, {"prompt": "whole"}, IDS, {"prefix_block_ids": [1]}], ids=str
)
def test_waiting_for_ids_is_no_conversation(fields):
    """A row with a prompt of its own may wait for one of ids."""
    plan = plan_of(row("a", **IDS), row("b", "a", **fields))
    assert (plan.rows, plan.dependents.continuing) == (2, 0)


@pytest.mark.parametrize(
    "fields",
    [{"prefix_block_ids": [1 << 70]}, {"extra_body": {"seed": 1 << 70}}],
    ids=["block", "parameter"],
)
def test_a_number_beyond_64_bits(fields):
    """A row that is kept, or handed to a worker, cannot hold it; one that is sent at once can."""
    assert plan_of(row("a", **fields)).rows == 1
    for waits, more in ((("a",), {}), ((), {"together": True})):
        with pytest.raises(UsageError, match="request b holds a whole number beyond 64 bits"):
            plan_of(row("a"), row("b", *waits, **fields), **more)
