"""What the body of a response says: body bytes and their stamps in, facts out.

There are three readers, one for each kind of body: a stream (in `stream`), a whole reply, an error
page. Each fills the `Answer` it was given and sets the stamps of its `Timeline`; none knows of HTTP
framing, connections or deadlines. `take` says whether the rest must not be read; `end` does
what only the end of the body completes (`sure`: the framing itself says that this is the end).
"""

from __future__ import annotations

import sys

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire import complaint
from sagellm_benchmark.wire.complaint import Complaint
from sagellm_benchmark.wire.openai import Choice, Delta, NotJson, Usage, decode_whole
from sagellm_benchmark.wire.speech import Speech
from sagellm_benchmark.wire.states import Ending
from sagellm_benchmark.wire.timeline import Timeline

WHOLE_LIMIT = 64 * 1024 * 1024
"""Most bytes of a reply that is not streamed."""

PAGE_LIMIT = 64 * 1024
"""Most bytes that are read of an error page."""

_PIECES = 256


class Answer:
    """What the server has said so far.

    Attributes:
        ending: How the answer failed; None while nothing is wrong. The first failure stays.
        message: What to tell a person of it.
        code: The Protocol's code, where the server named one.
        retryable: Whether trying again may help, where the server said.
        answered_ns: Since when the answer has been complete; None while it is not.
        empty: Nothing that counts as output has come.
        flags: What is worth a line, with how often or with its value; None where it simply is so.
        texts: The text kept so far.
        speech: Keeps all that is said, to be counted; None where nobody counts.
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
        "retryable",
        "room",
        "secrets",
        "server_id",
        "speech",
        "texts",
    )

    def __init__(
        self,
        keep_text: bool,
        secrets: tuple[str, ...],
        room: int | None = None,
        speech: Speech | None = None,
    ) -> None:
        self.keep_text = keep_text
        self.speech = speech
        self.secrets = secrets
        self.room = sys.maxsize if room is None else room
        self.ending: Ending | None = None
        self.message: str | None = None
        self.code: ErrorCode | None = None
        self.retryable: bool | None = None
        self.answered_ns: int | None = None
        self.empty = True
        self.finish_reason: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.server_id: str | None = None
        self.texts: list[str] = []
        self.flags: dict[str, int | str | None] = {}

    def fail(self, ending: Ending, message: str) -> bool:
        """Note how it failed, unless it already has. Always True, for a reader to return."""
        if self.ending is None:
            self.ending = ending
            self.message = message
        return True

    def fail_as(self, ending: Ending, said: Complaint) -> None:
        """Note what the server says of its failure, unless it already has failed."""
        if self.ending is None:
            self.ending = ending
            self.message, self.code, self.retryable = said

    def keep(self, text: str | None) -> None:
        """Keep a piece of the text, while there is room for characters."""
        if text and self.room > 0:
            self.texts.append(text[: self.room])
            self.room -= len(text)
            if len(self.texts) == _PIECES:  # a piece costs ten times its text
                self.texts = ["".join(self.texts)]

    def count(self, flag: str) -> None:
        """Count one more of what a flag stands for."""
        self.flags[flag] = int(self.flags.get(flag) or 0) + 1

    def counted(self, usage: Usage) -> None:
        """Note the server's own count; the last one stands."""
        if usage.prompt_tokens is not None:
            self.input_tokens = usage.prompt_tokens
        if usage.completion_tokens is not None:
            self.output_tokens = usage.completion_tokens

    def flag_lines(self) -> list[str]:
        """The flags as records keep them: `name`, or `name=value`."""
        return [name if value is None else f"{name}={value}" for name, value in self.flags.items()]


class WholeReader:
    """Reads a reply that comes in one piece: no tokens, and its last byte ends it."""

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
        """The body is over; bad JSON was cut short where only the close says so."""
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
            answer.fail_as(Ending.ERROR_FRAME, complaint.from_value(reply.error, answer.secrets))
        elif reply.choices is None and reply.data is None:
            answer.fail(
                Ending.NOT_JSON, f"reply of {len(body)} bytes: neither choices nor data in it"
            )
        if answer.ending is not None:
            return
        self._timeline.last_token_ns = self.progress_ns
        self._timeline.done_ns = answer.answered_ns = stamp_ns
        if reply.usage is not None:
            answer.counted(reply.usage)
        answer.empty = not reply.data
        for choice in reply.choices or ():
            self._choice(choice)

    def _choice(self, choice: Choice) -> None:
        answer = self._answer
        message = choice.message or Delta(content=choice.text)
        if answer.finish_reason is None:
            answer.finish_reason = choice.finish_reason or None
        if answer.keep_text:
            answer.keep(message.content)
        if answer.speech is not None:
            answer.speech.add(0, choice, message)
        if message.speaks() or message.thinks():
            answer.empty = False


class PageReader:
    """Reads an error page, or a body that was not asked for, as far as a person may want it.

    Args:
        answer: Where the failure goes.
        ending: What it is.
        note: What the head said, to stand before the page.
        quoted: The page is worth quoting.
    """

    __slots__ = ("_answer", "_ending", "_note", "_page", "_quoted", "progress_ns")

    def __init__(self, answer: Answer, ending: Ending, note: str, quoted: bool) -> None:
        self._answer = answer
        self._ending = ending
        self._note = note
        self._quoted = quoted
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
        said = complaint.in_band(self._page, secrets)
        if said is not None and self._ending is Ending.CONTENT_TYPE:
            self._answer.fail_as(Ending.ERROR_FRAME, said)
        elif not self._quoted or not self._page:
            self._answer.fail(self._ending, self._note)
        else:
            said = complaint.from_body(self._page, secrets)
            said = said._replace(message=snippet(f"{self._note}: {said.message}", secrets=secrets))
            if self._ending is not Ending.REFUSED:
                said = said._replace(code=None)
            self._answer.fail_as(self._ending, said)
