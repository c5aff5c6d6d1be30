"""Which blocks are a system prefix that all users share, and which belong to one of them.

In: the rows of a trace with their families. Out: the ids of the shared blocks. Where rows have
sessions, a block is shared when two families begin with it. Where they have none, a conversation
cannot be told from a system prompt by its families, and a block is shared when one in a hundred
rows, and at least ten, begin with it. Held: a number for each block id.
"""

from __future__ import annotations

from sagellm_benchmark.trace.row import Header, Row

_SHARE = 0.01
_LEAST = 10
_SEVERAL = -1


class SharedBlocks:
    """Looks for them.

    Args:
        header: Of the trace.
    """

    def __init__(self, header: Header) -> None:
        self._local = header.hash_scope == "session"
        self._rows = 0
        self._sessions = False
        self._counts: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        self._families: dict[str, int] = {}

    def add(self, row: Row, family: str) -> None:
        """Note the blocks of the next row."""
        self._rows += 1
        self._sessions = self._sessions or row.session_id is not None
        if row.prefix_block_ids is None or self._local:
            return
        if row.session_id is None and not row.depends_on:
            number = -self._rows - 1  # a family of one row
        else:
            number = self._families.setdefault(family, len(self._families))
        for block in row.prefix_block_ids:
            self._counts[block] = self._counts.get(block, 0) + 1
            if self._owners.setdefault(block, number) != number:
                self._owners[block] = _SEVERAL

    def found(self) -> set[int]:
        """The shared ones."""
        if self._sessions:
            return {block for block, owner in self._owners.items() if owner == _SEVERAL}
        least = max(_LEAST, self._rows * _SHARE)
        return {block for block, many in self._counts.items() if many >= least}
