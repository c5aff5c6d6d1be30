"""The gateway's `/v1/embeddings`, as the Protocol types it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class EmbeddingRequest(BaseModel):
    """Texts to embed.

    Attributes:
        input: One text or several.
        model: Its name.
        encoding_format: How the vectors are written.
        dimensions: Length of the vectors; None leaves it to the model.
        user: The end user, for the server's own accounting.
    """

    input: str | list[str]
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


class EmbeddingData(BaseModel):
    """One text's vector.

    Attributes:
        object: Always "embedding".
        embedding: The vector.
        index: The text's place in the input.
    """

    object: Literal["embedding"] = "embedding"
    embedding: list[float]
    index: int


class EmbeddingUsage(BaseModel):
    """Tokens counted by the server; nothing is generated, so both are the input's."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(BaseModel):
    """The vectors.

    Attributes:
        object: Always "list".
        data: One entry a text.
        model: The model that answered.
        usage: The tokens counted.
    """

    object: Literal["list"] = "list"
    data: list[EmbeddingData]
    model: str
    usage: EmbeddingUsage
