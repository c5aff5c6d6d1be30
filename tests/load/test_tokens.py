"""A run with the model's tokenizer: prompts of the right length, replies counted, nothing lost."""

from __future__ import annotations

import json

import pytest
from tests.load.model_server import model_server
from tests.load.processes import books_agree, came_out, load, made, target
from tests.vocabularies import saved

from sagellm_benchmark.trace.tokenizer import load as load_tokenizer

slow = pytest.mark.integration
REQUESTS, TOKENS = 12, 200
SAYS = ("so", "me wor", "ds of a reply", " ☃", " and", "", " more")
BLOCKS = [
    {"schema": "sagellm.trace/1", "source": {"name": "t"}, "block_size": 16},
    {"request_id": "a", "arrival_time_s": 0.0, "input_tokens": 70, "output_tokens": 2,
     "prefix_block_ids": [7, 8, 9, 10]},
    {"request_id": "b", "arrival_time_s": 0.1, "input_tokens": 61, "output_tokens": 2,
     "prefix_block_ids": [7, 8, 11, 12]},
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The model's."""
    return load_tokenizer(str(saved("byte_level", tmp_path_factory.mktemp("model"))))


def sent(whom, tokenizer):
    """The tokens of each prompt that the load sent."""
    texts = [
        body["messages"][0]["content"]
        if "messages" in body
        else body.get("prompt") or body["input"]
        for body in whom.asked
        if not body["headers"]["X-Request-ID"].startswith("preflight-")
    ]
    return [tokenizer.count(text) for text in texts]


@pytest.mark.parametrize(
    "endpoint",
    ["chat", *(pytest.param(name, marks=slow) for name in ("completions", "embeddings"))],
)
def test_prompts_have_the_length_asked_for(tmp_path, tokenizer, endpoint):
    """By the server's own count, for every endpoint; its template comes on top and is told."""
    options = made(requests=REQUESTS, rate=50, input_tokens=TOKENS, output_tokens=5)
    options += ("--model", "m", "--endpoint", endpoint, "--tokenizer", tokenizer.path)
    with (
        model_server(count=tokenizer.count, template=9) as whom,
        load(tmp_path, "--headless", *options, "--host", whom.url) as run,
    ):
        came_out(run, 0)
        assert sent(whom, tokenizer) == [TOKENS] * REQUESTS
    results = run.run
    books_agree(results)
    got = results.summary["fidelity"]["input_tokens"]
    assert got == {"asked": REQUESTS * TOKENS, "got": REQUESTS * (TOKENS + 9)}
    said = "a token a word of --tokenizer, and 9 more by the target for its template"
    assert said in " ".join(run.out.split())
    manifest = results.manifest
    assert manifest["prompt_rule"] == "tokens/1"
    assert manifest["tokenizer"] == {"path": tokenizer.path, "sha256": tokenizer.sha256}


@pytest.mark.parametrize("source", ["auto", pytest.param("tokenizer", marks=slow)])
def test_replies_without_usage_are_counted(tmp_path, tokenizer, source):
    """Each has the tokens of its text, frames that hold several as many latencies; none is lost."""
    options = made(requests=REQUESTS, rate=50, input_tokens=TOKENS, output_tokens=5)
    options += ("--model", "m", "--token-source", source, "--tokenizer", tokenizer.path)
    with (
        model_server(count=tokenizer.count, usage=source == "tokenizer", says=SAYS) as whom,
        load(tmp_path, "--headless", *options, "--host", whom.url) as run,
    ):
        came_out(run, 0)
    results, text = run.run, "".join(SAYS)
    books_agree(results)
    first = sum(end <= len(SAYS[0]) for end in tokenizer.ends(text))
    for record in results.records:
        assert record.token_source == "tokenizer"
        assert record.output_tokens == tokenizer.count(text)
        assert len(record.metrics["itl_list"]) == tokenizer.count(text) - first
        assert len(record.chunk_gaps_ms) == record.chunks - 1 == 5
    assert results.summary["tokens"]["source"] == "tokenizer"
    assert results.summary["tokens"]["output"] == REQUESTS * tokenizer.count(text)
    assert "counted by the tokenizer" in run.out


@slow
def test_usage_comes_first(tmp_path, tokenizer):
    """What the server counts is not counted again, and latencies are those of frames."""
    options = made(requests=REQUESTS, rate=50, input_tokens=TOKENS, output_tokens=5)
    options += ("--model", "m", "--tokenizer", tokenizer.path)
    with (
        model_server(count=tokenizer.count, says=SAYS) as whom,
        load(tmp_path, "--headless", *options, "--host", whom.url) as run,
    ):
        came_out(run, 0)
    for record in run.run.records:
        assert (record.token_source, record.output_tokens) == ("usage", 5)
        assert len(record.metrics["itl_list"]) == record.chunks - 1


@slow
def test_blocks_are_blocks_of_tokens(tmp_path, tokenizer):
    """Rows with equal block ids share their first tokens, and no token more."""
    trace = tmp_path / "blocks.jsonl"
    trace.write_text("".join(json.dumps(line) + "\n" for line in BLOCKS))
    options = ("--trace", trace, "--model", "m", "--tokenizer", tokenizer.path, "--salt", "none")
    with (
        model_server(count=tokenizer.count) as whom,
        load(tmp_path, "--headless", *options, "--host", whom.url) as run,
    ):
        came_out(run, 0)
        one, two = (body["messages"][0]["content"] for body in whom.asked[-2:])
    one, two = ([token for token, _ in tokenizer.pieces(text)] for text in (one, two))
    assert (len(one), len(two)) == (70, 61)
    assert one[:32] == two[:32]
    assert one[32] != two[32]


@slow
def test_another_tokenizer_than_the_models_is_said(tmp_path, tokenizer):
    """The simulated gateway counts words: a warning before the load, and the load runs."""
    options = made(requests=5, rate=50, input_tokens=TOKENS, output_tokens=5)
    options += ("--model", "sim-llm", "--tokenizer", tokenizer.path)
    with (
        target(tmp_path) as whom,
        load(tmp_path / "load", "--headless", *options, "--host", whom.url) as run,
    ):
        came_out(run, 0)
        assert "it is not the tokenizer of the model that answers" in " ".join(run.out.split())
        books_agree(run.run, whom)


def test_a_run_that_is_interrupted_loses_no_count(tmp_path, tokenizer):
    """Whatever was on the wire when it was stopped has its record, counted so far as it came."""
    options = made(requests=400, rate=100, input_tokens=50, output_tokens=60)
    options += ("--model", "sim-llm", "--tokenizer", tokenizer.path, "--stop-timeout", "0")
    with (
        target(tmp_path) as whom,
        load(tmp_path / "load", "--headless", *options, "--host", whom.url) as run,
    ):
        whom.busy(20)
        run.interrupt()
        came_out(run, 3)
        books_agree(run.run, whom)
    assert {record.token_source for record in run.run.records if record.chunks} == {"tokenizer"}


REFUSED = {
    "missing": (("--tokenizer", "nowhere"), "--tokenizer nowhere: No such file or directory; name"),
    "source": (("--token-source", "tokenizer"), "--token-source tokenizer needs --tokenizer PATH"),
}


@slow
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_count_sends_nothing(tmp_path, what):
    """One line before any load."""
    options, words = REFUSED[what]
    given = made(requests=1, rate=1)
    with load(tmp_path, "--headless", *given, "--host", "http://127.0.0.1:9", *options) as run:
        assert run.ended() == 2
    assert words in run.err
    assert not run.runs
