"""Connections that never stand are told before the load, and counted where it is sent anyway."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest
from tests.faults.connecting import UNREACHABLE
from tests.faults.program import Program, program
from tests.load.processes import books_agree, came_out, made, target, to

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes certificates"),
]

CODES = {"connect_error": "unavailable", "timeout": "deadline_exceeded"}
REQUESTS = 4
GONE = '{"faults": [{"do": "refuse", "requests": [20], "seconds": 0.6}]}'


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """Each target twice: asked before the load, and sent the load without being asked."""
    folder = tmp_path_factory.mktemp("connecting")
    with ExitStack() as stack:
        started = {}
        for case in UNREACHABLE:
            url, options = stack.enter_context(case.whom(folder))
            options = (*made(requests=REQUESTS, rate=20), "--host", url, "--model", "m", *options)
            for kind, more in (("asked", ()), ("sent", ("--no-preflight",))):
                run = Program(folder / f"{case.name}-{kind}", *options, *more)
                stack.callback(run.close)
                started[case.name, kind] = run
            if case.reason is None:  # those that wait go on beside the others
                started[case.name, "asked"].ended(60)
                started[case.name, "sent"].ended(60)
        yield started


@pytest.mark.parametrize("case", UNREACHABLE, ids=lambda case: case.name)
def test_it_is_told_before_any_load(attempts, case):
    """One line that names the target and what is wrong, exit code 2, no run directory."""
    run = attempts[case.name, "asked"]
    assert run.ended() == 2
    assert run.err.startswith("error: --host http")
    assert run.err.count("\n") == 1
    assert case.refused in run.err
    assert run.runs == []


@pytest.mark.parametrize("case", UNREACHABLE, ids=lambda case: case.name)
def test_each_request_says_how_far_it_came(attempts, case):
    """Sent all the same, every request has its one record, with the phase and a plain word."""
    run = attempts[case.name, "sent"]
    if case.status is None:
        assert run.ended() == 2
        assert case.refused in run.err
        return
    assert "Traceback" not in run.err
    books_agree(run.run)
    assert run.run.states == {case.status: REQUESTS}
    for record in run.run.records:
        assert (record.phase, record.reason) == (case.phase, case.reason)
        assert record.error.code == CODES[case.status]
        assert case.says in record.error.message
        assert record.sent_s is not None and record.written_s is None
        assert (record.connected_s, record.http_status, record.chunks) == (None, None, 0)
    assert run.ended() == run.run.summary["verdict"]["exit_code"] != 0


def test_a_target_that_goes_away_for_a_while(tmp_path):
    """Once somebody has answered, refused connections are counted, and the run goes on."""
    (tmp_path / "faults.json").write_text(GONE)
    with (
        target(
            *(tmp_path / "target", "--fixed", "--ttft-ms", 20, "--itl-ms", 2),
            *("--faults", tmp_path / "faults.json"),
        ) as whom,
        program(tmp_path / "load", *made(requests=80, rate=50), *to(whom, "gone")) as run,
    ):
        came_out(run, 1)
        books_agree(run.run, whom)
        states = [record.status for record in sorted(run.run.records, key=lambda r: r.seq)]
        assert set(states) == {"ok", "connect_error"}
        refused_at = [seq for seq, state in enumerate(states) if state == "connect_error"]
        assert len(refused_at) > 10
        assert refused_at[0] >= 20
        assert states[-10:] == ["ok"] * 10
        refused = [record for record in run.run.records if record.status == "connect_error"]
        assert {(r.phase, r.reason, r.error.code) for r in refused} == {
            ("connect", refused[0].reason, "unavailable")
        }
