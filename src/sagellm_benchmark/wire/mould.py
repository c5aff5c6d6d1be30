"""The shape that a stream's frames share: most are the last one again but for their plain text.

In goes a frame that was read in full; out comes a `Mould` that recognises its like by comparing
bytes, at a third of the cost of splitting and decoding. That it is right is proved when it is made:
another text put in the frame's place is decoded as exactly that text. What does not fit, or is not
plain (quotes, escapes, anything beyond ASCII), is read in full.
"""

from __future__ import annotations

import re

from sagellm_benchmark.wire.openai import Frame, decode_frame

_BEGIN, _END = b"data: ", b"\n\n"
_CONTENT = re.compile(rb'.*"content": ?"', re.DOTALL)
_PLAIN = re.compile(rb"[ !#-\[\]-~]+").fullmatch  # printable ASCII without quote and backslash
_PROOF = "proof"


class Mould:
    """What stands before and behind the text.

    Args:
        head: Bytes of the event up to the text.
        tail: Bytes of the event behind it.
    """

    __slots__ = ("_head", "_size", "_tail")

    def __init__(self, head: bytes, tail: bytes) -> None:
        self._head = head
        self._tail = tail
        self._size = len(head)

    def holds(self, data: bytes) -> bool:
        """Whether these bytes have the same head and tail."""
        return data.startswith(self._head) and data.endswith(self._tail)

    def fits(self, data: bytes) -> bool:
        """Whether they do, and what is between needs no reading to be known as text."""
        return (
            data.startswith(self._head)
            and data.endswith(self._tail)
            and _PLAIN(data, self._size, len(data) - len(self._tail)) is not None
        )


def mould_of(data: bytes, frame: Frame) -> Mould | None:
    """The mould of one event; None where its text cannot be told from the rest.

    Args:
        data: The bytes of the whole event, and of nothing else.
        frame: What they say: one choice that brings content.
    """
    found = _CONTENT.match(data)
    if found is None or not data.startswith(_BEGIN) or not data.endswith(_END):
        return None
    head, (_, quote, rest) = found[0], data[found.end() :].partition(b'"')
    tail = quote + rest
    try:
        proof = decode_frame(head[len(_BEGIN) :] + _PROOF.encode() + tail[: -len(_END)])
    except ValueError:
        return None
    if not frame.choices or not proof.choices:
        return None
    expected, delta = frame.choices[0], proof.choices[0].delta
    if delta is None or expected.delta is None or delta.content != _PROOF:
        return None
    delta.content = expected.delta.content
    return Mould(head, tail) if proof == frame else None
