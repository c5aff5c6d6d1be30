"""The command line of a run says again what the run was told, and no more."""

from __future__ import annotations

import json
import shlex

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.cli import main as program
from sagellm_benchmark.cli import run as command
from sagellm_benchmark.config import values
from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.report.command import command_line

HOST = "http://127.0.0.1:8889"
TEXTS = {
    values.text: "a b'c",
    values.pairs: "arrival=t s,input_tokens=p=q",
    values.header: "X-Team=***",
    values.temperature: "0.7",
    values.json_object: '{"top_k": 5, "note": "it\'s é"}',
    values.positive: "0.0001",
    values.count: "7",
    values.whole: "3",
    values.share: "0.25",
    values.patience: "20tok",
    values.warmup: "2.5s",
    values.name: "a-name",
    values.seconds: "12.5",
    values.times: "forever",
    values.burstiness: "inf",
    values.tokens_per_word: "1.25",
    values.scrape: ["gpu=http://one:9400/metrics?a=b", "s=https://two/m"],
}
"""A text for each kind of value, awkward where it can be; of some, several that go together."""


def text_for(option):
    """What somebody may write behind an option."""
    if option.parse is None:
        return True
    text = option.choices[-1] if option.choices else TEXTS[option.parse]
    return [text, text] if option.repeat and isinstance(text, str) else text


def manifest_of(raw, host=HOST, run_time_s=None, **more):
    """What stands in `run.json` of these options, as a reader of the file gets it."""
    sources = dict.fromkeys(raw, "cli") | ({"run_time": "cli"} if run_time_s else {})
    told = make_settings(raw, host=host, run_time_s=run_time_s, sources=sources, **more)
    return {"settings": msgspec.json.decode(msgspec.json.encode(told.describe()))}


def read_back(line):
    """The manifest of what `run` makes of the line."""
    name, *words = shlex.split(line)
    assert name == "sagellm-benchmark"
    args, args.rest = program._parser().parse_known_args(words)
    raw = {key: value for key, value in command._raw(args).items() if value is not None}
    timed = args.rest[args.rest.index("--run-time") + 1] if "--run-time" in args.rest else None
    return manifest_of(raw, args.host, None if timed is None else float(timed.removesuffix("s")))


ALONE = [
    option
    for option in OPTIONS
    if option.key
    not in ("trace", "run_id", "plan", "input_tokens", "output_tokens", "requests", "burstiness")
]
BESIDE = {
    "cancel_rate": {"cancel_after": "1.5s"},
    "cancel_after": {"cancel_rate": "0.1"},
    "too_long": {"max_input_tokens": "9"},
}


@pytest.mark.parametrize("option", ALONE, ids=lambda option: option.key)
def test_every_option_reads_back(option):
    """Each option, given with an awkward value, is in the line and means the same there."""
    said = manifest_of(
        {"trace": "t.jsonl", option.key: text_for(option)} | BESIDE.get(option.key, {})
    )
    line = command_line(said)
    assert option.flag in line
    assert read_back(line) == said


@pytest.mark.parametrize("pace", [{"rate": "10", "burstiness": "inf"}, {"concurrency": "4"}])
def test_a_load_without_a_trace(pace):
    """Rows made from token counts, at constant gaps too."""
    said = manifest_of({"input_tokens": "8", "output_tokens": "5", "requests": "3"} | pace)
    assert read_back(command_line(said)) == said


def test_only_what_was_given():
    """Defaults are left out, and so is the name that is taken; the order is that of the help."""
    said = manifest_of(
        {"trace": "my trace.jsonl", "model": "m", "speed": "2", "run_id": "a"}, run_time_s=60
    )
    assert command_line(said) == (
        f"sagellm-benchmark run 'my trace.jsonl' --host {HOST} --speed 2 --model m --run-time 60s"
    )


def test_what_a_workload_brings_is_not_given():
    """Q1 is a closed loop by itself."""
    told = manifest_of({"trace": "Q1"})
    assert told["settings"]["concurrency"] == {"value": 1, "source": "workload"}
    assert command_line(told) == f"sagellm-benchmark run Q1 --host {HOST}"


def test_no_secret():
    """A header's value is not in it, and a key is the name of its variable."""
    told = {"trace": "t.jsonl", "header": ["X-Key=canary-5"], "api_key_env": "MY_KEY"}
    line = command_line(manifest_of(told))
    assert "canary" not in line
    assert "--header 'X-Key=***'" in line
    assert "--api-key-env MY_KEY" in line


def test_own_tasks():
    """A user's own file is run by Locust; what nobody kept stands in capitals."""
    line = command_line(manifest_of({"model": "m"}, tasks=True))
    assert line.startswith("locust -f LOCUSTFILE --headless -u USERS -r USERS_PER_S --host ")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).filter(
    lambda text: text.strip()
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(trace=WORDS, model=WORDS, amount=st.floats(1e-9, 1e15), body=st.dictionaries(WORDS, WORDS))
def test_any_text_reads_back(trace, model, amount, body):
    """Quotes, dashes, line ends and any number survive the shell."""
    said = manifest_of(
        {
            "trace": f"./{trace}.jsonl",
            "model": model,
            "speed": repr(amount),
            "extra_body": json.dumps(body),
        }
    )
    assert read_back(command_line(said)) == said
