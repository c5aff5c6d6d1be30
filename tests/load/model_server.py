"""An OpenAI-compatible server with a tokenizer and manners of one's own choice, for the questions.

It counts a prompt's tokens as `per_word` a word and `template` more, and honours the parameters it
is told to. A thread a connection; what it was asked stays in `asked`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

WORDS = ("alpha", "beta", "gamma", "delta", "omega", "sigma", "theta", "kappa")


@dataclass
class Manners:
    """What the server does.

    Attributes:
        per_word: Tokens of a word.
        template: Tokens added to any prompt.
        model: The one model it has.
        entry: Further keys of the model in the list.
        honours: Parameters that have an effect.
        usage: Whether replies carry token counts; "zero" for counts of 0.
        key: The key it wants.
        refuses: Parameters that it answers with 400.
        brief: Tokens of a reply to a question for one word; None for as many as allowed.
        finish: finish_reason of a reply that was cut.
        any_model: It answers to any name.
        status: Answer requests to a model with these statuses first, one each.
        most_words: Longer prompts are refused.
        count: Counts a prompt's tokens, instead of by the word.
        says: The pieces of every streamed reply, instead of words.
    """

    per_word: float = 1.3
    template: int = 9
    model: str = "m"
    entry: dict = field(default_factory=lambda: {"owned_by": "vllm"})
    honours: tuple = ("max_tokens", "stop", "n", "seed", "min_tokens", "stream_options")
    refuses: tuple = ()
    usage: bool | str = True
    key: str | None = None
    brief: int | None = 2
    finish: str = "length"
    any_model: bool = False
    status: list = field(default_factory=list)
    most_words: int | None = None
    count: Callable[[str], int] | None = None
    says: tuple[str, ...] | None = None


class ModelServer:
    """Serves until closed.

    Attributes:
        url: Where.
        asked: The body of each request to a model, with its headers under "headers".
    """

    def __init__(self, manners):
        self.asked = []
        self.pages = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, manners))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        """Serve nobody any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def model_server(**manners):
    """A server for as long as the block lasts."""
    found = ModelServer(Manners(**manners))
    try:
        yield found
    finally:
        found.close()


def _handler(server, manners):
    class Handler(_Handler):
        def do_GET(self):
            """List the model."""
            server.pages.append(self.path)
            if not self.allowed(manners):
                return
            if self.path == "/v1/models":
                self.say(200, {"object": "list", "data": [{"id": manners.model, **manners.entry}]})
            else:
                self.say(404, {"error": {"message": "no such page"}})

        def do_POST(self):
            """Answer a request to the model."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append({**body, "headers": dict(self.headers)})
            if self.allowed(manners):
                self.answer(manners, body, len(server.asked))

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def allowed(self, manners):
        """Refuse whoever has not the key."""
        if manners.key in (None, (self.headers.get("Authorization") or "")[7:]):
            return True
        self.say(401, {"error": {"message": "who are you?"}})
        return False

    def answer(self, manners, body, number):
        """Make a reply."""
        words = len(_prompt(body).split())
        tokens = manners.count(_prompt(body)) if manners.count else words * manners.per_word
        odd = [name for name in manners.refuses if name in body]
        if manners.status:
            self.say(manners.status.pop(0), {"error": {"message": "not just now"}})
        elif body["model"] != manners.model and not manners.any_model:
            self.say(404, {"error": {"message": f"no model {body['model']}"}})
        elif odd or (manners.most_words is not None and words > manners.most_words):
            self.say(400, {"error": {"message": f"no good: {odd or words}"}})
        elif "input" in body:
            self.say(200, {"data": [{"embedding": [0.0]}], "usage": _usage(manners, tokens, 0)})
        else:
            self.tell(manners, body, tokens, number)

    def tell(self, manners, body, tokens, number):
        """A reply of a text, whole or streamed."""
        texts = [_text(manners, body, number) for _ in range(_choices(manners, body))]
        made = sum(len(text) for text, _ in texts)
        usage = _usage(manners, tokens, made)
        if not body.get("stream"):
            choices = [
                {"index": at, "message": {"content": " ".join(text)}, "finish_reason": end}
                for at, (text, end) in enumerate(texts)
            ]
            self.say(200, {"id": "c", "choices": choices, **({"usage": usage} if usage else {})})
            return
        text, end = texts[0]
        pieces = [f"{word} " for word in text] if manners.says is None else manners.says
        frames = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]})
        if usage and "stream_options" in manners.honours and "stream_options" in body:
            frames.append({"choices": [], "usage": usage})
        self.stream([json.dumps(frame) for frame in frames])

    def stream(self, frames):
        """Send frames, each in a chunk of its own."""
        self.head(200, "text/event-stream", "Transfer-Encoding", "chunked")
        for frame in [*frames, "[DONE]"]:
            data = f"data: {frame}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def say(self, status, value):
        """Send JSON."""
        data = json.dumps(value).encode()
        self.head(status, "application/json", "Content-Length", len(data))
        self.wfile.write(data)

    def head(self, status, kind, *length):
        """Send a head; the request's id comes back."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header(*map(str, length))
        self.send_header("X-Request-ID", self.headers.get("X-Request-ID", ""))
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads it."""


def _prompt(body):
    if "messages" in body:
        return " ".join(message["content"] for message in body["messages"])
    return body.get("prompt") or body["input"]


def _usage(manners, tokens, made):
    if not manners.usage:
        return None
    tokens = 0 if manners.usage == "zero" else round(tokens) + manners.template
    made = 0 if manners.usage == "zero" else made
    return {"prompt_tokens": tokens, "completion_tokens": made, "total_tokens": tokens + made}


def _choices(manners, body):
    return body.get("n", 1) if "n" in manners.honours else 1


def _text(manners, body, number):
    """The words of a reply and how it ended."""
    limit = body.get("max_tokens", 50) if "max_tokens" in manners.honours else 50
    length = limit
    if manners.brief is not None and "one word" in _prompt(body):
        length = min(limit, manners.brief)
        if "min_tokens" in manners.honours:
            length = max(length, body.get("min_tokens", 0))
    seed = body.get("seed") if "seed" in manners.honours else None
    draw = Random(number if seed is None else seed)
    words = [draw.choice(WORDS) for _ in range(length)]
    if "stop" in body and "stop" in manners.honours:
        return [], "stop"
    return words, manners.finish if length == limit else "stop"
