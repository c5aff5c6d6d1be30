"""Faults in what a reply says, streamed and whole, in both dialects."""

from __future__ import annotations

import json

import pytest
from tests.sim.faulty import TOKENS
from tests.sim.processes import plain, split_response

USAGE = {"stream_options": {"include_usage": True}}


def values(got):
    """The JSON of each event but the last, which must be `[DONE]`."""
    *events, done = split_response(got.data)[1]
    assert done == b"data: [DONE]\n\n"
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def deltas(got):
    """What each event adds."""
    return [value["choices"][0]["delta"] for value in values(got) if value["choices"]]


def finish(got):
    """The reason that a stream gives for its end."""
    return [value["choices"][0]["finish_reason"] for value in values(got) if value["choices"]][-1]


def told(got):
    """Completion tokens of the usage that a stream tells; None where it tells none."""
    usages = [value["usage"] for value in values(got) if value.get("usage")]
    return usages[-1]["completion_tokens"] if usages else None


def logged(server, case):
    """Stamps in the log, and how long the reply was to be."""
    line = server.line(case)
    assert (line.end, line.status) == ("complete", 200)
    return len(line.tokens_ns), line.output_tokens


def test_a_short_reply_ends_of_its_own_will(faulty_server):
    """Fewer tokens than asked for, "stop", and a usage that agrees."""
    got = faulty_server.ask("short", **USAGE)
    assert len([one for one in deltas(got) if one.get("content")]) == 2
    assert finish(got) == "stop"
    assert told(got) == (None if faulty_server.dialect == "sagellm" else 2)
    assert logged(faulty_server, "short") == (2, 2)
    whole = json.loads(faulty_server.ask("short", stream=False).body)
    assert len(whole["choices"][0]["message"]["content"].split()) == 2
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == 2


def test_an_empty_reply(faulty_server):
    """Role and end, nothing between, counted as nothing."""
    got = faulty_server.ask("empty", **USAGE)
    assert not any(one.get("content") for one in deltas(got))
    assert finish(got) == "stop"
    assert told(got) == (None if faulty_server.dialect == "sagellm" else 0)
    assert logged(faulty_server, "empty")[0] == 0
    whole = json.loads(faulty_server.ask("empty", stream=False).body)
    assert whole["choices"][0]["message"]["content"] == ""
    assert whole["usage"]["completion_tokens"] == 0


def test_a_short_reply_keeps_a_shorter_limit_and_needs_none(faulty_server):
    """The script never makes a reply longer, and limits one that named no limit."""
    faulty_server.ask("short", max_tokens=1)
    assert logged(faulty_server, "short") == (1, 1)
    faulty_server.ask("short", max_tokens=None)
    assert logged(faulty_server, "short") in ((1, 1), (2, 2))


@pytest.mark.parametrize("options", [{}, USAGE])
def test_a_wrong_usage_is_told_by_every_stream(faulty_server, options):
    """In the frame that tells it anyway, or in one of its own; the tokens are all there."""
    got = faulty_server.ask("wrong_usage", **options)
    assert told(got) == 77
    assert len([value for value in values(got) if value.get("usage")]) == 1
    assert logged(faulty_server, "wrong_usage") == (TOKENS, TOKENS)
    whole = json.loads(faulty_server.ask("wrong_usage", stream=False).body)
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 77, "total_tokens": 80}


def test_the_first_tokens_are_reasoning(faulty_server):
    """Two tokens of reasoning, two of content, each stamped."""
    found = deltas(faulty_server.ask("reasoning"))
    thought = [bool(one.get("reasoning_content")) for one in found]
    said = [bool(one.get("content")) for one in found]
    assert [k for k, one in enumerate(thought) if one] == [1, 2]
    assert [k for k, one in enumerate(said) if one] == [3, 4]
    assert logged(faulty_server, "reasoning") == (TOKENS, TOKENS)


def test_a_tool_call(faulty_server):
    """A name first, then arguments that are JSON when put together; one event a token."""
    got = faulty_server.ask("tool_calls")
    calls = [one["tool_calls"][0] for one in deltas(got) if one.get("tool_calls")]
    assert calls[0]["function"]["name"] == "lookup"
    assert [("id" in call, call["index"]) for call in calls] == [(True, 0)] + [(False, 0)] * 3
    arguments = json.loads("".join(call["function"]["arguments"] for call in calls))
    assert len(arguments["text"].split()) == TOKENS
    assert finish(got) == "tool_calls"
    assert logged(faulty_server, "tool_calls") == (TOKENS, TOKENS)


def test_several_tokens_in_one_event(faulty_server):
    """Three and the one that is left; those of an event share its stamp."""
    found = [one["content"] for one in deltas(faulty_server.ask("batch")) if one.get("content")]
    assert [len(text.split()) for text in found] == [3, 1]
    stamps = faulty_server.line("batch").tokens_ns
    assert len(stamps) == TOKENS
    assert stamps[0] == stamps[2] < stamps[3]


@pytest.mark.parametrize("case", ["bad_json", "null", "wrong_type", "nan", "lone_surrogate"])
def test_whole_bodies_are_spoilt_too(faulty_server, case):
    """The body has the length that its head says, and is no use."""
    got = faulty_server.ask(case, stream=False)
    assert b"content-length: %d\r\n" % len(got.body) in got.head + b"\r\n"
    expected = {
        "bad_json": rb'{"id":"',
        "null": b"null",
        "wrong_type": b'"content":7,',
        "nan": b'"completion_tokens":NaN,',
        "lone_surrogate": rb'\ud83d ",',
    }
    assert expected[case] in got.body


@pytest.mark.parametrize("case", ["short", "wrong_usage", "lone_surrogate", "data_after_done"])
def test_text_completions_as_well(faulty_server, case):
    """Streamed where the dialect streams them, and else told as always."""
    got = faulty_server.ask(case, path="/v1/completions")
    if faulty_server.dialect == "sagellm":
        assert got.data.startswith(b"HTTP/1.1 400 ")
    else:
        assert b'"text":"' in got.data
        assert logged(faulty_server, case)[0] == (2 if case == "short" else TOKENS)


def test_a_failed_reply_stays_as_it_is(faulty_server):
    """Kinds that change what is said leave alone what says nothing."""
    fine = plain(faulty_server.ask("none", model="unknown").body)
    for case in ("bad_json", "error-openai", "short", "wrong_usage", "line_separator"):
        assert plain(faulty_server.ask(case, model="unknown").body) == fine
