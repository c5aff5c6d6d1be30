"""The stamps of one request, from due to its last token, and the Outcome they make.

The load sets what happens before the response (sent, connected, written), the reply what its bytes
bring. Stamps are nanoseconds of `clock.now()` and never decrease in the order in which things
happen. `finish` turns an ending into an Outcome by the tables of `states`.
"""

from __future__ import annotations

from typing import Any

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import CODES, ENDINGS, End, Ending, Status, http_code


class Timeline:
    """When what happened to one request. `Outcome` defines each of the stamps."""

    __slots__ = (
        "connected_ns",
        "done_ns",
        "due_ns",
        "first_answer_ns",
        "first_byte_ns",
        "first_frame_ns",
        "first_token_ns",
        "last_token_ns",
        "reused",
        "sent_ns",
        "token_ns",
        "written_ns",
    )

    def __init__(self, due_ns: int) -> None:
        self.due_ns = due_ns
        self.sent_ns: int | None = None
        self.connected_ns: int | None = None
        self.reused = False
        self.written_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.first_frame_ns: int | None = None
        self.first_token_ns: int | None = None
        self.first_answer_ns: int | None = None
        self.last_token_ns: int | None = None
        self.done_ns: int | None = None
        self.token_ns: list[int] = []

    def finish(
        self,
        ending: Ending | End,
        ended_ns: int,
        *,
        code: ErrorCode | None = None,
        http_status: int | None = None,
        **facts: Any,
    ) -> Outcome:
        """Make the Outcome.

        Args:
            ending: How it ended.
            ended_ns: When nothing more was expected.
            code: The code that the server named; it wins over the table's.
            http_status: The response's status code, if there was a response.
            **facts: Further fields of `Outcome`.
        """
        end = ENDINGS[ending] if isinstance(ending, Ending) else ending
        if code is None:
            code = CODES[end.status]
            if end.status is Status.HTTP_ERROR and http_status is not None:
                code = http_code(http_status)
        tokens = self.token_ns
        last_ns = tokens[-1] if tokens else self.last_token_ns
        return Outcome(
            status=end.status,
            phase=end.phase,
            reason=end.reason,
            code=code,
            http_status=http_status,
            due_ns=self.due_ns,
            sent_ns=self.sent_ns,
            connected_ns=self.connected_ns,
            reused=self.reused,
            written_ns=self.written_ns,
            first_byte_ns=self.first_byte_ns,
            first_frame_ns=self.first_frame_ns,
            first_token_ns=self.first_token_ns,
            first_answer_ns=self.first_answer_ns,
            last_token_ns=last_ns,
            done_ns=self.done_ns,
            ended_ns=max(
                ended_ns, *(stamp or 0 for stamp in (self.sent_ns, self.done_ns, last_ns))
            ),
            chunks=len(tokens),
            reads=len(set(tokens)),
            token_ns=tokens,
            **facts,
        )
