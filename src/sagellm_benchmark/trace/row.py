"""A trace's header and rows: the native format `sagellm.trace/1`, field for field.

Unknown is absent: None in memory, no key in the file. Times are seconds from the trace's origin.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "sagellm.trace/1"


class Source(msgspec.Struct, omit_defaults=True):
    """Where the rows came from."""

    name: str
    uri: str | None = None
    sha256: str | None = None
    license: str | None = None
    format: str | None = None


class Header(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Line 1 of a native trace.

    Attributes:
        schema: Always `sagellm.trace/1`; written always.
        source: Where the rows came from.
        time_origin: RFC 3339 instant of arrival time 0, where it is known.
        time_resolution_s: The grid that the recorded times lie on.
        block_size: Tokens of one prefix block, where rows carry `prefix_block_ids`.
        hash_scope: Over what equal block ids mean equal blocks.
        partial_tail_hashed: True where the last, partial block has an id too (ceil), False where
            not (floor).
        tokenizer: What counted the tokens.
        rows_read: Rows of the source; with what was added they are those that follow and those
            that were dropped: `rows_read + sum(added) == rows_emitted + sum(drops)`.
        rows_emitted: Rows that follow.
        added: Rows that the source did not have, by reason.
        drops: Rows left out, by reason.
        transforms: What was done to the rows, in order, each with its parameters and seed.
    """

    schema: str
    source: Source
    time_origin: str | None = None
    time_resolution_s: float | None = None
    block_size: int | None = None
    hash_scope: Literal["file", "session", "global"] | None = None
    partial_tail_hashed: bool | None = None
    tokenizer: str | None = None
    rows_read: int | None = None
    rows_emitted: int | None = None
    added: dict[str, int] = msgspec.field(default_factory=dict)
    drops: dict[str, int] = msgspec.field(default_factory=dict)
    transforms: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Row(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One request of a trace.

    At most one of `messages`, `prompt` and `prompt_token_ids` is set; none means that the prompt is
    made from `input_tokens` and `prefix_block_ids`.

    Attributes:
        request_id: Unique in the trace.
        arrival_time_s: Seconds from the trace's origin; None only on a row with `depends_on`.
        input_tokens: Tokens of the whole prompt.
        output_tokens: Tokens of the recorded reply.
        max_tokens: The cap that the recorded client asked for, where it differs from
            `output_tokens`.
        prefix_block_ids: Ids of the prompt's blocks of `Header.block_size` tokens, from its start.
        source_row: The source's row number, counted from 1 (its header not counted).
    """

    request_id: str
    arrival_time_s: float | None = None
    session_id: str | None = None
    turn_index: int | None = None
    depends_on: list[str] = msgspec.field(default_factory=list)
    think_time_s: float | None = None
    relation: Literal["continue", "fork", "spawn", "join"] | None = None
    operation: str | None = None
    model: str | None = None
    lora_adapter: str | None = None
    stream: bool | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    new_input_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    max_tokens: int | None = None
    sampling: dict[str, Any] | None = None
    prefix_block_ids: list[int] | None = None
    modalities: dict[str, Any] | None = None
    messages: list[dict[str, Any]] | None = None
    message_mode: Literal["history", "delta"] | None = None
    prompt: str | None = None
    prompt_token_ids: list[int] | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    extra_body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    tenant_id: str | None = None
    user_id: str | None = None
    priority: int | None = None
    service_tier: str | None = None
    request_class: str | None = None
    deadline_s: float | None = None
    slo: dict[str, float] | None = None
    expected_status: int | None = None
    expected_finish_reason: str | None = None
    recorded: dict[str, Any] | None = None
    source_row: int | None = None
    source_fields: dict[str, Any] | None = None
    clone_of: str | None = None
    clone_index: int | None = None
    phase: Literal["warmup", "measure"] | None = None

    @property
    def has_content(self) -> bool:
        """Whether its prompt was recorded, and need not be made."""
        return not (self.messages is self.prompt is self.prompt_token_ids is None)

    @property
    def reply_tokens(self) -> int | None:
        """Tokens of reply to ask for: of the recorded one, else its cap; None where neither is."""
        recorded = self.max_tokens if self.output_tokens is None else self.output_tokens
        return recorded or None  # a recorded reply without a token is no cap of 0
