"""What a reply says is kept whole, by who says it, and told apart by the frame that brought it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.wire import speech
from sagellm_benchmark.wire.openai import Endpoint

from .lookalike import DONE, ROLE, STOP, body, frame, outcome, streamed

fixed = settings(derandomize=True, deadline=None)


def said(*events, **options):
    """By choice and kind: the text, the frames that brought it and where each of them ends."""
    found = outcome(*streamed(ROLE, *events, STOP, DONE), count=True, **options)
    return {
        key: (voice.text, list(voice.frames), list(voice.ends))
        for key, voice in found.speech.voices.items()
    }


def test_nothing_is_kept_unless_somebody_counts():
    """The text of a reply is nobody's business; the fast path stays as it is."""
    assert outcome(*streamed(ROLE, frame({"content": "a"}), STOP, DONE)).speech is None


def test_every_kind_of_text_counts():
    """Content, reasoning under either name, refusals and what is called with what."""
    call = {"index": 0, "function": {"name": "f", "arguments": '{"x"'}}
    more = {"index": 0, "function": {"arguments": ": 1}"}}
    found = said(
        frame({"reasoning_content": "hm "}),
        frame({"reasoning": "so"}),
        frame({"content": "an"}),
        frame({"content": "swer", "refusal": "no"}),
        frame({"tool_calls": [call]}),
        frame({"tool_calls": [more]}),
    )
    assert found == {
        (0, "reasoning"): ("hm so", [0, 1], [3, 5]),
        (0, "content"): ("answer", [2, 3], [2, 6]),
        (0, "refusal"): ("no", [3], [2]),
        (0, "call"): ('f{"x": 1}', [4, 5], [5, 9]),
    }


def test_choices_do_not_mix():
    """Two answers at once are two texts."""
    found = said(
        *(frame({"content": text}, index=index) for text, index in (("a", 0), ("b", 1), ("c", 0)))
    )
    assert found == {(0, "content"): ("ac", [0, 2], [1, 2]), (1, "content"): ("b", [1], [1])}


def test_whole_replies_are_kept_too():
    """A reply that was not streamed, and one of the completions endpoint."""
    whole = outcome(
        body({"choices": [{"message": {"content": "an answer"}}]}), stream=False, count=True
    )
    assert whole.speech.voices[0, "content"].text == "an answer"
    told = said(frame(text="wo"), frame(text="rd"), endpoint=Endpoint.COMPLETIONS)
    assert told == {(0, "content"): ("word", [0, 1], [2, 4])}


@fixed
@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=700))
def test_pieces_are_one_text(pieces):
    """However many there are, joined along the way or not."""
    voice = speech.Voice()
    for number, piece in enumerate(pieces):
        voice.add(number, piece)
    assert voice.text == "".join(pieces)
    assert [voice.text[a:b] for a, b in zip([0, *voice.ends], voice.ends, strict=False)] == pieces


def test_memory_is_bounded(monkeypatch):
    """Over the bound nothing is kept any more, and it is known that this is not all."""
    monkeypatch.setattr(speech, "ROOM", 10)
    found = outcome(
        *streamed(ROLE, *(frame({"content": "abcd"}) for _ in range(4)), STOP, DONE), count=True
    ).speech
    assert (found.characters, found.voices, found.whole) == (16, {}, False)
