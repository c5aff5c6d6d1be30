"""Whatever is done to one request, it ends in its one state, and the others are unharmed."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest
from tests.faults.cases import ELSEWHERE, GROUPS
from tests.faults.program import Program
from tests.load.processes import (
    FILES,
    Load,
    books_agree,
    came_out,
    locust_agrees,
    made,
    target,
    to,
)

RATE = 40
FAULTS = [(group, fault) for group in GROUPS for fault in group.faults]


def script(group, elsewhere):
    """The fault script of a group: request 1, 3, 5 … meet its faults, one after the other."""
    rules = []
    for number, fault in enumerate(group.faults):
        rule = {**fault.do, "ids": [f"*-{2 * number + 1}"]}
        if rule.get("location") == ELSEWHERE:
            rule["location"] = elsewhere
        rules.append(rule)
    return json.dumps({"faults": rules})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every group's run at its end, and its target; two of them at once."""
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        elsewhere.setblocking(False)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        found, before = {}, None
        for group in GROUPS:
            place = folder / group.name
            place.mkdir()
            (place / "faults.json").write_text(script(group, url))
            whom = stack.enter_context(
                target(
                    *(place / "target", "--fixed", "--ttft-ms", 10, "--itl-ms", 4),
                    *("--faults", place / "faults.json", *group.target),
                )
            )
            load = made(requests=2 * len(group.faults) + 1, rate=RATE, output_tokens=group.tokens)
            options = (*load, *to(whom, group.name), *group.options)
            if group.locust:
                run = Load(place / "load", "--headless", *FILES, *options)
            else:
                run = Program(place / "load", *options)
            stack.callback(run.close)
            found[group.name] = run, whom
            if before is not None:
                before.ended(60)
            before = run
        before.ended(60)
        for run, _ in found.values():
            assert run.runs, run.err
        yield found
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize(
    ("group", "fault"), FAULTS, ids=[f"{group.name}-{fault.name}" for group, fault in FAULTS]
)
def test_what_a_fault_leads_to(runs, group, fault):
    """State, phase, reason, code, tokens kept and flags of a request that met a fault."""
    run, whom = runs[group.name]
    seq = 2 * group.faults.index(fault) + 1
    record = next(record for record in run.run.records if record.seq == seq)
    told = record.status, record.phase, record.reason, record.error and record.error.code
    assert told == (fault.status, fault.phase, fault.reason, fault.code), record.error
    least, most = fault.chunks if isinstance(fault.chunks, tuple) else (fault.chunks,) * 2
    if group.chunks:
        assert least <= record.chunks <= most
        assert (record.first_token_s is None) == (record.chunks == 0)
    assert fault.flags in (None, tuple(record.flags))
    if record.error is not None:
        assert fault.says in record.error.message
        assert 0 < len(record.error.message) <= 300
        assert record.error.message.isprintable()
    if record.text is not None:
        assert fault.says in record.text
        assert len(record.text.split(" ")) > group.tokens
    for name, value in fault.facts.items():
        assert getattr(record, name) == value, name
    assert (record.metrics["error_rate"] == 0.0) == (fault.status == "ok")
    (line,) = [line for line in whom.posts(group.name) if line.request_id == record.request_id]
    assert line.fault == fault.do["do"]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_the_others_are_unharmed(runs, group):
    """Requests that nothing was done to are ok, to the last token, in the midst of the faults."""
    run, _ = runs[group.name]
    others = [record for record in run.run.records if record.seq % 2 == 0]
    assert len(others) == len(group.faults) + 1
    for record in others:
        assert (record.status, record.error, record.flags) == ("ok", None, []), record
        assert record.chunks == group.chunks
        assert record.output_tokens in (group.tokens, None)
        assert record.http_status == 200


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_the_run_adds_up(runs, group):
    """Every request is sent once and has one record; summary, exit code and log agree."""
    run, whom = runs[group.name]
    came_out(run, group.exit)
    books_agree(run.run, whom)
    if group.locust:
        locust_agrees(run, run.run)
    planned = 2 * len(group.faults) + 1
    failed = sum(fault.status != "ok" for fault in group.faults)
    assert run.run.states["ok"] == planned - failed
    summary = run.run.summary
    assert summary["counts"]["planned"] == planned
    assert summary["protocol_metrics"]["error_rate"] == pytest.approx(failed / planned)
    short = sum(fault.do["do"] == "short" and fault.status == "ok" for fault in group.faults)
    assert summary["short_output"]["count"] == short
    assert summary["latency"]["e2e_ms"]["count"] == planned - failed
    written = [(run.run.folder / "summary.json").read_bytes()]
    for segment in run.run.folder.glob("records/*.jsonl"):
        written += segment.read_bytes().splitlines()
    for text in written:
        json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON


def record_of(run, name):
    """The record of a harmless fault, by the fault's name."""
    names = [fault.name for fault in GROUPS[0].faults]
    seq = 2 * names.index(name) + 1
    return next(record for record in run.run.records if record.seq == seq)


def test_the_clock_stops_at_the_last_token(runs):
    """A connection that is held open after the answer is let go, and costs the answer no time."""
    record = record_of(runs["harmless"][0], "held-open")
    assert record.last_token_s <= record.done_s < record.sent_s + 0.9
    assert 0.9 < record.ended_s - record.done_s < 5
    assert record.metrics["timestamps"]["completed_at"] is not None


def test_what_is_felt_is_what_is_measured(runs):
    """Silence before the headers is TTFT, silence between tokens a gap; reasoning is no answer."""
    run, _ = runs["harmless"]
    silent, pause = record_of(run, "silent"), record_of(run, "pause")
    assert silent.first_token_s - silent.sent_s > 0.3
    assert max(pause.chunk_gaps_ms) > 150  # the token before it may be read late
    reasoning = record_of(run, "reasoning")
    assert reasoning.first_token_s < reasoning.first_answer_s <= reasoning.last_token_s
