"""The answers of the sagellm dialect, byte for byte in the real gateway's form.

Compact JSON, one chunk per event, always both `role` and `content`, a finish frame saying "stop".
"""

from __future__ import annotations

from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.exchange import Frames
from sagellm_benchmark.sim.http import LAST_CHUNK, chunk
from sagellm_benchmark.sim.service import created, usage
from sagellm_benchmark.sim.validation import compact

STREAM_FIELDS = (
    b"cache-control: no-cache\r\nconnection: keep-alive\r\nx-accel-buffering: no\r\n"
    b"content-type: text/event-stream; charset=utf-8\r\n"
)
DONE = chunk(b"data: [DONE]\n\n") + LAST_CHUNK


class ChatStream:
    """The events of one chat stream.

    Args:
        body_id: Id in every event.
        model: Name in every event.
    """

    def __init__(self, body_id: str, model: str) -> None:
        self._before_role = (
            b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b,'
            b'"choices":[{"index":0,"delta":{"role":'
        ) % (body_id.encode(), created(), compact(model))

    def frames(self) -> Frames:
        """Lay out a stream that goes well."""
        return Frames(
            opening=self.opening(),
            before=self._before_role + b'null,"content":"',
            after=b'"},"finish_reason":null}]}\n\n',
            closing=lambda: self._event(b"null", b"null", b'"stop"') + DONE,
        )

    def opening(self) -> bytes:
        """Build the role event, which goes out before anything is known."""
        return self._event(b'"assistant"', b"null", b"null")

    def failure(self, message: str) -> bytes:
        """Build the end of a stream that failed: the failure is told as content."""
        return self._event(b"null", compact(f"[Stream error: {message}]"), b'"stop"') + DONE

    def _event(self, role: bytes, content: bytes, finish: bytes) -> bytes:
        delta = b'%b,"content":%b},"finish_reason":%b}]}\n\n' % (role, content, finish)
        return chunk(self._before_role + delta)


def chat(body_id: str, model: str, text: str, job: Job, finish: str) -> bytes:
    """Build the answer to a chat request without streaming."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "name": None},
        "finish_reason": finish,
    }
    return _answer(body_id, "chat.completion", model, choice, job, None)


def completion(body_id: str, model: str, text: str, job: Job, finish: str, trace: str) -> bytes:
    """Build the answer to a text completion."""
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return _answer(body_id, "text_completion", model, choice, job, trace)


def _answer(
    body_id: str, kind: str, model: str, choice: dict[str, object], job: Job, trace: str | None
) -> bytes:
    return compact(
        {
            "id": body_id,
            "object": kind,
            "created": created(),
            "model": model,
            "choices": [choice],
            "usage": usage(job),
            "trace_id": trace,
        }
    )
