"""The block before the load, from real plans and real settings."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.report.cautions import cautions
from sagellm_benchmark.report.estimates import disk_bytes, peak_streams
from sagellm_benchmark.report.plan import WIDTH, plan_block, plan_lines
from sagellm_benchmark.schedule.lengths import Lengths
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace import synthesis
from sagellm_benchmark.trace.transforms import Pace, Selection

HOST = "http://127.0.0.1:8000"
TOKENS = {"per_word": 1.0, "template": 0, "source": "assumed", "why": None, "counts": []}
UNASKED = {"asked": False, "dialect": None, "tokens": TOKENS}
GATEWAY = {
    **{"asked": True, "dialect": "sagellm", "name": "sageLLM Gateway", "version": "0.1.0"},
    **{"engines": [{"healthy": True}, {"healthy": False}], "context_tokens": 8192},
    "tokens": {"per_word": 1.304, "template": 9, "source": "fitted", "why": None, "counts": []},
}
RUN = {"run_dir": "runs/r1", "hosts": [HOST], "server": UNASKED}


def settings_of(run_time_s=None, sources=None, **raw):
    """Settings of a replay, all of them given on the command line."""
    raw = {"trace": "traces/a.jsonl", **raw} if "input_tokens" not in raw else raw
    sources = dict.fromkeys(("host", *raw), "cli") | (sources or {})
    return make_settings(raw, host=HOST, run_time_s=run_time_s, sources=sources)


def plan_of(**changes):
    """The figures of a plan, without its rows."""
    figures = {
        "rows": 2000,
        "span_s": 597.2,
        "rate_per_s": 3.35,
        "peak_rate_per_s": 31,
        "input_tokens": 2_310_000,
        "output_tokens": 422_000,
        "peak_streams": 48,
        "drops": {},
        "sessions": 0,
        "coarse": False,
        "spread_ties_s": None,
        "lengths": Lengths(),
        "too_long": 0,
        "dependents": None,
        "models": {"theirs": 500, "another": 1500},
        "times": 1,
        "period_s": 600.0,
    }
    figures |= changes
    figures = {"total_rows": figures["rows"], "total_span_s": figures["span_s"], **figures}
    return SimpleNamespace(**{"made_prompts": figures["rows"], **figures})


GOLDEN = """\
What will happen
  target    http://127.0.0.1:8000
  server    not asked: its model, its engines and the key are taken on trust
  rows      2,000 requests, 412 sessions,
            left out: 4 (zero_output 3, bad_json 1)
  models    another (1,500), theirs (500)
  prompts   made to length, 1 token a word, assumed: the target was not asked
  arrivals  over 9 min 57 s, 3.35 requests/s on average,
            31 in the busiest second
  tokens    2,310,000 in (1,155 a request), at most 422,000 out (211 a request)
  streams   about 48 at once (estimated: 0.5 s, then 20 ms a token)
  lasts     9 min 57 s, then until the last reply has ended
  workers   1 is enough (about 7 % of a core at the busiest)
  disk      about 12 MB of records in runs/r1
  you set   --trace traces/a.jsonl  --speed 2 (env)  --header X-Team=***
            --warmup 30s  --slo ttft_ms<=500 --slo error_rate<=0.01
            --host http://127.0.0.1:8000
  defaults  --after-failure skip  --too-long fail  --seed 0  --salt run
            --endpoint chat  --output-length cap  --first-token-timeout 120
            --idle-timeout 60  --timeout 600  --retry 0  --token-source auto
            --itl list  --keep-content none  --out runs  --stop-timeout 30
            temperature: the server's  no cap on requests in flight
            servers' metrics are read every 5 s (--scrape none: never)
            no user leaves early
"""


def test_the_block_says_what_will_happen():
    """Rows, pace, tokens, streams, time, disk, what was set and where, and every default."""
    chosen = settings_of(
        speed="2",
        header=["X-Team=secret"],
        warmup="30s",
        slo=["ttft_ms<=500", "error_rate<=0.01"],
        sources={"speed": "env"},
    )
    plan = plan_of(sessions=412, drops={"zero_output": 3, "bad_json": 1})
    assert plan_block(plan, chosen, **RUN) == GOLDEN


def test_retries_and_users_who_leave_are_announced():
    """What was asked of them stands as it was written."""
    chosen = settings_of(retry="2", cancel_rate="0.25", cancel_after="20tok")
    block = plan_block(plan_of(), chosen, **RUN)
    for said in ("--retry 2", "--cancel-rate 0.25", "--cancel-after 20tok"):
        assert said in block
    assert "no user leaves early" not in block


def test_what_the_target_said_is_in_the_block():
    """Who it is, its engines and context, and how long prompts are made for it."""
    lengths = Lengths(4096, 8192, "drop")
    plan = plan_of(lengths=lengths, too_long=3, drops={"too_long": 3}, made_prompts=1990)
    block = plan_block(plan, settings_of(too_long="drop"), **{**RUN, "server": GATEWAY})
    assert (
        "  server    sageLLM Gateway 0.1.0 with its control plane,\n"
        "            1 of 2 engines healthy, context 8,192 tokens\n"
    ) in block
    assert "made to length" in block
    assert "1.304 tokens a word and 9 for its template, as the target counts" in block
    assert "10 prompts as recorded" in block
    assert "left out: 3 (too_long 3)" in block
    assert "the model's context of 8,192 tokens and --max-input-tokens 4096: 3 requests left" in (
        block
    )


def test_several_hosts_share_the_plan():
    """Each is named, the others are said to be like the first, and limits are each one's."""
    urls = "http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3"
    chosen = make_settings({"trace": "t.jsonl", "model": "m"}, host=urls)
    hosts = {**RUN, "hosts": chosen.hosts, "server": GATEWAY}
    block = plan_block(plan_of(), chosen, **hosts)
    assert all(url in block for url in chosen.hosts)
    assert "in turn, a session stays with one" in block
    assert "2 more like it" in block
    (said,) = cautions(plan_of(peak_streams=330, peak_rate_per_s=90), chosen, GATEWAY)
    assert "asks each of 3 hosts for about 110 streams at once." in said
    assert not cautions(plan_of(peak_streams=300, peak_rate_per_s=300), chosen, GATEWAY)


def test_what_fits_and_what_is_shortened_is_said():
    """A limit in force is named also where no row is over it."""
    fitting = plan_of(lengths=Lengths(4096))
    assert "lengths   --max-input-tokens 4096: all fit" in plan_block(fitting, settings_of(), **RUN)
    clipped = plan_of(lengths=Lengths(4096, too_long="clip"), too_long=1)
    assert "1 request shortened to fit" in plan_block(clipped, settings_of(), **RUN)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({"per_word": 1.3, "source": "option"}, "1.3 tokens a word (--tokens-per-word)"),
        ({"why": "its replies carry no usage"}, "assumed: its replies carry no usage"),
        ({"source": "fitted"}, "1 token a word, as the target counts"),
    ],
    ids=str,
)
def test_on_whose_word_prompts_are_made(tokens, words):
    """The ratio in force and where it comes from."""
    server = {**GATEWAY, "tokens": {**TOKENS, **tokens}}
    assert words in plan_block(plan_of(), settings_of(), **{**RUN, "server": server})


def test_a_made_load_is_planned_and_described():
    """The figures of a real plan stand in the block as they are."""
    chosen = settings_of(input_tokens="1024", output_tokens="128", requests="50", rate="10")
    trace = synthesis.uniform(1024, 128, 50, rate=10.0, burstiness=1.0, seed=0)
    plan = make_plan(trace, Selection(None, None, None, False), Pace())
    block = plan_block(plan, chosen, **RUN)
    assert "50 requests" in block
    assert "51,200 in (1,024 a request), at most 6,400 out (128 a request)" in block
    assert f"{plan.peak_rate_per_s} in the busiest second" in block
    assert "--burstiness 1" in block


def test_a_closed_loop_has_no_arrivals():
    """With --concurrency there is no span and no rate to speak of."""
    chosen = settings_of(input_tokens="8", output_tokens="4", requests="50", concurrency="5")
    trace = synthesis.uniform(8, 4, 50, rate=None, burstiness=1.0, seed=0)
    plan = make_plan(trace, Selection(None, None, None, False), Pace(), closed=True)
    block = plan_block(plan, chosen, **RUN)
    assert "arrivals" not in block
    assert "5 at once, a new one when one is done" in block
    assert "lasts     until every row is done\n" in block
    assert not cautions(plan, chosen, UNASKED)


def test_every_default_with_a_value_is_in_the_block():
    """No hidden default: each option that has a value is named, exactly once."""
    chosen = settings_of()
    block = plan_block(plan_of(), chosen, **RUN)
    for option in OPTIONS:
        value = option.default
        if value not in (None, False, ()):
            text = f"{value:g}" if isinstance(value, float) else str(value)
            assert block.count(f" {option.flag} {text}") == 1
    assert "--speed 1" in block
    assert "fails if any request fails (--slo error_rate<=0)" in block


def test_no_secret_is_in_the_block():
    """Header values and keys in the extra body are not printed."""
    chosen = settings_of(header=["X-Key=hunter2"], extra_body='{"api_key": "hunter2"}')
    assert "hunter2" not in plan_block(plan_of(), chosen, **RUN)


def test_own_tasks_have_no_plan():
    """A user's own tasks are announced as such, with the settings in force."""
    chosen = make_settings({}, host=HOST, tasks=True)
    lines = plan_lines(None, chosen, **RUN)
    assert "  load      your own tasks, for as long as Locust runs them" in lines
    assert not any("rows" in line or "--speed" in line for line in lines)


def test_no_line_is_wider_than_the_block():
    """Lines, warnings included, keep to 80 columns."""
    chosen = settings_of(run_time_s=60.0, max_in_flight="200")
    plan = plan_of(peak_streams=400, peak_rate_per_s=300, output_tokens=9_000_000, coarse=True)
    assert max(map(len, plan_lines(plan, chosen, **RUN))) <= WIDTH


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"peak_streams": 101}, "about 101 streams at once"),
        ({"peak_rate_per_s": 101}, "101 requests/s"),
        ({"output_tokens": 920_000}, "1,516 tokens/s"),
    ],
)
def test_more_than_one_gateway_carries_is_warned_of(changes, words):
    """Above 100 streams, 100 requests/s or 1,500 tokens/s the gateway itself is measured."""
    [warning] = cautions(plan_of(**changes), settings_of(), UNASKED)
    assert words in warning
    assert "the gateway, not the engine" in warning


@pytest.mark.parametrize(
    "raw", [{"max_in_flight": "100"}, {"no_stream": True}, {"endpoint": "embeddings"}]
)
def test_what_keeps_the_load_off_the_gateway_silences_the_warning(raw):
    """A cap, or requests without streams, stay within what was measured of streams."""
    assert not cautions(plan_of(peak_streams=101), settings_of(**raw), UNASKED)


def test_a_plan_within_the_limits_is_not_warned_of():
    """At the limit itself nothing is said."""
    plan = plan_of(peak_streams=100, peak_rate_per_s=100, output_tokens=800_000)
    assert not cautions(plan, settings_of(), UNASKED)


def test_who_is_known_is_named_in_the_warning():
    """A gateway is warned of as one, an OpenAI-compatible server not at all."""
    plan = plan_of(peak_streams=101)
    [warning] = cautions(plan, settings_of(), GATEWAY)
    assert warning.startswith("One process of this sageLLM gateway carries some 100 streams")
    assert not cautions(plan, settings_of(), {**GATEWAY, "dialect": "openai"})


def test_exact_lengths_through_the_gateway_are_warned_of():
    """What --output-length exact counts on, this gateway drops."""
    chosen = settings_of(output_length="exact")
    [warning] = cautions(plan_of(), chosen, GATEWAY)
    assert "drops min_tokens and ignore_eos" in warning
    assert not cautions(plan_of(), chosen, {**GATEWAY, "dialect": "openai"})


def test_run_time_and_span_are_compared():
    """A run time that cuts the plan, or that outlasts it, is said; an equal one is not."""
    [short] = cautions(plan_of(), settings_of(run_time_s=60.0), UNASKED)
    assert short.startswith("--run-time 1 min is shorter than the plan (9 min 57 s)")
    [long] = cautions(plan_of(), settings_of(run_time_s=3600.0), UNASKED)
    assert long.startswith("--run-time 1 h is longer than the plan (9 min 57 s)")
    assert not cautions(plan_of(), settings_of(run_time_s=597.2), UNASKED)


def said(plan, **options):
    """The block in one line, without its breaks."""
    return " ".join(plan_block(plan, settings_of(**options), **RUN).split())


def test_sessions_are_said():
    """How many rows wait, how many go on with real replies, and who has nobody to wait for."""
    waiting = SimpleNamespace(count=1300, continuing=1200, orphans=7, at_once=0)
    block = said(plan_of(dependents=waiting, sessions=90))
    assert "1,300 requests wait for the end of others, 1,200 go on with the replies" in block
    assert "7 would wait for what is not sent, and come at their time" in block
    assert "then until the last session has ended" in block
    plain = said(plan_of(dependents=SimpleNamespace(count=1, continuing=0, orphans=0, at_once=1)))
    assert "1 request waits for the end of others" in plain
    assert "1 without a think time: due at that end" in plain
    assert "go on with" not in plain
    longer = plan_of(dependents=waiting)
    assert not cautions(longer, settings_of(run_time_s=5000), UNASKED)


def test_conversations_at_once_are_said():
    """How many, and that nobody knows how long it takes; their arrivals are not spoken of."""
    block = said(plan_of(), max_sessions="16")
    assert "16 conversations at once, a new one when one ends" in block
    assert "until every row is done" in block
    assert "arrivals" not in block
    assert "--speed 1" not in block


@pytest.mark.parametrize(
    ("loop", "rounds", "words"),
    [
        ("3", 3, "2,000 requests, 3 times over"),
        ("forever", math.inf, "2,000 requests, again and again"),
    ],
)
def test_rounds_are_said(loop, rounds, words):
    """How often, how long all of them last, and what one leaves on disk."""
    spans = {"times": rounds, "total_rows": 2000 * rounds, "total_span_s": 597.2 + 600 * rounds}
    block = said(plan_of(**spans), loop=loop, run_time_s=3600)
    assert words in block
    assert "of records a round in" in block
    assert ("lasts 1 h" in block) == (loop == "forever")


def test_a_longer_run_time_names_the_loop():
    """Whoever wants a longer run than the trace is told how."""
    [caution] = cautions(plan_of(), settings_of(run_time_s=5000), UNASKED)
    assert "--loop replays the trace again" in caution
    for_ever = plan_of(times=math.inf, total_span_s=math.inf)
    assert not cautions(for_ever, settings_of(loop="forever", run_time_s=5000), UNASKED)


def test_spread_ties_are_said():
    """That arrivals are not quite those of the file stands beside them, with how far they moved."""
    block = plan_block(plan_of(spread_ties_s=3.0), settings_of(), **RUN)
    assert "ties spread over the 3 s of the trace's clock" in " ".join(block.split())


def test_a_coarse_grid_is_said():
    """Bursts that come from the recorder's clock are not sold as the users'."""
    [warning] = cautions(plan_of(coarse=True), settings_of(), UNASKED)
    assert "coarse grid" in warning


def test_disk_follows_what_is_kept():
    """Gaps, and text where it is kept, cost bytes; histograms and whole replies have no gaps."""
    plan = plan_of(rows=10, output_tokens=1010)
    assert disk_bytes(plan, settings_of()) == 10 * 900 + 1000 * 25
    assert disk_bytes(plan, settings_of(itl="hist")) == 9000
    assert disk_bytes(plan, settings_of(no_stream=True)) == 9000
    assert disk_bytes(plan, settings_of(itl="hist", keep_content="all")) == 9000 + 1010 * 6


def test_peak_streams_respect_the_caps():
    """Neither more than --max-in-flight nor more users than rows are expected at once."""
    assert peak_streams(plan_of(), settings_of(max_in_flight="10")) == 10
    assert peak_streams(plan_of(rows=3), settings_of(concurrency="10")) == 3


def test_a_trace_that_names_no_lengths_is_not_called_empty():
    """Unknown token counts are said to be unknown, not 0."""
    block = plan_block(plan_of(input_tokens=0, made_prompts=0), settings_of(), **RUN)
    assert "tokens    in: the trace does not say, at most" in block
    assert "2,000 prompts as recorded" in block
    assert "made to length" not in block


def test_all_rows_at_once_have_no_rate():
    """A plan without a span says so instead of dividing by it."""
    plan = plan_of(span_s=0.0, rate_per_s=None)
    assert "arrivals  all due at once" in plan_block(plan, settings_of(), **RUN)


def test_host_sources_are_told():
    """What the environment or a file set is marked with where it came from."""
    chosen = replace(settings_of(), sources={"host": "file"})
    assert f"--host {HOST} (file)" in plan_block(plan_of(), chosen, **RUN)
