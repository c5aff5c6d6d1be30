"""Prompts: equal ids equal bytes, siblings apart at once, the same anywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from files import DEMO
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.prompts import Prompts, Wording
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.vocabulary import plain

fixed = settings(derandomize=True, deadline=None)
GOLDEN = "6368c26aba0980cb002ec1312018e8f7514f87fd3ad08c8801a4fb30cffb599b"


def _row(tokens, ids=None, name="r"):
    return Row(request_id=name, arrival_time_s=0.0, input_tokens=tokens, prefix_block_ids=ids)


def _digest():
    """Over the prompts of the demo trace: block ids and none, salted and not."""
    digest = hashlib.sha256()
    for salt in ("", "run-1"):
        prompts = Prompts(salt, 64)
        for row in open_trace(DEMO).rows():
            digest.update(prompts.text(row).encode() + b"\n")
            digest.update(prompts.text(_row(row.input_tokens, name=row.request_id)).encode())
    return digest.hexdigest()


def test_the_rule_is_frozen():
    """The same rows give these very bytes; if this changes, PROMPT_RULE has to change with it."""
    assert _digest() == GOLDEN


@pytest.mark.parametrize("seed", ["0", "12345"])
def test_no_process_makes_other_bytes(seed):
    """Another process with another hash seed makes the same bytes."""
    code = "import test_prompts; print(test_prompts._digest())"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == GOLDEN


def test_the_vocabulary_is_plain():
    """4,096 different plain lowercase ASCII words."""
    words = plain().words
    assert len(set(words)) == len(words) == 4096
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


@fixed
@given(st.integers(1, 700), st.booleans(), st.sampled_from(["", "s"]))
def test_a_prompt_has_a_word_a_token(tokens, blocks, salt):
    """Exactly input_tokens words, single spaces between, none at the ends."""
    ids = list(range(7, 7 + -(-tokens // 64))) if blocks else None
    text = Prompts(salt, 64).text(_row(tokens, ids))
    assert len(text.split(" ")) == tokens
    assert set(text.split(" ")) <= set(plain().words)


@fixed
@given(
    st.lists(st.integers(0, 30), max_size=5), st.lists(st.integers(0, 30), max_size=5),
    st.integers(0, 30), st.integers(1, 16), st.integers(1, 16),
)  # fmt: skip
def test_equal_prefixes_are_equal_bytes(before, other, last, short, long):
    """Two prompts share exactly the words of the blocks that they share, from the start."""
    prompts, fresh = Prompts("x", 16), Prompts("x", 16)
    one = prompts.text(_row(16 * len(before) + short, [*before, last], "a"))
    two = fresh.text(_row(16 * len(before) + long, [*before, last], "b"))
    shared = 16 * len(before) + min(short, long)
    assert one.split()[:shared] == two.split()[:shared]
    if other != before:
        three = prompts.text(_row(16 * len(other) + long, [*other, last], "c")).split()
        same = next(
            (n for n, (a, b) in enumerate(zip(before, other, strict=False)) if a != b), None
        )
        if same is not None:
            assert one.split()[: 16 * same] == three[: 16 * same]
            assert one.split()[16 * same] != three[16 * same]


@fixed
@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.booleans())
def test_siblings_differ_at_once(one, other, root):
    """Different ids differ in their first word, or within four where the words run out."""
    ids = ([], [0])[not root]
    prompts = Prompts("salt", 8)
    texts = [prompts.text(_row(8 * len(ids) + 8, [*ids, each])) for each in (one, other)]
    first, second = (text.split()[8 * len(ids) :] for text in texts)
    if one % 4096 != other % 4096:
        assert first[0] != second[0]
    assert (first[:4] == second[:4]) == (one == other)


def test_the_salt_sets_runs_apart_in_the_root_only():
    """Another salt changes the first words of every prompt and nothing behind the root block."""
    row = _row(32, [5, 6])
    plain, salted, again = (Prompts(salt, 16).text(row).split() for salt in ("", "a", "b"))
    assert len({plain[0], salted[0], again[0]}) == 3
    assert plain[16:] == salted[16:] == again[16:]


def test_prompts_without_blocks_are_their_own():
    """Without block ids each request has a text of its own, by its id and the salt."""
    texts = {
        Prompts(salt, None).text(_row(20, name=name)) for name in "abc" for salt in ("", "x", "y")
    }
    assert len({text.split(" ", 4)[3] for text in texts}) > 1
    assert len({" ".join(text.split()[:4]) for text in texts}) == 9


def test_floor_hashed_tails_are_their_own():
    """Tokens behind the last whole block are unique to the request."""
    prompts = Prompts("", 16)
    one, two = (prompts.text(_row(20, [3], name)).split() for name in "ab")
    assert one[:16] == two[:16]
    assert one[16:] != two[16:]


def test_words_follow_the_tokenizer():
    """With more tokens a word every length scales, and shared blocks stay shared."""
    prompts = Prompts("", 64, Wording(4 / 3))
    one, two = (prompts.text(_row(130, [1, 2, last])).split() for last in (3, 4))
    assert len(one) == len(two) == 98
    assert one[:96] == two[:96]
    assert one[96] != two[96]


def test_the_template_is_part_of_the_prompt():
    """Tokens that the target adds by itself are left out of the words; one word remains."""
    prompts = Prompts("", None, Wording(1.3, 9))
    assert len(prompts.text(_row(1000)).split()) == round((1000 - 9) / 1.3)
    assert len(prompts.text(_row(5)).split()) == 1


@fixed
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 9), st.integers(0, 9),
    st.integers(2, 64), st.floats(0.3, 2.0), st.integers(0, 40),
)  # fmt: skip
def test_any_tokenizer_keeps_prefixes(before, one, other, block, ratio, template):
    """Whatever the ratio: the right length, equal ids equal words, another last id other words."""
    prompts = Prompts("s", block, Wording(ratio, template))
    tokens = block * (len(before) + 1) + template
    texts = [
        prompts.text(_row(tokens, [*before, last], name)).split()
        for name, last in (("a", one), ("b", other))
    ]
    whole = round((tokens - template) / ratio)
    assert [len(text) for text in texts] == [whole, whole]
    shared = round(block * len(before) / ratio)
    assert texts[0][:shared] == texts[1][:shared]
    assert (texts[0] == texts[1]) == (one == other)


def test_the_cache_is_bounded_and_unseen(monkeypatch):
    """A cache too small for its blocks gives the same text, and holds no more than its bound."""
    rows = [_row(64, [block, block + 1, block % 3, 9]) for block in range(50)]
    large = Prompts("s", 16)
    expected = [large.text(row) for row in rows]
    monkeypatch.setattr("sagellm_benchmark.trace.prompts._CACHE_BYTES", 1000)
    small = Prompts("s", 16)
    assert [small.text(row) for row in rows] == expected
    assert sum(map(len, small._blocks._texts.values())) <= 1000


def test_rows_without_tokens_are_refused():
    """A row that says nothing of its prompt has no made prompt."""
    with pytest.raises(UsageError, match="request r: no input_tokens"):
        Prompts("", None).text(_row(None))
