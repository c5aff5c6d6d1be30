"""Calls of the official OpenAI client; run by the Python that has it, with the base URL.

Prints one JSON object: what each call gave, or the exception that it raised.
"""

from __future__ import annotations

import json
import sys

import openai

MODEL = "sim-llm"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "one two three"}]}
COMPLETION = {"model": MODEL, "prompt": "one two three"}
USAGE = {"stream_options": {"include_usage": True}}

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=20)


def counted(usage):
    """A usage as a list."""
    return [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens] if usage else None


def streamed(chunks, text_of):
    """Text pieces, finish reason and usage of a stream."""
    pieces, finish, usage = [], None, None
    for chunk in chunks:
        usage = counted(chunk.usage) or usage
        for choice in chunk.choices:
            pieces.append(text_of(choice) or "")
            finish = choice.finish_reason or finish
    return {"pieces": [piece for piece in pieces if piece], "finish": finish, "usage": usage}


def chat(case="none", **options):
    """A chat without streaming."""
    reply = client.chat.completions.create(**CHAT, **options, extra_headers={"X-Request-ID": case})
    (choice,) = reply.choices
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "usage": counted(reply.usage),
    }


def chat_stream(case="none", **options):
    """A chat, streamed."""
    chunks = client.chat.completions.create(
        **CHAT, **options, stream=True, extra_headers={"X-Request-ID": case}
    )
    return streamed(chunks, lambda choice: choice.delta.content)


def completion():
    """A text completion without streaming."""
    reply = client.completions.create(**COMPLETION, max_tokens=5)
    (choice,) = reply.choices
    return {"text": choice.text, "finish": choice.finish_reason, "usage": counted(reply.usage)}


def completion_stream():
    """A text completion, streamed."""
    chunks = client.completions.create(**COMPLETION, max_tokens=5, stream=True, **USAGE)
    return streamed(chunks, lambda choice: choice.text)


def tool_call():
    """A streamed chat whose tokens are a tool call's arguments."""
    chunks = client.chat.completions.create(
        **CHAT, max_tokens=4, stream=True, extra_headers={"X-Request-ID": "tool"}
    )
    calls = [
        (call.function.name, call.function.arguments)
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    ]
    return {"name": calls[0][0], "arguments": "".join(arguments for _, arguments in calls)}


def embeddings(**options):
    """Two embeddings; the client asks for base64 unless told otherwise."""
    reply = client.embeddings.create(model=MODEL, input=["one two", "three"], **options)
    return {
        "vectors": [entry.embedding for entry in reply.data],
        "usage": reply.usage.prompt_tokens,
    }


def raised(call, *args, **options):
    """The exception of a call that must not go well."""
    try:
        call(*args, **options)
    except openai.OpenAIError as error:
        return {
            "type": type(error).__name__,
            "message": str(error),
            "code": getattr(error, "code", None),
            "status": getattr(error, "status_code", None),
        }
    return None


print(
    json.dumps(
        {
            "models": [model.id for model in client.models.list()],
            "chat": chat(max_tokens=5),
            "chat free": chat(),
            "chat stream": chat_stream(max_tokens=5),
            "chat stream usage": chat_stream(max_completion_tokens=5, **USAGE),
            "completion": completion(),
            "completion stream": completion_stream(),
            "embeddings": embeddings(),
            "embeddings float": embeddings(encoding_format="float"),
            "tool call": tool_call(),
            "short": chat_stream("short", max_tokens=5, **USAGE),
            "lines": chat_stream("lines", max_tokens=5),
            "gzip": chat_stream("gzip", max_tokens=5),
            "unknown model": raised(client.completions.create, model="nobody", prompt="x"),
            "in band": raised(chat_stream, "in-band", max_tokens=5),
            "error event": raised(chat_stream, "event", max_tokens=5),
            "429": raised(chat, "429", max_tokens=5),
        }
    )
)
