"""Protocol v0.1: what sageLLM's parts say to each other, and the words of our metric records.

`ErrorCode` and `PROTOCOL_VERSION` are plain Python. The pydantic models are loaded at the first use
of their name, so that what only needs a code starts without pydantic. Field names, types, defaults
and ranges are those of the official package `isagellm-protocol`; nothing is added. Like there,
models ignore fields they do not know, so that a newer peer can be read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from sagellm_benchmark.protocol.events import (
        DeltaEvent,
        EndEvent,
        StartEvent,
        StreamEvent,
        StreamEventDelta,
        StreamEventEnd,
        StreamEventStart,
    )
    from sagellm_benchmark.protocol.metrics import Metrics, Timestamps
    from sagellm_benchmark.protocol.openai_chat import (
        ChatCompletionChoice,
        ChatCompletionRequest,
        ChatCompletionResponse,
        ChatCompletionStreamChoice,
        ChatCompletionStreamDelta,
        ChatCompletionStreamResponse,
        ChatCompletionUsage,
        ChatMessage,
    )
    from sagellm_benchmark.protocol.openai_completion import (
        CompletionChoice,
        CompletionRequest,
        CompletionResponse,
        CompletionUsage,
    )
    from sagellm_benchmark.protocol.openai_embedding import (
        EmbeddingData,
        EmbeddingRequest,
        EmbeddingResponse,
        EmbeddingUsage,
    )
    from sagellm_benchmark.protocol.openai_service import (
        ModelInfo,
        ModelListResponse,
        OpenAIError,
        OpenAIErrorResponse,
    )
    from sagellm_benchmark.protocol.request import Request
    from sagellm_benchmark.protocol.response import Error, Response
    from sagellm_benchmark.protocol.sampling import DecodingStrategy, SamplingParams

PROTOCOL_VERSION = "0.1"
"""The version that these models describe."""

__all__ = [
    "PROTOCOL_VERSION",
    "ErrorCode",
    "ChatCompletionChoice",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatCompletionStreamChoice",
    "ChatCompletionStreamDelta",
    "ChatCompletionStreamResponse",
    "ChatCompletionUsage",
    "ChatMessage",
    "CompletionChoice",
    "CompletionRequest",
    "CompletionResponse",
    "CompletionUsage",
    "DecodingStrategy",
    "DeltaEvent",
    "EmbeddingData",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingUsage",
    "EndEvent",
    "Error",
    "Metrics",
    "ModelInfo",
    "ModelListResponse",
    "OpenAIError",
    "OpenAIErrorResponse",
    "Request",
    "Response",
    "SamplingParams",
    "StartEvent",
    "StreamEvent",
    "StreamEventDelta",
    "StreamEventEnd",
    "StreamEventStart",
    "Timestamps",
]

_MODULES = (
    "metrics",
    "response",
    "events",
    "request",
    "sampling",
    "openai_chat",
    "openai_completion",
    "openai_embedding",
    "openai_service",
)


def __getattr__(name: str) -> Any:
    """Load every model at the first use of one of them (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in _MODULES:
        loaded = import_module(f"{__name__}.{module}")
        globals().update({key: getattr(loaded, key) for key in __all__ if hasattr(loaded, key)})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
