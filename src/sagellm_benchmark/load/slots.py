"""So many conversations at once: each holds its slot until nothing of it flies and nobody thinks.

In: requests that begin a conversation, that go on with one, and that end. Out: when there is room
for the next one to begin. A conversation is what one request that waits for no other sets off.
"""

from __future__ import annotations

from collections import deque


class _Live:
    """A conversation: how many of its requests fly, or have a user who thinks."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.requests = 1


class Slots:
    """The conversations of one run.

    Args:
        number: How many there may be at once.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._open = False
        self._surplus = 0
        self._free: deque[int] = deque()
        self._live: dict[int, _Live] = {}

    def open(self, at_ns: int) -> None:
        """All of them are free from here on."""
        self._open = True
        self._free.extend([at_ns] * self._number)

    def resize(self, number: int, at_ns: int) -> None:
        """Have so many from now on; those that are taken stay until their conversation ends."""
        more, self._number = number - self._number, number
        if not self._open:
            return
        while more > 0 and self._surplus:
            more, self._surplus = more - 1, self._surplus - 1
        while more < 0 and self._free:
            self._free.pop()
            more += 1
        self._surplus += max(-more, 0)
        self._free.extend([at_ns] * more)

    @property
    def free_ns(self) -> int | None:
        """Since when there is room for one; None while there is none."""
        return self._free[0] if self._free else None

    def begin(self, seq: int) -> None:
        """A request begins a conversation."""
        self._free.popleft()
        self._live[seq] = _Live()

    def follow(self, seq: int, child: int) -> None:
        """A request has ended, and behind it another will be due."""
        self._live[child] = live = self._live[seq]
        live.requests += 1

    def end(self, seq: int, at_ns: int) -> None:
        """A request has ended, and all that follow it are known."""
        live = self._live.pop(seq)
        live.requests -= 1
        if live.requests:
            return
        if self._surplus:
            self._surplus -= 1
        else:
            self._free.append(at_ns)
