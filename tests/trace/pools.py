"""A look-alike of a ServeGen pool: its form and its quirks, none of its data."""

from __future__ import annotations

import json
from math import fsum
from pathlib import Path
from random import Random

WINDOWS = 8
_IDLE = "{}"


def pool(seed: int = 1) -> dict[str, bytes]:
    """Five clients by file name: a busy one, a bursty one, two small ones, one without lengths."""
    random = Random(seed)
    files = {}
    for number, (rate, cv, law) in {
        0: (1.2, 0.9, "Gamma"),
        3: (0.6, 4.0, "Gamma"),
        4: (0.15, 1.6, "Gamma"),
        7: (0.1, 0.0, "Weibull"),
        9: (0.05, 1.2, "Gamma"),
    }.items():
        files[f"chunk-{number}-trace.csv"] = _windows(random, rate, cv, law)
        if number != 9:
            files[f"chunk-{number}-dataset.json"] = _dataset(random, 20 * (number + 1))
    return files


def _windows(random: Random, rate: float, cv: float, law: str) -> bytes:
    lines = []
    for window in range(WINDOWS):
        now = round(rate * (0.5 + random.random()), 4)
        if cv > 1 and random.random() < 0.25:
            lines.append(f"{600 * window},0,0,,0,0")
            continue
        shape = 0.75 if law == "Weibull" else round(1 / cv**2, 6)
        lines.append(f"{600 * window},{now},{cv},{law},{shape},{round(1 / (now * shape), 6)}")
    return "".join(line + "\r\n" for line in lines).encode()


def _dataset(random: Random, shortest: int) -> bytes:
    spans = {"0": {"input_tokens": _IDLE, "output_tokens": _IDLE}}
    for span in ("600", "3000"):
        spans[span] = {
            "input_tokens": _shares(random, shortest),
            "output_tokens": _shares(random, 5),
        }
    return (json.dumps(spans, indent=2) + "\n").encode()


def _shares(random: Random, shortest: int) -> str:
    weights = [round(random.random(), 3) + 0.001 for _ in range(12)]
    counts = (shortest + 7 * place for place in range(12))
    shares = zip(counts, (weight / fsum(weights) for weight in weights), strict=True)
    return repr(dict(shares))


def write_pool(folder: Path, seed: int = 1) -> Path:
    """Write the files into a folder of their own."""
    folder.mkdir()
    for name, content in pool(seed).items():
        (folder / name).write_bytes(content)
    return folder
