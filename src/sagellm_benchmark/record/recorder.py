"""Where every finished request goes: onto disk, and to whoever keeps figures in memory.

The ledger of a run: `planned` is what fell due, every planned row must come here exactly once,
`missing` is what did not. A disk that cannot be written does not stop the figures: `failed` then
says why, writing ends, memory goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import SegmentWriter
from sagellm_benchmark.wire.states import Status


class Recorder:
    """Takes records, in any order.

    Args:
        writer: The segment to write; None keeps nothing on disk.
        listeners: Called with every record, after it was handed to the writer.

    Attributes:
        planned: Rows that fell due, or were settled without sending; whoever releases a row adds 1.
        counts: Records by status, every status present.
        failed: Why a record could not be written, None while all were.
    """

    def __init__(
        self,
        writer: SegmentWriter | None,
        listeners: tuple[Callable[[RequestRecord], None], ...] = (),
    ) -> None:
        self.planned = 0
        self.counts: dict[str, int] = {status.value: 0 for status in Status}
        self.failed: str | None = None
        self._segment = writer
        self._writer = writer
        self._listeners = listeners

    @property
    def recorded(self) -> int:
        """Records so far."""
        return sum(self.counts.values())

    @property
    def missing(self) -> int:
        """Planned rows without a record; below 0 where one came twice."""
        return self.planned - self.recorded

    @property
    def written(self) -> int | None:
        """Records handed to the segment; None where nothing is kept on disk."""
        return None if self._segment is None else self._segment.records

    def figures(self) -> dict[str, float | int] | None:
        """What the writing cost: seconds in all, the longest write, the most bytes held back."""
        segment = self._segment
        if segment is None:
            return None
        return {
            "write_s": segment.writing_ns / NS_PER_S,
            "write_max_ms": segment.longest_ns / NS_PER_MS,
            "held_peak_bytes": segment.held_peak,
        }

    def add(self, record: RequestRecord, line: bytes | None = None) -> None:
        """Take one record; a full disk is noted in `failed`, not raised.

        Args:
            record: It.
            line: The same as it was written elsewhere, where it was.
        """
        self.counts[record.status] += 1
        if self._writer is not None and self.failed is None:
            if line is None:
                self._guard(self._writer, SegmentWriter.append, record)
            else:
                self._guard(self._writer, SegmentWriter.append_line, line)
        for listener in self._listeners:
            listener(record)

    def flush(self) -> None:
        """Write what is held back; call it every second."""
        if self._writer is not None and self.failed is None:
            self._guard(self._writer, SegmentWriter.flush)

    def close(self) -> None:
        """Write the rest and close the segment."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        except OSError as error:
            self.failed = self.failed or _why(writer, error)

    def _guard(
        self, writer: SegmentWriter, write: Callable[..., None], *what: RequestRecord | bytes
    ) -> None:
        try:
            write(writer, *what)
        except OSError as error:
            self.failed = _why(writer, error)


def _why(writer: SegmentWriter, error: OSError) -> str:
    return f"{writer.path}: records cannot be written: {error.strerror or error}"
