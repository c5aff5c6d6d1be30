"""What cannot work ends before any load: one line, exit code 2, nothing left behind."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.load.processes import CLOSED, REPLAY, free_port, load, made

MADE = made(requests=5, rate=10)
NAMED = ("--model", "sim-llm")
HTTP_USER = """
from locust import HttpUser, task

class Browser(HttpUser):
    @task
    def look(self):
        self.client.get("/health")
"""
LOCAL = ("--master-bind-host", "127.0.0.1")
BOUND = (*LOCAL, "--master-bind-port", "{port}", "--master-port", "{port}")
SHAPE = """
from locust import LoadTestShape

class Shape(LoadTestShape):
    def tick(self):
        return None
"""
HEADER = {"schema": "sagellm.trace/1", "source": {"name": "made up"}}
GOOD = {"request_id": "a", "arrival_time_s": 0, "input_tokens": 5, "output_tokens": 5}


def case(words, *options, file=REPLAY, host=True, env=None):
    """One refusal: what the line must say, the options, the locustfile."""
    return words, options, file, host, env


CASES = {
    "users": case("--speed X, --rate R or --concurrency N", *MADE, *NAMED, "-u", 5),
    "another-user": case("take Browser out", *MADE, *NAMED, file=REPLAY + HTTP_USER),
    "two-of-ours": case("do not run together", *MADE, *NAMED, file=REPLAY + CLOSED),
    "shape": case("remove the LoadTestShape", *MADE, *NAMED, file=REPLAY + SHAPE),
    "master": case("no healthy engine serves it", *MADE, "--model", "gpt-9", "--master", *BOUND),
    "no-concurrency": case("--concurrency N", *MADE, *NAMED, file=CLOSED),
    "unknown-model": case("no healthy engine serves it", *MADE, "--model", "gpt-9"),
    "no-host": case("--host is missing", *MADE, *NAMED, host=False),
    "refusing": case("refused", *MADE, *NAMED, "--host", "{refusing}", host=False),
    "no-file": case("missing.jsonl", "--trace", "missing.jsonl", *NAMED),
    "bad-row": case("trace.jsonl:3: arrival_time_s", "--trace", "trace.jsonl", *NAMED),
    "recorded-chat": case(
        "--endpoint chat",
        *("--trace", "chat.jsonl", *NAMED, "--endpoint", "completions", "--no-stream"),
    ),
    "bad-format": case("--format", "--trace", "trace.jsonl", "--format", "tea-leaves", *NAMED),
    "warm-up-of-all": case("so nothing would be measured", *MADE, *NAMED, "--warmup", "10req"),
    "warm-up-too-long": case("all requests are due within", *MADE, *NAMED, "--warmup", "9000s"),
    "warm-up-to-the-end": case(
        "--run-time ends the run after 3 s", *MADE, *NAMED, "--warmup", "3s", "-t", "3s"
    ),
    "leaving-when": case("--cancel-rate needs --cancel-after", *MADE, *NAMED, "--cancel-rate", 1),
    "bad-header": case(
        "request b: recorded header 'X Y' is not a header name", "--trace", "header.jsonl", *NAMED
    ),
    "too-long": case(
        "--too-long fail: 5 of 5 requests are too long for --max-input-tokens 4",
        *(*MADE, *NAMED, "--max-input-tokens", 4),
    ),
    "nothing-left": case(
        "no rows to send (5 read, dropped: {'too_long': 5})",
        *(*MADE, *NAMED, "--max-input-tokens", 4, "--too-long", "drop"),
    ),
    "bad-slo": case("--slo", *MADE, *NAMED, "--slo", "happiness>=1"),
    "bad-system": case("--system", *MADE, *NAMED, "--system", "locustfile.py"),
    "from-environment": case("--limit", *MADE, *NAMED, env={"SAGELLM_BENCHMARK_LIMIT": "all"}),
    "unwritable": case("--out stdout: cannot be written", *MADE, *NAMED, "--out", "stdout"),
}


@pytest.fixture(scope="module")
def refusals(fast, tmp_path_factory):
    """Every case, run to its end: exit code, what it said, what it left."""
    folder = tmp_path_factory.mktemp("refusals")
    master_port = free_port()
    refusing = f"http://127.0.0.1:{free_port()}"

    def attempt(name):
        _, options, file, host, env = CASES[name]
        place = folder / name
        place.mkdir()
        rows = [HEADER, GOOD, GOOD | {"request_id": "b", "arrival_time_s": "soon"}]
        (place / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        odd = GOOD | {"request_id": "b", "headers": {"X Y": "a"}}
        rows = [HEADER, GOOD, odd]
        (place / "header.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        spoken = {"request_id": "c", "arrival_time_s": 0, "messages": [{"role": "user"}]}
        (place / "chat.jsonl").write_text(f"{json.dumps(HEADER)}\n{json.dumps(spoken)}\n")
        target = ("--host", fast.url) if host else ()
        ports = {"port": free_port(), "master": master_port}
        given = [str(option).format(refusing=refusing, **ports) for option in options]
        with load(place, "--headless", *target, *given, file=file, env=env) as tried:
            return tried.ended(60), tried.err, list(place.glob("runs/*"))

    # A worker speaks to its master before it says anything else: somebody else's serves.
    waiting = ("--master", "--headless", *LOCAL, "--master-bind-port", master_port)
    with (
        load(folder / "waiting", *waiting, "--expect-workers", 9, file=HTTP_USER),
        ThreadPoolExecutor(3) as pool,
    ):
        return dict(zip(CASES, pool.map(attempt, CASES), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_work_is_refused(refusals, name):
    """One line on standard error that says what to write, exit code 2, no run directory."""
    code, said, left = refusals[name]
    lines = [line for line in said.splitlines() if "/INFO/" not in line and line.strip()]
    assert code == 2, said
    assert CASES[name][0] in said
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert "Traceback" not in said
    assert left == []
