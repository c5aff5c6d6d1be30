"""A streamed answer: body bytes and their stamps in, tokens on the timeline out.

Every frame that brings a token puts its stamp on the timeline; comments, role-only frames and usage
frames bring none. The first finish_reason of a choice is its end, `[DONE]` is the end of all: what
comes later is counted as a flag and changes nothing. Nothing raises.
"""

from __future__ import annotations

from sagellm_benchmark.wire import complaint
from sagellm_benchmark.wire.answer import Answer
from sagellm_benchmark.wire.mould import Mould, mould_of
from sagellm_benchmark.wire.openai import (
    DONE,
    Choice,
    Delta,
    Frame,
    NotJson,
    decode_frame,
    decode_label,
    mend,
)
from sagellm_benchmark.wire.sse import Event, EventStream, FrameTooLarge
from sagellm_benchmark.wire.states import Ending
from sagellm_benchmark.wire.timeline import Timeline

_NONE = -1
_VAIN = 8
"""After so many moulds in a row that nothing fitted, no more are made of a stream."""


class StreamReader:
    """Reads a stream of frames; see `answer` for what `take` and `end` are."""

    __slots__ = (
        "_answer",
        "_done",
        "_finished",
        "_mould",
        "_moulded_at",
        "_open",
        "_split",
        "_steady",
        "_stream",
        "_timeline",
        "_tokens",
        "_vain",
    )

    def __init__(self, answer: Answer, timeline: Timeline) -> None:
        self._answer = answer
        self._timeline = timeline
        self._tokens = timeline.token_ns
        self._stream = EventStream()
        self._split = self._stream.feed
        self._done = False
        # The choice of which one more token changes the stamps alone, and what that looks like.
        self._steady: int | None = _NONE
        self._mould: Mould | None = None
        self._moulded_at = 0
        self._vain = 0
        self._open: set[int | None] = set()  # choices with a token and no finish_reason yet
        self._finished: set[int | None] = set()

    @property
    def progress_ns(self) -> int | None:
        """Stamp of the last token."""
        return self._tokens[-1] if self._tokens else None

    def take(self, data: bytes, stamp_ns: int) -> bool:
        """Take the next bytes; True where the rest must not be read."""
        mould = self._mould
        if mould is not None and mould.fits(data) and self._stream.skip(data):
            self._tokens.append(stamp_ns)
            return False
        large = None
        try:
            events = self._split(data)
        except FrameTooLarge as error:
            events, large = error.events, error
        for event in events:
            try:
                frame = decode_frame(event.data)
            except (ValueError, RecursionError) as error:
                if self._odd(event, error, stamp_ns):
                    return True
                continue
            choices = frame.choices
            if choices and len(choices) == 1 and frame.usage is None and frame.error is None:
                choice = choices[0]
                delta = choice.delta
                if (
                    choice.index == self._steady
                    and delta is not None
                    and delta.content
                    and not choice.finish_reason
                    and event.event == "message"
                ):
                    self._tokens.append(stamp_ns)
                    if len(event.data) + 8 == len(data):  # "data: " before it, two LF behind
                        self._remember(data, frame)
                    continue
            self._frame(frame, event, stamp_ns)
        return large is not None and self._overflow(large)

    def end(self, stamp_ns: int, sure: bool) -> None:
        """The body is over."""
        if self._stream.pending:
            self._answer.flags["unterminated_frame"] = None
        if self._answer.answered_ns is not None and not self._done:
            self._answer.flags["no_done"] = None

    def _remember(self, data: bytes, frame: Frame) -> None:
        """Make a mould of an event that did not fit the one before, while moulds prove useful."""
        mould = self._mould
        if mould is not None and mould.holds(data):
            return
        count = len(self._tokens)
        self._vain = 0 if count - self._moulded_at > 2 else self._vain + 1
        self._moulded_at = count
        if self._vain < _VAIN:
            self._mould = mould_of(data, frame)

    def _unsettle(self) -> None:
        """The next frame is read in full."""
        self._steady = _NONE
        self._mould = None

    def _overflow(self, error: FrameTooLarge) -> bool:
        if self._done:
            self._answer.count("data_after_done")
            return True
        return self._answer.fail(Ending.LARGE_BODY, str(error))

    def _odd(self, event: Event, error: Exception, stamp_ns: int) -> bool:
        """Data that is not plainly a frame: the end of the stream among others."""
        answer = self._answer
        if self._done:
            answer.count("data_after_done")
        elif event.data == DONE:
            self._done = True
            self._unsettle()
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
        self._frame(frame, event, stamp_ns)
        return False

    def _frame(self, frame: Frame, event: Event, stamp_ns: int) -> None:
        answer = self._answer
        if self._done:
            answer.count("data_after_done")
            return
        if self._timeline.first_frame_ns is None:
            self._timeline.first_frame_ns = stamp_ns
            answer.server_id = decode_label(event.data).id
        if frame.error:
            self._complain(complaint.from_value(frame.error, answer.secrets), stamp_ns)
        elif event.event == "error":
            self._complain(complaint.from_body(event.data, answer.secrets), stamp_ns)
        if answer.ending is not None:  # of this frame or one before it
            return
        if frame.usage is not None:
            answer.counted(frame.usage)
        for choice in frame.choices or ():
            if choice.finish_reason:
                self._last(choice, stamp_ns)
            else:
                self._token(choice, stamp_ns)
        if frame.choices is None and frame.usage is None:
            self._foreign(event, stamp_ns)

    def _foreign(self, event: Event, stamp_ns: int) -> None:
        """A frame with nothing of an answer: an error of older servers, or not meant for us."""
        if decode_label(event.data).object == "error":
            self._complain(complaint.from_body(event.data, self._answer.secrets), stamp_ns)
        else:
            self._answer.count("foreign_frame")

    def _complain(self, said: complaint.Complaint, stamp_ns: int) -> None:
        """The server reported an error. What follows is read for the connection's sake only."""
        self._answer.fail_as(Ending.ERROR_FRAME, said)
        self._unsettle()
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
        self._unsettle()
        if answer.finish_reason is None:
            answer.finish_reason = choice.finish_reason
        if not self._open:
            answer.answered_ns = stamp_ns
        if said is not None:
            self._complain(said, stamp_ns)

    def _token(self, choice: Choice, stamp_ns: int) -> None:
        delta = choice.delta
        text = choice.text if delta is None else delta.content
        speaks = bool(text) or (delta is not None and delta.speaks())
        if not speaks and (delta is None or not delta.thinks()):
            return
        if choice.index != self._steady and not self._turn(choice.index):
            return
        timeline = self._timeline
        self._tokens.append(stamp_ns)
        if timeline.first_token_ns is None:
            timeline.first_token_ns = stamp_ns
            self._answer.empty = False
        if timeline.first_answer_ns is None and speaks:
            timeline.first_answer_ns = stamp_ns
        answer = self._answer
        if answer.speech is not None:
            answer.speech.add(len(self._tokens) - 1, choice, delta or Delta(content=text))
        if answer.keep_text:
            answer.keep(text)
        elif timeline.first_answer_ns is not None and answer.speech is None:
            self._steady = choice.index

    def _turn(self, index: int | None) -> bool:
        """Another choice than before brings a token; False where that choice had finished."""
        self._unsettle()
        if index in self._finished:
            self._answer.count("data_after_finish")
            return False
        self._open.add(index)
        self._answer.answered_ns = None
        return True
