"""What it costs to read and plan a trace of one million rows, format by format.

Makes look-alikes of every line format in a temporary folder and has `run TRACE --plan` read each.
Prints the CPU seconds and the peak memory of the whole process, start-up included, and fails where
one is over its bound. Times are CPU times, user and system together: others on the machine do not
count, though they slow its caches down.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

ROWS = 1_000_000
CPU_S, PEAK_MB = 8.0, 150.0

_encode = msgspec.json.encode


def native(rows: int, draw: Random) -> Iterator[bytes]:
    """Neither sessions nor blocks."""
    yield _encode({"schema": "sagellm.trace/1", "source": {"name": "made"}})
    for number, at_s in enumerate(_arrivals(rows, draw)):
        yield _encode({"request_id": f"r{number}", "arrival_time_s": at_s,
                       **_tokens(draw, "input_tokens", "output_tokens")})  # fmt: skip


def sessions(rows: int, draw: Random) -> Iterator[bytes]:
    """The native form; two rows of three are turns that wait for the one before."""
    yield _encode({"schema": "sagellm.trace/1", "source": {"name": "made"}})
    for number, at_s in enumerate(_arrivals(rows, draw)):
        turn = number % 3
        row = {"request_id": f"r{number}", "arrival_time_s": at_s,
               "session_id": f"s{number // 3}", "turn_index": turn}  # fmt: skip
        if turn:
            row |= {"depends_on": [f"r{number - 1}"], "relation": "continue", "think_time_s": 2.5}
        yield _encode({**row, **_tokens(draw, "input_tokens", "output_tokens")})


def mooncake(rows: int, draw: Random) -> Iterator[bytes]:
    """On a grid of 3 s; two prompts of five go on where another one ended."""
    for at_s, tokens, reply, ids, _ in _chats(rows, draw, block=512, mean=5000):
        stamp = int(at_s // 3) * 3000
        yield _encode({"timestamp": stamp, "input_length": tokens, "output_length": reply,
                       "hash_ids": ids})  # fmt: skip


def bailian(rows: int, draw: Random) -> Iterator[bytes]:
    """Blocks of 16 tokens, and parents."""
    for number, (at_s, tokens, reply, ids, before) in enumerate(_chats(rows, draw, 16, 250)):
        parent, turn = (-1, 1) if before is None else (before, 2)
        yield _encode({"chat_id": number, "parent_chat_id": parent, "timestamp": round(at_s, 3),
                       "input_length": tokens, "output_length": reply, "type": "text",
                       "turn": turn, "hash_ids": ids})  # fmt: skip


def azure_2023(rows: int, draw: Random) -> Iterator[bytes]:
    """Seven digits, no zone, CRLF."""
    yield b"TIMESTAMP,ContextTokens,GeneratedTokens\r"
    start = datetime(2023, 11, 16, 18, 17, 3)
    for at_s in _arrivals(rows, draw):
        moment = (start + timedelta(seconds=at_s)).isoformat(" ", "microseconds")
        tokens = _tokens(draw, "in", "out")
        yield f"{moment}0,{tokens['in']},{tokens['out']}\r".encode()


def azure_2024(rows: int, draw: Random) -> Iterator[bytes]:
    """Six digits and a zone."""
    yield b"TIMESTAMP,ContextTokens,GeneratedTokens"
    start = datetime(2024, 5, 12)
    for at_s in _arrivals(rows, draw):
        moment = (start + timedelta(seconds=at_s)).isoformat(" ", "microseconds")
        tokens = _tokens(draw, "in", "out")
        yield f"{moment}+00:00,{tokens['in']},{tokens['out']}".encode()


def burstgpt(rows: int, draw: Random) -> Iterator[bytes]:
    """The third file's form: whole seconds, sessions on two rows of five, failed requests."""
    yield (b"Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,"
           b"Total tokens,Log Type")  # fmt: skip
    for number, at_s in enumerate(_arrivals(rows, draw)):
        asked, replied = _tokens(draw, "in", "out").values()
        session, kind = "", "API log"
        if number % 5 < 2:
            session = f"{number // 8:08x}-57e7-4cc1-9c1e-0123456789ab"
            kind = "Conversation log"
        if draw.random() < 0.07:
            replied = 0
        yield (f"{int(at_s)}.0,{session},{replied // 12},ChatGPT,{asked},{replied},"
               f"{asked + replied},{kind}").encode()  # fmt: skip


def ragpulse(rows: int, draw: Random) -> Iterator[bytes]:
    """Seconds as text, ids in five lists, sessions."""
    for number, at_s in enumerate(_arrivals(rows, draw)):
        ids = {"sys_prompt": [8302, 9000 + number], "history": [15200], "web_search": [],
               "passages_ids": [number * 7 % 8000 + each for each in range(6)],
               "user_input": [20000 + number]}  # fmt: skip
        yield _encode({"timestamp": str(int(at_s)), "hash_ids": ids,
                       "session_id": f"17574769{number // 3:05}-afhwfad",
                       **_tokens(draw, "input_length", "output_length")})  # fmt: skip


def _arrivals(rows: int, draw: Random) -> Iterator[float]:
    at_s = 0.0
    for _ in range(rows):
        at_s += draw.expovariate(50)
        yield round(at_s, 6)


def _tokens(draw: Random, asked: str, replied: str) -> dict[str, int]:
    return {asked: 1 + int(draw.expovariate(1 / 900)), replied: 1 + int(draw.expovariate(1 / 150))}


def _chats(
    rows: int, draw: Random, block: int, mean: int
) -> Iterator[tuple[float, int, int, list[int], int | None]]:
    """Arrival, prompt, reply, block ids, and the number of the row that it goes on from."""
    waiting: list[tuple[int, int, list[int]]] = []
    next_id = 1
    for number, at_s in enumerate(_arrivals(rows, draw)):
        before, tokens, ids = None, block, [0]
        if len(waiting) > 500 and draw.random() < 0.4:
            before, tokens, ids = waiting.pop(draw.randrange(len(waiting)))
        shared = ids[: tokens // block]
        tokens += 1 + int(draw.expovariate(1 / mean))
        new = -(-tokens // block) - len(shared)
        ids = [*shared, *range(next_id, next_id + new)]
        next_id += new
        reply = 1 + int(draw.expovariate(1 / 150))
        waiting.append((number, tokens + reply, ids))
        del waiting[:-1000]
        yield at_s, tokens, reply, ids, before


FORMATS: dict[str, Callable[[int, Random], Iterator[bytes]]] = {
    "native": native,
    "native, sessions": sessions,
    "azure 2023": azure_2023,
    "azure 2024": azure_2024,
    "mooncake": mooncake,
    "bailian": bailian,
    "burstgpt": burstgpt,
    "ragpulse": ragpulse,
}


def planned(path: Path) -> tuple[float, float]:
    """Have the program plan a trace.

    Returns:
        CPU seconds and peak memory in MB of its process, start-up included.
    """
    command = [sys.executable, "-m", "sagellm_benchmark", "run", str(path), "--plan"]
    command += ["--host", "http://127.0.0.1:1", "--model", "m", "--no-preflight"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{path}: {output.decode()}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write(path: Path, form: Callable[[int, Random], Iterator[bytes]], rows: int) -> None:
    """Write a look-alike: equal bytes on every machine."""
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in form(rows, Random(1)))


def main() -> int:
    """Measure each format that was asked for; the status is 1 where a bound was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--format", choices=FORMATS, action="append", help="all if none is named")
    arguments = parser.parse_args()
    broken = False
    print(f"{arguments.rows:,} rows planned (at most {CPU_S:g} s of CPU and {PEAK_MB:g} MB):")
    for name in arguments.format or FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "trace")
            write(path, FORMATS[name], arguments.rows)
            cpu_s, peak_mb = planned(path)
        broken |= cpu_s > CPU_S or peak_mb > PEAK_MB
        print(f"  {name:16s} {cpu_s:5.1f} s  {peak_mb:4.0f} MB", flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
