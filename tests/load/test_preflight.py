"""Before a load: who is there, whether it can serve, how many tokens it makes of a word."""

from __future__ import annotations

import json
import ssl

import pytest
from tests.load.model_server import model_server
from tests.load.scripted import (
    always,
    dripping,
    make_certificate,
    plain,
    refusing,
    server,
    silent,
)

from sagellm_benchmark.config.options import parse_values
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load import preflight, probe
from sagellm_benchmark.load.preflight import ask
from sagellm_benchmark.load.server import RefusalError
from sagellm_benchmark.load.target import resolve
from sagellm_benchmark.trace.prompts import Prompts, Wording
from sagellm_benchmark.trace.row import Row


def settings_of(url, **raw):
    """What a run was told of its target."""
    return Settings(parse_values({"model": "m", **raw}), url)


def asked(url, *, fit=True, **raw):
    """What the preflight finds."""
    settings = settings_of(url, **raw)
    target = resolve(url, insecure=settings.insecure, cacert=settings.cacert)
    return ask(target, settings, fit=fit)


# Tokens a word


def test_tokens_a_word_are_fitted():
    """The slope and the template's constant of any tokenizer come from two small requests."""
    with model_server(per_word=1.3, template=9) as target:
        found = asked(target.url)
    assert found.wording == Wording(1.299, 9, "fitted")  # 665 tokens more for 512 words more
    assert [body["max_tokens"] for body in target.asked] == [1, 1]
    assert (found.requests, found.usage["whole"]) == (2, True)


@pytest.mark.parametrize(("per_word", "template"), [(1.3, 9), (0.75, 0), (2.5, 120), (1.0, 0)])
def test_prompts_come_out_at_the_length_asked(per_word, template):
    """What the server counts of a made prompt is what the row asks for, to half a percent."""
    with model_server(per_word=per_word, template=template) as target:
        wording = asked(target.url).wording
    prompts = Prompts("s", 64, wording)
    for tokens in (200, 1000, 5000):
        row = Row(request_id="r", input_tokens=tokens, prefix_block_ids=[1, 2])
        words = len(prompts.text(row).split())
        assert words * per_word + template == pytest.approx(tokens, rel=0.005, abs=2)


def test_the_prompts_are_the_same_every_time():
    """Two runs against one server ask the same and come to the same ratio; each has its own id."""
    with model_server() as target:
        one, two = asked(target.url), asked(target.url)
    assert one.wording == two.wording
    texts = [body["messages"] for body in target.asked]
    assert texts[:2] == texts[2:]
    ids = [body["headers"]["X-Request-ID"] for body in target.asked]
    assert len(set(ids)) == 4
    assert all(name.startswith("preflight-") for name in ids)


def test_a_small_context_gets_a_small_prompt():
    """A model of 512 tokens is fitted too, and its context known."""
    with model_server(entry={"max_model_len": 512}, most_words=200) as target:
        found = asked(target.url)
    assert (found.context_tokens, found.wording.source) == (512, "fitted")
    assert found.wording.tokens_per_word == pytest.approx(1.3, rel=0.01)


def test_a_ratio_that_was_given_is_not_asked_for():
    """--tokens-per-word pins it: one request is enough to know that the model answers."""
    with model_server() as target:
        found = asked(target.url, tokens_per_word="1.7")
    assert (found.wording, found.requests) == (Wording(1.7, 0, "option"), 1)


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        ({"usage": False}, "its replies carry no usage"),
        ({"usage": "zero"}, "its replies carry no usage"),
        ({"most_words": 100}, "a prompt of 544 words was not counted (HTTP 400: no good: 544)"),
        ({"per_word": 0.0}, "its counts make no sense: 9 tokens of 32 words and 9 tokens of"),
        ({"status": [429]}, "it answers HTTP 429"),
    ],
    ids=str,
)
def test_what_cannot_be_fitted_is_assumed_and_said(manners, why):
    """Without counts to go by a word is taken for a token, with the reason beside it."""
    with model_server(**manners) as target:
        found = asked(target.url)
    assert found.wording == Wording()
    assert found.unfitted.startswith(why)


def test_no_model_is_no_question_to_one():
    """Where rows name their models nobody is asked, and that is said."""
    with model_server() as target:
        found = asked(target.url, model=None)
    assert (found.requests, found.unfitted) == (0, "no --model to ask for")


def test_embeddings_are_fitted_by_their_own_endpoint():
    """The counts come from where the load goes."""
    with model_server() as target:
        found = asked(target.url, endpoint="embeddings")
    assert found.wording.source == "fitted"
    assert all("input" in body and "max_tokens" not in body for body in target.asked)


# Who is there


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_length": 8192}, 8192),
        ({"context_window": 16384}, 16384),
        ({"max_context_length": 32768}, 32768),
        ({}, None),
        ({"max_model_len": None}, None),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": -1}, None),
        ({"max_model_len": True}, None),
        ({"max_model_len": 4096, "context_length": 8192}, None),
    ],
    ids=str,
)
def test_the_context(entry, context):
    """Told by some servers, each in its own word; what is odd or at odds is unknown."""
    with model_server(entry=entry) as target:
        assert asked(target.url, fit=False).context_tokens == context


def test_who_it_is():
    """The dialect, the product where it is known, the models."""
    with model_server() as target:
        found = asked(target.url, fit=False)
    assert (found.dialect, found.name, found.models) == ("openai", "vLLM", ("m",))
    assert (found.engines, found.cap, found.echoes_request_id) == (None, None, True)
    assert target.pages == ["/v1/models"]
    described = found.describe()
    json.dumps(described)
    assert described["tokens"]["source"] == "assumed"


def test_the_simulated_gateway(fast):
    """A sageLLM gateway gives itself away, with its engines and what it carries."""
    found = asked(fast.url, model="sim-llm")
    assert (found.dialect, found.name) == ("sagellm", "sageLLM Gateway")
    assert [(engine.model, engine.healthy) for engine in found.engines] == [("sim-llm", True)]
    assert found.cap == {"streams": 100, "requests_per_s": 100.0, "tokens_per_s": 1500.0}
    assert found.wording == Wording(1.0, 0, "fitted")


# What cannot serve


def refused(url, **raw):
    """The one line that says why."""
    with pytest.raises(UsageError) as caught:
        asked(url, **raw)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("given", [None, "wrong-key-wrong"])
def test_the_key(given, monkeypatch):
    """A missing key and a wrong one are told apart, and none is repeated."""
    monkeypatch.setenv("KEY", given or "")
    raw = {"api_key_env": "KEY"} if given else {}
    with model_server(key="right-key-right") as target:
        line = refused(target.url, **raw)
        monkeypatch.setenv("KEY", "right-key-right")
        assert asked(target.url, api_key_env="KEY").requests == 2
    want = "it does not take the key in KEY" if given else "name the variable that holds the key"
    assert f"refuses us with HTTP 401: {want}" in line
    assert "wrong-key" not in line


def test_an_unknown_model():
    """Known before anything is sent to it."""
    with model_server(model="other") as target:
        line = refused(target.url)
    assert line.startswith("--model m: the target does not list it; it has other")
    assert target.asked == []


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([500, 500], "fails, http_error: HTTP 500: not just now"),
        ([400], "fails, http_error: HTTP 400: not just now"),
        ([404], "fails, http_error: HTTP 404"),
        ([403], "refuses us with HTTP 403"),
    ],
    ids=str,
)
def test_a_model_that_fails(statuses, words):
    """What every request of a load would meet is met once, before it."""
    with model_server(status=[*statuses]) as target:
        line = refused(target.url)
        assert words in line
        assert len(target.asked) == len(statuses)


@pytest.mark.parametrize("statuses", [[500], [429]], ids=str)
def test_a_server_may_stumble_once(statuses):
    """One failure that may pass, or a server that is busy, is no reason not to try."""
    with model_server(status=[*statuses]) as target:
        assert asked(target.url).asked


def engines(*listed):
    """A script: a sageLLM gateway that lists these engines."""
    body = json.dumps({"engines": [*listed]}).encode()
    models = b'{"data": []}'

    async def script(peer):
        while request := await peer.request():
            await peer.send(plain(body=body if b"/engines" in request else models))

    return script


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ((), "this sageLLM gateway has no healthy engine (0 registered): start one"),
        (
            ({"engine_id": "e", "model_id": "m", "state": "ERROR", "is_healthy": False},),
            "no healthy engine (1 registered)",
        ),
        (
            ({"engine_id": "e", "model_id": "other", "is_healthy": True},),
            "--model m: no healthy engine serves it behind",
        ),
    ],
    ids=["none", "dead", "another"],
)
def test_a_gateway_without_an_engine(listed, words):
    """It would answer 200 to every stream; asked, it gives itself away."""
    with server(engines(*listed)) as target:
        assert words in refused(target.url)


def test_streamed_completions_through_the_gateway():
    """The gateway answers each with 400: said before the load."""
    ready = {"engine_id": "e", "model_id": "m", "is_healthy": True}
    with server(engines(ready)) as target:
        line = refused(target.url, endpoint="completions")
    assert "streams no text completions: write --no-stream" in line


# What is no server


PAGE = b"<html><body>Welcome</body></html>"
MODELS = plain(body=b'{"data": [{"id": "m"}]}')


def after_models(answer):
    """A script: lists the model, and answers everything else so."""

    async def script(peer):
        while request := await peer.request():
            await peer.send(MODELS if b"/v1/models" in request else answer)

    return script


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (always(b"SSH-2.0-OpenSSH_9.2\r\n"), "GET /v1/models failed: the answer is no HTTP"),
        (
            always(plain("503 Busy", b"try later")),
            "answers GET /v1/models with HTTP 503: try later",
        ),
        (always(plain("401 No", b"no key")), "refuses us with HTTP 401"),
        (silent(), "GET /v1/models failed: no answer in 0.3 s"),
        (silent(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), "no answer in 0.3 s"),
        (dripping(b"HTTP/1.1 200 OK\r\n", drop=b"x: y\r\n"), "no answer in 0.3 s"),
        (always(plain(body=PAGE, content_type="text/html")), "a first small request to m fails"),
        (after_models(b"garbage\r\n\r\n"), "fails, malformed"),
        (after_models(plain(body=b"[1, 2")), "fails, malformed"),
        (after_models(plain("200 OK", b"null")), "fails, malformed"),
    ],
    ids=range(10),
)
def test_what_is_no_server_of_models(script, words, monkeypatch):
    """Silence, other protocols, pages and garbage: one line each, within the time limit."""
    monkeypatch.setattr(probe, "GET_S", 0.3)
    with server(script) as target:
        assert words in refused(target.url)


def test_a_model_that_hangs(monkeypatch):
    """Nobody waits for ever for the first answer."""
    monkeypatch.setattr(preflight, "_EACH_S", 0.3)

    async def script(peer):
        while request := await peer.request():
            if b"/v1/models" in request:
                await peer.send(MODELS)

    with server(script) as target:
        assert "fails, timeout: no answer in 0.3 s" in refused(target.url)


def test_nobody_there():
    """A closed port is told as such."""
    assert "GET /v1/models failed: Connection refused" in refused(refusing())


def test_what_was_found_goes_along():
    """A refusal holds what was known by then, with what it took to know it."""
    with model_server(model="other") as target, pytest.raises(RefusalError) as caught:
        asked(target.url)
    assert caught.value.server.models == ("other",)


# On the way


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A server behind TLS with a certificate that nobody knows: its URL and the certificate."""
    cert, key = make_certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    whole = plain(body=b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    with server(after_models(whole), context) as found:
        yield found.url, str(cert)


def test_tls(certified):
    """A certificate is verified unless it is vouched for, or nobody wants to know."""
    url, cert = certified
    line = refused(url)
    assert "certificate not trusted: self-signed certificate (see --cacert, --insecure)" in line
    assert asked(url, cacert=cert).requests == 1
    assert asked(url, insecure=True).requests == 1
