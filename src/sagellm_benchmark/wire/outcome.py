"""What became of one request: stamps, tokens, state. The wire's result, the record's raw material.

Stamps are nanoseconds of `clock.now()`, None where the thing never happened. Nothing here is
derived: latencies are computed from these stamps by the record and the metrics.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.wire.speech import Speech
from sagellm_benchmark.wire.states import Phase, Status, has_left


class Outcome(msgspec.Struct, kw_only=True):
    """One finished request.

    Attributes:
        status: The one state it counts as.
        due_ns: When it had to be sent.
        sent_ns: When it was handed to the connection; None if it never was.
        connected_ns: When a new connection (TLS included) stood; None if reused or never standing.
        reused: A pooled connection carried it.
        written_ns: When the kernel took the last byte of the body.
        first_byte_ns: First byte of the response.
        first_frame_ns: First complete SSE data frame (of a non-stream reply: the first body byte).
        first_token_ns: First frame with content, reasoning, refusal or tool call; None for a
            non-stream reply.
        first_answer_ns: First frame with content that is not reasoning.
        last_token_ns: Last such frame; of a non-stream reply the last body byte.
        done_ns: The `[DONE]` frame, or the end of a non-stream body.
        ended_ns: When nothing more was expected: always set.
        phase: Where it failed; None when it did not.
        reason: One word for why it failed (http, json, too_large, first_token, idle, empty, …).
        code: The Protocol's error code, None without an error.
        message: For a person, redacted and capped at 300 characters; set wherever it failed.
        retryable: Whether trying again may help, by the server (429, 503: True); None if unknown.
        http_status: The response's status code.
        finish_reason: As the server named it.
        input_tokens: By the server's usage.
        output_tokens: By the server's usage.
        chunks: Token frames.
        reads: Reads that brought token frames, which is distinct stamps among `token_ns`; under
            `chunks` where frames shared one.
        bytes: Received from the socket for this response, headers included.
        token_ns: The stamp of each token frame, in order, `chunks` of them; empty for a non-stream
            reply.
        flags: What is worth a line but no failure: `name`, or `name=value` where it was counted or
            has a value.
        text: The reply's text where it was to be kept, else "".
        speech: All that it said, where its tokens are to be counted.
        frame_tokens: Tokens of each token frame, as a tokenizer counted them; of a reply that was
            not streamed the one number of all. None where nobody counted.
        server_id: The id in the response body.
        attempt: How often it was tried to connect, from 1.
        wasted_ns: From sent to the start of the last attempt; 0 where it was the first.
    """

    status: Status
    due_ns: int
    ended_ns: int
    sent_ns: int | None = None
    connected_ns: int | None = None
    reused: bool = False
    written_ns: int | None = None
    first_byte_ns: int | None = None
    first_frame_ns: int | None = None
    first_token_ns: int | None = None
    first_answer_ns: int | None = None
    last_token_ns: int | None = None
    done_ns: int | None = None
    phase: Phase | None = None
    reason: str | None = None
    code: ErrorCode | None = None
    message: str | None = None
    retryable: bool | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    chunks: int = 0
    reads: int = 0
    bytes: int = 0
    token_ns: list[int] = msgspec.field(default_factory=list)
    flags: list[str] = msgspec.field(default_factory=list)
    text: str = ""
    speech: Speech | None = None
    frame_tokens: list[int] | None = None
    server_id: str | None = None
    attempt: int = 1
    wasted_ns: int = 0

    @property
    def left(self) -> bool:
        """The user that the run simulates left: it is not ok, and no failure either."""
        return has_left(self.status.value, self.reason)
