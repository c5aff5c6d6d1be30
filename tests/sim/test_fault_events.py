"""Faults in the events of streams: as written, and as the event stream's rules read them."""

from __future__ import annotations

import json
import re

import pytest
from tests.sim.faulty import TOKENS
from tests.sim.processes import split_response

DONE = "data: [DONE]\n\n"


def events(got):
    """The events of a chunked stream, as text."""
    return [chunk.decode() for chunk in split_response(got.data)[1]]


def value(event):
    """An event's JSON."""
    return json.loads(event.removeprefix("data: "))


def texts(events):
    """The content of each event that has some."""
    choices = [value(event)["choices"][0] for event in events if event != DONE]
    return [text for one in choices if (text := one["delta"].get("content"))]


def usual(server):
    """The events of a reply without a fault."""
    return events(server.ask("none"))


def tokens_logged(server, case):
    """Tokens that the log holds; the reply must have been complete."""
    line = server.line(case)
    assert line.end == "complete"
    return len(line.tokens_ns)


def data_of(body):
    """Read a body by the WHATWG rules: the data of each event."""
    text = body.decode("utf-8").removeprefix("\ufeff")
    found, data = [], []
    for line in re.split("\r\n|\r|\n", text):
        name, _, rest = line.partition(":")
        if not line and data:
            found.append("\n".join(data))
            data = []
        elif name == "data":
            data.append(rest.removeprefix(" "))
    assert not data
    return found


@pytest.mark.parametrize("case", ["lf", "cr", "crlf-split", "mixed", "lines"])
def test_other_bytes_for_the_same_events(faulty_server, case):
    """Whoever reads by the rules sees the same JSON, event by event, and the same `[DONE]`."""
    body = b"".join(split_response(faulty_server.ask(case).data)[1])
    said = [one if one == "[DONE]" else json.loads(one) for one in data_of(body)]
    assert said[-1] == "[DONE]"
    assert len(said) == len(usual(faulty_server))
    assert len(texts([f"data: {json.dumps(one)}" for one in said[:-1]])) == TOKENS
    assert tokens_logged(faulty_server, case) == TOKENS


def test_line_ends_and_fields_are_what_the_rule_says(faulty_server):
    """CR alone; LF, CR and CRLF together; BOM, no space, fields, and two lines of data."""
    cr = b"".join(split_response(faulty_server.ask("cr").data)[1])
    assert b"\n" not in cr
    assert cr.endswith(b"data: [DONE]\r\r")
    mixed = b"".join(split_response(faulty_server.ask("mixed").data)[1])
    ends = set(re.findall(rb"\r\n|\r|\n", mixed))
    assert ends == {b"\r\n", b"\r", b"\n"}
    lines = b"".join(split_response(faulty_server.ask("lines").data)[1])
    assert lines.startswith(b"\xef\xbb\xbfevent: message\r\nid: 1\r\nretry: 3000\r\ndata:{")
    assert lines.endswith(b"retry: 3000\r\ndata:[DONE]\r\n\r\n")
    assert lines.count(b'",\r\ndata:"') >= TOKENS


@pytest.mark.parametrize("case", ["crlf-split", "split_character"])
def test_a_cut_comes_as_two_reads(faulty_server, case):
    """Inside the last CRLF of each event; inside the character."""
    got = faulty_server.ask(case)
    position, ends = 0, []
    for size, _ in got.reads:
        position += size
        ends.append(got.data[:position])
    inside = b"\r\n\r" if case == "crlf-split" else "\U0001f642".encode()[:2]
    assert any(end.endswith(inside) for end in ends)
    assert tokens_logged(faulty_server, case) == TOKENS


@pytest.mark.parametrize(
    ("case", "place", "data"),
    [
        ("bad_json", 1, r'data: \{"id":"[^\n]*[^}]\n\n'),
        ("null", 0, r"data: null\n\n"),
        ("wrong_type", TOKENS, r'data: \{.*"content":7\}.*\}\n\n'),
        ("depth_bomb", 1, r'data: \{.*"nested":\[{5000}\]{5000}\}\n\n'),
        ("nan", 1, r'data: \{.*"completion_tokens":NaN,"total_tokens":NaN\}.*\}\n\n'),
        ("nan-1e999", 1, r'data: \{.*"completion_tokens":1e999,.*\}\n\n'),
    ],
)
def test_one_event_more_that_nobody_can_use(faulty_server, case, place, data):
    """After so many tokens, or before the finish frame; all else is as always."""
    found = events(faulty_server.ask(case))
    (odd,) = [k for k, event in enumerate(found) if re.fullmatch(data, event)]
    rest = [*found[:odd], *found[odd + 1 :]]
    assert len(rest) == len(usual(faulty_server))
    assert len(texts(found[:odd])) == place
    assert len(texts(rest)) == TOKENS
    assert tokens_logged(faulty_server, case) == TOKENS


@pytest.mark.parametrize(
    ("case", "raw"),
    [
        ("invalid_utf8", b"\xff\xfe"),
        ("split_character", b"\xf0\x9f\x99\x82"),
        ("lone_surrogate", rb"\ud83d"),
        ("line_separator", b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85"),
    ],
)
def test_odd_bytes_in_the_second_token(faulty_server, case, raw):
    """Right before its space; every token is there and counted."""
    chunks = split_response(faulty_server.ask(case).data)[1]
    assert len(chunks) == len(usual(faulty_server))
    tokens = [chunk for chunk in chunks if re.search(rb'"content":"[^"]', chunk)]
    assert [raw + b' "' in chunk for chunk in tokens] == [False, True, False, False]
    assert tokens_logged(faulty_server, case) == TOKENS


def test_a_giant_event(faulty_server):
    """One event of so many bytes of content, whole, between the tokens."""
    got = faulty_server.ask("giant_frame")
    said = [one for one in data_of(b"".join(split_response(got.data)[1])) if one != "[DONE]"]
    found = texts([f"data: {one}" for one in said])
    assert [len(text) > 100 for text in found] == [False, True, False, False, False]
    assert found[1] == "x" * 3 * 2**20
    assert tokens_logged(faulty_server, "giant_frame") == TOKENS


def test_a_line_without_an_end(faulty_server):
    """So many bytes, no newline among them, and the end of the body."""
    body = b"".join(split_response(faulty_server.ask("no_newline").data)[1])
    assert body.rpartition(b"\n")[2] == b"data: " + b"x" * 3 * 2**20
    assert tokens_logged(faulty_server, "no_newline") == 2


def test_a_second_finish(faulty_server):
    """Right after the first, with another reason."""
    found = [value(event) for event in events(faulty_server.ask("duplicate_finish"))[:-1]]
    reasons = [one["choices"][0]["finish_reason"] for one in found]
    expected = ["stop", "length"] if faulty_server.dialect == "sagellm" else ["length", "stop"]
    assert reasons[-2:] == expected
    assert set(reasons[:-2]) == {None}


def test_data_after_done(faulty_server):
    """The end, and then one more event, which is no token."""
    found = events(faulty_server.ask("data_after_done"))
    assert found[-2] == DONE
    assert texts(found[-1:]) == ["late "]
    assert tokens_logged(faulty_server, "data_after_done") == TOKENS


def test_an_error_in_the_openai_form(faulty_server):
    """After one token: the error, `[DONE]`, the end of the body."""
    *before, error, done = events(faulty_server.ask("error-openai"))
    said = value(error)["error"]
    assert (said["code"], said["type"], done) == ("boom", "server_error", DONE)
    assert len(texts(before)) == 1
    assert tokens_logged(faulty_server, "error-openai") == 1


def test_an_error_event(faulty_server):
    """A named event, and nothing after it."""
    *before, error = events(faulty_server.ask("error-event"))
    name, data = error.removesuffix("\n\n").split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["code"] is None
    assert len(texts(before)) == 1


@pytest.mark.parametrize(
    ("case", "tokens", "code"),
    [("error-gateway", 2, " (code: ErrorCode.UNAVAILABLE)"), ("error-gateway-plain", 1, "")],
)
def test_an_error_as_the_real_gateway_tells_it(faulty_server, case, tokens, code):
    """As the content of the finish frame; 200, "stop" and `[DONE]` as if all were well."""
    *before, error, done = events(faulty_server.ask(case))
    (choice,) = value(error)["choices"]
    said = f"[Stream error: Stream execution failed: Stream error: 500{code}]"
    assert (choice["delta"]["content"], choice["finish_reason"], done) == (said, "stop", DONE)
    assert len(texts(before)) == tokens
    assert tokens_logged(faulty_server, case) == tokens
