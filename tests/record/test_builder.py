"""Promises of records made from outcomes."""

from __future__ import annotations

import time

import msgspec
import pytest

from sagellm_benchmark.protocol import ErrorCode, Metrics
from sagellm_benchmark.record.builder import Warmup
from sagellm_benchmark.record.record import Asked, RequestRecord
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.states import Phase, Status

from .outcomes import UNIX_S, at, outcome, record


def test_metrics_are_the_protocols() -> None:
    """Every record carries the Protocol's Metrics, all fields, in the Protocol's ranges."""
    for status in Status:
        for stamps in ([], [1100.5], [1100.5, 1120.5]):
            made = record(0, outcome(tokens=stamps, status=status))
            assert set(made.metrics) == set(Metrics.model_fields)
            assert Metrics.model_validate(made.metrics, strict=True).model_dump() == made.metrics
            assert set(made.unobserved) <= set(Metrics.model_fields)


def test_definitions_of_a_stream() -> None:
    """TTFT, TPOT, e2e/n, n/e2e, ITLs and timestamps are those of the design, by hand."""
    made = record(0, outcome(output_tokens=5))
    assert made.metrics["ttft_ms"] == 100.0
    assert made.metrics["tbt_ms"] == 10.0  # 40 ms over 5 - 1 tokens
    assert made.metrics["tpot_ms"] == 28.0  # 140 ms over 5 tokens
    assert made.metrics["throughput_tps"] == pytest.approx(5 / 0.140, abs=1e-6)
    assert made.metrics["itl_list"] == made.chunk_gaps_ms == [20.0, 20.0]
    assert made.metrics["timestamps"] == {
        "queued_at": UNIX_S + 1.0,
        "scheduled_at": UNIX_S + 1.0005,
        "executed_at": UNIX_S + 1.1005,
        "completed_at": UNIX_S + 1.1405,
    }
    assert made.metrics["error_rate"] == 0.0


def test_the_servers_own_id_is_kept() -> None:
    """A record can be found in the server's log by the id of the response's body."""
    assert record(0, outcome(server_id="chatcmpl-1")).server_id == "chatcmpl-1"
    assert record(0, outcome()).server_id is None


def test_no_zero_pretends_to_be_a_measurement() -> None:
    """Each field that holds 0 or nothing because nobody saw it is named under `unobserved`."""
    whole = record(0, outcome(tokens=[], last_token_ns=at(1200.5), output_tokens=4))
    assert {"ttft_ms", "tbt_ms", "itl_list", "timestamps"} <= set(whole.unobserved)
    assert whole.metrics["tpot_ms"] == 50.0
    failed = record(0, outcome(status=Status.INCOMPLETE, code=ErrorCode.UNAVAILABLE))
    assert {"tbt_ms", "tpot_ms", "throughput_tps"} <= set(failed.unobserved)
    assert "ttft_ms" not in failed.unobserved
    assert failed.metrics["error_rate"] == 1.0
    one_chunk = record(0, outcome(tokens=[1100.5], output_tokens=8))
    assert "tbt_ms" in one_chunk.unobserved
    assert "itl_list" not in one_chunk.unobserved


@pytest.mark.parametrize(
    ("rule", "usage", "ours", "expected"),
    [
        ("auto", 9, None, ("usage", 9)),
        ("auto", 9, [2, 2, 1], ("usage", 9)),
        ("auto", None, [2, 2, 1], ("tokenizer", 5)),
        ("auto", None, None, ("chunks", 3)),
        ("usage", 9, None, ("usage", 9)),
        ("usage", None, [2, 2, 1], ("usage", None)),
        ("tokenizer", 9, [2, 2, 1], ("tokenizer", 5)),
        ("tokenizer", 9, None, ("tokenizer", None)),
        ("chunks", 9, None, ("chunks", 3)),
    ],
)
def test_token_source(
    rule: str, usage: int | None, ours: list[int] | None, expected: tuple[str, int | None]
) -> None:
    """Output tokens come from where the rule says, and the record names the source."""
    made = record(0, outcome(output_tokens=usage, frame_tokens=ours), token_source=rule)
    assert (made.token_source, made.output_tokens) == expected


def test_latencies_of_tokens_are_those_of_counted_tokens() -> None:
    """Two tokens in a frame halve its gap; the gaps between frames stay what they are."""
    counted = outcome(frame_tokens=[1, 2, 1])
    made = record(0, counted)
    assert made.chunk_gaps_ms == [20.0, 20.0]
    assert made.metrics["itl_list"] == [10.0, 10.0, 20.0]
    assert made.metrics["tbt_ms"] == pytest.approx(40 / 3)
    by_usage = record(0, outcome(frame_tokens=[1, 2, 1], output_tokens=4))
    assert by_usage.metrics["itl_list"] == [20.0, 20.0]


def test_counted_latencies_are_kept_as_counts() -> None:
    """With histograms the latencies have one of their own where they are not the gaps."""
    made = record(0, outcome(frame_tokens=[1, 2, 1]), itl="hist")
    assert made.gap_histogram is not None
    assert made.itl_histogram is not None
    assert (made.gap_histogram.sum_us, made.itl_histogram.sum_us) == (40_000, 40_000)
    assert (made.gap_histogram.max_us, made.itl_histogram.min_us) == (20_000, 10_000)
    assert record(0, outcome(frame_tokens=[1, 1, 1]), itl="hist").itl_histogram is None


def test_times_are_seconds_of_the_run_to_the_nanosecond() -> None:
    """A stamp becomes seconds from the run's start; JSON gives back the same number."""
    made = record(0, outcome(sent=1000.123457, written_ns=at(1000.654321)))
    assert made.due_s == 1.0
    assert made.sent_s == 1.000123457
    assert made.written_s == 1.000654321
    read = msgspec.json.decode(msgspec.json.encode(made), type=RequestRecord)
    assert read == made


def test_a_reused_connection_has_no_connect_time() -> None:
    """`connected_s` is null where a pooled connection carried the request."""
    assert record(0, outcome(reused=True)).connected_s is None
    assert record(0, outcome()).connected_s == 1.00075


def test_never_sent() -> None:
    """A dropped row has no time but due and ended, and the Protocol's code for it."""
    dropped = outcome(
        sent=None,
        tokens=[],
        status=Status.DROPPED,
        reason="in_flight",
        code=ErrorCode.RESOURCE_EXHAUSTED,
        http_status=None,
    )
    made = record(0, dropped)
    assert made.sent_s is None
    assert made.error is not None
    assert (made.error.code, made.error.message) == ("resource_exhausted", "in_flight")
    assert made.phase is None


def test_a_failure_keeps_phase_reason_and_message() -> None:
    """What failed, where and why stands in the record."""
    failed = outcome(
        tokens=[],
        status=Status.TIMEOUT,
        phase=Phase.HEADERS,
        reason="first_token",
        code=ErrorCode.DEADLINE_EXCEEDED,
        message="no token for 120 s",
    )
    made = record(0, failed)
    assert (made.status, made.phase, made.reason) == ("timeout", "headers", "first_token")
    assert made.error is not None
    assert (made.error.code, made.error.message) == ("deadline_exceeded", "no token for 120 s")


@pytest.mark.parametrize(
    ("usage", "asked", "short"),
    [(9, 10, True), (10, 10, False), (None, 4, True), (None, 3, False), (9, None, False)],
)
def test_short_output(usage: int | None, asked: int | None, short: bool) -> None:
    """Fewer tokens than asked are flagged; by chunks alone only under 80 %."""
    made = record(0, outcome(output_tokens=usage), asked=Asked(output_tokens=asked))
    assert ("short_output" in made.flags) is short


def test_chunks_at_eighty_percent_are_not_short() -> None:
    """A chunk may hold two tokens: 4 chunks of 5 asked are no short output."""
    stamps = [1100.5, 1110.5, 1120.5, 1130.5]
    assert "short_output" not in record(0, outcome(tokens=stamps), asked=Asked(None, 5)).flags


def test_histogram_mode_keeps_counts_instead_of_gaps() -> None:
    """With `--itl hist` no gap is kept one by one, and the record says so."""
    made = record(0, outcome(), itl="hist")
    assert made.chunk_gaps_ms == []
    assert made.metrics["itl_list"] == []
    assert "itl_list" in made.unobserved
    assert made.gap_histogram is not None
    assert made.gap_histogram.sum_us == 40_000
    assert (made.gap_histogram.min_us, made.gap_histogram.max_us) == (20_000, 20_000)


def test_what_the_row_said_stands_in_the_record() -> None:
    """Session, tenant, class, arrival and dependencies are carried over."""
    row = Row(
        request_id="a7",
        arrival_time_s=12.5,
        session_id="s",
        turn_index=2,
        depends_on=["a6"],
        tenant_id="t1",
        request_class="batch",
    )
    made = record(7, outcome(), row)
    assert (made.row_id, made.session_id, made.turn_index, made.depends_on) == (
        "a7",
        "s",
        2,
        ["a6"],
    )
    assert (made.tenant, made.class_, made.arrival_s) == ("t1", "batch", 12.5)
    assert record(7, outcome()).row_id is None


@pytest.mark.parametrize(
    ("rule", "seq", "warm"),
    [
        (Warmup(), 0, False),
        (Warmup("s", 1.5), 0, True),
        (Warmup("s", 1.0), 0, False),
        (Warmup("req", 5), 4, True),
        (Warmup("req", 5), 5, False),
    ],
)
def test_warm_up(rule: Warmup, seq: int, warm: bool) -> None:
    """Seconds of due time, or the first requests of the plan."""
    assert record(seq, outcome(due=1000.0), warmup=rule).warmup is warm


def test_a_row_marked_as_warm_up_is_warm_up() -> None:
    """The trace's own mark counts."""
    assert record(0, outcome(), Row(request_id="x", phase="warmup")).warmup is True


@pytest.mark.parametrize(
    ("keep", "status", "text"),
    [
        ("none", Status.INCOMPLETE, None),
        ("errors", Status.INCOMPLETE, "hello"),
        ("errors", Status.OK, None),
        ("all", Status.OK, "hello"),
    ],
)
def test_text_is_kept_only_where_asked(keep: str, status: Status, text: str | None) -> None:
    """Replies are not written unless somebody asked for them."""
    assert record(0, outcome(text="hello", status=status), keep_content=keep).text == text


@pytest.mark.speed
def test_size_and_cost_of_a_hundred_tokens() -> None:
    """A record of 100 tokens stays under 3.5 kB and far under a tenth of a millisecond."""
    stamps = [1100.5 + 20.123 * index for index in range(100)]
    result = outcome(tokens=stamps, output_tokens=100)
    encoder = msgspec.json.Encoder()
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(50):
            line = encoder.encode(record(0, result))
        best = min(best, (time.perf_counter() - began) / 50)
    assert len(line) < 3500
    assert best < 100e-6


def test_attempts_are_told() -> None:
    """How often it was tried, and the seconds that were wasted; the first try is no retry."""
    tried = record(0, outcome(attempt=3, wasted_ns=300_000_000))
    assert (tried.attempt, tried.wasted_s) == (3, 0.3)
    assert (record(0).attempt, record(0).wasted_s) == (1, 0.0)


def test_a_user_who_left_is_no_error() -> None:
    """No Protocol error, no error rate, no text kept as of an error; its TTFT is observed."""
    left = record(
        0, outcome(status=Status.CANCELLED, reason="user", text="so far"), keep_content="errors"
    )
    assert (left.error, left.text, left.metrics["error_rate"]) == (None, None, 0.0)
    assert left.metrics["ttft_ms"] == 100.0
    assert "ttft_ms" not in left.unobserved
    assert "tbt_ms" in left.unobserved
    stopped = record(
        0, outcome(status=Status.CANCELLED, reason="stopped", text="so far"), keep_content="errors"
    )
    assert (stopped.text, stopped.metrics["error_rate"]) == ("so far", 1.0)


def test_kept_text_is_capped_at_a_character_and_says_so() -> None:
    """At most 16 KiB of a reply, never half a character, no key; a flag where it was cut."""
    long = record(0, outcome(text="é" * 9000), keep_content="all")
    assert long.text is not None
    assert len(long.text.encode()) == 16 * 1024
    assert long.flags == ["text_cut"]
    odd = record(0, outcome(text="x" + "é" * 9000), keep_content="all")
    assert odd.text is not None
    assert (len(odd.text.encode()), odd.text[-1]) == (16 * 1024 - 1, "é")
    short = record(0, outcome(text="my key-1234"), keep_content="all", secrets=("key-1234",))
    assert (short.text, short.flags) == ("my ***", [])
