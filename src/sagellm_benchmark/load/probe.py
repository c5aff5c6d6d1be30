"""Questions to a target, one at a time, each on a connection of its own.

In go a path or an `Ask`; out comes what was heard. Requests are written and streams are read as in
the load, by the same code. Every question has a time limit, all of them together another, and each
is named `preflight-…` in its X-Request-ID. No gevent and no Locust here: `check` starts without
them, and in a run the sockets are Locust's patched ones.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.ear import Ear, Page, PageEar, ReplyEar
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire.http import HTTP_ERRORS, request_bytes
from sagellm_benchmark.wire.openai import Ask, request_body
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.reply import Reply
from sagellm_benchmark.wire.states import Phase, Status
from sagellm_benchmark.wire.timeline import Timeline

GET_S = 5.0
"""Longest wait for one of the server's own pages."""

_READ = 64 << 10
_LINE = 160
_REST_S = 0.5
"""Wait for what may follow a complete answer: its usage, its `[DONE]`."""


class NoAnswerError(UsageError):
    """Nothing that is HTTP came back: refused, broken, silent, or another protocol."""


@dataclass(frozen=True)
class Heard:
    """What came of one request to a model.

    Attributes:
        outcome: As a record of the load would have it.
        page: The response; its status is 0 where none came.
        request_id: What it was sent with.
    """

    outcome: Outcome
    page: Page
    request_id: str

    @property
    def echoed(self) -> bool:
        """The response carries our X-Request-ID."""
        return self.page.headers.get("x-request-id") == self.request_id


class Probe:
    """Asks one target.

    Args:
        target: Whom.
        settings: The headers and the key that go with every question.
        total_s: How long all questions together may take.
        each_s: How long one request to a model may take.

    Attributes:
        gets: Pages asked for.
        requests: Requests sent to a model.
        secrets: What no message may hold.
    """

    def __init__(
        self, target: Target, settings: Settings, *, total_s: float, each_s: float
    ) -> None:
        self.target = target
        self.gets = 0
        self.requests = 0
        self._headers = dict(settings.header)
        self.secrets = settings.secrets()
        if key := settings.api_key:
            self._headers = {"Authorization": f"Bearer {key}", **self._headers}
        self._each_s = each_s
        self._name = f"preflight-{os.urandom(4).hex()}"
        self._began_s = time.monotonic()
        self._until_s = self._began_s + total_s

    @property
    def left_s(self) -> float:
        """Seconds left for further questions."""
        return self._until_s - time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds since the first question."""
        return time.monotonic() - self._began_s

    def clean(self, text: Any) -> str:
        """One line of what the server said, fit to be shown and kept."""
        return snippet(str(text), _LINE, self.secrets)

    def get(self, path: str) -> Page:
        """Ask for a page.

        Raises:
            NoAnswerError: None came; the text is one line for the user.
        """
        self.gets += 1
        payload = request_bytes(
            self.target.prefix + path, self.target.netloc, self._numbered()[1], b"", "GET"
        )
        ear = PageEar()
        limit_s = min(GET_S, self.left_s)
        try:
            with connected(self.target, limit_s) as stream:
                converse(stream, payload, ear, limit_s)
        except (OSError, ValueError, *HTTP_ERRORS) as error:
            words = self._words(error, limit_s)
            raise NoAnswerError(f"--host {self.target.url}: GET {path} failed: {words}") from None
        return ear.page()

    def ask(self, ask: Ask) -> Heard:
        """Send a request to a model and read its answer as the load would."""
        self.requests += 1
        request_id, headers = self._numbered()
        payload = request_bytes(
            self.target.prefix + ask.endpoint.path, self.target.netloc, headers, request_body(ask)
        )
        timeline = Timeline(now())
        reply = Reply(
            timeline,
            endpoint=ask.endpoint,
            stream=ask.stream,
            expected_output=ask.max_tokens,
            keep_text=True,
            secrets=self.secrets,
        )
        ear = ReplyEar(reply)
        self._hold(payload, ear, timeline, reply)
        return Heard(reply.outcome(now()), ear.page(), request_id)

    def _hold(self, payload: bytes, ear: ReplyEar, timeline: Timeline, reply: Reply) -> None:
        """Send one request; whatever breaks it becomes its outcome."""
        limit_s = max(0.0, min(self._each_s, self.left_s))
        timeline.sent_ns = now()
        try:
            with connected(self.target, limit_s) as stream:
                timeline.connected_ns = now()
                spent_s = (timeline.connected_ns - timeline.sent_ns) / NS_PER_S
                converse(stream, payload, ear, limit_s - spent_s)
        except TimeoutError as error:
            # Of an answer that is complete, and held open, this changes nothing.
            reply.abandon(Status.TIMEOUT, None, "total", self._words(error, limit_s), now())
        except (OSError, ValueError) as error:
            words = self._words(error, limit_s)
            if timeline.connected_ns is None:
                reply.abandon(Status.CONNECT_ERROR, Phase.CONNECT, None, words, now())
            else:
                reply.broken(now(), words)

    def _numbered(self) -> tuple[str, dict[str, str]]:
        request_id = f"{self._name}-{self.gets + self.requests}"
        return request_id, {**self._headers, "X-Request-ID": request_id}

    def _words(self, error: Exception, limit_s: float) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer in {limit_s:.3g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"certificate not trusted: {error.verify_message} (see --cacert, --insecure)"
        if isinstance(error, ssl.SSLError):
            return f"no TLS: {error.reason or error}"
        if isinstance(error, HTTP_ERRORS):
            return f"the answer is no HTTP: {self.clean(error)}"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__


def connected(target: Target, limit_s: float) -> socket.socket:
    """A connection to the first of the target's addresses that answers, TLS included."""
    until_s = time.monotonic() + limit_s
    failure: OSError = OSError("no address")
    for family, address in target.addresses:
        stream = socket.socket(family, socket.SOCK_STREAM)
        try:
            stream.settimeout(_left(until_s))
            stream.connect(address)
            if target.tls is None:
                return stream
            stream.settimeout(_left(until_s))
            return target.tls.wrap_socket(stream, server_hostname=target.hostname)
        except OSError as error:
            stream.close()
            failure = error
    raise failure


def converse(stream: socket.socket, payload: bytes, ear: Ear, limit_s: float) -> None:
    """Send, then read until the ear has enough."""
    until_s = time.monotonic() + limit_s
    stream.settimeout(_left(until_s))
    stream.sendall(payload)
    while True:
        left_s = _left(until_s)
        stream.settimeout(min(left_s, _REST_S) if ear.answered else left_s)
        if ear.feed(stream.recv(_READ)):
            return


def _left(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
