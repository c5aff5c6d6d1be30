"""What was said in a conversation so far, as the next request carries it.

In: a request that ended and its outcome. Out: its messages and the model's reply behind them, or
for an endpoint without messages one text. Where the model said nothing there is no reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.load.request import Job
from sagellm_benchmark.wire.openai import Ask, Endpoint
from sagellm_benchmark.wire.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation so far.

    Attributes:
        messages: Of both sides, where the endpoint takes messages.
        text: Of both sides, where it does not.
        tokens: About how many there are: by the server's usage, else as they were asked for and
            counted in chunks.
    """

    messages: tuple[dict[str, Any], ...]
    text: str
    tokens: int

    @classmethod
    def after(cls, job: Job, outcome: Outcome) -> Conversation:
        """The conversation behind a request that has ended."""
        ask, reply = job.ask, outcome.text
        if ask.endpoint is not Endpoint.CHAT:
            return cls((), (ask.prompt or "") + reply, _tokens(job, outcome))
        said = ask.messages or [{"role": "user", "content": ask.prompt}]
        answer = [{"role": "assistant", "content": reply}] if reply else []
        return cls((*said, *answer), "", _tokens(job, outcome))

    def and_then(self, text: str) -> str:
        """The same as one text, and what comes next."""
        return f"{self.text}\n{text}"


def _tokens(job: Job, outcome: Outcome) -> int:
    prompt, reply = outcome.input_tokens, outcome.output_tokens
    if prompt is None:
        prompt = job.tokens or _words(job.ask)
    if reply is None:
        reply = outcome.chunks or len(outcome.text.split())
    return prompt + reply


def _words(ask: Ask) -> int:
    """About how many tokens recorded content has that nobody counted."""
    texts = (str(message.get("content") or "") for message in ask.messages or ())
    return sum(len(text.split()) for text in (ask.prompt or "", *texts))
