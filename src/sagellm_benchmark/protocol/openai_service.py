"""What every endpoint of the gateway shares: the list of models, and the body of an HTTP error."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from sagellm_benchmark.protocol.openai_chat import unix_now


class ModelInfo(BaseModel):
    """One model that is served.

    Attributes:
        id: Its name, as requests write it.
        object: Always "model".
        created: Unix seconds.
        owned_by: Who serves it.
    """

    id: str
    object: Literal["model"] = "model"
    created: int = Field(default_factory=unix_now)
    owned_by: str = "sagellm"


class ModelListResponse(BaseModel):
    """The answer of `/v1/models`."""

    object: Literal["list"] = "list"
    data: list[ModelInfo]


class OpenAIError(BaseModel):
    """What went wrong, in OpenAI's words.

    Attributes:
        message: For a person.
        type: The kind of error.
        param: The parameter at fault.
        code: A word for programs.
    """

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIErrorResponse(BaseModel):
    """The body of an HTTP error."""

    error: OpenAIError
