"""Turn a row into the bytes of a request, once, before it is due.

In go the run's settings and a `Row`; out comes a frozen `Job` with its payload. Nothing is computed
between the due time and the first byte sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.leaving import Cut, Leavers
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.record.record import Asked
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.trace.prompts import Prompts
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.http import request_bytes
from sagellm_benchmark.wire.openai import Ask, Endpoint, request_body

if TYPE_CHECKING:
    from sagellm_benchmark.load.conversation import Conversation

_ROUNDS = 2
"""Rounds of a trace whose prompts' blocks are held: that which begins, and that which ends."""

NAME_LIMIT = 100
"""Most characters of a task's name for a request: Locust prints it as it is."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request, ready to be written.

    Attributes:
        payload: Head and body, as they go on the wire.
        ask: What the body says.
        asked: The tokens that the row asks for.
        request_id: Sent as `X-Request-ID`.
        name: Its name in Locust's tables and the groups.
        row: The trace's row; of a user's own task one without an id.
        keep_text: The caller wants the reply's text, whatever the settings say.
        tokens: About how many its prompt has; 0 where nobody knows.
        cut: When its user leaves; None for one who stays.
        host: To which of the run's targets it goes, from 0.
    """

    payload: bytes
    ask: Ask
    asked: Asked
    request_id: str
    name: str
    row: Row
    keep_text: bool = False
    tokens: int = 0
    cut: Cut | None = None
    host: int = 0


class Requests:
    """Makes the jobs of one run.

    Args:
        settings: What goes into every request.
        targets: Whom they are for.
        run_id: Prefix of every request id.
        prompts: The texts of rows that record none; None for own tasks.
        api_key: Sent as a bearer token.
        fresh: Makes those for when the trace is replayed again, from 1.
    """

    def __init__(
        self,
        settings: Settings,
        targets: Sequence[Target],
        run_id: str,
        prompts: Prompts | None = None,
        api_key: str | None = None,
        fresh: Callable[[int], Prompts] | None = None,
    ) -> None:
        self._settings = settings
        self.targets = targets
        self._run_id = run_id
        self._prompts = prompts
        self._fresh = None if fresh is None else lru_cache(maxsize=_ROUNDS)(fresh)
        self._endpoint = Endpoint(settings.endpoint)
        self._headers = _headers(settings, api_key)
        self._leavers = Leavers.of(settings)

    def of_row(
        self,
        seq: int,
        row: Row,
        number: int = 0,
        *,
        said: Conversation | None = None,
        keep_text: bool = False,
        host: int = 0,
    ) -> Job:
        """The request of a trace's row.

        Args:
            seq: Its number.
            row: The row.
            number: Which time the trace is replayed, from 0: each has prompts of its own.
            said: What was said before it, where it goes on with that.
            keep_text: Somebody wants to know what the reply says.
            host: To which of the targets it goes.

        Raises:
            UsageError: The row names no model and neither does an option, or its content does not
                fit the endpoint.
        """
        messages, prompt, tokens = self._content(row, said, self._prompts_of(number))
        ask = self._ask(row, messages=messages, prompt=prompt, token_ids=row.prompt_token_ids)
        cut = None if self._leavers is None else self._leavers.cut(row.request_id)
        return self._job(
            seq,
            ask,
            _asked(row, ask),
            name=self._endpoint.value,
            row=row,
            headers=row.headers,
            keep_text=keep_text,
            tokens=tokens,
            cut=cut,
            host=host,
        )

    def unsent(self, seq: int, row: Row, host: int = 0) -> Job:
        """What the record of a row needs that is not going to be sent: no content, no bytes."""
        ask = self._ask(row)
        name, request_id = self._endpoint.value, self._request_id(seq)
        return Job(b"", ask, _asked(row, ask), request_id, name, row, host=host)

    def _content(
        self, row: Row, said: Conversation | None, prompts: Prompts | None
    ) -> tuple[list[dict[str, Any]] | None, str | None, int]:
        """A row's messages, else its prompt, and about how many tokens it has, 0 for unknown."""
        messages, prompt = row.messages, row.prompt
        if messages is not None and self._endpoint is not Endpoint.CHAT:
            raise UsageError(
                f"row {row.request_id} carries messages, which --endpoint {self._endpoint.value} "
                f"does not take: write --endpoint chat"
            )
        if said is None:
            if not row.has_content and prompts is not None:
                prompt = prompts.text(row)
            return messages, prompt, row.input_tokens or 0
        tokens = 0
        if messages is None and prompt is None:
            new = row.new_input_tokens or max(1, (row.input_tokens or 0) - said.tokens)
            prompt = prompts.more(row.request_id, new)
            tokens = said.tokens + new
        if self._endpoint is not Endpoint.CHAT:
            return None, said.and_then(prompt), tokens
        return [*said.messages, *(messages or [{"role": "user", "content": prompt}])], None, tokens

    def _prompts_of(self, number: int) -> Prompts | None:
        return self._fresh(number) if number and self._fresh is not None else self._prompts

    def _ask(
        self,
        row: Row,
        *,
        messages: list[dict[str, Any]] | None = None,
        prompt: str | None = None,
        token_ids: list[int] | None = None,
    ) -> Ask:
        settings = self._settings
        return Ask(
            endpoint=self._endpoint,
            model=self.model(row),
            stream=self._streams(),
            prompt=prompt,
            token_ids=token_ids,
            messages=messages,
            max_tokens=self._max_tokens(row),
            exact=settings.output_length == "exact",
            temperature=settings.temperature,
            extra={**(row.sampling or {}), **_body_parts(row), **(settings.extra_body or {})},
            include_usage=self._streams(),
        )

    def of_task(
        self,
        seq: int,
        *,
        messages: list[dict[str, Any]],
        model: str | None,
        max_tokens: int | None,
        name: str | None,
        group: str | None,
        extra_body: Mapping[str, Any] | None,
        host: int = 0,
    ) -> Job:
        """The request of a user's own task."""
        settings = self._settings
        model = model or settings.model
        if not model:
            raise UsageError("no model: write --model M, or model= in the task")
        ask = Ask(
            endpoint=Endpoint.CHAT,
            model=model,
            stream=True,
            prompt=None,
            messages=messages,
            max_tokens=max_tokens,
            exact=False,
            temperature=settings.temperature,
            extra={**(settings.extra_body or {}), **(extra_body or {})},
            include_usage=True,
        )
        asked = Asked(input_tokens=None, output_tokens=max_tokens)
        row = Row(request_id="", request_class=group)
        called = snippet(name or Endpoint.CHAT.value, NAME_LIMIT)
        return self._job(seq, ask, asked, name=called, row=row, keep_text=True, host=host)

    def model(self, row: Row) -> str:
        """The model that a row is sent to.

        Raises:
            UsageError: Nothing names one.
        """
        settings = self._settings
        if settings.model is not None:
            return settings.model
        model = (settings.model_map or {}).get(row.model or "", row.model)
        if not model:
            raise UsageError(
                f"row {row.request_id} names no model: write --model M (see GET /v1/models)"
            )
        return model

    def _streams(self) -> bool:
        return not self._settings.no_stream and self._endpoint is not Endpoint.EMBEDDINGS

    def _max_tokens(self, row: Row) -> int | None:
        if self._settings.output_length == "free" or self._endpoint is Endpoint.EMBEDDINGS:
            return None
        return row.reply_tokens

    def _job(
        self,
        seq: int,
        ask: Ask,
        asked: Asked,
        *,
        name: str,
        row: Row,
        headers: Mapping[str, str] | None = None,
        keep_text: bool = False,
        tokens: int = 0,
        cut: Cut | None = None,
        host: int = 0,
    ) -> Job:
        request_id, target = self._request_id(seq), self.targets[host]
        payload = request_bytes(
            target.prefix + ask.endpoint.path,
            target.netloc,
            {
                **self._headers,
                **(headers or {}),
                "X-Request-ID": request_id,
                "X-Trace-ID": request_id,
            },
            request_body(ask),
        )
        return Job(payload, ask, asked, request_id, name, row, keep_text, tokens, cut, host)

    def _request_id(self, seq: int) -> str:
        return f"{self._run_id}-{seq}"


def _asked(row: Row, ask: Ask) -> Asked:
    return Asked(input_tokens=row.input_tokens, output_tokens=ask.max_tokens)


def _headers(settings: Settings, api_key: str | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {**headers, **dict(settings.header)}


def _body_parts(row: Row) -> dict[str, Any]:
    parts = {"tools": row.tools, "response_format": row.response_format}
    return {**{key: value for key, value in parts.items() if value}, **(row.extra_body or {})}
