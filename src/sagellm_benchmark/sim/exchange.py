"""One request and its answer: the only place that writes responses, and stamps what it wrote.

A dialect calls exactly one of `reply` (a whole response at once), `stream` (one chunk per token)
and `whole` (a response body after the last token). The stamp of a token is taken right before its
bytes are handed to the transport. When the answer is complete, or cannot become so, `on_end` is
called once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sagellm_benchmark.clock import now
from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.http import JSON, HttpRequest
from sagellm_benchmark.sim.words import WORDS

Head = Callable[[HttpRequest, int, bytes, bool], bytes]
"""Builds a response head from request, status, header lines, and whether the body is chunked."""


class Writer(Protocol):
    """What an exchange writes to: a connection's transport, or what stands before it."""

    def write(self, data: bytes) -> None:
        """Take bytes of the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The bytes of a stream around its words.

    Attributes:
        opening: Chunks that go out with the head, at once.
        before: Start of each token's event.
        after: End of each token's event.
        closing: Builds the chunks that follow the last token, the end of the body included.
        first: Chunks that go out right before the first token.
        pieces: What stands between `before` and `after`, in turn; one entry per entry of `WORDS`.
    """

    opening: bytes
    before: bytes
    after: bytes
    closing: Callable[[], bytes]
    first: bytes = b""
    pieces: Sequence[bytes] = WORDS


class Exchange:
    """One request being answered.

    Attributes:
        status: Response status, once the head is out.
        end: How it ended: "complete", "died" (on purpose), "client_closed", "stopped".
        token_ns: Stamp of every token sent, streams only.
        head_ns: Stamp of the head.
        done_ns: Stamp of the last bytes.
        sent_bytes: Bytes of the response, head included.
        first_word: Where in `WORDS` the reply begins, once a job was taken.
        backlogged: The client read too slowly: some stamps are earlier than the kernel's sends.
        fault: Kind of the scripted fault that hit it, or None.
    """

    __slots__ = (
        "_frames",
        "_head",
        "_job",
        "_last",
        "_made",
        "_overhead",
        "_transport",
        "_whole",
        "backlogged",
        "body_id",
        "done_ns",
        "end",
        "fault",
        "first_word",
        "head_ns",
        "on_end",
        "request",
        "sent_bytes",
        "status",
        "token_ns",
    )

    def __init__(
        self,
        request: HttpRequest,
        transport: Writer,
        head: Head,
        on_end: Callable[[Exchange], None],
    ) -> None:
        self.request = request
        self.on_end = on_end
        self.status: int | None = None
        self.end: str | None = None
        self.body_id: str | None = None
        self.token_ns: list[int] = []
        self.head_ns = self.done_ns = self.sent_bytes = 0
        self.backlogged = False
        self.first_word = 0
        self._transport = transport
        self._head = head
        self._job: Job | None = None
        self.fault: str | None = None

    @property
    def job(self) -> Job | None:
        """The engine's job, if the request made it that far."""
        return self._job

    def reply(
        self, status: int, body: bytes, content_type: bytes = JSON, fields: bytes = b""
    ) -> None:
        """Answer with a whole body; `fields` are further header lines, put first."""
        head = self._head(
            self.request,
            status,
            b"%bcontent-length: %d\r\ncontent-type: %b\r\n" % (fields, len(body), content_type),
            False,
        )
        self.status = status
        self._write(head if self.request.method == "HEAD" else head + body)
        self.head_ns = self.done_ns
        self._finish("complete")

    def begin_stream(self, fields: bytes, opening: bytes) -> None:
        """Send the head of a chunked response and what follows it at once."""
        self.status = 200
        self._write(self._head(self.request, 200, fields, True) + opening)
        self.head_ns = self.done_ns

    def end_stream(self, closing: bytes) -> None:
        """Send the last bytes of a chunked response."""
        self._write(closing)
        self._finish("complete")

    def stream(self, job: Job, frames: Frames, fields: bytes, word: int) -> None:
        """Answer with one chunk per token of a job that is about to be submitted."""
        self._take(job, word)
        self._frames = frames
        self._overhead = len(frames.before) + len(frames.after)
        job.on_token = self._send_token
        self.begin_stream(fields, frames.opening)

    def whole(self, job: Job, body: Callable[[], bytes], word: int) -> None:
        """Answer with a body that is built after the last token of a job."""
        self._take(job, word)
        self._whole = body
        self._made = 0
        job.on_token = self._count_token

    def divert(
        self, transport: Writer, on_end: Callable[[Exchange], None]
    ) -> tuple[Writer, Callable[[Exchange], None]]:
        """Write elsewhere and report the end elsewhere; return where both went before."""
        former = self._transport, self.on_end
        self._transport, self.on_end = transport, on_end
        return former

    def lost(self, end: str) -> None:
        """Note that the connection is gone before the answer was complete."""
        if self.end is None:
            self._finish(end)

    def _take(self, job: Job, word: int) -> None:
        self._job = job
        self.first_word = word
        self._last = job.output_tokens

    def _send_token(self) -> None:
        frames = self._frames
        stamps = self.token_ns
        count = len(stamps)
        piece = frames.pieces[(self.first_word + count) % len(WORDS)]
        data = b"%x\r\n%b%b%b\r\n" % (
            self._overhead + len(piece),
            frames.before,
            piece,
            frames.after,
        )
        if not count:
            data = frames.first + data
        stamps.append(now())
        self._transport.write(data)
        self.sent_bytes += len(data)
        if count + 1 == self._last:
            self.end_stream(frames.closing())

    def _count_token(self) -> None:
        # Not the job's own count: after a late tick it is ahead of the tokens that we were told of.
        self._made += 1
        if self._made == self._last:
            self.reply(200, self._whole())

    def _write(self, data: bytes) -> None:
        self.done_ns = now()
        self._transport.write(data)
        self.sent_bytes += len(data)

    def _finish(self, end: str) -> None:
        self.end = end
        self.on_end(self)
