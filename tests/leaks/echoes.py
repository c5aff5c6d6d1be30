"""A server that writes back the credentials it was sent, in all the ways that servers do.

The n-th request (by the end of its X-Request-ID) is answered in the n-th way.
"""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote

from tests.leaks.canaries import KEY, PROMPT, REPLY
from tests.load.scripted import DONE, HEAD, LAST, STOP, chunk, frame, plain

_HEADER = re.compile(rb"^([!-9;-~]+): (.*)\r$", re.MULTILINE)


def _json(status, **body):
    return plain(status, json.dumps(body).encode())


def _page(status, text, kind="text/html", **headers):
    reply = plain(status, text.encode(), **headers)
    return reply.replace(b"application/json", kind.encode(), 1)


def _stream(*frames, head=HEAD):
    return head + b"".join(map(chunk, frames)) + LAST


def _data(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _answer(content=REPLY, finish="stop", ident="c"):
    said = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    done = {"index": 0, "delta": {}, "finish_reason": finish}
    return _stream(
        _data({"id": ident, "choices": [said]}),
        _data({"id": ident, "choices": [done]}),
        b"data: [DONE]\n\n",
    )


def replies(sent):
    """Every way, made of the headers that were sent."""
    bearer, tenant = sent["authorization"], sent["x-tenant"]
    key = bearer.partition(" ")[2]
    told = json.dumps(sent)
    basic = base64.b64encode(b"user:" + key.encode()).decode()
    return [
        _json("401 Unauthorized", error={"message": f"Incorrect API key provided: {key}."}),
        _json("500 Oops", detail={"request": {"headers": sent}}),
        _json("500 Oops", error=f"upstream said {told}"),
        _page("502 Bad Gateway", f"<pre>{html.escape(told)}</pre>"),
        _page("200 OK", f"<h1>{bearer} {tenant}</h1>"),
        _stream(_data({"error": {"message": f"no {key}, no {tenant}", "code": 401}})),
        _stream(b"event: error\ndata: " + told.encode() + b"\n\n"),
        _stream(
            frame(REPLY),
            _data(
                {
                    "choices": [
                        {
                            "index": 0,
                            "delta": {
                                "content": f"[Stream error: {bearer} (code: ErrorCode.UNAVAILABLE)]"
                            },
                            "finish_reason": "stop",
                        }
                    ]
                }
            ),
        ),
        _page("302 Found", "", location=f"http://elsewhere.example/?token={quote(key, safe='')}"),
        plain("429 Slow down", b"{}", retry_after=f"{key[:30]} {tenant}"),
        plain(f"500 {key}", b"{}"),
        _page("200 OK", REPLY, kind=f"x/{key}"),
        _page("200 OK", f"{REPLY} {tenant}", kind="text/plain"),
        plain("200 OK", json.dumps({"choices": [{"message": {"content": REPLY}}]}).encode()),
        f"{bearer} is no HTTP\r\n\r\n".encode(),
        _stream(b"data: {" + bearer.encode() + b"\n\n"),
        _json("407 No", error={"message": f"Basic {basic}, {key.encode().hex()}"}),
        _json("403 No", error={"message": f"{key[:20]}… is unknown"}),
        _answer(finish=key, ident=tenant),
        _answer(content=f"{REPLY}: you are {key} of {tenant}"),
        _answer(content=f"{REPLY} \x1b]0;owned\x07 \u202e"),
        HEAD + chunk(frame(REPLY)),
        _json("422 No", detail=[{"loc": ["body"], "msg": "too long", "input": PROMPT}]),
    ]


async def echo(peer):
    """Answer one request and leave; what asks for models finds none."""
    asked = await peer.request()
    if not asked:
        return
    sent = {name.decode().lower(): value.decode() for name, value in _HEADER.findall(asked)}
    if asked.startswith(b"GET"):
        await peer.send(plain("404 Not Found", json.dumps(sent).encode()))
        return
    ways = replies(sent)
    await peer.send(ways[int(sent["x-request-id"].rpartition("-")[2]) % len(ways)])


WAYS = len(replies({"authorization": f"Bearer {KEY}", "x-tenant": "x"}))
REFUSAL = "refuses"


async def refuse(peer):
    """Answer everything with 401 and the key."""
    while asked := await peer.request():
        sent = dict(_HEADER.findall(asked))
        body = {"error": {"message": f"{sent.get(b'Authorization', b'').decode()} {REFUSAL}"}}
        await peer.send(plain("401 Unauthorized", json.dumps(body).encode()))


async def down(peer):
    """Answer everything with 500 and the key."""
    while asked := await peer.request():
        sent = dict(_HEADER.findall(asked))
        await peer.send(plain("500 Oops", sent.get(b"Authorization", b"?")))


def whole(reply=REPLY):
    """A stream that says this and is done."""
    return HEAD + chunk(frame(reply)) + STOP + DONE + LAST
