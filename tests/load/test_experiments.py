"""What `check` finds out: each manner of a server is seen for what it is, or called unclear."""

from __future__ import annotations

import json

import pytest
from tests.load.model_server import model_server
from tests.load.scripted import plain, server

from sagellm_benchmark.config.options import parse_values
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load import experiments
from sagellm_benchmark.load.experiments import NOBODY, TOKENS, examine
from sagellm_benchmark.load.server import RefusalError
from sagellm_benchmark.load.target import resolve

ALL = ("max_tokens", "stop", "n", "seed", "min_tokens", "stream_options")


def examined(url, **raw):
    """What is found of a server."""
    settings = Settings(parse_values({"model": "m", **raw}), url)
    return examine(resolve(settings.host), settings)


def states(found):
    """Each parameter's state."""
    return {name: each.state for name, each in found.parameters.items()}


def test_a_server_that_honours_everything():
    """What has an effect is seen to have one, in a dozen requests of a few tokens."""
    with model_server() as target:
        found = examined(target.url)
    assert states(found) == dict.fromkeys((*ALL, "ignore_eos"), "honoured")
    assert {each.how for each in found.parameters.values()} == {"measured"}
    assert (found.usage, found.cut_reason) == ({"whole": True, "stream": True}, "length")
    assert (found.hides_failures, found.any_model, found.skipped) == (False, False, ())
    assert found.requests == len(target.asked) <= 12
    assert max(body["max_tokens"] for body in target.asked) <= 24


@pytest.mark.parametrize("name", [name for name in ALL if name != "max_tokens"])
def test_a_parameter_that_is_dropped(name):
    """One that has no effect is found, and the others with it are not blamed."""
    honours = tuple(other for other in ALL if other != name)
    with model_server(honours=honours) as target:
        found = states(examined(target.url))
    assert found.pop(name) == "dropped"
    if name == "min_tokens":
        assert found.pop("ignore_eos") == "dropped"
    assert set(found.values()) == {"honoured"}


def test_a_limit_that_is_dropped():
    """More tokens than max_tokens allows: told, with their number."""
    with model_server(honours=()) as target:
        found = examined(target.url).parameters["max_tokens"]
    assert (found.state, found.note) == ("dropped", "50 tokens came where 16 were the limit")


@pytest.mark.parametrize("name", ["stop", "n", "seed", "min_tokens"])
def test_a_parameter_that_is_refused(name):
    """A 400 for a parameter is a refusal of it, in the server's words, and of nothing else."""
    with model_server(refuses=(name,)) as target:
        found = examined(target.url).parameters
    assert found[name].state == "refused"
    assert f"no good: ['{name}']" in found[name].note
    assert found["max_tokens"].state == "honoured"


def test_what_cannot_be_seen_is_unclear():
    """A server whose replies never end by themselves, always the same, without counts."""
    with model_server(honours=("max_tokens",), usage=False, brief=None) as target:
        found = states(examined(target.url))
    assert found["min_tokens"] == "unclear"
    assert found["stream_options"] == "dropped"


def test_long_replies_may_still_show_that_a_least_length_is_read():
    """Where no reply is short, a least length above the most is refused by whoever reads it."""
    with model_server(brief=None, refuses=("min_tokens",)) as target:
        found = examined(target.url).parameters["min_tokens"]
    assert (found.state, found.note) == ("honoured", "more of them than max_tokens is refused")
    with model_server(brief=None) as target:
        assert examined(target.url).parameters["min_tokens"].state == "unclear"


def test_one_stream():
    """A first number: its TTFT, its chunks and how it ended."""
    with model_server(finish="stop") as target:
        found = examined(target.url)
    sample = found.sample
    assert 0 < sample.connect_ms < sample.ttft_ms < 5000
    assert (sample.chunks, sample.finish_reason, found.cut_reason) == (TOKENS, "stop", "stop")
    (streamed,) = [b for b in target.asked if b["stream"] and b["model"] != NOBODY]
    assert streamed["stream_options"] == {"include_usage": True}


def test_whole_replies_only():
    """With --no-stream nothing is streamed, and no stream is told of."""
    with model_server() as target:
        found = examined(target.url, no_stream=True)
    assert (found.sample, found.usage["stream"]) == (None, None)
    assert not any(body["stream"] for body in target.asked)
    assert found.parameters["stop"].state == "honoured"


def test_failures_that_come_as_successes(fast):
    """The gateway's answer to a model that nobody has: HTTP 200, and an error in its text."""
    found = examined(fast.url, model="sim-llm")
    assert (found.hides_failures, found.any_model) == (True, False)
    assert found.parameters["stop"].how == "measured"
    assert (found.parameters["top_p"].state, found.parameters["top_p"].how) == ("dropped", "known")
    assert found.parameters["min_tokens"].how == "known"
    assert found.cut_reason == "stop"
    named = [line.request_id for line in fast.posts() if NOBODY not in line.request_id]
    assert any(name.startswith("preflight-") for name in named)


def test_a_server_that_answers_to_any_name():
    """A wrong --model would not be found: said."""
    with model_server(any_model=True) as target:
        found = examined(target.url)
    assert (found.any_model, found.hides_failures) == (True, None)


def test_embeddings():
    """Only what concerns them is asked: counts and the model."""
    with model_server() as target:
        found = examined(target.url, endpoint="embeddings")
    assert (found.parameters, found.sample, found.requests) == ({}, None, 2)
    assert found.wording.source == "fitted"


def test_no_model():
    """The line that asks for one names those that there are."""
    with model_server() as target, pytest.raises(RefusalError) as caught:
        examined(target.url, model=None)
    assert str(caught.value) == "--model is missing: write --model M; the target has m"
    assert caught.value.server.gets == 1
    assert target.asked == []


def test_streams_that_fail():
    """A server that answers whole and cannot stream cannot be loaded as it is."""
    models, whole = b'{"data":[{"id":"m"}]}', b'{"choices":[{"message":{"content":"hi"}}]}'

    async def script(peer):
        while request := await peer.request():
            if b'"stream":true' in request:
                await peer.send(plain("501 No", b'{"detail":"no streams"}'))
            else:
                await peer.send(plain(body=models if request.startswith(b"GET") else whole))

    with server(script) as target, pytest.raises(RefusalError, match="HTTP 501: no streams"):
        examined(target.url)


def test_the_time_is_kept(monkeypatch):
    """What the time does not reach is named, and nothing is begun behind it."""
    monkeypatch.setattr(experiments, "LEAST_S", 15.0)
    with model_server() as target:
        found = examined(target.url)
    assert found.skipped == ("sample", "unknown model", "stop", "n", "min_tokens", "seed")
    assert found.parameters == {}
    assert found.requests == 2


def test_all_of_it_is_json():
    """The object for programs holds every attribute, and nothing that JSON has no word for."""
    with model_server() as target:
        described = examined(target.url).describe()
    again = json.loads(json.dumps(described))
    assert again.keys() == described.keys()
    assert again["tokens"]["counts"] == [
        {"words": 32, "tokens": 51},
        {"words": 544, "tokens": 716},
    ]
    assert again["sample"].keys() >= {"ttft_ms", "chunks_per_s"}
