"""Replies are counted beside the load: nobody waits for it, and every one is reported."""

from __future__ import annotations

import gevent
import pytest
from tests.vocabularies import saved

from sagellm_benchmark.load.recounts import Recounts
from sagellm_benchmark.trace.tokenizer import load
from sagellm_benchmark.wire.openai import Choice, Delta
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.speech import Speech
from sagellm_benchmark.wire.states import Status

TEXT = "words that somebody has to count"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The model's."""
    return load(str(saved("byte_level", tmp_path_factory.mktemp("model"))))


def outcome(*frames, **more):
    """A reply of these frames."""
    speech = Speech()
    for number, text in enumerate(frames):
        speech.add(number, Choice(), Delta(content=text))
    return Outcome(
        status=Status.OK, due_ns=0, ended_ns=1, chunks=len(frames), speech=speech, **more
    )


def test_nobody_waits_and_none_is_lost(tokenizer):
    """`count` returns before anything is counted; `settle` when all is, and all was reported."""
    recounts, reported = Recounts(tokenizer, always=False), []
    replies = [outcome(TEXT[:n], TEXT[n:]) for n in range(1, 30)]
    for reply in replies:
        recounts.count(reply, lambda reply=reply: reported.append(reply))
    assert reported == []
    recounts.settle()
    assert sorted(map(id, reported)) == sorted(map(id, replies))
    assert {sum(reply.frame_tokens) for reply in replies} == {tokenizer.count(TEXT)}
    assert all(reply.speech is None for reply in replies)


@pytest.mark.parametrize(
    ("reply", "always"),
    [(outcome(TEXT, output_tokens=3), False), (outcome(), False), (outcome(), True)],
    ids=["by the server", "silence", "silence always"],
)
def test_what_needs_no_count_is_reported_at_once(tokenizer, reply, always):
    """What the server counted, and replies that said nothing."""
    recounts, reported = Recounts(tokenizer, always=always), []
    recounts.count(reply, lambda: reported.append(reply))
    assert reported == [reply]
    assert (reply.frame_tokens, reply.speech) == (None, None)
    recounts.settle()


def test_always_counts_what_the_server_counted(tokenizer):
    """With --token-source tokenizer the server's count does not matter."""
    reply = outcome(TEXT, output_tokens=3)
    recounts = Recounts(tokenizer, always=True)
    recounts.count(reply, lambda: None)
    recounts.settle()
    assert reply.frame_tokens == [tokenizer.count(TEXT)]


def test_a_caller_that_is_killed_takes_no_count_along(tokenizer):
    """Whoever sent the request may end; its reply is counted and reported all the same."""
    recounts, reported = Recounts(tokenizer, always=False), []
    reply = outcome(TEXT)

    def user():
        recounts.count(reply, lambda: reported.append(reply))
        gevent.sleep(60)

    sender = gevent.spawn(user)
    gevent.sleep(0)
    sender.kill()
    recounts.settle()
    assert reported == [reply]
