"""Byte strings that lie on disk until they are wanted, in a file without a name.

In: bytes, and out: where they lie. The file is gone with the process, however it ends. Held in
memory: what is still to be written, a megabyte at most.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Sequence

from sagellm_benchmark.errors import UsageError

_LENGTH = 4  # bytes that say how long a byte string is
_BUFFER_BYTES = 1 << 20
_GUESS_BYTES = 4096


class Shelf:
    """Keeps byte strings.

    Raises:
        UsageError: There is no room for a file.
    """

    def __init__(self) -> None:
        self._unwritten = bytearray()
        self._written = 0
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                self._fd = os.dup(file.fileno())
        except OSError as error:
            raise _no_room(error) from None
        weakref.finalize(self, os.close, self._fd)

    def put(self, data: Sequence[bytes]) -> list[int]:
        """Keep byte strings.

        Returns:
            What `get` wants for each.

        Raises:
            UsageError: The disk is full.
        """
        unwritten, places = self._unwritten, []
        for each in data:
            places.append(self._written + len(unwritten))
            unwritten += len(each).to_bytes(_LENGTH, "little")
            unwritten += each
        if len(unwritten) >= _BUFFER_BYTES:
            self.flush()
        return places

    def flush(self) -> None:
        """Write what is held back.

        Raises:
            UsageError: The disk is full.
        """
        try:
            while self._unwritten:
                count = os.write(self._fd, self._unwritten)
                self._written += count
                del self._unwritten[:count]
        except OSError as error:
            raise _no_room(error) from None

    def get(self, at: int) -> bytes:
        """A byte string that was kept before the last `flush`."""
        found = os.pread(self._fd, _GUESS_BYTES, at)
        end = _LENGTH + int.from_bytes(found[:_LENGTH], "little")
        if end > len(found):
            found = os.pread(self._fd, end, at)
        return found[_LENGTH:end]


def _no_room(error: OSError) -> UsageError:
    return UsageError(
        f"rows that wait for others are kept in {tempfile.gettempdir()}, which cannot be written: "
        f"{error.strerror}; name a folder with room in TMPDIR"
    )
