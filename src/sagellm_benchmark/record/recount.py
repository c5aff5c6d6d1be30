"""Tokens of a reply by a tokenizer: for each token frame, how many it completed.

In: all that a reply said. Out: one number a frame; their sum is the reply's tokens. A text is read
whole, and each token counts for the frame that brought its last character: frames that end inside a
token or hold several of them are counted right, and frames read one by one would not be. What a
server takes out before it sends, an end-of-sequence token or a tag around reasoning, is not seen.
"""

from __future__ import annotations

from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.speech import Speech


def recount(speech: Speech, frames: int, tokenizer: Tokenizer) -> list[int] | None:
    """Count. Takes some microseconds a token, during which other threads run.

    Args:
        speech: What was said.
        frames: Token frames of the reply; 0 for one that was not streamed.
        tokenizer: Who counts.

    Returns:
        Tokens of each frame, of a reply that was not streamed one number; None where too much was
        said to be kept.
    """
    if not speech.whole:
        return None
    import numpy as np

    counts = np.zeros(frames or 1, dtype=np.int64)
    for voice in speech.voices.values():
        completed = np.searchsorted(tokenizer.ends(voice.text), voice.ends, side="right")
        np.add.at(counts, voice.frames, np.diff(completed, prepend=0))
    return counts.tolist()


def latencies_us(gaps_us: list[int], frame_tokens: list[int]) -> list[int]:
    """Inter-token latencies: a gap before k tokens is k latencies of gap/k.

    A frame that completes no token adds its gap to the next one's. What is left of a division by k
    goes to the first of them, a microsecond each, so that nothing is lost.

    Args:
        gaps_us: Microseconds between the token frames.
        frame_tokens: Tokens of each frame, one more than there are gaps.
    """
    if len(gaps_us) == sum(frame_tokens[1:]) == sum(map(bool, frame_tokens[1:])):
        return gaps_us
    found: list[int] = []
    waited = 0
    for gap, tokens in zip(gaps_us, frame_tokens[1:], strict=True):
        waited += gap
        if tokens:
            least, more = divmod(waited, tokens)
            found += [least + 1] * more + [least] * (tokens - more)
            waited = 0
    return found
