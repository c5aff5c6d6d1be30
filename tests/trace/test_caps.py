"""Lengths capped."""

from __future__ import annotations

import pytest
from files import TRACES, native

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.caps import Cap
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats.native import write
from sagellm_benchmark.trace.source import open_trace


def test_prompts_replies_and_blocks_are_cut(tmp_path):
    """What is longer is cut, block ids with it, so that the result is sound; the rest stays."""
    source = open_trace(TRACES / "mooncake_lookalike.jsonl")
    header, rows = converted(source, [Cap(2000, 100)])
    write(tmp_path / "c.jsonl", header, rows)
    pairs = list(zip(source.rows(), open_trace(tmp_path / "c.jsonl").rows(), strict=True))
    assert any(old.input_tokens > 2000 for old, _ in pairs)
    for old, new in pairs:
        assert new.input_tokens == min(old.input_tokens, 2000)
        assert new.output_tokens == min(old.output_tokens, 100)
        blocks = -(-new.input_tokens // 512)
        assert new.prefix_block_ids == old.prefix_block_ids[:blocks]
    assert header.transforms == [{"op": "cap", "input_tokens": 2000, "output_tokens": 100}]


def test_what_belongs_to_a_length_is_cut_with_it(tmp_path):
    """Cached and new tokens, reasoning and the cap that was asked for do not exceed the whole."""
    row = {
        **{"input_tokens": 100, "cached_input_tokens": 80, "new_input_tokens": 20},
        **{"output_tokens": 50, "reasoning_output_tokens": 40, "max_tokens": 99},
    }
    (cut,) = Cap(90, 30).applied(open_trace(native(tmp_path / "t.jsonl", row))).rows()
    assert (cut.input_tokens, cut.cached_input_tokens, cut.new_input_tokens) == (90, 80, 10)
    assert (cut.output_tokens, cut.reasoning_output_tokens, cut.max_tokens) == (30, 30, 30)


def test_a_partial_block_without_an_id_has_none(tmp_path):
    """Where only full blocks have ids, a cut prompt keeps only full blocks."""
    row = {"input_tokens": 64, "prefix_block_ids": [1, 2, 3, 4]}
    options = {"block_size": 16, "partial_tail_hashed": False}
    trace = open_trace(native(tmp_path / "t.jsonl", row, **options))
    assert [row.prefix_block_ids for row in Cap(40).applied(trace).rows()] == [[1, 2]]


def test_recorded_text_is_not_cut(tmp_path):
    """A recorded prompt would not be as long as the trace says; it is refused by name."""
    trace = open_trace(native(tmp_path / "t.jsonl", {"prompt": "hello", "input_tokens": 9}))
    with pytest.raises(UsageError, match="--cap-input: request r0 carries its recorded prompt"):
        list(Cap(5).applied(trace).rows())
    assert len(list(Cap(9).applied(trace).rows())) == 1


@pytest.mark.parametrize(
    ("caps", "option"), [((0, None), "--cap-input"), ((None, -1), "--cap-out")]
)
def test_caps_that_are_none(caps, option):
    """A cap is at least 1."""
    with pytest.raises(UsageError, match=option):
        Cap(*caps)
