"""The final text: what it says, that it fits, and that nobody else can write into it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.report.summaries import block, common, counts, latency, summary

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.summary import RunFacts, summarize
from sagellm_benchmark.record.record import Asked, RecordError, RequestRecord
from sagellm_benchmark.report.terminal import summary_svg, summary_text

RUN_DIR = "runs/20261123-083000"


def text_of(width=120, **changes):
    """The text of the hand-written summary, changed where the test says so."""
    return summary_text(summary(**changes), width=width, color=False, run_dir=RUN_DIR)


GOLDEN = Path(__file__).parent


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_is_what_we_say_it_is(width):
    """Verdict, counts, latencies, results, trust, errors and files, at both common widths."""
    golden = GOLDEN / f"summary_{width}.txt"
    assert text_of(width) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """The text fits the width it was made for."""
    assert max(map(len, text_of(width).splitlines())) <= width


def test_the_environment_changes_nothing(monkeypatch):
    """The caller decides on colour and width, not variables that rich would read."""
    plain = text_of(80)
    for name, value in {
        "FORCE_COLOR": "1",
        "COLUMNS": "40",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert text_of(80) == plain
    assert "\x1b[" in summary_text(summary(), width=80, color=True, run_dir=RUN_DIR)


def test_colour_adds_nothing_but_colour():
    """With escapes taken out, the coloured text is the plain one."""
    coloured = summary_text(summary(), width=80, color=True, run_dir=RUN_DIR)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == text_of(80).splitlines()


def test_an_invalid_run_says_why_first():
    """The verdict is the first line, its reasons the next ones."""
    reasons = ["dispatch lag p99 31.2 ms is over 10 ms", "2 requests lost, 0 are allowed"]
    verdict = {"state": "invalid", "valid": False, "exit_code": 3, "reasons": reasons}
    assert text_of(verdict=verdict).splitlines()[:4] == [
        "INVALID  do not use these figures (exit code 3)",
        "  - dispatch lag p99 31.2 ms is over 10 ms",
        "  - 2 requests lost, 0 are allowed",
        "",
    ]


def test_a_warned_run_that_passed_says_both():
    """A warning is no failure: the exit code stands beside it."""
    verdict = {"state": "warned", "valid": True, "exit_code": 0, "reasons": ["CPU 95 %"]}
    assert text_of(verdict=verdict).splitlines()[:2] == [
        "WARNED  usable, but read the reasons (exit code 0)",
        "  - CPU 95 %",
    ]


def test_every_state_with_a_count_is_in_the_sum():
    """Planned is shown as the sum of its states, the empty ones left out."""
    found = counts(100, timeout=1, cancelled=2, lost=3)
    line = "requests      100 planned = ok 94 + timeout 1 + cancelled 2 + lost 3"
    assert line in text_of(counts=found).splitlines()
    assert "0 planned = none" in text_of(counts=counts(0))


def test_warm_up_is_told_apart():
    """Requests that are in the counts but in no figure are named."""
    assert "warm-up       20 of them, in no figure below" in text_of(warmup=counts(20))


def test_ttfa_has_a_row_only_where_it_differs():
    """A model that does not reason has one time to first token, not two rows of it."""
    assert "TTFA" not in text_of()
    assert re.search(
        r"^TTFA +490 ", text_of(latency=latency(490) | {"ttfa_ms": block(490, 300)}), re.M
    )


def test_what_was_not_measured_is_named_and_has_no_row():
    """Whole replies have no TTFT: it is said, and no row of dashes stands for it."""
    nothing = {name: block(0, 0) for name in latency(1)}
    text = text_of(latency=nothing | {"e2e_ms": block(2000, 12.0)})
    assert (
        "Not measured: TTFT, TTFT from due, TTFA, chunk gap, ITL, TPOT, e2e from due, connect."
        in text
    )
    assert re.findall(r"^(?:TTFT|ITL|e2e)\b.*$", text, re.M)[0].startswith("e2e  2,000")
    assert "Latency in ms" not in text_of(latency=nothing)


def test_percentiles_of_few_values_are_marked():
    """Under 100 values a p99, under 1,000 a p99.9 carries a tilde; from there on none does."""
    at = {name: block(1000, 10.0) for name in latency(1)}
    assert "~" not in text_of(latency=at)
    assert "~40.0 " in text_of(latency=at | {"ttft_ms": block(99, 10.0)})
    below = text_of(latency=at | {"ttft_ms": block(999, 10.0)})
    assert "~50.0 " in below
    assert "~40.0 " not in below
    assert below.count("~ fewer than 100 values") == 1


def test_unknown_figures_are_dashes():
    """Null is never shown as 0 or as None."""
    changes = {
        "duration_s": None,
        "throughput": dict.fromkeys(summary()["throughput"]),
        "tokens": {"input": None, "output": None, "source": None},
        "fidelity": summary()["fidelity"]
        | {"dispatch_lag_ms": block(0, 0), "offered_rps": None, "achieved_rps": None}
        | {"output_tokens": {"asked": None, "got": None}},
        "generator": dict.fromkeys(summary()["generator"]),
        "goodput": {"slo": [], "requests_per_s": None, "fraction": None},
        "slo": [{"expr": "ttft_ms.p99<=500", "value": None, "passed": False}],
        "steady": None,
        "errors": [],
    }
    text = text_of(**changes)
    assert "None" not in text and "nan" not in text
    assert "duration      -\n" in text
    assert "throughput    - requests/s, - output tokens/s, - input tokens/s\n" in text
    assert "tokens        - in, - out, not counted\n" in text
    assert "fidelity      - requests/s sent, dispatch lag p50 - ms, p99 - ms\n" in text
    assert "objectives    FAIL  ttft_ms.p99<=500  (is -)\n" in text
    for absent in ("goodput", "steady", "Errors"):
        assert absent not in text


def test_an_objective_missed_by_little_shows_by_how_much():
    """A value just over its limit is not rounded to the limit."""
    slo = {"expr": "ttft_ms.p99<=500", "value": 500.04, "passed": False}
    assert "FAIL  ttft_ms.p99<=500  (is 500.04)" in text_of(slo=[slo])


def test_a_real_summary_is_shown():
    """What the metrics make of records has every key that the text needs."""
    columns = Columns()
    for seq in range(30):
        columns.add(record(seq))
    facts = RunFacts(
        run_id="r1", started_at="2026-11-23T08:30:00Z", rows=40, planned=30, slos=parse_slos([])
    )
    text = summary_text(summarize(columns, facts), width=100, color=False, run_dir=RUN_DIR)
    assert "requests      30 planned = ok 29 + timeout 1" in text
    assert re.search(r"^TTFT +29 +20\.0 ", text, re.M)
    assert "10 rows of the trace were not reached" in text
    assert "1  timeout  DEADLINE_EXCEEDED  too slow" in text
    assert "generator     CPU - %, loop lag p99 - ms" in text


def record(seq):
    """One request of 20 ms to the first token and 10 ms a token; number 7 took too long."""
    late = seq == 7
    return RequestRecord(
        seq=seq,
        request_id=f"r{seq}",
        trace_id=f"t{seq}",
        worker="local",
        host="http://127.0.0.1:8000",
        due_s=seq / 10,
        sent_s=seq / 10,
        first_token_s=seq / 10 + 0.02,
        first_answer_s=seq / 10 + 0.02,
        last_token_s=seq / 10 + 0.05,
        ended_s=seq / 10 + 0.05,
        status="timeout" if late else "ok",
        error=RecordError("DEADLINE_EXCEEDED", "too slow") if late else None,
        asked=Asked(8, 4),
        input_tokens=8,
        output_tokens=4,
        token_source="usage",
        chunks=4,
        reads=4,
        chunk_gaps_ms=[10.0] * 3,
        metrics={"itl_list": [10.0] * 3},
    )


def test_chunks_are_called_a_lower_bound():
    """Where tokens were counted in chunks, the line says what that count is worth."""
    source = {"input": None, "output": 100, "source": "chunks"}
    assert "100 out, counted in chunks (lower bound)" in text_of(tokens=source)


def test_protocol_tpot_is_never_called_tpot():
    """The Protocol's tpot_ms, e2e/n, stands under a name that nobody takes for TPOT."""
    text = text_of()
    assert "protocol.tpot_ms (e2e/n) 11.3" in text
    assert re.findall(r"(?<!protocol\.)tpot_ms", text) == []


def test_unobserved_protocol_figures_are_no_zeros():
    """A zero that the Protocol demands for something not observed is a dash here."""
    metrics = summary()["protocol_metrics"] | {"tbt_ms": 0.0, "unobserved": ["tbt_ms"]}
    assert "tbt_ms -," in text_of(protocol_metrics=metrics)


def test_servers_and_traces_cannot_write_to_the_terminal():
    """Escapes, line breaks and markup in messages, names and notes come out as plain text."""
    evil = "\x1b[2J\x1b]0;owned\x07a\r\nb \x9b31m[bold]c[/bold] :smile: \u202ed"
    clean = "a b [bold]c[/bold] :smile: d"
    error = {"status": "http_error", "code": None, "message": evil, "count": 7}
    group = summary()["groups"][0]
    verdict = {"state": "warned", "valid": True, "exit_code": 0, "reasons": [evil]}
    text = text_of(
        width=200,
        errors=[error],
        notes=[evil],
        verdict=verdict,
        groups=[group, group | {"model": evil}],
    )
    assert text.count(clean) == 4
    assert not re.search(r"[^\n\x20-\x7e]", text)


def test_groups_are_named_by_what_differs():
    """Only the columns that tell groups apart are shown."""
    group = summary()["groups"][0]
    text = text_of(groups=[group, {**group, "tenant": "t1", **common(100, timeout=40)}])
    header, first, second = text[text.index("Groups") :].splitlines()[1:4]
    assert header.split()[:3] == ["tenant", "planned", "ok"]
    assert first.split()[:3] == ["-", "500", "490"]
    assert second.split()[:3] == ["t1", "100", "60"]


def test_long_lists_say_how_many_more_there_are():
    """Ten kinds of errors and twenty groups are shown; the rest is in the file."""
    error, group = summary()["errors"][0], summary()["groups"][0]
    groups = [group | {"name": f"g{number}"} for number in range(23)]
    text = text_of(errors=[error] * 14, groups=groups)
    assert "and 4 more in summary.json" in text
    assert "and 3 more in summary.json" in text
    assert text.count("no healthy engine") == 10


def test_notes_stand_before_the_figures():
    """What a reader must know comes before what it is about."""
    text = text_of(notes=["3 of 490 replies shorter than asked", "two"])
    assert "notes         3 of 490 replies shorter than asked\n              two\n" in text
    assert text.index("notes") < text.index("Latency")


def test_the_picture_holds_the_text():
    """The same text can be had as an SVG of a terminal."""
    picture = summary_svg(summary(), RUN_DIR)
    assert picture.startswith("<svg")
    assert "VALID" in picture and "TTFT" in picture


def test_the_module_is_cheap_to_import():
    """Rich is loaded when a text is made, not before."""
    code = "import sys, sagellm_benchmark.report.terminal; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_the_client_cost_is_told_in_one_place():
    """Pauses are always there, stalls where there were any; the rest is in the files."""
    assert "longest GC pause 0.412 ms" in text_of()
    assert "stall" not in text_of()
    stalled = {
        **summary()["generator"],
        "stalls": [{"start_s": 1.0, "end_s": 1.2, "requests": 3}],
        "stalled_requests": {"count": 3, "fraction": 0.006},
    }
    assert "1 stall touched 3 requests" in text_of(generator=stalled)


def test_a_long_reason_is_indented():
    """What does not fit a line goes on under its beginning."""
    verdict = {"state": "warned", "valid": True, "exit_code": 0, "reasons": ["word " * 30]}
    first, second = text_of(width=80, verdict=verdict).splitlines()[1:3]
    assert first.startswith("  - word word")
    assert second.startswith("    word word")
