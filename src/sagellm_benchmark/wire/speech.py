"""The words of one reply, kept until its end so that somebody can count their tokens.

In: what each token frame brought: content, reasoning, a refusal, tool calls, of one or several
choices. Out: for each of these the whole text and how much of it each frame brought, since a
tokenizer reads a text as a whole and not in pieces. Kept are the characters, eight bytes a frame,
and never more than `ROOM` characters: beyond that nothing is kept, and nothing can be counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from sagellm_benchmark.wire.openai import Choice, Delta

ROOM = 1 << 20
_PIECES = 64


class Voice:
    """One kind of text of one choice.

    Attributes:
        frames: The number of each token frame that brought a piece of it.
        ends: Where in the text each of these pieces ends, in characters.
    """

    __slots__ = ("_end", "_texts", "ends", "frames")

    def __init__(self) -> None:
        self._end = 0
        self._texts: list[str] = []
        self.frames = array("I")
        self.ends = array("I")

    @property
    def text(self) -> str:
        """All that it said."""
        return "".join(self._texts)

    def add(self, frame: int, text: str) -> None:
        """It said more."""
        texts = self._texts
        texts.append(text)
        self._end += len(text)
        self.frames.append(frame)
        self.ends.append(self._end)
        if len(texts) == _PIECES:  # a piece costs ten times its text
            self._texts = ["".join(texts)]


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
            if self.characters > ROOM:
                self.voices.clear()
                return
            key = (choice.index, kind)
            voice = self.voices.get(key)
            if voice is None:
                voice = self.voices[key] = Voice()
            voice.add(frame, text)


def _texts(delta: Delta) -> Sequence[tuple[str, str]]:
    """Every text in it, and its kind; servers write reasoning under either of two names."""
    content, reasoning = delta.content, delta.reasoning_content or delta.reasoning
    called = delta.tool_calls or delta.function_call
    if content and not (reasoning or delta.refusal or called):
        return (("content", content),)  # nearly every frame
    calls = [*(call.function for call in delta.tool_calls or ()), delta.function_call]
    found = [
        ("content", content),
        ("reasoning", reasoning),
        ("refusal", delta.refusal),
        *(("call", (call.name or "") + (call.arguments or "")) for call in calls if call),
    ]
    return [(kind, text) for kind, text in found if text]
