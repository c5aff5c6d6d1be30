"""The openai dialect: an OpenAI-compatible engine, by itself or behind the real sageLLM gateway.

It streams chat and text completions, tells usage where asked, and speaks the Protocol's event
stream on `/v1/completions/stream` as a sageLLM engine does. Errors have OpenAI's form; only the
Protocol route answers a bad body as sageLLM's engine would.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

from sagellm_benchmark.protocol import Request
from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.event_stream import event_frames
from sagellm_benchmark.sim.exchange import Exchange, Frames
from sagellm_benchmark.sim.figures import CONTENT_TYPE, metrics_text
from sagellm_benchmark.sim.http import HttpRequest, response_head
from sagellm_benchmark.sim.openai_bytes import STREAM_FIELDS, Answer
from sagellm_benchmark.sim.openai_request import (
    Asked,
    OpenAIFailure,
    read_chat,
    read_completion,
    read_embedding,
)
from sagellm_benchmark.sim.routes import Routes, answer
from sagellm_benchmark.sim.service import Service, new_id
from sagellm_benchmark.sim.validation import BodyError, compact, detail, validated


class OpenAI:
    """Answers like an OpenAI-compatible engine.

    Args:
        service: The served model.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: Routes = {
            "/health": ("GET", lambda exchange: exchange.reply(200, b'{"status":"healthy"}')),
            "/info": ("GET", lambda exchange: exchange.reply(200, compact(service.info()))),
            "/v1/models": ("GET", lambda exchange: exchange.reply(200, compact(service.models()))),
            "/metrics": (
                "GET",
                lambda exchange: exchange.reply(200, metrics_text(service), CONTENT_TYPE),
            ),
            "/v1/chat/completions": ("POST", self._chat),
            "/v1/completions": ("POST", self._completion),
            "/v1/embeddings": ("POST", self._embeddings),
            "/v1/completions/stream": ("POST", self._events),
        }

    def head(self, request: HttpRequest, status: int, fields: bytes, chunked: bool) -> bytes:
        """Build a head; a request id is echoed where one was sent."""
        request_id = request.headers.get("x-request-id")
        if request_id is not None:
            fields = b"%bx-request-id: %b\r\n" % (fields, request_id.encode("latin-1"))
        close = not request.keep_alive
        return response_head(status, b"sagellm-sim", fields, close=close, chunked=chunked)

    def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            answer(self._routes, exchange)
        except (OpenAIFailure, BodyError) as error:
            exchange.reply(error.status, error.body)

    def _chat(self, exchange: Exchange) -> None:
        asked = read_chat(exchange.request.body)
        self._generate(exchange, asked, "chatcmpl", Answer.chat_frames, Answer.chat)

    def _completion(self, exchange: Exchange) -> None:
        asked = read_completion(exchange.request.body)
        self._generate(exchange, asked, "cmpl", Answer.completion_frames, Answer.completion)

    def _generate(
        self,
        exchange: Exchange,
        asked: Asked,
        prefix: str,
        frames: Callable[[Answer], Frames],
        body: Callable[[Answer, str], bytes],
    ) -> None:
        model = self._model(asked.model)
        default = self._service.config.default_output_tokens
        job = self._job(asked.prompt, asked.max_tokens or max(asked.min_tokens, default))
        exchange.body_id = new_id(prefix)
        reply = Answer(
            body_id=exchange.body_id,
            model=model,
            job=job,
            max_tokens=asked.max_tokens,
            include_usage=asked.include_usage,
        )
        if asked.stream:
            self._service.stream(exchange, job, frames(reply), STREAM_FIELDS)
        else:
            self._service.whole(exchange, job, lambda text: body(reply, text))

    def _embeddings(self, exchange: Exchange) -> None:
        name, inputs, as_base64 = read_embedding(exchange.request.body)
        model = self._model(name)
        job = self._job(" ".join(inputs), 1)
        value = self._service.embeddings(inputs, model)
        if as_base64:
            for entry in value["data"]:
                entry["embedding"] = _base64(entry["embedding"])
        self._service.whole(exchange, job, lambda _text: compact(value))

    def _events(self, exchange: Exchange) -> None:
        asked = validated(exchange.request, Request)
        job = self._service.job(asked.prompt, asked.max_tokens)
        if not self._service.fits(job):
            raise BodyError(400, detail("prompt and output do not fit into the KV cache"))
        exchange.body_id = asked.request_id
        frames = event_frames(asked, self._service, exchange, job)
        self._service.stream(exchange, job, frames, STREAM_FIELDS)

    def _model(self, name: str) -> str:
        model = self._service.resolve(name)
        if model is None:
            raise OpenAIFailure(
                f"The model `{name}` does not exist.", 404, "model", "model_not_found"
            )
        return model

    def _job(self, prompt: str, output_tokens: int) -> Job:
        job = self._service.job(prompt, output_tokens)
        if not self._service.fits(job):
            raise OpenAIFailure(
                f"This model's maximum context length is {self._service.config.kv_tokens} tokens, "
                f"but {job.prompt_tokens} of prompt and {output_tokens} of output were asked for.",
                code="context_length_exceeded",
            )
        return job


def _base64(vector: list[Any]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
