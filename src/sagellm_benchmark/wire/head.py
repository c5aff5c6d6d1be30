"""What the head of a response says about its body: who reads it, and what must be undone first.

The head comes in, complete; a reader goes out, and an inflater where the body is compressed. What
is odd about the head but no failure becomes a flag of the answer.
"""

from __future__ import annotations

from typing import TypeAlias

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire.answer import Answer, PageReader, WholeReader
from sagellm_benchmark.wire.http import Framing, Inflater
from sagellm_benchmark.wire.states import Ending
from sagellm_benchmark.wire.stream import StreamReader
from sagellm_benchmark.wire.timeline import Timeline

Reader: TypeAlias = "StreamReader | WholeReader | PageReader"

_CODINGS = ("gzip", "x-gzip", "deflate")


def choose_reader(
    framing: Framing, answer: Answer, timeline: Timeline, stream: bool
) -> tuple[Reader, Inflater | None]:
    """Choose who reads the body.

    Args:
        framing: Holds the complete head.
        answer: What the reader fills.
        timeline: Where the reader puts its stamps.
        stream: A stream of frames was asked for.
    """
    headers = framing.headers
    coding = headers.get("content-encoding", "identity").strip().lower()
    inflater = None
    if coding in _CODINGS:
        inflater = Inflater()
        answer.flags[coding] = None
    if "retry-after" in headers:
        answer.flags["retry_after"] = snippet(headers["retry-after"], 40, answer.secrets)
    legible = inflater is not None or coding == "identity"
    refused = _refusal(framing, answer, legible)
    if refused is not None:
        return refused, inflater
    wanted = "text/event-stream" if stream else "json"
    named = headers.get("content-type", "").partition(";")[0].strip()
    kind = named.lower()
    if not kind:
        answer.flags["no_content_type"] = None
    elif wanted not in kind:
        note = f"{named} instead of {wanted}"
        # A page is a proxy's or a login's; anything else may well be what the model wrote.
        return PageReader(answer, Ending.CONTENT_TYPE, note, kind == "text/html"), inflater
    return (StreamReader if stream else WholeReader)(answer, timeline), inflater


def _refusal(framing: Framing, answer: Answer, legible: bool) -> PageReader | None:
    """Who reads the body of a response that is no answer at all."""
    status, headers = framing.status, framing.headers
    if status >= 400:
        return PageReader(answer, Ending.REFUSED, f"HTTP {status}", legible)
    if status >= 300:
        note = f"HTTP {status} to {headers.get('location', 'nowhere')}, not followed"
        return PageReader(answer, Ending.REDIRECTED, note, False)
    if not legible:
        note = f"content-encoding {headers['content-encoding']}"
        return PageReader(answer, Ending.ENCODING, note, False)
    return None
