"""What the body of a response says: body bytes and their stamps in, tokens on the timeline and facts out.

Three readers, one for each kind of body: a stream of frames, a whole reply, an error page. Each fills the `Answer` it
was given and sets the stamps of its `Timeline`; none knows of HTTP framing, connections or deadlines. `take` says
whether the body must not be read on; `end` reads what only the end of the body completes (`sure`: the framing says that this is the end).
"""

from __future__ import annotations

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire import complaint
from sagellm_benchmark.wire.openai import (
    DONE,
    Choice,
    Delta,
    Frame,
    NotJson,
    decode_frame,
    decode_label,
    decode_whole,
    mend,
)
from sagellm_benchmark.wire.sse import Event, EventStream, FrameTooLarge
from sagellm_benchmark.wire.states import Ending
from sagellm_benchmark.wire.timeline import Timeline

WHOLE_LIMIT = 64 * 1024 * 1024
"""Most bytes of a reply that is not streamed."""

PAGE_LIMIT = 64 * 1024
"""Most bytes that are read of an error page."""


class Answer:
    """What the server has said so far.

    Attributes:
        ending: How the answer failed; None while nothing is wrong. The first failure stays.
        message: What to tell a person of it.
        code: The Protocol's code, where the server named one.
        answered_ns: Since when the answer has been complete; None while it is not.
        empty: Nothing that counts as output has come.
        flags: What is worth a line, each with how often or with its value; None where it simply is so.
    """

    __slots__ = (
        "answered_ns",
        "code",
        "empty",
        "ending",
        "finish_reason",
        "flags",
        "input_tokens",
        "keep_text",
        "message",
        "output_tokens",
        "secrets",
        "server_id",
        "texts",
    )

    def __init__(self, keep_text: bool, secrets: tuple[str, ...]) -> None:
        self.keep_text = keep_text
        self.secrets = secrets
        self.ending: Ending | None = None
        self.message: str | None = None
        self.code: ErrorCode | None = None
        self.answered_ns: int | None = None
        self.empty = True
        self.finish_reason: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.server_id: str | None = None
        self.texts: list[str] = []
        self.flags: dict[str, int | str | None] = {}

    def fail(
        self, ending: Ending, message: str | None = None, code: ErrorCode | None = None
    ) -> bool:
        """Note how it failed, unless it already has. Always True, for a reader to return."""
        if self.ending is None:
            self.ending, self.message, self.code = ending, message, code
        return True

    def count(self, flag: str) -> None:
        """Count one more of what a flag stands for."""
        self.flags[flag] = int(self.flags.get(flag) or 0) + 1

    def flag_lines(self) -> list[str]:
        """The flags as records keep them: `name`, or `name=value`."""
        return [name if value is None else f"{name}={value}" for name, value in self.flags.items()]


class StreamReader:
    """Reads a stream of frames."""

    __slots__ = (
        "_answer",
        "_done",
        "_events",
        "_finished",
        "_open",
        "_steady",
        "_timeline",
        "_tokens",
    )

    def __init__(self, answer: Answer, timeline: Timeline) -> None:
        self._answer = answer
        self._timeline = timeline
        self._tokens = timeline.token_ns
        self._events = EventStream()
        self._done = False
        self._steady = -1  # the choice of which one more token changes nothing but the stamps
        self._open: set[int] = set()  # choices with tokens and no finish_reason yet
        self._finished: set[int] = set()

    @property
    def progress_ns(self) -> int | None:
        """Stamp of the last token."""
        return self._tokens[-1] if self._tokens else None

    def take(self, data: bytes, stamp_ns: int) -> bool:
        """Take the next bytes; True where the rest must not be read."""
        try:
            events = self._events.feed(data)
        except FrameTooLarge as error:
            stop = any([self._event(event, stamp_ns) for event in error.events])
            return stop or self._answer.fail(Ending.LARGE_BODY, str(error))
        for event in events:
            if self._event(event, stamp_ns):
                return True
        return False

    def end(self, stamp_ns: int, sure: bool) -> None:
        """The body is over."""
        if self._events.pending:
            self._answer.flags["unterminated_frame"] = None
        if self._answer.answered_ns is not None and not self._done:
            self._answer.flags["no_done"] = None

    def _event(self, event: Event, stamp_ns: int) -> bool:
        try:
            frame = decode_frame(event.data)
        except (ValueError, RecursionError) as error:
            return self._odd(event, error, stamp_ns)
        choices = frame.choices
        if choices and len(choices) == 1 and frame.usage is None and frame.error is None:
            choice = choices[0]
            delta = choice.delta
            if choice.index == self._steady and delta is not None and delta.content:
                if not choice.finish_reason and event.event == "message":  # just one more token
                    self._tokens.append(stamp_ns)
                    return False
        return self._frame(frame, event, stamp_ns)

    def _odd(self, event: Event, error: Exception, stamp_ns: int) -> bool:
        """Data that is not plainly a frame: the end of the stream among others."""
        answer = self._answer
        if self._done:
            answer.count("data_after_done")
        elif event.data == DONE:
            self._done = True
            self._steady = -1
            self._timeline.done_ns = answer.answered_ns = stamp_ns
        elif event.event == "error":
            self._complain(complaint.from_body(event.data, answer.secrets), stamp_ns)
        elif not event.data:
            answer.count("empty_frame")
        else:
            return self._mend(event, error, stamp_ns)
        return False

    def _mend(self, event: Event, error: Exception, stamp_ns: int) -> bool:
        try:
            frame, flaw = mend(event.data, Frame, error)
        except NotJson as refused:
            if event.event != "message":  # somebody else's event
                self._answer.count("foreign_frame")
                return False
            text = f"frame at body byte {event.offset}: {refused}"
            return self._answer.fail(Ending.NOT_JSON, text)
        self._answer.count(flaw)
        return self._frame(frame, event, stamp_ns)

    def _frame(self, frame: Frame, event: Event, stamp_ns: int) -> bool:
        answer = self._answer
        if self._done:
            answer.count("data_after_done")
            return False
        if self._timeline.first_frame_ns is None:
            self._timeline.first_frame_ns = stamp_ns
            answer.server_id = decode_label(event.data).id
        if frame.error:
            self._complain(complaint.from_value(frame.error, answer.secrets), stamp_ns)
        elif event.event == "error":
            self._complain(complaint.from_body(event.data, answer.secrets), stamp_ns)
        if answer.ending is not None:  # of this frame or one before it
            return False
        if frame.usage is not None:
            answer.input_tokens = frame.usage.prompt_tokens
            answer.output_tokens = frame.usage.completion_tokens
        for choice in frame.choices or ():
            if choice.finish_reason:
                self._last(choice, stamp_ns)
            else:
                self._token(choice, stamp_ns)
        if frame.choices is None and frame.usage is None:
            self._foreign(event, stamp_ns)
        return False

    def _foreign(self, event: Event, stamp_ns: int) -> None:
        """A frame with nothing of an answer: an error of older servers, or not meant for us."""
        if decode_label(event.data).object == "error":
            self._complain(complaint.from_body(event.data, self._answer.secrets), stamp_ns)
        else:
            self._answer.count("foreign_frame")

    def _complain(self, said: complaint.Complaint, stamp_ns: int) -> None:
        """The server reported an error. What follows is read for the connection's sake only."""
        self._answer.fail(Ending.ERROR_FRAME, said.message, said.code)
        self._steady = -1
        if self._answer.answered_ns is None:
            self._answer.answered_ns = stamp_ns

    def _last(self, choice: Choice, stamp_ns: int) -> None:
        """A frame with a finish_reason: it may bring the last token, or the gateway's error."""
        answer = self._answer
        index = choice.index
        if index in self._finished:
            answer.count("second_finish")
            return
        content = choice.delta.content if choice.delta is not None else None
        said = complaint.from_content(content, answer.secrets) if content else None
        if said is None:
            self._token(choice, stamp_ns)
        self._finished.add(index)
        self._open.discard(index)
        self._steady = -1
        if answer.finish_reason is None:
            answer.finish_reason = choice.finish_reason
        if not self._open:
            answer.answered_ns = stamp_ns
        if said is not None:
            self._complain(said, stamp_ns)

    def _token(self, choice: Choice, stamp_ns: int) -> None:
        delta = choice.delta
        text = choice.text if delta is None else delta.content
        if text:
            thought = False
        elif delta is None:
            return
        elif delta.reasoning_content or delta.reasoning:
            thought = True
        elif delta.refusal or delta.calls():
            thought = False
        else:
            return
        if choice.index != self._steady and not self._turn(choice.index):
            return
        timeline = self._timeline
        self._tokens.append(stamp_ns)
        if timeline.first_token_ns is None:
            timeline.first_token_ns = stamp_ns
            self._answer.empty = False
        if timeline.first_answer_ns is None and not thought:
            timeline.first_answer_ns = stamp_ns
        if self._answer.keep_text:
            self._answer.texts.append(text or "")
        elif timeline.first_answer_ns is not None:
            self._steady = choice.index

    def _turn(self, index: int) -> bool:
        """Another choice than before brings a token; False where that choice had finished."""
        self._steady = -1
        if index in self._finished:
            self._answer.count("data_after_finish")
            return False
        self._open.add(index)
        self._answer.answered_ns = None
        return True


class WholeReader:
    """Reads a reply that comes in one piece. Its bytes make no tokens; its end is the last body byte."""

    __slots__ = ("_answer", "_parts", "_size", "_timeline", "progress_ns")

    def __init__(self, answer: Answer, timeline: Timeline) -> None:
        self._answer = answer
        self._timeline = timeline
        self._parts: list[bytes] = []
        self._size = 0
        self.progress_ns: int | None = None

    def take(self, data: bytes, stamp_ns: int) -> bool:
        """Take the next bytes; True where the rest must not be read."""
        if self.progress_ns is None:
            self._timeline.first_frame_ns = stamp_ns
        self.progress_ns = stamp_ns
        self._parts.append(data)
        self._size += len(data)
        if self._size > WHOLE_LIMIT:
            return self._answer.fail(Ending.LARGE_BODY, f"a reply of over {WHOLE_LIMIT} bytes")
        return False

    def end(self, stamp_ns: int, sure: bool) -> None:
        """The body is over. Unless that is sure, the connection's close being its only end, bad JSON was cut short."""
        answer = self._answer
        body = b"".join(self._parts)
        try:
            reply, flaw = decode_whole(body)
        except NotJson as error:
            ending = Ending.NOT_JSON if sure else Ending.CLOSED_BODY
            answer.fail(ending, f"reply of {len(body)} bytes: {error}")
            return
        if flaw:
            answer.count(flaw)
        answer.server_id = reply.id
        if reply.error:
            said = complaint.from_value(reply.error, answer.secrets)
            answer.fail(Ending.ERROR_FRAME, said.message, said.code)
        elif reply.choices is None and reply.data is None:
            answer.fail(
                Ending.NOT_JSON, f"reply of {len(body)} bytes: neither choices nor data in it"
            )
        if answer.ending is not None:
            return
        self._timeline.last_token_ns = self.progress_ns
        self._timeline.done_ns = answer.answered_ns = stamp_ns
        if reply.usage is not None:
            answer.input_tokens = reply.usage.prompt_tokens
            answer.output_tokens = reply.usage.completion_tokens
        answer.empty = not reply.data
        for choice in reply.choices or ():
            self._choice(choice)

    def _choice(self, choice: Choice) -> None:
        answer = self._answer
        message = choice.message or Delta(content=choice.text)
        if answer.finish_reason is None:
            answer.finish_reason = choice.finish_reason or None
        if message.content and answer.keep_text:
            answer.texts.append(message.content)
        thought = message.reasoning_content or message.reasoning
        if message.content or thought or message.refusal or message.calls():
            answer.empty = False


class PageReader:
    """Reads an error page, or any body that was not asked for, as far as a person may want to see it.

    Args:
        answer: Where the failure goes.
        ending: What it is.
        note: What the head said, to stand before the page.
    """

    __slots__ = ("_answer", "_ending", "_note", "_page", "progress_ns")

    def __init__(self, answer: Answer, ending: Ending, note: str) -> None:
        self._answer = answer
        self._ending = ending
        self._note = note
        self._page = b""
        self.progress_ns: int | None = None

    def take(self, data: bytes, stamp_ns: int) -> bool:
        """Take the next bytes; True where the rest must not be read."""
        self.progress_ns = stamp_ns
        self._page += data[: PAGE_LIMIT - len(self._page)]
        return len(self._page) == PAGE_LIMIT

    def end(self, stamp_ns: int, sure: bool) -> None:
        """Nothing more will come: make the message."""
        secrets = self._answer.secrets
        if self._ending is Ending.CONTENT_TYPE:
            said = complaint.in_band(self._page, secrets)
            if said is not None:
                self._answer.fail(Ending.ERROR_FRAME, said.message, said.code)
                return
        said = complaint.from_body(self._page, secrets)
        code = said.code if self._ending is Ending.REFUSED else None
        text = f"{self._note}: {said.message}" if said.message else self._note
        self._answer.fail(self._ending, snippet(text, secrets=secrets), code)
