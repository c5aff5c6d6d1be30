"""The words of one reply, kept until its end so that somebody can count their tokens.

In: what each token frame brought: content, reasoning, a refusal, tool calls, of one or several
choices. Out: for each of these the whole text and how much of it each frame brought, since a
tokenizer reads a text as a whole and not in pieces. Kept are the characters, eight bytes a frame,
and never more than `ROOM` characters: beyond that nothing is kept, and nothing can be counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from sagellm_benchmark.wire.openai import Choice, Delta

ROOM = 1 << 20
_PIECES = 256


class Voice:
    """One kind of text of one choice.

    Attributes:
        frames: The number of each token frame that brought a piece of it.
        ends: Where in the text each of these pieces ends, in characters.
    """

    __slots__ = ("_texts", "ends", "frames")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.frames = array("L")
        self.ends = array("L")

    @property
    def text(self) -> str:
        """All that it said."""
        return "".join(self._texts)

    def add(self, frame: int, text: str) -> None:
        """It said more."""
        self._texts.append(text)
        self.frames.append(frame)
        self.ends.append(len(text) + (self.ends[-1] if self.ends else 0))
        if len(self._texts) == _PIECES:  # a piece costs ten times its text
            self._texts = [self.text]


class Speech:
    """All that one reply says.

    Attributes:
        voices: Who said what.
        characters: How many came; over `ROOM` nothing is kept any more.
    """

    __slots__ = ("characters", "voices")

    def __init__(self) -> None:
        self.voices: dict[tuple[int | None, str], Voice] = {}
        self.characters = 0

    @property
    def whole(self) -> bool:
        """Whether all of it was kept."""
        return self.characters <= ROOM

    def add(self, frame: int, choice: Choice, delta: Delta) -> None:
        """Keep what a frame brought.

        Args:
            frame: Its number among the token frames, from 0.
            choice: Of which choice.
            delta: What it brought.
        """
        for kind, text in _texts(delta):
            self.characters += len(text)
            if not self.whole:
                self.voices.clear()
                return
            key = (choice.index, kind)
            voice = self.voices.get(key)
            if voice is None:
                voice = self.voices[key] = Voice()
            voice.add(frame, text)


def _texts(delta: Delta) -> Iterator[tuple[str, str]]:
    """Every text in it, and its kind; servers write reasoning under either of two names."""
    if delta.content:
        yield "content", delta.content
    if reasoning := delta.reasoning_content or delta.reasoning:
        yield "reasoning", reasoning
    if delta.refusal:
        yield "refusal", delta.refusal
    for called in (*(call.function for call in delta.tool_calls or ()), delta.function_call):
        if called is not None and (text := (called.name or "") + (called.arguments or "")):
            yield "call", text
