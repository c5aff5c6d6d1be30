"""Frames recognised by their shape say what they would have said if they had been read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.wire.answer import Answer
from sagellm_benchmark.wire.mould import Mould, mould_of
from sagellm_benchmark.wire.openai import decode_frame
from sagellm_benchmark.wire.stream import StreamReader
from sagellm_benchmark.wire.timeline import Timeline


def event(content: str, created: int = 1, **more: object) -> bytes:
    """One event as servers send it."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None, **more}
    frame = {"id": "c-1", "created": created, "choices": [choice]}
    return (
        b"data: " + json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


def mould(data: bytes) -> Mould | None:
    """Its mould."""
    return mould_of(data, decode_frame(data[6:-2]))


def test_an_event_with_other_plain_text_fits() -> None:
    """The usual next token is recognised."""
    assert mould(event("alpha ")).fits(event("beta, and more! "))


@pytest.mark.parametrize("text", ["", '"', "\\", "\n", "\t", "\x7f", "é", "\u2028", 'a"}],b'])
def test_text_that_is_not_plain_is_read_in_full(text: str) -> None:
    """Empty text, quotes, escapes, control characters and anything beyond ASCII do not fit."""
    assert not mould(event("alpha ")).fits(event(text))


@pytest.mark.parametrize(
    "other",
    [
        event("beta", created=2),
        event("beta", finish_reason="stop"),
        event("beta")[:-1],
        event("beta") + event("gamma"),
        b"event: error\n" + event("beta"),
    ],
)
def test_an_event_of_another_shape_does_not_fit(other: bytes) -> None:
    """Whatever differs outside the text is read in full."""
    assert not mould(event("alpha ")).fits(other)


def test_no_mould_is_made_where_the_text_is_not_what_is_decoded() -> None:
    """A `content` that is not the delta's gives no mould: the proof fails."""
    logprobs = {"content": "x"}
    assert mould(event("alpha ", logprobs=logprobs)) is None


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["a ", "b", "cd "]),
            st.integers(0, 2),
            st.sampled_from([None, None, None, "", "stop"]),
        ),
        max_size=30,
    )
)
def test_a_stream_read_with_moulds_gives_the_stamps_of_one_read_in_full(
    frames: list[tuple[str, int, str | None]],
) -> None:
    """Whole events, which may fit a mould, and cut ones, which never do, bring the same tokens."""
    outcomes = []
    for cut in (False, True):
        timeline, answer = Timeline(0), Answer(False, ())
        reader = StreamReader(answer, timeline)
        for stamp, (text, created, finish) in enumerate(frames):
            data = event(text, created, finish_reason=finish)
            for part in (data[:9], data[9:]) if cut else (data,):
                reader.take(part, stamp)
        reader.end(99, sure=True)
        outcomes.append(
            (
                timeline.token_ns,
                timeline.first_token_ns,
                answer.finish_reason,
                answer.flag_lines(),
                answer.ending,
            )
        )
    assert outcomes[0] == outcomes[1]


def test_moulds_are_used_in_an_ordinary_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred tokens nearly none is decoded, also when `created` moves on."""
    decoded = []
    module = "sagellm_benchmark.wire.stream"
    monkeypatch.setattr(f"{module}.decode_frame", lambda d: decoded.append(d) or decode_frame(d))
    timeline = Timeline(0)
    reader = StreamReader(Answer(False, ()), timeline)
    for number in range(100):
        reader.take(event(f"word{number} ", created=number // 25), number)
    assert timeline.token_ns == list(range(100))
    assert len(decoded) < 15
