"""What was said, as the next request carries it."""

from __future__ import annotations

import json

import pytest
from tests.load.test_request import requests, row, sent

from sagellm_benchmark.load.conversation import Conversation
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status


def outcome(text, **more):
    """A reply."""
    return Outcome(status=Status.OK, due_ns=0, ended_ns=1, text=text, **more)


def content(job):
    """The messages of a request's body."""
    return sent(job)[2]["messages"]


def test_a_made_turn_goes_on_with_what_was_said():
    """The prompt before, the real reply, and as many own words as make the row's tokens."""
    made = requests()
    first = made.of_row(0, row(request_id="a", input_tokens=20), keep_text=True)
    assert first.keep_text
    reply = outcome("one two three", input_tokens=25, output_tokens=3)
    second = made.of_row(
        1, row(request_id="b", input_tokens=40), said=Conversation.after(first, reply)
    )
    before, answer, own = content(second)
    assert [before] == content(first)
    assert answer == {"role": "assistant", "content": "one two three"}
    assert own["role"] == "user"
    assert len(own["content"].split()) == 40 - 25 - 3
    assert second.tokens == 40


@pytest.mark.parametrize(
    ("usage", "fields", "words"),
    [
        ({}, {"input_tokens": 40}, 40 - 20 - 4),
        ({"input_tokens": 30}, {"input_tokens": 40}, 40 - 30 - 4),
        ({"output_tokens": 9}, {"input_tokens": 40}, 40 - 20 - 9),
        ({}, {"input_tokens": 10}, 1),
        ({}, {"input_tokens": 10, "new_input_tokens": 12}, 12),
        ({}, {"input_tokens": None, "new_input_tokens": 12}, 12),
    ],
)
def test_how_much_is_new(usage, fields, words):
    """What the row calls new, else what is missing in its whole prompt, one word at least."""
    made = requests()
    first = made.of_row(0, row(request_id="a", input_tokens=20))
    said = Conversation.after(first, outcome("x y z w", chunks=4, **usage))
    job = made.of_row(1, row(request_id="b", **fields), said=said)
    assert len(content(job)[-1]["content"].split()) == words


def test_made_turns_are_the_same_but_for_the_replies():
    """Own words depend on row and salt; only what the model says differs from run to run."""
    made, again, salted = requests(), requests(), requests(salt="other")
    own = {}
    for name, each in (("made", made), ("again", again), ("salted", salted)):
        first = each.of_row(0, row(request_id="a"))
        said = Conversation.after(first, outcome(name, output_tokens=2))
        own[name] = content(each.of_row(1, row(request_id="b", new_input_tokens=8), said=said))
    assert own["made"][0] == own["again"][0] != own["salted"][0]
    assert own["made"][2] == own["again"][2] != own["salted"][2]
    assert own["made"][1] != own["again"][1]


def test_recorded_turns_are_put_behind_what_was_said():
    """Delta messages, of any role, follow the conversation; nothing of it is changed."""
    made = requests()
    system = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi ☃"}]
    first = made.of_row(0, row(request_id="a", messages=system, input_tokens=None))
    tool = [{"role": "tool", "content": "42"}, {"role": "user", "content": "and?"}]
    said = Conversation.after(first, outcome("hello"))
    second = made.of_row(1, row(messages=tool, message_mode="delta", input_tokens=None), said=said)
    expected = [*system, {"role": "assistant", "content": "hello"}, *tool]
    assert content(second) == expected
    third = made.of_row(2, row(input_tokens=30), said=Conversation.after(second, outcome("so")))
    assert content(third)[:-1] == [*expected, {"role": "assistant", "content": "so"}]
    assert len(content(third)[-1]["content"].split()) == 30 - 7 - 1


def test_a_delta_prompt_is_what_the_user_says():
    """A recorded text that is a turn only is the next message."""
    made = requests()
    said = Conversation.after(made.of_row(0, row(request_id="a")), outcome("r"))
    job = made.of_row(1, row(prompt="my turn", message_mode="delta"), said=said)
    assert content(job)[-1] == {"role": "user", "content": "my turn"}


def test_a_model_that_said_nothing_has_no_message():
    """No empty reply is made up."""
    made = requests()
    said = Conversation.after(made.of_row(0, row(request_id="a")), outcome(""))
    assert [message["role"] for message in said.messages] == ["user"]


def test_completions_go_on_with_one_text():
    """Prompt, reply and own words, one behind the other."""
    made = requests(endpoint="completions")
    first = made.of_row(0, row(request_id="a"))
    said = Conversation.after(first, outcome(" and so", output_tokens=2))
    body = sent(made.of_row(1, row(request_id="b", new_input_tokens=3), said=said))[2]
    before, _, own = body["prompt"].rpartition("\n")
    assert before == sent(first)[2]["prompt"] + " and so"
    assert len(own.split()) == 3


def test_each_round_has_prompts_of_its_own():
    """With blocks and without, and what continues too; the first round has the run's own."""
    from sagellm_benchmark.load.request import Requests
    from sagellm_benchmark.trace.prompts import Prompts

    first = requests()
    made = Requests(
        first._settings, first.targets, "run-1", Prompts("s", 16), None,
        lambda number: Prompts(f"s+{number}", 16),
    )  # fmt: skip
    blocks = row(prefix_block_ids=[1, 2], input_tokens=32)
    texts = [content(made.of_row(0, blocks, number))[0]["content"] for number in (0, 1, 2, 1)]
    assert texts[0] == content(first.of_row(0, blocks))[0]["content"]
    assert len(set(texts)) == 3
    assert texts[1] == texts[3]
    # The salt is in the root block, so that what a round shares inside itself stays shared.
    assert texts[0].split()[16:] == texts[1].split()[16:]


def test_what_is_not_sent_has_no_bytes():
    """A skipped row's record needs names and counts, and nothing is made for it."""
    job = requests().unsent(7, row(request_id="r", input_tokens=10**6))
    assert (job.payload, job.request_id, job.ask.model) == (b"", "run-1-7", "m")
    assert (job.asked.input_tokens, job.asked.output_tokens) == (10**6, 7)
    assert json.loads(json.dumps(job.name)) == "chat"
