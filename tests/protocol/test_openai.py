"""The gateway's OpenAI endpoints in the Protocol's types, all four modules."""

from __future__ import annotations

import time

import pytest
from pydantic import BaseModel, ValidationError

from sagellm_benchmark import protocol

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
MESSAGE = {"role": "user", "content": "hello"}
STAMPED = {
    protocol.ChatCompletionResponse: {"id": "c", "model": "m", "choices": [], "usage": USAGE},
    protocol.ChatCompletionStreamResponse: {"id": "c", "model": "m", "choices": []},
    protocol.CompletionResponse: {"id": "c", "model": "m", "choices": [], "usage": USAGE},
    protocol.ModelInfo: {"id": "m"},
}


@pytest.mark.parametrize(("model", "fields"), STAMPED.items())
def test_created_is_the_time_of_day(model: type[BaseModel], fields: dict[str, object]) -> None:
    """What is not stamped is stamped when it is made, in whole Unix seconds."""
    before = int(time.time())
    assert before <= model(**fields).created <= time.time()
    assert model(**fields, created=7).created == 7


def test_chat_defaults() -> None:
    """A chat request asks for one whole answer at temperature 1, with no limit of its own."""
    request = protocol.ChatCompletionRequest(model="m", messages=[MESSAGE])
    assert (request.temperature, request.n, request.stream, request.max_tokens) == (
        1.0,
        1,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("field", "beyond"),
    [
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("top_p", 0),
        ("top_p", 1.1),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
    ],
)
def test_chat_ranges(field: str, beyond: float) -> None:
    """A chat request's parameters keep to OpenAI's ranges."""
    with pytest.raises(ValidationError):
        protocol.ChatCompletionRequest(model="m", messages=[MESSAGE], **{field: beyond})


def test_an_unknown_role_is_refused() -> None:
    """Only the five roles speak."""
    for role in ("system", "user", "assistant", "function", "tool"):
        assert protocol.ChatMessage(role=role, content="").role == role
    with pytest.raises(ValidationError):
        protocol.ChatMessage(role="developer", content="")


def test_a_stream_carries_no_usage() -> None:
    """A chunk's usage is ignored: the Protocol has no place for it."""
    chunk = {"id": "c", "model": "m", "choices": [], "usage": USAGE}
    assert "usage" not in protocol.ChatCompletionStreamResponse(**chunk).model_dump()


def test_a_whole_answer_must_say_how_it_ended() -> None:
    """A choice's reason may be null but not absent; a chunk's may be absent."""
    with pytest.raises(ValidationError, match="Field required"):
        protocol.ChatCompletionChoice(index=0, message=MESSAGE)
    assert protocol.ChatCompletionChoice(index=0, message=MESSAGE, finish_reason=None)
    assert protocol.ChatCompletionStreamChoice(index=0, delta={}).finish_reason is None


@pytest.mark.parametrize("stop", [None, "END", ["END", "STOP"]])
def test_stop_is_one_text_or_several(stop: object) -> None:
    """`stop` is kept in the form in which it came."""
    assert protocol.CompletionRequest(model="m", prompt="p", stop=stop).stop == stop


@pytest.mark.parametrize("texts", ["one", ["one", "two"], []])
def test_embeddings_take_one_text_or_several(texts: object) -> None:
    """`input` is kept in the form in which it came; vectors are floats unless asked otherwise."""
    request = protocol.EmbeddingRequest(model="m", input=texts)
    assert (request.input, request.encoding_format) == (texts, "float")


def test_an_http_error_has_a_message_and_a_type() -> None:
    """The body of an HTTP error names both; the rest may be null."""
    body = protocol.OpenAIErrorResponse(error={"message": "no", "type": "invalid_request_error"})
    assert body.model_dump() == {
        "error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}
    }
    with pytest.raises(ValidationError):
        protocol.OpenAIErrorResponse(error={"message": "no"})
