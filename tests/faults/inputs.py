"""Inputs that are wrong: the files, what names them, and what must be said of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEADER = json.dumps({"schema": "sagellm.trace/1", "source": {"name": "made up"}}).encode()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (later, later, b", ".join([b"*%c" % sooner] * 9))
    for sooner, later in zip(b"abcdefgh", b"bcdefghi", strict=True)
)
TRACE = ("--trace", "trace")


@dataclass(frozen=True)
class Refusal:
    """An input that ends the program with one complaint and exit code 2, before any load.

    Attributes:
        name: What the test is called.
        fault: What is wrong, for the document.
        says: What the complaint must hold.
        options: Beside target and model.
        files: What stands in the working directory.
        lines: How long the complaint is.
    """

    name: str
    fault: str
    says: str
    options: tuple[str, ...] = TRACE
    files: tuple[tuple[str, Callable[[], bytes]], ...] = ()
    lines: int = 1


def rows(*changes: dict[str, object], count: int = 0) -> bytes:
    """A trace: one row for each change, then sound rows up to a count."""
    made = []
    for number in range(max(count, len(changes))):
        change = changes[number] if number < len(changes) else {}
        sound = {"request_id": f"r{number}", "arrival_time_s": number / 10, "input_tokens": 8}
        made.append(json.dumps({**sound, "output_tokens": 5, **change}).encode())
    return b"\n".join([HEADER, *made, b""])


def arrival(text: str) -> bytes:
    """A trace whose second row arrives at something that is no time."""
    odd = f'{{"request_id": "odd", "arrival_time_s": {text}, "input_tokens": 8}}\n'
    return rows(count=1) + odd.encode()


def zipped(damage: Callable[[bytearray], object]) -> bytes:
    """A gzipped trace of 5,000 rows, damaged."""
    packed = bytearray(gzip.compress(rows(count=5000), 6, mtime=0))
    damage(packed)
    return bytes(packed)


def _cut(packed: bytearray) -> None:
    del packed[len(packed) // 2 :]


def _spoil_the_middle(packed: bytearray) -> None:
    packed[len(packed) // 2 : len(packed) // 2 + 64] = bytes(64)


def _spoil_the_sum(packed: bytearray) -> None:
    packed[-6] ^= 0xFF


def trace(
    name: str, fault: str, says: str, make: Callable[[], bytes], *options: str, lines: int = 1
) -> Refusal:
    """A trace that cannot be replayed."""
    return Refusal(name, fault, says, (*TRACE, *options), (("trace", make),), lines)


def option(name: str, fault: str, says: str, *options: str) -> Refusal:
    """An option that cannot be meant, with a trace that could be replayed."""
    return trace(name, fault, says, lambda: rows(count=3), *options)


def system(name: str, fault: str, says: str, text: bytes) -> Refusal:
    """A declaration of the system that is refused."""
    files = (("trace", lambda: rows(count=3)), ("system.yaml", lambda: text))
    return Refusal(name, fault, says, (*TRACE, "--system", "system.yaml"), files)


TRICK = "--run-id must be 1 to 64 letters, digits, '.', '_' or '-'"
BAD_ROWS = [{"input_tokens": 8 if number < 2 else -1} for number in range(20)]

REFUSALS = (
    trace(
        "cut-gzip",
        "a gzipped trace that ends too soon",
        "the gzip stream ends here, before its end mark: a cut download?",
        lambda: zipped(_cut),
    ),
    trace(
        "spoiled-gzip",
        "a gzipped trace that is corrupt inside",
        "corrupt gzip data",
        lambda: zipped(_spoil_the_middle),
        "--skip-bad",
    ),
    trace(
        "spoiled-sum",
        "a gzipped trace whose checksum is wrong",
        "trace:5002: corrupt gzip data (CRC check failed",
        lambda: zipped(_spoil_the_sum),
    ),
    trace(
        "bad-rows",
        "rows that cannot be used: the first ten are named, as file:line: field",
        "trace:13: input_tokens: -1 is not between",
        lambda: rows(*BAD_ROWS),
        lines=11,
    ),
    trace(
        "unsorted",
        "a trace of our own format out of order of time",
        "trace:4: arrival_time_s: 0.1 is earlier than 0.5 before it; sort the rows by time",
        lambda: rows({}, {"arrival_time_s": 0.5}, {"arrival_time_s": 0.1}),
    ),
    trace("negative", "a negative arrival", "trace:3: arrival_time_s:", lambda: arrival("-1")),
    trace("nan", "an arrival that is NaN", "trace:3: json: ", lambda: arrival("NaN")),
    trace("endless", "an arrival of 1e999", "trace:3: arrival_time_s:", lambda: arrival("1e999")),
    trace(
        "pointer",
        "a Git LFS pointer instead of the data",
        "trace:1: a Git LFS pointer, not the data: run `git lfs pull`",
        lambda: POINTER,
    ),
    trace("empty", "an empty file", "trace: the file is empty", lambda: b""),
    option("up", "`--run-id ../up`", TRICK, "--run-id", "../up"),
    option("absolute", "`/tmp/x`", TRICK, "--run-id", "/tmp/x"),
    option("dots", "`..`", TRICK, "--run-id", ".."),
    option("long", "65 characters", TRICK, "--run-id", "a" * 65),
    option("line", "a line break", TRICK, "--run-id", "a\nb"),
    system(
        "tag",
        "a YAML tag in `--system`",
        "system.yaml:1: --system: tags are refused",
        b"gpu: !!python/object/apply:os.system [touch owned]\n",
    ),
    system(
        "bomb",
        "YAML aliases in `--system`, a bomb of them or a single one",
        "system.yaml:2: --system: aliases are refused",
        BOMB,
    ),
    system(
        "twice",
        "a key that stands twice in `--system`",
        "system.yaml:2: --system: the key 'gpu' stands twice",
        b"gpu: H100\ngpu: A100\n",
    ),
)


def lay_out(case: Refusal, folder: Path) -> None:
    """Write the files of a case."""
    for name, make in case.files:
        (folder / name).write_bytes(make())
