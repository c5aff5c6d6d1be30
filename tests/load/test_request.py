"""A row becomes the bytes of a request: always the same ones, with what the options say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.request import Requests
from sagellm_benchmark.load.target import resolve_all
from sagellm_benchmark.trace.prompts import Prompts
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.openai import Endpoint

URL = "http://127.0.0.1:8889"


def requests(*, url=URL, salt="s", api_key=None, **options):
    """What makes the jobs of a run with these options."""
    raw = {"trace": "t.jsonl", "model": "m", **options}
    settings = make_settings(raw, host=url)
    return Requests(settings, resolve_all(settings), "run-1", Prompts(salt, 16), api_key)


def row(**fields):
    """A row of 5 tokens in and 7 out."""
    return Row(**{"request_id": "r", "input_tokens": 5, "output_tokens": 7, **fields})


def sent(job):
    """A job's request line, its headers in lower case, and its body."""
    head, _, body = job.payload.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    assert int(headers["Content-Length"]) == len(body)
    return first, {name.lower(): value for name, value in headers.items()}, json.loads(body)


def body(fields=None, **options):
    """The body that is sent for a row."""
    return sent(requests(**options).of_row(0, row(**(fields or {}))))[2]


# The whole of it


def test_the_request_of_a_row():
    """Request line, headers and body of a plain row with no options but the model."""
    job = requests().of_row(12, row())
    first, headers, content = sent(job)
    assert first == "POST /v1/chat/completions HTTP/1.1"
    assert headers["host"] == "127.0.0.1:8889"
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-request-id"] == headers["x-trace-id"] == job.request_id == "run-1-12"
    assert "authorization" not in headers
    prompt = content["messages"][0].pop("content")
    assert len(prompt.split(" ")) == 5
    assert content == {
        "model": "m",
        "messages": [{"role": "user"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
    }
    assert (job.asked.input_tokens, job.asked.output_tokens) == (5, 7)
    assert (job.name, job.row.request_id, job.keep_text) == ("chat", "r", False)


def test_the_same_row_gives_the_same_bytes():
    """Settings, row, number and salt decide every byte; another salt changes the prompt alone."""
    fields = {"prefix_block_ids": [3, 4], "input_tokens": 40}
    one, same, other = (requests(salt=salt).of_row(3, row(**fields)) for salt in ("a", "a", "b"))
    assert one.payload == same.payload
    assert one.payload != other.payload
    assert sent(one)[0] == sent(other)[0]
    assert len(sent(one)[2]["messages"][0]["content"].split()) == 40


def test_another_process_gives_the_same_bytes():
    """Hash seeds and process state have no say."""
    code = (
        "from tests.load.test_request import requests, row;"
        "import sys; sys.stdout.buffer.write("
        'requests(extra_body=\'{"b":1,"a":2}\').of_row(1, row(prefix_block_ids=[9])).payload)'
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("1", "2")
    ]
    here = requests(extra_body='{"b":1,"a":2}').of_row(1, row(prefix_block_ids=[9])).payload
    assert made == [here, here]


@pytest.mark.parametrize(
    ("endpoint", "path", "key"),
    [
        ("chat", "/v1/chat/completions", "messages"),
        ("completions", "/v1/completions", "prompt"),
        ("embeddings", "/v1/embeddings", "input"),
    ],
)
def test_each_endpoint(endpoint, path, key):
    """Its path, behind the target's prefix, and where its prompt stands."""
    made = requests(url=f"{URL}/proxy/v1/", endpoint=endpoint)
    job = made.of_row(0, row())
    first, _, content = sent(job)
    assert first == f"POST /proxy{path} HTTP/1.1"
    assert {"messages", "prompt", "input"} & content.keys() == {key}
    assert job.name == endpoint
    assert ("stream" in content) == (endpoint != "embeddings")
    assert ("max_tokens" in content) == (endpoint != "embeddings")
    assert job.ask.stream == (endpoint != "embeddings")


def test_recorded_content_is_sent_as_it_is():
    """A row's own messages or prompt go out untouched, by Unicode too."""
    messages = [{"role": "system", "content": "naïve ☃"}, {"role": "user", "content": ""}]
    assert body({"messages": messages, "input_tokens": None})["messages"] == messages
    content = body({"prompt": "as it was", "input_tokens": None})["messages"]
    assert content == [{"role": "user", "content": "as it was"}]
    assert body({"prompt": "as it was"}, endpoint="completions")["prompt"] == "as it was"


def test_token_ids_are_the_prompt():
    """Recorded ids go out as they are, whatever the salt."""
    ids = {"prompt_token_ids": [5, 0, 151643], "input_tokens": 3}
    for salt in ("s", "other"):
        content = body(ids, endpoint="completions", salt=salt)
        assert content["prompt"] == [5, 0, 151643]


@pytest.mark.parametrize("endpoint", ["completions", "embeddings"])
def test_messages_go_to_chat_only(endpoint):
    """A row with messages is refused where there is no place for them, not sent empty."""
    made = requests(endpoint=endpoint)
    with pytest.raises(UsageError, match=r"row r carries messages.*write --endpoint chat"):
        made.of_row(0, row(messages=[{"role": "user", "content": "hi"}]))


# What the options say


@pytest.mark.parametrize(
    ("option", "fields", "expected"),
    [
        ("cap", {}, {"max_tokens": 7}),
        ("exact", {}, {"max_tokens": 7, "min_tokens": 7, "ignore_eos": True}),
        ("free", {}, {}),
        ("cap", {"max_tokens": 9}, {"max_tokens": 7}),
        ("cap", {"max_tokens": 9, "output_tokens": None}, {"max_tokens": 9}),
        ("cap", {"output_tokens": None}, {}),
        ("cap", {"output_tokens": 0}, {}),
        ("exact", {"output_tokens": None}, {}),
    ],
    ids=str,
)
def test_the_output_length(option, fields, expected):
    """Cap, exact and free, by the row's output, else by its cap, else by nothing."""
    job = requests(output_length=option).of_row(0, row(**fields))
    content = sent(job)[2]
    keys = ("max_tokens", "min_tokens", "ignore_eos")
    assert {key: content[key] for key in keys if key in content} == expected
    assert job.asked.output_tokens == expected.get("max_tokens")


def test_whole_replies():
    """`--no-stream` asks for no stream and no usage frame."""
    content = body(no_stream=True)
    assert content["stream"] is False
    assert "stream_options" not in content


@pytest.mark.parametrize("temperature", ["0", "0.7", "2"])
def test_the_temperature(temperature):
    """Sent where it was given, 0 too; else left out."""
    assert body(temperature=temperature)["temperature"] == float(temperature)
    assert "temperature" not in body()


def test_extra_body_has_the_last_word():
    """Over what we write, over the row's sampling, over the row's extra body; key by key."""
    fields = {
        "sampling": {"top_p": 0.1, "seed": 1, "temperature": 0.3},
        "extra_body": {"seed": 2, "user": "row"},
        "tools": [{"type": "function"}],
        "response_format": {"type": "text"},
    }
    extra = '{"user":"option","max_tokens":99,"stream_options":{"x":1},"nothing":null}'
    content = body(fields, extra_body=extra, temperature="1")
    assert content["top_p"] == 0.1
    assert content["seed"] == 2
    assert content["user"] == "option"
    assert content["max_tokens"] == 99
    assert content["stream_options"] == {"x": 1}
    assert content["nothing"] is None
    assert content["tools"] == [{"type": "function"}]
    assert content["response_format"] == {"type": "text"}


def test_headers_of_every_request():
    """The key, then the options' headers, then the row's, in any case of letters; ours last."""
    made = requests(api_key="k-1", header=["X-Team=a=b", "X-Empty="])
    _, headers, _ = sent(made.of_row(0, row(headers={"x-team": "row", "X-Request-ID": "mine"})))
    assert headers["authorization"] == "Bearer k-1"
    assert headers["x-team"] == "row"
    assert headers["x-empty"] == ""
    assert headers["x-request-id"] == "run-1-0"
    made = requests(api_key="k-1", header=["authorization=Basic abc"])
    assert sent(made.of_row(0, row()))[1]["authorization"] == "Basic abc"


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X Y": "a"}, {"Content-Length": "3"}, {"X": "☃"}], ids=str
)
def test_headers_that_would_break_the_request(headers):
    """A recorded header is refused before it can split a request in two."""
    with pytest.raises(UsageError, match="--header"):
        requests().of_row(0, row(headers=headers))


# Models


@pytest.mark.parametrize(
    ("options", "recorded", "expected"),
    [
        ({"model": "mine"}, "theirs", "mine"),
        ({"model": None}, "theirs", "theirs"),
        ({"model": None, "model_map": "theirs=ours,x=y"}, "theirs", "ours"),
        ({"model": None, "model_map": "theirs=ours"}, "another", "another"),
        ({"model": "mine"}, None, "mine"),
    ],
    ids=str,
)
def test_the_model(options, recorded, expected):
    """`--model` overrides every row; `--model-map` renames; a row's own name stays otherwise."""
    made = requests(**options)
    job = made.of_row(0, row(model=recorded))
    assert sent(job)[2]["model"] == job.ask.model == made.model(row(model=recorded)) == expected


@pytest.mark.parametrize("recorded", [None, ""])
def test_no_model_at_all(recorded):
    """One line that says what to write."""
    with pytest.raises(UsageError, match="row r names no model: write --model M"):
        requests(model=None).of_row(0, row(model=recorded))


# Own tasks


def of_task(made, **fields):
    """The request of a task."""
    given = {"messages": [{"role": "user", "content": "q"}], "model": None, "max_tokens": None}
    return made.of_task(4, **{**given, "name": None, "group": None, "extra_body": None, **fields})


def test_the_request_of_a_task():
    """A task's own words, names and parameters; its text is kept whatever the settings say."""
    made = requests(extra_body='{"a":1,"b":1}', temperature="0.5")
    job = of_task(made, max_tokens=3, name="ask", group="g", extra_body={"b": 2})
    content = sent(job)[2]
    assert content["messages"] == [{"role": "user", "content": "q"}]
    assert (content["a"], content["b"], content["temperature"]) == (1, 2, 0.5)
    assert (content["model"], content["max_tokens"], content["stream"]) == ("m", 3, True)
    assert (job.name, job.row.request_class, job.request_id) == ("ask", "g", "run-1-4")
    assert (job.asked.input_tokens, job.asked.output_tokens) == (None, 3)
    assert job.keep_text
    assert job.ask.endpoint is Endpoint.CHAT
    plain = of_task(made, model="other")
    assert (plain.name, sent(plain)[2]["model"]) == ("chat", "other")
    assert "max_tokens" not in sent(plain)[2]


def test_a_task_without_a_model():
    """One line that says what to write."""
    with pytest.raises(UsageError, match="write --model M, or model= in the task"):
        of_task(requests(model=None))
