"""Tokens of a reply by a tokenizer: right in sum, and by the frame that completed each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocabularies import KINDS, saved

from sagellm_benchmark.record.recount import latencies_us, recount
from sagellm_benchmark.trace.tokenizer import load
from sagellm_benchmark.wire import speech
from sagellm_benchmark.wire.openai import Choice, Delta, Function, ToolCall
from sagellm_benchmark.wire.speech import Speech

fixed = settings(derandomize=True, deadline=None)
PIECES = st.lists(
    st.sampled_from(["so", "me words", " of", " a ", "te", "xt", "☃", "日本", ".\n"]) | st.text(
        st.characters(codec="utf-8"), min_size=1, max_size=4
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Tokenizers by their kind."""
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: load(str(saved(kind, folder / kind))) for kind in KINDS}


def spoken(*frames):
    """What was said, a text or a Delta a frame."""
    found = Speech()
    for number, each in enumerate(frames):
        delta = Delta(content=each) if isinstance(each, str) else each
        found.add(number, Choice(), delta)
    return found


@pytest.mark.parametrize("kind", KINDS)
@fixed
@given(PIECES)
def test_frames_add_up_to_the_text(known, kind, pieces):
    """Cut anywhere, the tokens are those of the whole text, each with the frame it ends in."""
    counts = recount(spoken(*pieces), len(pieces), known[kind])
    text = "".join(pieces)
    assert sum(counts) == known[kind].count(text)
    ends, at = known[kind].ends(text), 0
    for piece, count in zip(pieces, counts, strict=True):
        assert count == sum(at < end <= at + len(piece) for end in ends)
        at += len(piece)


def test_a_frame_a_token_is_one_each(known):
    """Frames cut where tokens end hold a token each, as an engine sends them."""
    text, tokenizer = "the words of an engine, one by one", known["byte_level"]
    ends = tokenizer.ends(text)
    frames = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert recount(spoken(*frames), len(frames), tokenizer) == [1] * len(frames)


def test_texts_of_different_kinds_are_read_apart(known):
    """Reasoning and content in turn, two calls in a frame: nothing melts at the seams."""
    count = known["byte_level"].count
    call = ToolCall(function=Function(name="f", arguments="{}"))
    calls = Delta(tool_calls=[call, call])
    counts = recount(
        spoken(Delta(reasoning="thin"), "an", Delta(reasoning="king"), "swer", calls),
        5,
        known["byte_level"],
    )
    assert counts[0] + counts[2] == count("thinking")
    assert counts[1] + counts[3] == count("answer")
    assert counts[4] == count("f{}f{}")


def test_a_whole_reply_has_one_count(known):
    """Not streamed, it has no frames and yet tokens."""
    assert recount(spoken("a whole reply"), 0, known["byte_level"]) == [
        known["byte_level"].count("a whole reply")
    ]


def test_what_was_not_kept_is_not_counted(known, monkeypatch):
    """A text over the bound has no count at all: a part of it would be a wrong one."""
    monkeypatch.setattr(speech, "ROOM", 5)
    assert recount(spoken("more than five"), 1, known["byte_level"]) is None


@pytest.mark.parametrize(
    ("gaps", "tokens", "expected"),
    [
        ([10, 20], [1, 1, 1], [10, 20]),
        ([10, 20], [5, 1, 2], [10, 10, 10]),
        ([10, 20, 30], [1, 0, 2, 1], [15, 15, 30]),
        ([10, 20], [1, 1, 0], [10]),
        ([11], [1, 3], [4, 4, 3]),
        ([], [4], []),
    ],
)
def test_a_gap_before_k_tokens_is_k_latencies(gaps, tokens, expected):
    """Of gap/k each; a frame without a token lends its gap to the next; the first has none."""
    assert latencies_us(gaps, tokens) == expected


@fixed
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 5)), max_size=30))
def test_no_microsecond_is_lost(pairs):
    """Latencies are as many as tokens behind the first frame, and last as long as the gaps."""
    gaps, tokens = [gap for gap, _ in pairs], [1, *(count for _, count in pairs)]
    found = latencies_us(gaps, tokens)
    assert len(found) == sum(tokens[1:])
    if not pairs or pairs[-1][1]:
        assert sum(found) == sum(gaps)
