"""The event-stream format of the WHATWG HTML standard: body bytes in, events out, as they are read.

Lines end with LF, CR or CRLF and with nothing else: U+2028 inside a JSON text breaks no line, and
data is never decoded here, so a character that is cut by a read is whole again in its event.
Comments yield nothing. Cutting the bytes anywhere gives the same events. What waits for its end is
bounded by `FRAME_LIMIT` and never scanned twice.
"""

from __future__ import annotations

import re

import msgspec

FRAME_LIMIT = 1 << 20
"""Most bytes of one line, and of the data lines of one event."""

_BOM = b"\xef\xbb\xbf"
_NO_NAME = "message"
_WHOLE = re.compile(rb"data: (\{.*\})\n\n").fullmatch  # a read of one event, as nearly all are


class Event(msgspec.Struct, gc=False):
    """One event.

    Attributes:
        data: Its data lines, joined with LF.
        event: Its type, "message" unless the server named one.
        offset: Where it began, in bytes from the start of the body.
    """

    data: bytes
    event: str
    offset: int


class FrameTooLarge(Exception):
    """A line or an event passed `FRAME_LIMIT`.

    Attributes:
        events: Those that the same bytes completed before it.
        offset: Where the large one began, in bytes from the start of the body.
    """

    def __init__(self, events: list[Event], offset: int) -> None:
        super().__init__(f"frame over {FRAME_LIMIT} bytes at body byte {offset}")
        self.events = events
        self.offset = offset


class EventStream:
    """Splits the bytes of one body into events."""

    __slots__ = (
        "_after_cr",
        "_begin",
        "_data",
        "_midway",
        "_name",
        "_offset",
        "_partial",
        "_partial_size",
        "_size",
    )

    def __init__(self) -> None:
        self._offset = 0  # body bytes in lines that are complete
        self._partial: list[bytes] = []  # the line that has not ended yet
        self._partial_size = 0
        self._after_cr = False
        self._midway = False  # something waits for its end
        self._clear()

    def _clear(self) -> None:
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._begin = -1

    @property
    def pending(self) -> int:
        """Bytes of an event that has not ended."""
        return self._size + self._partial_size

    def skip(self, data: bytes) -> bool:
        """Pass over whole events that are known already; False where one before is not whole."""
        if self._midway:
            return False
        self._offset += len(data)
        return True

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body.

        Raises:
            FrameTooLarge: The stream cannot be read on.
        """
        whole = _WHOLE(data)
        if whole is None or self._midway or 13 in data or len(data) > FRAME_LIMIT:
            return self._split(data)
        offset = self._offset
        self._offset = offset + len(data)
        return [Event(whole[1], _NO_NAME, offset)]

    def _split(self, data: bytes) -> list[Event]:
        events = self._lines(data)
        self._midway = self._after_cr or self._begin >= 0 or self._partial_size > 0
        return events

    def _lines(self, data: bytes) -> list[Event]:
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):  # the other half of a CRLF
                self._offset += 1
                data = data[1:]
        if b"\n" not in data and b"\r" not in data:
            self._keep(data, [])
            return []
        self._after_cr = data.endswith(b"\r")
        if self._begin < 0 and not self._partial_size:
            data = self._past_blanks(data)
            if not data:
                return []
        lines = (b"".join(self._partial) + data).splitlines(keepends=True)
        rest = b"" if data.endswith((b"\n", b"\r")) else lines.pop()
        self._partial.clear()
        self._partial_size = 0
        events: list[Event] = []
        for line in lines:
            self._line(line.rstrip(b"\r\n"), events)
            self._offset += len(line)
        self._keep(rest, events)
        return events

    def _past_blanks(self, data: bytes) -> bytes:
        """Pass over empty lines between events at once: a flood of them would take a second."""
        rest = data.lstrip(b"\r\n")
        self._offset += len(data) - len(rest)
        return rest

    def _keep(self, rest: bytes, events: list[Event]) -> None:
        if rest:
            self._partial.append(rest)
            self._partial_size += len(rest)
            self._bound(self._partial_size, events)

    def _bound(self, size: int, events: list[Event]) -> None:
        if self._size + size > FRAME_LIMIT:
            raise FrameTooLarge(events, self._offset if self._begin < 0 else self._begin)

    def _line(self, line: bytes, events: list[Event]) -> None:
        if not self._offset:
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(Event(b"\n".join(self._data), self._name or _NO_NAME, self._begin))
            self._clear()
            return
        self._bound(len(line), events)
        if self._begin < 0:
            self._begin = self._offset
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(line)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
