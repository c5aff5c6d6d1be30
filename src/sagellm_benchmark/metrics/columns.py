"""The run in memory: about 90 bytes a request, enough for every figure of the summary.

Records come in one by one, in any order, from the running load or from segments; a table in the
order of `seq` comes out. Gaps are not kept but counted. Whoever feeds the same records gets the
same table and the same counts.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.metrics.slices import Gaps, SlicedGaps, pack
from sagellm_benchmark.record.brief import Brief
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.wire.states import Status, has_left

STATUSES = tuple(status.value for status in Status)
"""The status words; a table holds their positions here."""

OK = STATUSES.index("ok")

SOURCES = ("usage", "tokenizer", "chunks")
"""The token sources; a table holds their positions here."""

UNKNOWN = -1
"""Stands in a table for a number of tokens that is not known."""

_STATUS = {name: number for number, name in enumerate(STATUSES)}
_SOURCE = {name: number for number, name in enumerate(SOURCES)}

WANTS = ("no_files", "no_ports")
"""Reasons of requests that this machine, and not the target, had no connection for."""

_COLUMNS = (
    ("seq", "I"),
    ("group", "I"),
    ("worker", "H"),
    ("status", "B"),
    ("source", "B"),
    ("warmup", "?"),
    ("short", "?"),
    ("aborted", "?"),
    ("due", "d"),
    ("sent", "d"),
    ("connected", "d"),
    ("first_token", "d"),
    ("first_answer", "d"),
    ("last_token", "d"),
    ("ended", "d"),
    ("input_tokens", "i"),
    ("output_tokens", "i"),
    ("asked_input", "i"),
    ("asked_output", "i"),
    ("chunks", "i"),
    ("reads", "i"),
)
_PACK = struct.Struct("<" + "".join(code for _, code in _COLUMNS)).pack
_TABLE = np.dtype([(name, f"<{code}" if code != "?" else code) for name, code in _COLUMNS])
_VARYING = re.compile(r"[0-9a-fA-F-]{8,}|\d+")


class Group(NamedTuple):
    """What requests are grouped by."""

    model: str
    tenant: str | None
    class_: str | None
    host: str
    name: str


@dataclass(slots=True)
class Failure:
    """Requests that failed alike: the first of them by `seq` speaks for all."""

    seq: int
    message: str
    count: int


@dataclass(slots=True)
class Retries:
    """What first attempts that failed cost: requests, attempts beyond the first, nanoseconds."""

    requests: int = 0
    attempts: int = 0
    wasted_ns: int = 0


def kind_of(record: RequestRecord | Outline) -> tuple[str, str | None, str]:
    """The kind of a failure: status, code, and the message without its numbers and ids."""
    code = record.error.code if record.error else None
    return record.status, code, _VARYING.sub("#", _message(record))


class Columns:
    """Everything a summary needs of the records of a run.

    Attributes:
        groups: The groups met, by their number in the table.
        workers: The workers met, likewise.
        group_gaps: Gaps of each group, of measured ok requests.
        gaps: Gaps of the run, of measured ok requests.
        failures: Requests that failed, by (status, code, shape of the message).
        wants: Requests that this machine had no file or no port for, by their reason.
        retries: Attempts that did not count.
    """

    def __init__(self) -> None:
        self.groups: dict[Group, int] = {}
        self.workers: dict[str, int] = {}
        self.group_gaps: list[Gaps] = []
        self.gaps = SlicedGaps()
        self.failures: dict[tuple[str, str | None, str], Failure] = {}
        self.wants: Counter[str] = Counter()
        self.retries = Retries()
        self._rows = bytearray()

    def add(self, record: RequestRecord | Brief) -> None:
        """Take one record."""
        group = self.outline(record)
        if record.status == "ok" and not record.warmup and record.sent_s is not None:
            gaps = pack(record)
            self.gaps.take(record.sent_s, gaps)
            self.group_gaps[group].take(gaps)

    def outline(self, record: RequestRecord | Outline) -> int:
        """Take all of a record but its gaps; its group's number is returned."""
        group = self._group(record)
        ok = record.status == "ok"
        aborted = not ok and has_left(record.status, record.reason)
        asked, sent, connected = record.asked, record.sent_s, record.connected_s
        first_token, first_answer = record.first_token_s, record.first_answer_s
        last_token = record.last_token_s
        self._rows += _PACK(
            record.seq,
            group,
            self.workers.setdefault(record.worker, len(self.workers)),
            _STATUS[record.status],
            _SOURCE[record.token_source],
            record.warmup,
            ok and "short_output" in record.flags,
            aborted,
            record.due_s,
            math.nan if sent is None else sent,
            math.nan if connected is None else connected,
            math.nan if first_token is None else first_token,
            math.nan if first_answer is None else first_answer,
            math.nan if last_token is None else last_token,
            record.ended_s,
            _tokens(record.input_tokens),
            _tokens(record.output_tokens),
            _tokens(asked.input_tokens),
            _tokens(asked.output_tokens),
            record.chunks,
            record.reads,
        )
        if record.attempt > 1:
            self._retried(record)
        if not ok and not aborted:  # what the run asked for has not failed
            self._fail(record)
        return group

    def table(self) -> np.ndarray:
        """A structured array of all records in the order of `seq`; unknown times are NaN."""
        rows = np.frombuffer(self._rows, dtype=_TABLE)
        return rows[np.argsort(rows["seq"], kind="stable")]

    def _group(self, record: RequestRecord | Outline) -> int:
        # A plain tuple finds a group and costs half as much to make.
        key = (record.model, record.tenant, record.class_, record.host, record.name)
        number = self.groups.get(key)  # type: ignore[call-overload]
        if number is None:
            number = self.groups[Group(*key)] = len(self.groups)
            self.group_gaps.append(Gaps())
        return number

    def _retried(self, record: RequestRecord | Outline) -> None:
        self.retries.requests += 1
        self.retries.attempts += record.attempt - 1
        self.retries.wasted_ns += round((record.wasted_s or 0.0) * NS_PER_S)

    def _fail(self, record: RequestRecord | Outline) -> None:
        if record.reason in WANTS:
            self.wants[record.reason] += 1
        key, message = kind_of(record), _message(record)
        failure = self.failures.get(key)
        if failure is None:
            self.failures[key] = Failure(record.seq, message, 1)
            return
        failure.count += 1
        if record.seq < failure.seq:
            failure.seq, failure.message = record.seq, message


def _message(record: RequestRecord | Outline) -> str:
    return record.error.message if record.error else (record.reason or record.status)


def _tokens(value: int | None) -> int:
    return UNKNOWN if value is None else value
