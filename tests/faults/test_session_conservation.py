"""Whatever breaks within sessions and however the run ends, every row is settled once, in order."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.faults.program import program
from tests.faults.test_conservation import scripts
from tests.load.processes import books_agree, target, to

ROWS = 80
graphs = st.lists(
    st.tuples(
        st.lists(st.integers(1, 12), max_size=2),
        st.sampled_from([0.0, 0.0, 0.05, 0.3]),
        st.sampled_from(["continue", "spawn", None]),
    ),
    min_size=ROWS,
    max_size=ROWS,
)
paces = st.sampled_from(
    [(), ("--speed", 3), ("--concurrency", 6), ("--max-sessions", 4), ("--max-sessions", 40)]
)
options = st.tuples(
    st.sampled_from([(), ("--max-in-flight", 3)]),
    st.sampled_from([(), ("--cancel-rate", 0.3, "--cancel-after", "2tok")]),
    st.sampled_from([("--after-failure", "skip"), ("--after-failure", "send")]),
    st.sampled_from([(), ("--loop", 2)]),
).map(lambda chosen: sum(chosen, ()))
endings = st.sampled_from(["plan", "plan", "run time", "SIGINT", "SIGTERM"])


def write(path, graph):
    """The trace of a graph: whom each row waits for, counted back from it."""
    rows = [{"schema": "sagellm.trace/1", "source": {"name": "t"}}]
    for seq, (back, think_s, relation) in enumerate(graph):
        row = {"request_id": f"r{seq}", "arrival_time_s": seq / 40, "input_tokens": 20 + seq}
        names = sorted({f"r{seq - step}" for step in back if step <= seq})
        if names:
            row |= {"depends_on": names, "think_time_s": think_s}
            row |= {} if relation is None else {"relation": relation}
        rows.append({**row, "output_tokens": 4, "session_id": f"s{seq % 7}"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.integration
@pytest.mark.timeout(400)
@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(graphs, scripts, paces, options, endings)
def test_every_row_is_settled_once(graph, script, pace, options, ending):
    """Random graphs, faults, paces and ends: one record a planned row, none before its time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "faults.json").write_text(json.dumps(script))
        trace = write(folder / "t.jsonl", graph)
        with target(
            *(folder / "target", "--dialect", "openai", "--fixed", "--ttft-ms", 20),
            *("--itl-ms", 5, "--faults", folder / "faults.json"),
        ) as whom:
            check(folder / "load", whom, (trace, *pace, *options), ending)


def check(folder, whom, options, ending):
    """Let one run come to its end; hold its records against the target's log and each other."""
    late = ("--first-token-timeout", 1, "--idle-timeout", 1, "--timeout", 1.5)
    timed = ("--run-time", "1s") if ending == "run time" else ()
    with program(
        folder, *options, *to(whom, "sessions"), "--stop-timeout", 1, *late, *timed
    ) as run:
        if ending.startswith("SIG"):
            run.running()
            run.interrupt(getattr(signal, ending))
        code = run.ended(60)
        assert "Traceback" not in run.err, run.err
        assert code in ((3,) if ending.startswith("SIG") else (0, 1, 3)), run.err
        books_agree(run.run, whom)
        trace = run.run.summary["trace"]
        rows = ROWS * (2 if "--loop" in options else 1)
        assert trace["rows"] == trace["released"] + trace["unreached"] == rows
        reasons = run.run.summary["verdict"]["reasons"]
        if ending == "plan" and not any(reason.startswith("aborted") for reason in reasons):
            assert trace["unreached"] == 0
        settled(run.run.records, "send" in options)


def settled(records, always):
    """Each row is behind what it waited for, and only what a failure explains is skipped."""
    known = {record.row_id: record for record in records}
    for record in records:
        before = [known[name] for name in record.depends_on]
        if not before:
            assert record.status != "skipped"
            continue
        gone = [each for each in before if not went_on(each, always)]
        assert (record.status == "skipped") == bool(gone)
        assert record.due_s >= max(each.ended_s for each in before) - 1e-9
        if record.status == "skipped":
            assert record.reason in ("dependency", "user")


def went_on(record, always):
    """Whether those that wait for this row are sent."""
    left = record.reason == "user"
    return record.status == "ok" or (always and not left and record.status != "skipped")
