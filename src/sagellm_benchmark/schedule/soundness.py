"""What makes rows unfit to be sent, all of it found before any load.

In: each row of the planning pass, in due order. Out: nothing, or an error that names the row. What
a later pass would stumble over while it sends has to stand here. Held in memory: 8 bytes a row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from operator import attrgetter

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.dependents import Dependents, continues
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.transforms import Selection, select
from sagellm_benchmark.wire.http import header_flaw

_OWN_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "host")
"""What a trace may not say: it would go to whatever target the trace is replayed against."""

_input_tokens = attrgetter("input_tokens")
_remarkable = attrgetter("message_mode", "headers")
_NOTHING = (None, None)


class Soundness:
    """Looks at the rows of one pass.

    Attributes:
        hashes: Of the rows' ids, in order, until `finish`.
    """

    def __init__(self) -> None:
        # Hashes, not ids: 16 million of them take 128 MB, and equal ones are looked at again.
        self.hashes = array("q")

    def add(self, rows: Sequence[Row]) -> None:
        """Look at the next rows.

        Raises:
            UsageError: One of them cannot be sent.
        """
        plain = all(map(_input_tokens, rows))
        if not plain or list(map(_remarkable, rows)).count(_NOTHING) < len(rows):
            for row in rows:
                _check(row)
        self.hashes.extend([hash(row.request_id) for row in rows])

    def finish(self, trace: Trace, selection: Selection, drops: dict[str, int]) -> None:
        """Look at what only all rows show.

        Args:
            trace: Where the rows are from.
            selection: The part of it that was looked at.
            drops: Rows left out, by reason.

        Raises:
            UsageError: No row is left, or an id comes twice.
        """
        if not self.hashes:
            dropped = f", dropped: {drops}" if drops else ""
            raise UsageError(
                f"{trace.path or 'the trace'}: no rows to send ({trace.rows_read} read{dropped}); "
                "see --start, --end"
            )
        suspects = _repeated(self.hashes)
        if not suspects:
            return
        seen: set[str] = set()
        for row in select(trace.rows(), selection):
            if row.request_id in seen:
                raise UsageError(
                    f"{trace.path or 'the trace'}: request_id {row.request_id!r} is there twice"
                )
            if hash(row.request_id) in suspects:
                seen.add(row.request_id)


def _check(row: Row) -> None:
    """Refuse a row that cannot be sent."""
    if row.message_mode == "delta" and row.turn_index and not row.depends_on:
        raise UsageError(
            f"request {row.request_id} carries only its own turn (message_mode delta) and does "
            "not say which turn comes before it: name that in depends_on"
        )
    if row.prompt_token_ids is not None and continues(row):
        raise UsageError(
            f"request {row.request_id} carries only its own turn (message_mode delta) as "
            "prompt_token_ids, which cannot follow a reply's text: record the turn as prompt, or "
            "the whole prompt with message_mode history"
        )
    if not (row.input_tokens or row.has_content or (row.new_input_tokens and continues(row))):
        raise UsageError(f"request {row.request_id} has neither input_tokens nor content")
    for name, value in row.headers.items() if row.headers else ():
        if name.lower() in _OWN_HEADERS:
            raise UsageError(
                f"request {row.request_id}: recorded header {name!r} is somebody's credential, "
                "or names a host: take it out of the trace (--api-key-env, --header send yours)"
            )
        if flaw := header_flaw(name, value):
            raise UsageError(f"request {row.request_id}: recorded header {name!r} {flaw}")


def check_continued(rows: Iterable[Planned], dependents: Dependents) -> None:
    """Refuse rows that go on behind a prompt of token ids: the reply to that is text.

    Args:
        rows: All of the trace, numbered.
        dependents: Those that wait for others.

    Raises:
        UsageError: There is such a row.
    """
    for seq, row in ((planned.seq, planned.row) for planned in rows):
        if row.prompt_token_ids is None:
            continue
        for child in dependents.behind(seq):
            if dependents.hears(child) == seq:
                raise UsageError(
                    f"request {dependents.stored(child).request_id} goes on with the conversation "
                    f"of {row.request_id}, which carries prompt_token_ids: a reply's text cannot "
                    "follow ids; give it its whole prompt, or write relation spawn"
                )


def _repeated(hashes: array[int]) -> set[int]:
    import numpy as np

    ordered = np.frombuffer(hashes, dtype=np.int64)
    ordered.sort()  # where they lie: a copy would double what is held
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
