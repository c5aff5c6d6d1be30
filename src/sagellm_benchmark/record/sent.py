"""A run as a trace: what it sent, when it sent it, and how long it turned out to be.

In: a run's directory. Out: a Trace of format `run`, its rows in the order in which they were sent.
The arrival is the moment of sending, input tokens are the server's count, output tokens those of
requests that were ok, and the think time runs from the end of what a row waited for. What was never
sent is dropped under its status, and so is what the summary counts and no file holds. Kept are
about 70 bytes a request while its rows are read, and 200 where some wait for others.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.archive import existing, read_summary, recorded
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import read_records
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally

FORMAT = "run"
_UNKNOWN = -1


def sent_trace(folder: str | Path) -> Trace:
    """Look at a run as a trace.

    Raises:
        InputError: There are no records in the directory, or its `summary.json` is none.
    """
    folder = existing(folder)
    segments = sorted((folder / "records").glob("*.jsonl"))
    if not segments:
        raise InputError("no run: there is no records/*.jsonl in it", folder)
    summary = read_summary(folder)
    header = Header(schema=SCHEMA, source=Source(name=folder.resolve().name, format=FORMAT))

    def start(tally: Tally) -> Iterator[Row]:
        table, records = _Table(), read_records(segments)
        for record in records:
            tally.rows_read += 1
            if record.sent_s is None:
                tally.drop(record.status)
            else:
                table.add(record)
        tally.rows_read += records.torn
        for _ in range(records.torn):
            tally.drop("torn_record")
        if summary is not None:
            for _ in range(recorded(summary) - records.found - records.torn):
                tally.rows_read += 1
                tally.drop("not_recorded")
        yield from table.rows()

    return Trace(header, start, path=folder, format=FORMAT)


class _Table:
    """What is kept of the requests that were sent."""

    def __init__(self) -> None:
        self._sent, self._ended = array("d"), array("d")
        self._input, self._output = array("q"), array("q")
        self._name, self._session = array("q"), array("q")
        self._waiting, self._awaited = array("q"), array("q")
        self._sessions: dict[str, int] = {}

    def add(self, record: RequestRecord) -> None:
        sessions, session = self._sessions, record.session_id
        number = _UNKNOWN if session is None else sessions.setdefault(session, len(sessions))
        self._waiting.extend([len(self._sent)] * len(record.depends_on))
        self._awaited.extend(map(hash, record.depends_on))
        self._sent.append(record.sent_s)  # type: ignore[arg-type]  # none is here unsent
        self._ended.append(record.ended_s)
        self._name.append(hash(record.row_id))
        self._session.append(number)
        self._input.append(_UNKNOWN if record.input_tokens is None else record.input_tokens)
        tokens = record.output_tokens if record.status == "ok" else None
        self._output.append(_UNKNOWN if tokens is None else tokens)

    def rows(self) -> Iterator[Row]:
        import numpy as np

        ready = self._ready()
        for place in np.argsort(np.frombuffer(self._sent), kind="stable").tolist():
            session = self._session[place]
            yield Row(
                request_id=str(place),
                arrival_time_s=self._sent[place],
                session_id=None if session == _UNKNOWN else str(session),
                input_tokens=_known(self._input[place]),
                output_tokens=_known(self._output[place]),
                think_time_s=self._sent[place] - ready[place] if place in ready else None,
            )

    def _ready(self) -> dict[int, float]:
        """When all that a request waited for had ended, for those of which that is on record."""
        ended = dict(zip(self._name, self._ended, strict=True)) if self._waiting else {}
        ready: dict[int, float] = {}
        unknown: set[int] = set()
        for place, name in zip(self._waiting, self._awaited, strict=True):
            if name in ended:
                ready[place] = max(ready.get(place, ended[name]), ended[name])
            else:
                unknown.add(place)
        return {place: at for place, at in ready.items() if place not in unknown}


def _known(tokens: int) -> int | None:
    return None if tokens == _UNKNOWN else tokens
