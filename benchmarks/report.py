"""What the report of a large run costs: it makes the records, measures, and fails over the bounds.

Prints seconds and peak memory of `sagellm-benchmark report`, start-up included, and the size of the
page. The records are made to look like those of a busy run: 1,000,000 of them by default, of short
replies; `--gaps 64` makes 3 kB each of them.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.summary import RunFacts, summarize
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.record.protocol_metrics import protocol_metrics
from sagellm_benchmark.record.record import Asked, RecordError, RequestRecord

MOST_S, MOST_MB = 15.0, 500.0
RATE = 500.0
_KEPT = 20_000
_STARTED = "2026-01-01T00:00:00Z"


def record(seq: int, gaps: int, chance: random.Random) -> RequestRecord:
    """One request of many."""
    due = seq / RATE
    sent = due + abs(chance.gauss(0.0005, 0.0002))
    first = sent + chance.lognormvariate(-2.5, 0.5)
    between = [round(chance.lognormvariate(2.7, 0.3), 3) for _ in range(gaps)]
    last = first + sum(between) / 1000
    failed = chance.random() < 0.01
    metrics, unobserved = protocol_metrics(
        ttft_ms=1000 * (first - sent),
        tbt_ms=None,
        tpot_ms=None,
        throughput_tps=None,
        error_rate=float(failed),
        itl_list=between,
        timestamps=None,
    )
    return RequestRecord(
        seq=seq,
        row_id=f"row-{seq}",
        request_id=f"bench-{seq}",
        trace_id=f"bench-{seq}",
        worker="local",
        host="http://127.0.0.1:8889",
        model=chance.choice(("small", "large")),
        tenant=f"tenant-{chance.randrange(200)}",
        class_=chance.choice(("interactive", "batch")),
        name="chat",
        warmup=seq < 1000,
        arrival_s=due,
        due_s=due,
        sent_s=sent,
        reused=True,
        written_s=sent,
        first_byte_s=first,
        first_frame_s=first,
        first_token_s=first,
        first_answer_s=first,
        last_token_s=last,
        done_s=last,
        ended_s=last,
        status="http_error" if failed else "ok",
        phase="headers" if failed else None,
        error=RecordError("unavailable", f"HTTP 503: engine {seq} is busy") if failed else None,
        http_status=503 if failed else 200,
        finish_reason=None if failed else "stop",
        input_tokens=chance.randrange(10, 4000),
        output_tokens=gaps + 1,
        asked=Asked(100, gaps + 1),
        token_source="usage",
        chunks=gaps + 1,
        reads=gaps + 1,
        bytes=200 * gaps,
        chunk_gaps_ms=between,
        metrics=metrics,
        unobserved=unobserved,
    )


def write_run(folder: Path, many: int, gaps: int) -> None:
    """A finished run; its summary is of the first records alone: the report costs the same."""
    (folder / "records").mkdir(parents=True)
    columns, encoder = Columns(), msgspec.json.Encoder()
    with (folder / "records" / "local.jsonl").open("wb", buffering=1 << 20) as file:
        for number, line in enumerate(_lines(many, gaps, encoder)):
            file.write(line)
            if number < _KEPT:
                columns.add(msgspec.json.decode(line, type=RequestRecord))
    facts = RunFacts(run_id="bench", started_at=_STARTED, rows=many, planned=min(many, _KEPT))
    (folder / "summary.json").write_bytes(encoder.encode(summarize(columns, facts)))
    (folder / "run.json").write_bytes(encoder.encode(_manifest(many)))


def _lines(many: int, gaps: int, encoder: msgspec.json.Encoder) -> Iterator[bytes]:
    chance = random.Random(0)
    for seq in range(many):
        yield encoder.encode(record(seq, gaps, chance)) + b"\n"


def _manifest(many: int) -> dict[str, Any]:
    settings = make_settings({"trace": "bench.jsonl"}, host="http://127.0.0.1:8889")
    return {
        "schema": "sagellm.run/1",
        "run_id": "bench",
        "version": "0",
        "started_at": _STARTED,
        "settings": settings.describe(),
        "salt": "bench",
        "schedule_digest": None,
        "trace": {"path": "bench.jsonl", "rows": many, "span_s": many / RATE, "drops": {},
                  "sha256": None},
        "target": {"url": settings.host, "dialect": None, "models": [], "tls": False},
        "system_declared": None,
        "machine": {"system": "", "release": "", "architecture": "", "cpus": 1, "python": ""},
        "versions": {},
        "thresholds": msgspec.to_builtins(Thresholds()),
    }  # fmt: skip


def main() -> int:
    """Make, measure, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--gaps", type=int, default=8, help="between the tokens of a reply")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "bench"
        write_run(folder, args.records, args.gaps)
        size = (folder / "records" / "local.jsonl").stat().st_size
        print(f"{args.records:,} records of {size / args.records:,.0f} bytes, {size / 1e9:.2f} GB")
        began = time.monotonic()
        command = [sys.executable, "-m", "sagellm_benchmark", "report", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took_s, peak_mb = time.monotonic() - began, usage.ru_maxrss / 1000
        page = (folder / "report.html").stat().st_size
    cpu_s = usage.ru_utime + usage.ru_stime
    print(f"{took_s:.1f} s ({cpu_s:.1f} s of CPU), {peak_mb:.0f} MB, a page of {page / 1e3:.0f} kB")
    print(f"at most {MOST_S:g} s and {MOST_MB:g} MB")
    return int(process.returncode != 0 or took_s > MOST_S or peak_mb > MOST_MB)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
