"""The sagellm dialect: answers as the real sageLLM gateway gives them in its control-plane mode.

Its habits are kept, the bad ones too: a stream is answered 200 with a role frame before anything is
known, always ends in finish_reason "stop", never carries usage, and tells failures as content.
"""

from __future__ import annotations

import secrets
import uuid

from pydantic import ValidationError

from sagellm_benchmark.protocol import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
    ErrorCode,
    Request,
)
from sagellm_benchmark.sim import gateway_bytes
from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.gateway_bytes import STREAM_FIELDS, ChatStream
from sagellm_benchmark.sim.gateway_status import status_routes
from sagellm_benchmark.sim.http import HttpRequest, response_head
from sagellm_benchmark.sim.routes import Routes, answer
from sagellm_benchmark.sim.service import Service, finish_reason, new_id
from sagellm_benchmark.sim.validation import BodyError, compact, detail, validated

_NO_COMPLETION_STREAMS = "Streaming text completions are not supported on gateway /v1/completions."


class Sagellm:
    """Answers like the sageLLM gateway.

    Args:
        service: The served model.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: Routes = {
            **status_routes(service),
            "/v1/chat/completions": ("POST", self._chat),
            "/v1/completions": ("POST", self._completion),
            "/v1/embeddings": ("POST", self._embeddings),
        }

    def head(self, request: HttpRequest, status: int, fields: bytes, chunked: bool) -> bytes:
        """Build a head with the ids echoed: the request's id stands in for a missing trace id."""
        request_id = request.headers.get("x-request-id")
        trace_id = request.headers.get("x-trace-id") or request_id
        if request_id is None:
            request_id = str(uuid.uuid4())
        ids = f"x-trace-id: {trace_id or request_id}\r\nx-request-id: {request_id}\r\n"
        fields = b"%bvary: Origin\r\n%b" % (fields, ids.encode("latin-1"))
        close = not request.keep_alive
        return response_head(status, b"uvicorn", fields, close=close, chunked=chunked)

    def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            answer(self._routes, exchange)
        except BodyError as error:
            exchange.reply(error.status, error.body)

    def _chat(self, exchange: Exchange) -> None:
        asked = validated(exchange.request, ChatCompletionRequest)
        job = self._job("\n".join(message.content for message in asked.messages), asked.max_tokens)
        body_id = exchange.body_id = new_id("chatcmpl")
        model = self._service.resolve(asked.model) or asked.model
        failure = self._failure(asked.model, job, asked.stream)
        if asked.stream:
            self._stream(exchange, ChatStream(body_id, model), job, failure)
        elif failure is not None:
            exchange.reply(500, detail(failure))
        else:
            finish = finish_reason(asked.max_tokens)
            self._service.whole(
                exchange, job, lambda text: gateway_bytes.chat(body_id, model, text, job, finish)
            )

    def _stream(
        self, exchange: Exchange, events: ChatStream, job: Job, failure: str | None
    ) -> None:
        if failure is None:
            self._service.stream(exchange, job, events.frames(), STREAM_FIELDS)
        else:
            exchange.begin_stream(STREAM_FIELDS, events.opening())
            exchange.end_stream(events.failure(failure))

    def _completion(self, exchange: Exchange) -> None:
        asked = validated(exchange.request, CompletionRequest)
        if asked.stream:
            raise BodyError(400, detail(_NO_COMPLETION_STREAMS))
        job = self._job(asked.prompt, asked.max_tokens)
        body_id = exchange.body_id = new_id("cmpl")
        failure = self._failure(asked.model, job, False)
        if failure is not None:
            raise BodyError(500, detail(failure))
        model = self._service.resolve(asked.model)
        finish = finish_reason(asked.max_tokens)
        trace = asked.trace_id or f"trace-{secrets.token_hex(4)}"
        self._service.whole(
            exchange,
            job,
            lambda text: gateway_bytes.completion(body_id, model, text, job, finish, trace),
        )

    def _embeddings(self, exchange: Exchange) -> None:
        # Any model name will do: the gateway asks its first embedding engine, whoever was named.
        asked = validated(exchange.request, EmbeddingRequest)
        inputs = [asked.input] if isinstance(asked.input, str) else asked.input
        job = self._service.job(" ".join(inputs), 1)
        if not self._service.fits(job):
            raise BodyError(500, detail("Embedding request error: 400 - prompt too long"))
        body = compact(self._service.embeddings(inputs, asked.model))
        self._service.whole(exchange, job, lambda _text: body)

    def _job(self, prompt: str, max_tokens: int | None) -> Job:
        if max_tokens is not None and max_tokens < 0:
            # The gateway finds this out where it turns the request into one of the Protocol's.
            try:
                Request(request_id="", trace_id="", max_tokens=max_tokens)
            except ValidationError as error:
                raise BodyError(500, detail(str(error))) from error
        return self._service.job(prompt, max_tokens)

    def _failure(self, model: str, job: Job, stream: bool) -> str | None:
        """Say, in the gateway's words, why this request cannot be served."""
        if self._service.resolve(model) is None:
            what = f"No healthy engines available for model {model}"
        elif not self._service.fits(job):
            what = "Stream error: 400" if stream else "Request error: 400 - prompt too long"
        else:
            return None
        kind = "Stream" if stream else "Engine"
        return f"{kind} execution failed: {what} (code: ErrorCode.{ErrorCode.UNAVAILABLE.name})"
