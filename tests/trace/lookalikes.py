"""Look-alikes of public traces: their form, their quirks, none of their data."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from random import Random
from uuid import UUID


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


def burstgpt(rows: int = 150, seed: int = 1) -> bytes:
    """The third file's form: whole seconds as floats, sessions on some rows, failed requests."""
    random = Random(seed)
    lines = ["Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,"
             "Total tokens,Log Type"]  # fmt: skip
    chats: list[tuple[str, int]] = []
    second = 19_440_110
    for _ in range(rows):
        second += int(6 * -math.log(1 - random.random()))
        asked = 1 + int(500 * -math.log(1 - random.random()))
        replied = 0 if random.random() < 0.07 else 1 + int(150 * random.random())
        session, kind = "", "API log"
        if random.random() < 0.4:
            kind = "Conversation log"
            if chats and random.random() < 0.7:
                session, before = chats.pop(int(random.random() * len(chats)))
                asked += before
            else:
                session = str(UUID(int=random.getrandbits(128)))
            chats.append((session, asked + replied))
        model = "GPT-4" if random.random() < 0.2 else "ChatGPT"
        took = int(replied / 12)
        lines.append(
            f"{second}.0,{session},{took},{model},{asked},{replied},{asked + replied},{kind}"
        )
    return "\n".join([*lines, ""]).encode()


def bailian(rows: int = 80, seed: int = 1) -> bytes:
    """Chats that go on after one another, the first of them behind one before the trace began."""
    random = Random(seed)
    lines = []
    chats: list[tuple[int, int, list[int], int]] = [(3, 1, [0, 1, 2], 40)]
    next_id, time_s = 3, 0.0
    for chat in range(10, 10 + 3 * rows, 3):
        time_s += -math.log(1 - random.random()) / 2
        parent, turn, ids, tokens = -1, 0, [0, 1], 32
        if chat == 10 or random.random() < 0.45:
            parent, turn, ids, tokens = chats.pop(int(random.random() * len(chats)))
        shared = ids[: tokens // 16]
        tokens += 1 + int(200 * -math.log(1 - random.random()))
        new = -(-tokens // 16) - len(shared)
        ids = [*shared, *range(next_id, next_id + new)]
        next_id += new
        reply = 1 + int(90 * -math.log(1 - random.random()))
        row = {"chat_id": chat, "parent_chat_id": parent, "timestamp": round(time_s, 3),
               "input_length": tokens, "output_length": reply,
               "type": ("text", "search", "image", "file")[chat % 4], "turn": turn + 1,
               "hash_ids": ids}  # fmt: skip
        lines.append(row)
        chats.append((chat, turn + 1, ids, tokens + reply))
    return _lines(lines)


def ragpulse(rows: int = 60, seed: int = 1) -> bytes:
    """Seconds as strings, ids in five lists, one step back in time and a blank last line."""
    random = Random(seed)
    lines: list[dict] = []
    second = 82
    for number in range(rows):
        second += int(20 * -math.log(1 - random.random()))
        passages = [int(8000 * random.random()) for _ in range(6)]
        ids = {"sys_prompt": [8302, 9000 + number], "passages_ids": passages, "history": [15200],
               "web_search": [], "user_input": [20000 + number]}  # fmt: skip
        row = {"timestamp": str(second), "input_length": 900 + int(3000 * random.random()),
               "output_length": 1 + int(500 * random.random()), "hash_ids": ids,
               "session_id": f"17574769{int(rows / 2 * random.random()):05}-afhwfad"}  # fmt: skip
        lines.append(row)
    lines[7], lines[8] = lines[8], lines[7]
    return _lines(lines) + b"\n"


def sharegpt() -> bytes:
    """One JSON array: a chat, a part of a split one, an empty one, one with a system prompt."""
    said = {
        "QWJhYvA_0": [("human", "Summarize"), ("gpt", "Here"), ("human", "more"), ("gpt", "sure")],
        "i6IyJda_1": [("gpt", "(the other part)"), ("human", "ok"), ("gpt", "<div>html</div>")],
        "empty_0": [],
        "sys_0": [("system", "sys"), ("user", "hi\u2028"), ("chatgpt", "hello"), ("human", " ")],
        "open_0": [("human", "one"), ("human", "two")],
    }
    made = [
        {"id": name, "conversations": [{"from": who, "value": what} for who, what in turns]}
        for name, turns in said.items()
    ]
    return json.dumps(made, indent=1, ensure_ascii=False).encode()


def openai_batch() -> bytes:
    """Requests: chat with an image, a completion, embeddings, an endpoint that is none of ours."""
    parts = [{"type": "text", "text": "What is it?"},
             {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]  # fmt: skip
    bodies = [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "n": 1}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": parts}]}),
        ("/v1/completions", {"prompt": "Once", "max_tokens": 16, "temperature": 0, "user": "u"}),
        ("/v1/embeddings", {"input": ["a", "b"]}),
        ("/v1/embeddings", {"input": [[1, 2]]}),
        ("/v1/responses", {"input": "Hi"}),
    ]
    return _lines(
        [
            {"custom_id": f"request-{number}", "method": "POST", "url": url,
             "body": {"model": "m", **body}}
            for number, (url, body) in enumerate(bodies)
        ]
    )  # fmt: skip


def openai_batch_answers() -> bytes:
    """Answers, out of order: one that went well, one that failed, one that never ran."""
    usage = {"prompt_tokens": 9, "completion_tokens": 16, "total_tokens": 25,
             "prompt_tokens_details": {"cached_tokens": 4}}  # fmt: skip
    body = {"id": "c1", "object": "chat.completion", "model": "m", "usage": usage,
            "choices": [{"index": 0, "finish_reason": "length"}]}  # fmt: skip
    expired = {"code": "batch_expired", "message": "too late"}
    outcomes: list[tuple[dict | None, dict | None]] = [
        ({"status_code": 200, "request_id": "a", "body": body}, None),
        ({"status_code": 400, "request_id": "b", "body": {"error": {"message": "no"}}}, None),
        (None, expired),
    ]
    return _lines(
        [
            {"id": f"b{number}", "custom_id": f"request-{9 - number}", "response": response,
             "error": error}
            for number, (response, error) in enumerate(outcomes)
        ]
    )  # fmt: skip


def otlp() -> bytes:
    """Exports, one a line: a tool's span among the calls, numbers as strings, one call failed."""

    def span(number: int, start_ms: int, end_ms: int, conversation: str, **more: object) -> dict:
        values = {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
            "gen_ai.conversation.id": conversation, "gen_ai.request.max_tokens": 200,
            "gen_ai.request.temperature": 0.7, "gen_ai.request.stream": True,
            "gen_ai.usage.input_tokens": 50 + number, "gen_ai.usage.output_tokens": 40,
            "gen_ai.usage.cache_read.input_tokens": 20,
            "gen_ai.response.time_to_first_chunk": 0.35,
            "gen_ai.response.finish_reasons": ["stop"], **more,
        }  # fmt: skip
        base = 1_771_927_200_000_000_000
        return {
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{number:016x}",
            "parentSpanId": "", "name": "chat m", "kind": 3,
            "startTimeUnixNano": str(base + start_ms * 1_000_000),
            "endTimeUnixNano": str(base + end_ms * 1_000_000),
            "attributes": [{"key": key, "value": _typed(value)} for key, value in values.items()],
            "status": {"code": 2 if "error.type" in values else 0},
        }  # fmt: skip

    exports = [
        [span(2, 3000, 5000, "c1"), span(1, 0, 2500, "c1")],
        [span(3, 2600, 2900, "c1", **{"gen_ai.operation.name": "execute_tool"})],
        [span(4, 3200, 3900, "c2", **{"error.type": "timeout"})],
    ]
    return _lines(
        [{"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
         for spans in exports]
    )  # fmt: skip


def _typed(value: object) -> dict:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_typed(each) for each in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def otel_flat() -> bytes:
    """One trace as a document: an agent asks two helpers at once and joins what they say."""
    ask, split, left, right = (f"{word} it is." for word in ("This", "Split", "Left", "Right"))
    calls = [
        ("a", 0.0, 2.0, [("user", ask)], split),
        ("b", 2.5, 4.0, [("user", ask), ("assistant", split), ("user", "left?")], left),
        ("c", 3.0, 5.0, [("user", ask), ("assistant", split), ("user", "right?")], right),
        ("d", 6.0, 8.0, [("assistant", left), ("assistant", right), ("user", "and?")], "Done."),
    ]
    spans = [
        {
            "trace_id": "agents", "span_id": name, "parent_span_id": None, "name": "chat m",
            "start_time": f"2026-02-25T10:00:{start:09.6f}",
            "end_time": f"2026-02-25T10:00:{end:09.6f}",
            "attributes": {
                "gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
                "gen_ai.request.max_tokens": 500,
                "gen_ai.input.messages": json.dumps(
                    [{"role": role, "content": text} for role, text in said]
                ),
                "gen_ai.output.text": answer,
            },
            "status": {"code": 1, "message": ""},
        }
        for name, start, end, said, answer in calls
    ]  # fmt: skip
    return json.dumps({"trace_id": "agents", "span_count": 4, "spans": spans}, indent=2).encode()


def litellm() -> bytes:
    """Calls: one with its messages, a redacted follow-up, a failed one, and a transcription."""
    call = {
        "id": "chatcmpl-1", "trace_id": "t1", "call_type": "acompletion", "status": "success",
        "prompt_tokens": 120, "completion_tokens": 40, "total_tokens": 160,
        "startTime": 1_772_013_600.125, "endTime": 1_772_013_602.5,
        "completionStartTime": 1_772_013_600.535, "model": "openai/m", "model_group": "m",
        "stream": True, "cache_hit": False, "end_user": "u1",
        "metadata": {"user_api_key_hash": "h", "user_api_key_team_id": "team-a"},
        "messages": [{"role": "user", "content": "hi"}], "error_str": None,
        "model_parameters": {"max_tokens": 64, "temperature": 0.2, "stream": True,
                             "extra_headers": {"Authorization": "Bearer secret"}},
    }  # fmt: skip
    hidden = [{"role": "user", "content": "redacted-by-litellm"}]
    changes: list[dict] = [
        {},
        {"id": "x2", "startTime": 1_772_013_603.0, "endTime": "2026-02-25T10:00:04.5+00:00",
         "messages": hidden, "cache_hit": True, "stream": False},
        {"id": "x3", "trace_id": "t2", "status": "failure", "startTime": 1_772_013_604.0,
         "endTime": 1_772_013_604.2, "completionStartTime": None, "completion_tokens": 0,
         "error_str": "litellm.RateLimitError: key sk-123"},
        {"id": "x4", "call_type": "atranscription"},
        {"id": "x5", "prompt_tokens": 0, "messages": "redacted-by-litellm"},
    ]  # fmt: skip
    return _lines([{**call, **change} for change in changes])


def native(rows: int = 40, seed: int = 1) -> bytes:
    """The project's own form: a header, then rows with and without a session."""
    random = Random(seed)
    lines: list[dict] = [{"schema": "sagellm.trace/1", "source": {"name": "made"}}]
    time_s = 0.0
    for number in range(rows):
        time_s += random.random()
        row = {"request_id": f"r{number}", "arrival_time_s": time_s,
               "input_tokens": 1 + int(900 * random.random()),
               "output_tokens": int(90 * random.random())}  # fmt: skip
        lines.append({**row, "session_id": "s"} if number % 3 else row)
    return _lines(lines)


def _lines(rows: list[dict]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


EVERY = {
    "native": native, "mooncake": mooncake, "azure": azure, "burstgpt": burstgpt,
    "bailian": bailian, "ragpulse": ragpulse, "sharegpt": sharegpt, "openai-batch": openai_batch,
    "openai-batch answers": openai_batch_answers, "otel": otlp, "otel flat": otel_flat,
    "litellm": litellm,
}  # fmt: skip
"""Maker of a small file by its format, and by what is special about it behind a space."""
