"""What the figures of a report mean: each definition in the words of `docs/metrics.md`.

A figure's name in, its definition out: a formula, where it is null, and the words that the formula
is made of. Plain text. A test holds every sentence of it against the document.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A figure's definition.

    Attributes:
        label: What it is called.
        meaning: Its formula or its definition.
        absent: Where it is null; empty where it never is.
        words: Keys of `WORDS` that the meaning is made of.
    """

    label: str
    meaning: str
    absent: str = ""
    words: tuple[str, ...] = ()


WORDS = {
    "due": "when a request had to be sent: its arrival time in the trace, scaled by --speed or "
    "--rate; in a closed loop, when a user was free to take it",
    "sent": "when the request was handed to the connection, before pool, DNS, connect and TLS. A "
    "server that is slow to accept is slow, and we are not late",
    "chunk": "one SSE data frame that brought tokens",
    "token": "what the model made. A chunk may hold several",
    "first token": "the first frame with non-empty content, reasoning, refusal, or a tool call's "
    'name or arguments. The frame that only says "role": "assistant" is none',
    "first answer": "the first such frame that is not reasoning",
    "last token": "the last such frame, never [DONE], never the close of the connection. Of a "
    "reply that was not streamed: the last byte of the body",
    "n": "output tokens of a request",
    "ok": "the one state of eleven that is no failure",
}
"""The words that definitions are made of."""

TERMS = {
    "ttft_ms": Term(
        "TTFT", "first token − sent", "the reply was not streamed", ("first token", "sent")
    ),
    "ttfa_ms": Term(
        "TTFA",
        "first answer − sent",
        "not streamed, or nothing but reasoning came",
        ("first token", "first answer", "sent"),
    ),
    "ttft_from_due_ms": Term(
        "TTFT from due", "first token − due", "not streamed", ("first token", "due")
    ),
    "chunk_gap_ms": Term(
        "chunk gap",
        "time between two token chunks that follow each other",
        "fewer than two chunks",
        ("chunk",),
    ),
    "itl_ms": Term(
        "ITL",
        "inter-token latency: where the tokenizer counted k tokens in a chunk, the gap before it "
        "is k latencies of gap/k, and a chunk that completes no token adds its gap to the next; "
        "else one latency a gap. The first chunk has none",
        "fewer than two chunks",
        ("chunk", "token"),
    ),
    "tpot_ms": Term(
        "TPOT",
        "(last token − first token)/(n − 1)",
        "n < 2, or all came in one chunk",
        ("first token", "last token", "n"),
    ),
    "e2e_ms": Term("e2e", "last token − sent", "", ("last token", "sent")),
    "e2e_from_due_ms": Term("e2e from due", "last token − due", "", ("last token", "due")),
    "connect_ms": Term(
        "connect",
        "connection ready (DNS, TCP and TLS done) − sent",
        "a pooled connection carried it",
        ("sent",),
    ),
    "dispatch_lag_ms": Term(
        "dispatch lag", "sent − due: how late we were", "never sent", ("due", "sent")
    ),
    "duration_s": Term("duration", "last ended − first due", "", ("due",)),
    "requests_per_s": Term("requests/s", "ok requests/duration_s", "", ("ok",)),
    "output_tokens": Term("output tokens/s", "tokens of ok requests/duration_s", "", ("token",)),
    "input_tokens": Term("input tokens/s", "tokens of ok requests/duration_s", "", ("token",)),
    "goodput": Term(
        "goodput",
        "requests that did not fail and meet every per-request objective/planned",
        "",
        ("ok",),
    ),
    "error_rate": Term("error rate", "failed/planned"),
    "short_output": Term("short replies", "short replies/ok requests"),
    "states": Term(
        "states",
        "Every planned request has one record and ends in one state: ok, http_error, stream_error, "
        "incomplete, malformed, connect_error, timeout, cancelled, dropped, skipped or lost.",
        "",
        ("ok",),
    ),
    "steady": Term(
        "steady window",
        "The window is found from the number of requests in flight, warm-up included, in at most "
        "128 slices of time of equal width (a power of two of seconds) between the first and the "
        "last measured request sent",
    ),
    "offered_rps": Term("offered", "planned/(last due − first due)", "", ("due",)),
    "achieved_rps": Term("sent", "sent/(last sent − first sent)", "", ("sent",)),
    "iat_cv": Term(
        "spread of the gaps",
        "the coefficient of variation of the gaps between arrivals: 1 for Poisson, 0 for a "
        "constant rate",
    ),
    "iat_ks": Term(
        "distance of the gaps",
        "the Kolmogorov–Smirnov distance between planned and sent gaps, 0 to 1, with differences "
        "under 1 ms not counted",
    ),
    "idc": Term(
        "bursts",
        "the index of dispersion of arrivals in windows of 1, 10 and 60 s that follow each other "
        "from the first one on: variance of their counts over the mean, 1 for Poisson, 0 for a "
        "constant rate, more for bursts of that length",
    ),
    "cpu_percent": Term(
        "CPU", "CPU of the process from the first request on, in seconds and percent of one core"
    ),
    "loop_lag_ms": Term(
        "loop lag", "how late the event loop served a timer that it was to serve every 20 ms"
    ),
    "read_lag_ms": Term(
        "read lag",
        "from the kernel's receive stamp (Linux, without TLS) to our own, of every read on one "
        "connection in 64, and on one of those in use at the least",
    ),
    "shared_stamp_fraction": Term(
        "shared stamps",
        "token frames that came in one read with an earlier one and share its stamp",
    ),
    "stalls": Term("stalls", "each time the loop stood still for over 100 ms"),
    "gc": Term("garbage collection", "the garbage collector's pauses"),
    "peak_in_flight": Term("most in flight", "the most requests on the wire at once"),
}
"""Every figure of a report that has a definition, by its key."""
