"""Look-alikes of public traces: their form, their quirks, none of their data."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from random import Random


def mooncake(rows: int = 120, seed: int = 1) -> bytes:
    """Chat on a 3 s grid: every prompt starts with block 0, some go on where another ended."""
    random = Random(seed)
    lines, chats, next_id, time_s = [], [], 1, 0.0
    for _ in range(rows):
        time_s += -math.log(1 - random.random()) / 3.4
        if chats and random.random() < 0.39:
            ids, tokens = chats.pop(int(random.random() * len(chats)))
        else:
            ids, tokens = [0], 512
        shared = ids[: tokens // 512]
        tokens += 1 + int(2500 * -math.log(1 - random.random()))
        new = -(-tokens // 512) - len(shared)
        ids = [*shared, *range(next_id, next_id + new)]
        next_id += new
        reply = 1 + int(300 * -math.log(1 - random.random()))
        chats.append((ids, tokens + reply))
        slot = int(time_s // 3)
        stamp = slot * 3000 + (slot * 7 % 3 - 1 if slot else 0)
        row = {"timestamp": stamp, "input_length": tokens, "output_length": reply, "hash_ids": ids}
        lines.append((stamp, row))
    lines.sort(key=lambda pair: pair[0])
    return b"".join(json.dumps(row).encode() + b"\n" for _, row in lines)


def azure(rows: int = 150, seed: int = 1) -> bytes:
    """The 2023 form: CRLF, seven digits of which the last is 0, no line end after the last row."""
    random = Random(seed)
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    moment = datetime(2023, 11, 16, 18, 17, 3, 979_960)
    for _ in range(rows):
        moment += timedelta(microseconds=int(400_000 * -math.log(1 - random.random())))
        tokens = 3 + int(900 * -math.log(1 - random.random()))
        reply = 1 + int(150 * -math.log(1 - random.random()))
        lines.append(f"{moment.isoformat(' ', 'microseconds')}0,{tokens},{reply}")
    return "\r\n".join(lines).encode()
