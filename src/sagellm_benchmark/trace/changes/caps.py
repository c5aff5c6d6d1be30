"""Lengths capped: prompts and replies of at most so many tokens.

In: a Trace. Out: the same rows, the longer ones cut, their block ids with them. A prompt whose text
was recorded is not cut: such a trace is refused rather than told lies of.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import each_row, noted
from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace


@dataclass(frozen=True)
class Cap:
    """Cut lengths.

    Attributes:
        input_tokens: The longest prompt; None leaves them.
        output_tokens: The longest reply; None leaves them.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None

    def __post_init__(self) -> None:
        caps = (("--cap-input", self.input_tokens), ("--cap-output", self.output_tokens))
        for option, value in caps:
            if value is not None and value < 1:
                raise UsageError(f"{option}: {value} is not 1 or more")

    def applied(self, trace: Trace) -> Trace:
        """The trace with shorter rows."""
        header = noted(
            trace.header, "cap", input_tokens=self.input_tokens, output_tokens=self.output_tokens
        )
        return each_row(trace, header, lambda row: self._cut(row, trace.header))

    def _cut(self, row: Row, header: Header) -> None:
        if self.input_tokens is not None and (row.input_tokens or 0) > self.input_tokens:
            self._cut_input(row, header, self.input_tokens)
        if self.output_tokens is not None:
            for name in ("output_tokens", "reasoning_output_tokens", "max_tokens"):
                if (getattr(row, name) or 0) > self.output_tokens:
                    setattr(row, name, self.output_tokens)

    def _cut_input(self, row: Row, header: Header, most: int) -> None:
        if row.has_content:
            raise UsageError(
                f"--cap-input: request {row.request_id} carries its recorded prompt, which is not "
                f"cut; leave such rows out with --where input_tokens<={most}"
            )
        row.input_tokens = most
        if row.cached_input_tokens is not None:
            row.cached_input_tokens = min(row.cached_input_tokens, most)
        if row.new_input_tokens is not None:
            row.new_input_tokens = min(row.new_input_tokens, most - (row.cached_input_tokens or 0))
        if row.prefix_block_ids is not None and header.block_size is not None:
            size, partial = header.block_size, header.partial_tail_hashed
            blocks = most // size if partial is False else -(-most // size)
            row.prefix_block_ids = row.prefix_block_ids[:blocks]
