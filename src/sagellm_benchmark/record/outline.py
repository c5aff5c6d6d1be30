"""The part of a record that tables and charts of whole runs need: names, state, stamps, counts.

The same lines of `records/*.jsonl` as `record.RequestRecord`, with the same names and meanings, but
without the gaps, the Protocol's metrics and the text, which are most of a line and most of the time
that reading one takes.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.record.record import (
    SCHEMA,
    Asked,
    RecordError,
    StatusWord,
    TokenSource,
)


class Outline(msgspec.Struct, kw_only=True, gc=False):
    """A request in short; each field as in `RequestRecord`."""

    schema: str = SCHEMA
    seq: int
    host: str
    model: str = ""
    tenant: str | None = None
    class_: str | None = msgspec.field(name="class", default=None)
    name: str = ""
    worker: str
    warmup: bool = False
    attempt: int = 1
    wasted_s: float = 0.0
    due_s: float
    sent_s: float | None = None
    connected_s: float | None = None
    first_token_s: float | None = None
    first_answer_s: float | None = None
    last_token_s: float | None = None
    ended_s: float
    status: StatusWord
    reason: str | None = None
    error: RecordError | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    asked: Asked
    token_source: TokenSource
    chunks: int = 0
    reads: int = 0
    flags: tuple[str, ...] = ()
