"""Options that add up to a run, or a line that names them and says what to write."""

from __future__ import annotations

import dataclasses
import math

import pytest

from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.errors import UsageError

HOST = "http://127.0.0.1:8889"
TRACE = {"trace": "t.jsonl"}
MADE = {"input_tokens": "5", "output_tokens": "3", "requests": "10", "rate": "2"}


def made(raw, **more):
    """Settings of these options."""
    return make_settings(raw, **{"host": HOST, **more})


def test_a_trace_needs_nothing_else():
    """A trace and a host are a run; all else has a default."""
    settings = made(TRACE)
    assert settings.trace == "t.jsonl"
    assert (settings.synthetic, settings.closed) == (False, False)
    assert (settings.first_token_timeout, settings.idle_timeout, settings.timeout) == (120, 60, 600)
    assert (settings.stop_timeout_s, settings.run_time_s) == (30.0, None)
    assert settings.salt == "run"
    assert settings.header == settings.slo == ()


@pytest.mark.parametrize(
    ("raw", "synthetic", "closed"),
    [
        (MADE, True, False),
        ({**MADE, "rate": None, "concurrency": "4"}, True, True),
        ({**TRACE, "concurrency": "4"}, False, True),
        ({**TRACE, "speed": "2"}, False, False),
        ({**MADE, "burstiness": "inf"}, True, False),
        ({**MADE, "endpoint": "embeddings", "output_tokens": None}, True, False),
        ({**TRACE, "start": "0", "end": "10", "limit": "5", "skip_bad": True}, False, False),
        ({**TRACE, "format": "columns", "map": "arrival=a,input_tokens=b"}, False, False),
        ({**TRACE, "retry": "3", "cancel_rate": "0", "cancel_after": "1.5s"}, False, False),
        ({**TRACE, "too_long": "drop"}, False, False),
        (
            {**MADE, "too_long": "clip", "max_input_tokens": "9", "no_preflight": True},
            *(True, False),
        ),
        (
            {**TRACE, "cancel_rate": "1", "cancel_after": "2s", "no_stream": True},
            *(False, False),
        ),
    ],
    ids=str,
)
def test_what_goes_together(raw, synthetic, closed):
    """Each way to say what load to send."""
    settings = made(raw)
    assert (settings.synthetic, settings.closed) == (synthetic, closed)


CONTRADICTIONS = [
    ({}, "no trace: name one with --trace FILE, or make a load with --input-tokens N"),
    ({"rate": "5"}, "no trace"),
    ({**TRACE, "speed": "2", "rate": "3"}, "--speed and --rate exclude each other"),
    ({**TRACE, "speed": "2", "concurrency": "3"}, "--speed and --concurrency exclude"),
    ({**TRACE, "rate": "2", "concurrency": "3"}, "--rate and --concurrency exclude"),
    ({**TRACE, "speed": "1", "rate": "2", "concurrency": "3"}, "--speed and --rate and --conc"),
    ({**TRACE, **MADE}, "--trace and --input-tokens exclude each other"),
    ({**TRACE, "output_tokens": "5"}, "--output-tokens goes with --input-tokens, not --trace"),
    ({**TRACE, "requests": "5"}, "--requests goes with --input-tokens, not --trace"),
    ({**TRACE, "burstiness": "1"}, "--burstiness goes with --input-tokens, not --trace"),
    ({**TRACE, "format": "columns"}, "--format columns needs --map arrival=COLUMN"),
    ({**MADE, "output_tokens": None}, "--input-tokens needs --output-tokens N"),
    ({**MADE, "requests": None}, "--input-tokens needs --requests N"),
    ({**MADE, "rate": None}, "--input-tokens needs --rate R (open loop) or --concurrency N"),
    ({**MADE, "rate": None, "speed": "2"}, "--speed scales a trace"),
    (
        {**MADE, "rate": None, "concurrency": "2", "burstiness": "1"},
        "--burstiness shapes the arrivals of --rate",
    ),
    *(
        ({**MADE, key: value}, f"--{key.replace('_', '-')} goes with --trace, not --input-tokens")
        for key, value in {
            **{"format": "native", "map": "a=b", "time_unit": "s", "end": "9", "limit": "3"},
            **{"start": "1", "skip_bad": True},
        }.items()
    ),
    (
        {**TRACE, "output_length": "exact", "endpoint": "embeddings"},
        "--output-length exact has no meaning with --endpoint embeddings",
    ),
    ({**TRACE, "cancel_rate": "0.1"}, "--cancel-rate needs --cancel-after 20tok or 1.5s"),
    ({**TRACE, "cancel_rate": "0"}, "--cancel-rate needs --cancel-after 20tok or 1.5s"),
    ({**TRACE, "cancel_after": "20tok"}, "--cancel-after needs --cancel-rate F"),
    ({**TRACE, "cancel_after": "20tok", "cancel_rate": "2"}, "--cancel-rate must be between 0"),
    *(
        (
            {**TRACE, "cancel_after": "20tok", "cancel_rate": "0.1", key: value},
            "--cancel-after counts tokens of a stream, and whole replies are asked for",
        )
        for key, value in (("no_stream", True), ("endpoint", "embeddings"))
    ),
    *(
        (
            {**TRACE, "too_long": policy, "no_preflight": True},
            f"--too-long {policy} needs --max-input-tokens N beside --no-preflight",
        )
        for policy in ("drop", "clip")
    ),
    ({**TRACE, "max_input_tokens": "0"}, "--max-input-tokens must be at least 1"),
    ({**TRACE, "too_long": "split"}, "--too-long must be one of drop, clip, fail"),
    ({**TRACE, "retry": "-1"}, "--retry must be at least 0"),
    ({**TRACE, "limit": "0"}, "--limit must be at least 1"),
    *(
        (
            {**TRACE, "max_sessions": "3", key: "2"},
            f"--max-sessions begins a conversation when another has ended: leave out --{key}",
        )
        for key in ("speed", "rate", "concurrency")
    ),
    ({**TRACE, "max_sessions": "0"}, "--max-sessions must be at least 1"),
    ({**TRACE, "think_speed": "0"}, "--think-speed must be above 0"),
    ({**TRACE, "after_failure": "retry"}, "--after-failure must be one of send, skip"),
    ({**TRACE, "loop": "0"}, "--loop must be a whole number of at least 1, or forever, not '0'"),
    ({**TRACE, "loop": "often"}, "--loop must be a whole number of at least 1, or forever"),
    *(
        ({**MADE, key: "2"}, f"--{key.replace('_', '-')} goes with --trace, not --input-tokens")
        for key in ("loop", "think_speed")
    ),
    ({**TRACE, "token_source": "guess"}, "--token-source must be one of auto, usage, tokenizer"),
    ({**TRACE, "token_source": "tokenizer"}, "--token-source tokenizer needs --tokenizer PATH"),
    (
        {**TRACE, "tokenizer": "t", "tokens_per_word": "2"},
        "--tokenizer and --tokens-per-word exclude each other",
    ),
    ({**TRACE, "model": "m", "model_map": "a=b"}, "--model and --model-map exclude each other"),
    ({**TRACE, "run_id": "../up"}, "--run-id must be 1 to 64"),
]


@pytest.mark.parametrize(("raw", "words"), CONTRADICTIONS, ids=lambda part: str(part)[:50])
def test_what_does_not(raw, words):
    """Each contradiction and each gap: one line that names the options and the way out."""
    with pytest.raises(UsageError) as refused:
        made(raw)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)


def test_own_tasks_take_no_trace():
    """What drives a replay is refused beside own tasks; what goes into requests is not."""
    settings = made({"model": "m", "temperature": "0.1", "seed": "3", "salt": "x"}, tasks=True)
    assert (settings.model, settings.temperature) == ("m", 0.1)
    for option in OPTIONS:
        if option.group != "trace" or option.key in ("seed", "salt"):
            continue
        value = option.choices[0] if option.choices else "3"
        value = {"map": "a=b"}.get(option.key, True if option.parse is None else value)
        with pytest.raises(UsageError, match=f"^{option.flag} replays a trace: GatewayUser"):
            made({option.key: value}, tasks=True)


@pytest.mark.parametrize("key", ["cancel_rate", "cancel_after"])
def test_own_tasks_leave_by_themselves(key):
    """Which call of a task is cut off is for the task to say; a retry is as good there."""
    assert made({"retry": "2"}, tasks=True).retry == 2
    given = {"cancel_rate": "0.5", "cancel_after": "3tok"}
    with pytest.raises(UsageError, match=f"^--{key.replace('_', '-')} .*stop_when="):
        made({key: given[key]}, tasks=True)


def test_a_workload_brings_its_own_pace_and_seed(tmp_path):
    """A closed loop and a seed of the workload hold where nobody gave others, and are told."""
    path = tmp_path / "w.yaml"
    path.write_text(
        "schema: sagellm.workload/1\nrequests: 5\nconcurrency: 3\nseed: 8\n"
        "clients: [{input_tokens: 4, output_tokens: 4}]\n"
    )
    own = made({"trace": str(path)})
    assert (own.concurrency, own.seed, own.closed) == (3, 8, True)
    assert {own.sources[key] for key in ("concurrency", "seed")} == {"workload"}
    given = made({"trace": str(path), "concurrency": "2", "seed": "1"})
    assert (given.concurrency, given.seed) == (2, 1)
    assert made({"trace": str(path), "rate": "5"}).concurrency is None
    path.write_text("schema: sagellm.workload/1\n")
    with pytest.raises(UsageError, match=r"w\.yaml:1: missing key `clients`"):
        made({"trace": str(path)})


def test_settings_cannot_be_changed():
    """What was checked stays as it was; what is no option is no attribute."""
    settings = made(TRACE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.host = "http://other"
    with pytest.raises(AttributeError, match="sped"):
        _ = settings.sped


# Secrets


def test_the_api_key_comes_from_the_environment(monkeypatch):
    """Read from the variable that is named; an unset one is refused by name."""
    settings = made({**TRACE, "api_key_env": "SOME_KEY"})
    assert made(TRACE).api_key is None
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(UsageError, match="--api-key-env SOME_KEY: that environment"):
        _ = settings.api_key
    monkeypatch.setenv("SOME_KEY", "sk-1")
    assert settings.api_key == "sk-1"


@pytest.mark.parametrize("key", ["sk-1\n", "sk-1\r", "sk\t1", "sk-ü"])
def test_a_key_that_no_header_can_carry(key, monkeypatch):
    """Refused before any load, by the variable's name, without the key."""
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(UsageError, match="--api-key-env SOME_KEY: its value") as refused:
        _ = made({**TRACE, "api_key_env": "SOME_KEY"}).api_key
    assert key not in str(refused.value)


def test_what_run_json_is_told(monkeypatch):
    """Every value with its source; headers by name only, the key not at all."""
    monkeypatch.setenv("SOME_KEY", "canary-1")
    raw = {**TRACE, "api_key_env": "SOME_KEY", "header": ["X-Key=canary-2"], "model": "m"}
    sources = {"model": "env", "trace": "cli"}
    told = made(raw, run_time_s=60, stop_timeout_s=5, sources=sources).describe()
    assert told.keys() == {option.key for option in OPTIONS} | {"host", "run_time", "stop_timeout"}
    assert told["model"] == {"value": "m", "source": "env"}
    assert told["trace"] == {"value": "t.jsonl", "source": "cli"}
    assert told["idle_timeout"] == {"value": 60.0, "source": "default"}
    assert told["header"]["value"] == ["X-Key=***"]
    assert (told["run_time"]["value"], told["stop_timeout"]["value"]) == (60, 5)
    assert "canary" not in repr(told)


def test_how_often_a_trace_is_replayed():
    """Once, so many times, or for ever."""
    assert made(TRACE).times == 1
    assert made({**TRACE, "loop": "3"}).times == 3
    assert made({**TRACE, "loop": "Forever"}).times == math.inf


def test_whether_arrivals_count():
    """Not in a closed loop, and not where so many conversations are kept going."""
    untimed = [{}, {"speed": "2"}, {"rate": "2"}, {"concurrency": "2"}, {"max_sessions": "2"}]
    assert [made({**TRACE, **options}).untimed for options in untimed] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("scrapes", "words"),
    [
        (["none", "a=http://x"], "--scrape none reads nothing"),
        (["a=http://x", "a=http://y"], "--scrape a: named twice"),
        (["a=http://x", "b=http://x"], "--scrape a: another --scrape has the same URL"),
        (["host=http://x"], "--scrape must be NAME=URL or none"),
        (["a=ftp://x"], "--scrape a: must be http://ADDRESS:PORT/PATH"),
        (["a=http://user:secret@x"], "--scrape a: the URL must not hold a user"),
        (["a=http://x/é"], "--scrape a: percent-encode"),
    ],
)
def test_pages_of_metrics_are_named_once_and_well(scrapes, words):
    """Each page has a name and a URL of its own, and no line repeats a password."""
    with pytest.raises(UsageError) as failed:
        made({**TRACE, "scrape": scrapes})
    assert words in str(failed.value)
    assert "secret" not in str(failed.value)


def test_pages_of_metrics_stand_in_the_settings():
    """As they were given, for run.json and the command that runs the same again."""
    given = ("gpu=http://x:9400/metrics", "engine=http://y:8000")
    assert made({**TRACE, "scrape": list(given)}).describe()["scrape"]["value"] == given


def test_a_page_may_name_the_trace_later():
    """With a page and a directory to choose from, no trace need be named; else one must."""
    raw = {"trace_dir": "traces", "model": "m"}
    assert make_settings(raw, host="http://h", waiting=True).trace is None
    for alone in (raw, {"model": "m"}):
        with pytest.raises(UsageError, match="no trace: name one"):
            make_settings(alone, host="http://h", waiting=alone is not raw)
    with pytest.raises(UsageError, match="exclude each other"):
        make_settings(
            {**raw, "trace": "t.jsonl", "speed": "2", "rate": "3"}, host="http://h", waiting=True
        )
