"""The answers of the openai dialect: chunks and bodies as OpenAI's interface describes them.

A role frame right before the first token, one frame per token, a frame with the finish_reason, and
a usage frame with empty `choices` only where it was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.exchange import Frames
from sagellm_benchmark.sim.http import LAST_CHUNK, chunk
from sagellm_benchmark.sim.service import created, finish_reason, usage
from sagellm_benchmark.sim.validation import compact

STREAM_FIELDS = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
DONE = chunk(b"data: [DONE]\n\n") + LAST_CHUNK


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is the same in every frame and in the whole body of one answer.

    Attributes:
        body_id: Its id.
        model: The model's name.
        job: The engine's job.
        max_tokens: The limit that the client gave, or None.
        include_usage: Whether a stream tells its usage.
    """

    body_id: str
    model: str
    job: Job
    max_tokens: int | None
    include_usage: bool

    def chat_frames(self) -> Frames:
        """Lay out a chat stream."""
        return self._frames(
            "chat.completion.chunk",
            first=b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}',
            before=b'{"index":0,"delta":{"content":"',
            after=b'"},"finish_reason":null}',
            last=b'{"index":0,"delta":{},"finish_reason":"%b"}',
        )

    def completion_frames(self) -> Frames:
        """Lay out the stream of a text completion."""
        return self._frames(
            "text_completion",
            first=None,
            before=b'{"index":0,"text":"',
            after=b'","logprobs":null,"finish_reason":null}',
            last=b'{"index":0,"text":"","logprobs":null,"finish_reason":"%b"}',
        )

    def chat(self, text: str) -> bytes:
        """Build the body of a chat answer."""
        message = {"role": "assistant", "content": text, "refusal": None}
        return self._body("chat.completion", {"message": message})

    def completion(self, text: str) -> bytes:
        """Build the body of a text completion."""
        return self._body("text_completion", {"text": text})

    def _frames(
        self, kind: str, *, first: bytes | None, before: bytes, after: bytes, last: bytes
    ) -> Frames:
        start = b'data: {"id":"%b","object":"%b","created":%d,"model":%b,"choices":[' % (
            self.body_id.encode(),
            kind.encode(),
            created(),
            compact(self.model),
        )
        end = b'],"usage":null}\n\n' if self.include_usage else b"]}\n\n"
        closing = chunk(start + last % finish_reason(self.max_tokens).encode() + end)
        if self.include_usage:
            closing += chunk(b'%b],"usage":%b}\n\n' % (start, compact(usage(self.job))))
        return Frames(
            opening=b"",
            first=b"" if first is None else chunk(start + first + end),
            before=start + before,
            after=after + end,
            closing=lambda: closing + DONE,
        )

    def _body(self, kind: str, content: dict[str, object]) -> bytes:
        finish = finish_reason(self.max_tokens)
        return compact(
            {
                "id": self.body_id,
                "object": kind,
                "created": created(),
                "model": self.model,
                "choices": [{"index": 0, **content, "logprobs": None, "finish_reason": finish}],
                "usage": usage(self.job),
            }
        )
