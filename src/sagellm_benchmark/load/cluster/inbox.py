"""A worker's records as they arrive: bytes cut anywhere, in; whole lines, each once, out."""

from __future__ import annotations


class Inbox:
    """What has arrived of one worker's segment.

    Attributes:
        offset: Bytes so far.
    """

    def __init__(self) -> None:
        self.offset = 0
        self._rest = b""

    def take(self, offset: int, data: bytes) -> tuple[list[bytes], bool]:
        """Take the bytes from `offset` on.

        Returns:
            The lines that are whole now, without their ends, and whether bytes before these are
            missing. What has been here before gives no line again.
        """
        if offset > self.offset:
            return [], True
        fresh = data[self.offset - offset :]
        self.offset += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return lines, False
