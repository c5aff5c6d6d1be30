"""The books of a run: planned = the sum of the states = the number of records, each seq once.

Four counts in, made in four places: rows released, records by state in the figures, different `seq`
among them, lines handed to the disk. Out come sentences, none where all agree. One record too few
and another twice leave the sums alone, so `seq` is counted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was counted.

    Attributes:
        planned: Rows that fell due, or were settled without sending.
        states: Records by status.
        distinct: Different `seq` among the records.
        written: Records handed to the disk; None where that was not asked for, or it failed.
    """

    planned: int
    states: Mapping[str, int]
    distinct: int
    written: int | None = None

    @property
    def recorded(self) -> int:
        """The sum of the states."""
        return sum(self.states.values())

    def complaints(self) -> list[str]:
        """What does not add up; nothing of an honest run."""
        found = []
        lost, recorded = self.states.get("lost", 0), self.recorded
        twice = recorded - self.distinct
        missing = self.planned - self.distinct
        if lost:
            found.append(f"{lost} requests lost, 0 are allowed")
        if missing:
            found.append(
                f"counts do not add up: {self.planned} planned, {self.distinct} recorded, "
                f"{abs(missing)} {'without a record' if missing > 0 else 'never planned'}"
            )
        if twice:
            found.append(f"{twice} requests recorded twice, 0 are allowed")
        if self.written is not None and self.written != recorded:
            found.append(f"counts do not add up: {recorded} records, {self.written} on disk")
        return found
