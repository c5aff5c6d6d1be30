"""The response to one request: bytes and stamps in, one Outcome out. No sockets, no clock.

The load feeds what it reads and says when the peer closed, the connection broke or a deadline
passed; the reply says whether anything more is expected. Whatever a server sends, nothing raises
here: what is wrong becomes the Outcome's state, and the tokens that came before it stay. The first
ending wins, and an answer that is complete stays `ok` whatever happens to the connection after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from sagellm_benchmark.redact import mask, snippet
from sagellm_benchmark.wire.answer import Answer, WholeReader
from sagellm_benchmark.wire.head import Reader, choose_reader
from sagellm_benchmark.wire.http import HEAD_LIMIT, HTTP_ERRORS, Framing, Inflater, TooLarge
from sagellm_benchmark.wire.openai import Endpoint
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.speech import Speech
from sagellm_benchmark.wire.states import End, Ending, Phase, Status, settled
from sagellm_benchmark.wire.timeline import Timeline

_RETRYABLE = (429, 503)


class Reply:
    """One response, as it comes in.

    Args:
        timeline: Gets the stamps; the load sets those before the response.
        endpoint: What was asked.
        stream: Whether a stream of frames was asked for.
        expected_output: Tokens asked for; None where nobody knows.
        exact: Fewer tokens than that are a failure.
        keep_text: Keep the answer's text.
        room: Most characters that are kept of it; None for all.
        secrets: What no message may hold.
        count: Keep all that is said, so that its tokens can be counted.

    Attributes:
        timeline: The stamps.
        complete: Nothing more is expected; `outcome` may be called.
        reusable: The connection may carry another request.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_bytes",
        "_end",
        "_exact",
        "_framing",
        "_inflater",
        "_message",
        "_now_ns",
        "_parts",
        "_reader",
        "_stream",
        "_take",
        "complete",
        "reusable",
        "timeline",
    )

    def __init__(
        self,
        timeline: Timeline,
        *,
        endpoint: Endpoint,
        stream: bool,
        expected_output: int | None = None,
        exact: bool = False,
        keep_text: bool = False,
        room: int | None = None,
        secrets: tuple[str, ...] = (),
        count: bool = False,
    ) -> None:
        self.timeline = timeline
        self.complete = False
        self.reusable = False
        self._stream = stream and endpoint is not Endpoint.EMBEDDINGS
        self._asked = expected_output
        self._exact = exact
        self._answer = Answer(keep_text, secrets, room, Speech() if count else None)
        self._framing = Framing()
        self._parts = self._framing.parts
        self._reader: Reader | None = None
        self._take: Callable[[bytes, int], bool] | None = None
        self._inflater: Inflater | None = None
        self._now_ns = 0
        self._bytes = 0
        self._end: Ending | End = Ending.ANSWERED
        self._message: str | None = None

    @property
    def answered_ns(self) -> int | None:
        """Since when the answer has been complete, though perhaps not the response; else None."""
        return self._answer.answered_ns

    @property
    def progress_ns(self) -> int | None:
        """When the last token came; where no tokens are read, the last byte of the body."""
        return self._reader.progress_ns if self._reader is not None else None

    @property
    def chunked(self) -> bool:
        """The body ends with a last chunk, in sight at the end of a read."""
        return self._framing.chunked

    @property
    def text(self) -> str:
        """The answer's text so far, where it is kept."""
        return "".join(self._answer.texts)

    def feed(self, data: bytes, stamp_ns: int) -> None:
        """Take what one read brought.

        Args:
            data: The bytes.
            stamp_ns: When they were read.
        """
        if stamp_ns < self._now_ns:
            stamp_ns = self._now_ns
        self._now_ns = stamp_ns
        self._bytes += len(data)
        framing = self._framing
        try:
            framing.feed(data)
        except HTTP_ERRORS as error:
            self._turn(error, stamp_ns)
            return
        take = self._take
        if take is None or framing.ended:
            self._turn(None, stamp_ns)
            return
        parts = self._parts
        for part in parts:
            if take(part, stamp_ns):
                self._close(None, None, stamp_ns)
                break
        parts.clear()

    def eof(self, stamp_ns: int) -> None:
        """The peer closed its side."""
        if self.complete:
            self.reusable = False
        elif not self._framing.status:
            self._close(Ending.CLOSED_HEADERS, f"closed after {self._bytes} bytes", stamp_ns)
        elif self._framing.delimited:
            self._close(Ending.CLOSED_BODY, "closed before the body was complete", stamp_ns)
        else:
            self._answer.flags["close_delimited"] = None
            self._close(None, None, stamp_ns)

    def broken(self, stamp_ns: int, message: str) -> None:
        """Reading failed: a reset, a TLS error."""
        if self.complete:
            self.reusable = False
        else:
            ending = Ending.BROKEN_BODY if self._framing.status else Ending.BROKEN_HEADERS
            self._close(ending, message, stamp_ns)

    def abandon(
        self,
        status: Status,
        phase: Phase | None,
        reason: str | None,
        message: str | None,
        stamp_ns: int,
    ) -> None:
        """The load gives up: a deadline, a cancel, a failure before the response.

        Args:
            status: What the request counts as, unless its answer is complete or has failed already.
            phase: Where it was; None for where the response stands.
            reason: One word.
            message: For a person.
            stamp_ns: When.
        """
        self.reusable = False
        if not self.complete:
            here = Phase.BODY if self._framing.status else Phase.HEADERS
            self._close(End(status, phase or here, reason), message, stamp_ns)

    def outcome(self, ended_ns: int) -> Outcome:
        """What became of the request, once `complete`.

        A response that goes on after its answer is complete, held open after `[DONE]`, is let go.

        Args:
            ended_ns: When nothing more was expected.

        Raises:
            RuntimeError: The answer is not complete and nothing has ended it.
        """
        if not self.complete and self.answered_ns is None:
            raise RuntimeError("the reply has not ended")
        self._close(Ending.CLOSED_BODY, None, ended_ns)
        answer = self._answer
        http_status = self._framing.status or None
        message = answer.message or self._message
        if message is None and isinstance(self._end, Ending) and self._end is not Ending.ANSWERED:
            message = self._end.value
        return self.timeline.finish(
            self._end,
            ended_ns,
            code=answer.code,
            http_status=http_status,
            message=snippet(message, secrets=answer.secrets) if message else None,
            retryable=True if http_status in _RETRYABLE else answer.retryable,
            finish_reason=_word(answer.finish_reason, answer.secrets),
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            bytes=self._bytes,
            flags=answer.flag_lines(),
            text=self.text,
            speech=answer.speech,
            server_id=_word(answer.server_id, answer.secrets),
        )

    def _turn(self, error: Exception | None, stamp_ns: int) -> None:
        """Handle a read that brings more than body: the head, the end, bytes that are no HTTP."""
        if self.complete:
            self.reusable = False  # the bytes belong to no request
            return
        framing = self._framing
        if self._take is None:
            self._head(stamp_ns)
        if framing.ended:
            del framing.parts[framing.extent :]
        self._body(stamp_ns)
        if framing.ended:
            self._finish(error, stamp_ns)
        elif error is not None:
            ending = Ending.BAD_FRAMING if framing.status else Ending.NOT_HTTP
            self._close(ending, f"{type(error).__name__}: {error}", stamp_ns)

    def _body(self, stamp_ns: int) -> None:
        """Hand on the body parts of one read."""
        for part in self._parts:
            if self._take(part, stamp_ns):  # type: ignore[misc]  # the head has set it
                self._close(None, None, stamp_ns)
                break
        self._parts.clear()

    def _finish(self, error: Exception | None, stamp_ns: int) -> None:
        """The response is complete, and perhaps more than complete."""
        framing = self._framing
        alone = error is None and not framing.beyond
        if not alone:
            self._answer.flags["bytes_after_end"] = None
        if not self.complete:
            self.reusable = framing.keep_alive and alone
            self._close(None, None, stamp_ns)

    def _inflate(self, data: bytes, stamp_ns: int) -> bool:
        """Take a part of a compressed body."""
        try:
            inflater, reader = self._inflater, self._reader
            assert inflater is not None and reader is not None  # the head has set them
            return any(reader.take(piece, stamp_ns) for piece in inflater.inflate(data))
        except zlib.error as error:
            self._close(Ending.ENCODING, str(error), stamp_ns)
        except TooLarge as error:
            self._close(Ending.LARGE_BODY, str(error), stamp_ns)
        return True

    def _head(self, stamp_ns: int) -> None:
        """Look at what has come of the head; once it is whole, choose who reads the body."""
        framing = self._framing
        if self.timeline.first_byte_ns is None and self._bytes:
            self._now_ns = max(stamp_ns, self.timeline.sent_ns or 0)
            self.timeline.first_byte_ns = self._now_ns
        if framing.status:
            self._reader, self._inflater = choose_reader(
                framing, self._answer, self.timeline, self._stream
            )
            self._take = self._reader.take if self._inflater is None else self._inflate
        elif self._bytes > HEAD_LIMIT:
            text = f"{self._bytes} bytes and no end of the headers"
            self._close(Ending.LARGE_HEADERS, text, stamp_ns)

    def _close(self, ending: Ending | End | None, message: str | None, stamp_ns: int) -> None:
        """Nothing more is expected.

        Args:
            ending: What cut the response off; None where its body is over.
            message: For a person.
            stamp_ns: When.
        """
        if self.complete:
            return
        self.complete = True
        self._take = None
        answer = self._answer
        whole = isinstance(self._reader, WholeReader)
        if ending is None and self._inflater is not None and not self._inflater.ended:
            answer.flags["truncated_encoding"] = None
        if self._reader is not None and answer.ending is None and (ending is None or not whole):
            self._reader.end(max(stamp_ns, self._now_ns), sure=self._framing.ended)
        self._framing.release()
        if answer.ending is not None:
            self._end = answer.ending
        elif ending is not None and answer.answered_ns is None:
            self._end = ending
            self._message = message
        else:
            self._end = settled(
                answered=answer.answered_ns is not None,
                empty=answer.empty,
                asked=self._asked,
                exact=self._exact,
                output_tokens=answer.output_tokens,
                chunks=None if whole else len(self.timeline.token_ns),
            )
            if ending is not None:
                answer.flags["cut_after_answer"] = None


def _word(text: str | None, secrets: tuple[str, ...]) -> str | None:
    """An id or a reason as the server named it, which is a word and no place for anything else."""
    if text is None or (len(text) <= 64 and text.isprintable() and mask(text, secrets) == text):
        return text
    return snippet(text, 64, secrets)
