"""The options that say which rows are sent, and when.

They make the first part of `options.OPTIONS`. Own tasks take none of them but the seed and the
salt.
"""

from __future__ import annotations

from sagellm_benchmark.config import values
from sagellm_benchmark.config.option import Option

TRACE_OPTIONS: tuple[Option, ...] = (
    Option(
        "--trace", "the trace or workload to replay", values.text, metavar="FILE", group="trace"
    ),
    Option(
        "--trace-dir",
        "let the page choose a file of this directory as the trace; with --web none need be named",
        values.text,
        metavar="DIR",
        group="trace",
    ),
    Option(
        "--format",
        "the trace's format, where it is not to be sniffed",
        values.text,
        metavar="NAME",
        group="trace",
    ),
    Option(
        "--map",
        "columns of --format columns: arrival=ts,input_tokens=p,…",
        values.pairs,
        metavar="FIELD=COLUMN,…",
        group="trace",
    ),
    Option(
        "--time-unit",
        "unit of the arrival column",
        values.text,
        choices=("s", "ms", "rfc3339"),
        group="trace",
    ),
    Option("--skip-bad", "leave bad rows out and count them", group="trace"),
    Option(
        "--start",
        "skip what arrived before this second of the trace; it becomes 0",
        values.seconds,
        metavar="S",
        group="trace",
        page=True,
    ),
    Option(
        "--end",
        "stop at this second of the trace",
        values.seconds,
        metavar="S",
        group="trace",
        page=True,
    ),
    Option("--limit", "replay at most N rows", values.count, metavar="N", group="trace", page=True),
    Option("--cut-sessions", "let --limit cut through sessions", group="trace"),
    Option(
        "--no-spread-ties",
        "leave rows tied that a coarse clock recorded at one instant",
        group="trace",
    ),
    Option(
        "--speed",
        "time scale: 2 sends twice as fast (default 1)",
        values.positive,
        metavar="X",
        group="trace",
        page=True,
    ),
    Option(
        "--rate",
        "retime to R requests/s on average, shape kept",
        values.positive,
        metavar="R",
        group="trace",
        page=True,
    ),
    Option(
        "--concurrency",
        "closed loop: N users, each sends its next row when its last is done",
        values.count,
        metavar="N",
        group="trace",
        page=True,
    ),
    Option(
        "--max-sessions",
        "N conversations at once: the next begins when one has ended, arrival times do not count",
        values.count,
        metavar="N",
        group="trace",
        page=True,
    ),
    Option(
        "--loop",
        "replay the trace N times, one round behind the other, each with prompts of its own; "
        "forever needs --run-time",
        values.times,
        metavar="N|forever",
        group="trace",
        page=True,
    ),
    Option(
        "--think-speed",
        "divide the times that users think between two turns by X (default: as arrivals are)",
        values.positive,
        metavar="X",
        group="trace",
        page=True,
    ),
    Option(
        "--after-failure",
        "what becomes of rows that wait for a request that failed: skip them, or send them all the "
        "same (default skip)",
        values.text,
        "skip",
        choices=("send", "skip"),
        group="trace",
        page=True,
    ),
    Option(
        "--input-tokens", "no trace: prompts of N tokens", values.count, metavar="N", group="trace"
    ),
    Option(
        "--output-tokens", "no trace: replies of N tokens", values.count, metavar="N", group="trace"
    ),
    Option("--requests", "no trace: N requests", values.count, metavar="N", group="trace"),
    Option(
        "--burstiness",
        "no trace: shape of the Gamma arrivals of --rate; 1 is Poisson, inf constant (default 1)",
        values.burstiness,
        metavar="K",
        group="trace",
    ),
    Option(
        "--tokens-per-word",
        "prompts that are made: tokens that the model makes of a word (default: asked of the "
        "target before the load)",
        values.tokens_per_word,
        metavar="X",
        group="trace",
        page=True,
    ),
    Option(
        "--max-input-tokens",
        "a longer prompt is too long (default: what the model's context leaves, where known)",
        values.count,
        metavar="N",
        group="trace",
        page=True,
    ),
    Option(
        "--too-long",
        "rows too long for the model: fail before any load, drop them, or clip prompts, recorded "
        "ones with --tokenizer (default fail)",
        values.text,
        "fail",
        choices=("drop", "clip", "fail"),
        group="trace",
        page=True,
    ),
    Option(
        "--seed",
        "seed of all that is drawn (default 0)",
        values.whole,
        0,
        metavar="N",
        group="trace",
    ),
    Option(
        "--salt",
        "set into every prompt's first words: run (new each run), none, or TEXT (default run)",
        values.text,
        "run",
        metavar="run|none|TEXT",
        group="trace",
    ),
)
