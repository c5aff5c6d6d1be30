"""Whatever the target does and however the run ends, every planned request is counted once."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.faults.cases import GROUPS
from tests.faults.program import program
from tests.load.processes import books_agree, made, target, to, wait_for

REQUESTS, RATE = 90, 60
STREAMED = [
    fault
    for group in GROUPS
    if "openai" in group.target and not {"--no-stream", "--output-length"} & set(group.options)
    for fault in group.faults
    if fault.do["do"] != "redirect"
]
MAY_BE = {
    kind: {fault.status for fault in STREAMED if fault.do["do"] == kind}
    for kind in {fault.do["do"] for fault in STREAMED}
}
"""The states that each kind of fault may lead to, as the cases have it."""

selectors = st.one_of(
    st.builds(lambda share: {"chance": share}, st.sampled_from([0.05, 0.2, 0.5])),
    st.builds(lambda step: {"every": step}, st.integers(2, 9)),
    st.builds(lambda digit: {"ids": [f"*{digit}"]}, st.integers(0, 9)),
)
rules = st.builds(
    lambda fault, selector: {**fault.do, **selector}, st.sampled_from(STREAMED), selectors
)
scripts = st.builds(
    lambda seed, rules: {"seed": seed, "faults": rules},
    st.integers(0, 1000),
    st.lists(rules, min_size=1, max_size=8),
)
options = st.tuples(
    st.sampled_from([(), ("--max-in-flight", 3), ("--max-in-flight", 20)]),
    st.sampled_from([(), ("--cancel-rate", 0.3, "--cancel-after", "2tok")]),
    st.sampled_from([(), ("--retry", 2)]),
    st.sampled_from([(), ("--warmup", "20req")]),
).map(lambda chosen: sum(chosen, ()))
endings = st.sampled_from(["plan", "run time", "SIGINT", "SIGTERM", "target killed"])


@pytest.mark.integration
@pytest.mark.timeout(400)
@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(scripts, options, endings)
def test_planned_is_the_sum_of_the_states(script, options, ending):
    """Random faults, caps and ends: each planned request has one record, in a fitting state."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "faults.json").write_text(json.dumps(script))
        with target(
            *(folder / "target", "--dialect", "openai", "--fixed", "--ttft-ms", 50),
            *("--itl-ms", 20, "--faults", folder / "faults.json"),
        ) as whom:
            check(folder / "load", whom, options, ending)


def check(folder, whom, options, ending):
    """Let one run come to its end and hold its books against the target's."""
    load = (*made(requests=REQUESTS, rate=RATE), *to(whom, "conserved"), "--stop-timeout", 1)
    late = ("--first-token-timeout", 1, "--idle-timeout", 1, "--timeout", 1.5)
    timed = ("--run-time", "1s") if ending == "run time" else ()
    with program(folder, *load, *late, *timed, *options) as run:
        if ending in ("SIGINT", "SIGTERM"):
            run.running()
            run.interrupt(getattr(signal, ending))
        elif ending == "target killed":
            wait_for(lambda: len(run_posts(run)) > 0, run)
            whom.stop(signal.SIGKILL)
        code = run.ended(40)
        assert "Traceback" not in run.err, run.err
        assert code in ((3,) if ending.startswith("SIG") else (0, 1, 3))
        killed = ending == "target killed"
        books_agree(run.run, None if killed else whom)
        summary = run.run.summary
        trace = summary["trace"]
        assert trace["released"] == summary["counts"]["planned"]
        assert trace["rows"] == trace["released"] + trace["unreached"] == REQUESTS
        if not killed:
            states_fit(run.run.records, whom)


def run_posts(run):
    """The records on disk so far."""
    return run.run.records if run.runs else []


def states_fit(records, whom):
    """Each record's state is one that its fault, or the run's own ending of it, may lead to."""
    faults = {line.request_id: line.fault for line in whom.posts("conserved")}
    for record in records:
        fault = faults.get(record.request_id)
        allowed = MAY_BE[fault] if fault else {"ok"}
        if record.status == "dropped":
            assert record.request_id not in faults and record.reason == "max_in_flight"
        elif record.status == "cancelled":
            assert record.reason in ("user", "stopped")
        else:
            assert record.status in allowed, (fault, record)
