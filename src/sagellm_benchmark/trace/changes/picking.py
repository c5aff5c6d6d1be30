"""Part of a trace: by what rows say (`Where`), or a random share of its sessions (`Thin`).

In: a Trace. Out: fewer of its rows, at the times they had. Thinning keeps or drops a session whole,
with all sessions that it began: which, depends on the seed and the session's id alone. Of n rows
without sessions it keeps each with the given probability, so that an index of dispersion I becomes
1 + p(I - 1).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import noted
from sagellm_benchmark.trace.changes.families import Families, kept
from sagellm_benchmark.trace.changes.words import fraction, word
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally

_TEXTS = {
    "model": "model",
    "tenant": "tenant_id",
    "user": "user_id",
    "session": "session_id",
    "class": "request_class",
    "lora": "lora_adapter",
    "operation": "operation",
}
_NUMBERS = {name: name for name in ("input_tokens", "output_tokens", "priority", "turn_index")}
_CONDITION = re.compile(r"(\w+)(!=|<=|>=|=|<|>)(.+)", re.DOTALL)
_ORDERS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Where:
    """Keep the rows that fulfil all conditions.

    Attributes:
        conditions: Such as `model=a,b`, `class!=batch` or `input_tokens<=4096`. A row that does not
            say what is asked fulfils `!=` only.
    """

    conditions: Sequence[str]

    def applied(self, trace: Trace) -> Trace:
        """The trace without the other rows.

        Raises:
            UsageError: A condition cannot be read.
        """
        tests = [_test(each) for each in self.conditions]
        waits = trace.waits

        def rows(tally: Tally) -> Iterator[Row]:
            return kept(
                trace.counted(tally),
                lambda row: all(test(row) for test in tests),
                tally,
                "not_wanted",
                waits=waits,
            )

        return trace.changed(noted(trace.header, "where", conditions=list(self.conditions)), rows)


def _test(condition: str) -> Callable[[Row], bool]:
    parts = _CONDITION.fullmatch(condition)
    name, order, value = parts.groups() if parts is not None else ("", "", "")
    if name in _TEXTS and order in ("=", "!="):
        return _text_test(_TEXTS[name], order, value.split(","))
    if name in _NUMBERS and re.fullmatch(r"-?\d{1,12}", value):
        return _number_test(_NUMBERS[name], order, int(value))
    raise UsageError(
        f"--where {condition!r}: write {', '.join(_TEXTS)} with = or != and a value or several "
        f"(a,b), or {', '.join(_NUMBERS)} with =, !=, <, <=, >, >= and a whole number"
    )


def _text_test(field: str, order: str, values: list[str]) -> Callable[[Row], bool]:
    wanted = order == "="
    return lambda row: (getattr(row, field) in values) == wanted


def _number_test(field: str, order: str, value: int) -> Callable[[Row], bool]:
    compare = _ORDERS[order]

    def test(row: Row) -> bool:
        known = getattr(row, field)
        return order == "!=" if known is None else compare(known, value)

    return test


@dataclass(frozen=True)
class Thin:
    """Keep a random share of the sessions, and of the rows without one.

    Attributes:
        share: Above 0, up to 1.
        seed: Another one keeps others.
    """

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"--thin: {self.share} is not above 0 and up to 1")

    def applied(self, trace: Trace) -> Trace:
        """The trace without the other sessions."""
        waits = trace.waits

        def rows(tally: Tally) -> Iterator[Row]:
            families = Families(waits=waits)

            def wanted(row: Row) -> bool:
                return fraction(word("thin", self.seed, families.of(row)), 0) < self.share

            return kept(trace.counted(tally), wanted, tally, "thinned", waits=waits)

        return trace.changed(noted(trace.header, "thin", share=self.share, seed=self.seed), rows)
