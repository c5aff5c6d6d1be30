"""Prompts of a tokenizer's own words: exactly as long as asked, with seams between tokens."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocabularies import saved

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.prompts import Prompts, Wording
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import load
from sagellm_benchmark.trace.vocabulary import of, plain

fixed = settings(derandomize=True, deadline=None, max_examples=40)
KINDS = ("byte_level", "whole_text", "unigram", "word_pieces")
IDS = st.lists(st.integers(0, 2**48 - 1), max_size=6)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wordings(tmp_path_factory):
    """By kind of tokenizer, how prompts are made for it."""
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: Wording.exact(load(str(saved(kind, folder / kind).parent))) for kind in KINDS}


def row(tokens, ids=None, name="r"):
    """A request without content."""
    return Row(request_id=name, input_tokens=tokens, prefix_block_ids=ids)


def pieces(wording, text):
    """The tokens of a text, as the tokenizer reads the whole of it."""
    return [token for token, _ in wording.tokenizer.pieces(text)]


@pytest.mark.parametrize("kind", KINDS)
@fixed
@given(tokens=st.integers(1, 400), ids=IDS, salt=st.sampled_from(["", "s"]))
def test_a_prompt_has_exactly_the_tokens_asked_for(wordings, kind, tokens, ids, salt):
    """Read by the tokenizer: so many tokens, one a word, whatever the blocks and the salt."""
    wording = wordings[kind]
    text = Prompts(salt, 16, wording).text(row(tokens, ids))
    assert wording.tokenizer.count(text) == tokens == len(text.split(" "))


@pytest.mark.parametrize("kind", KINDS)
@fixed
@given(shared=IDS, one=st.integers(0, 99), other=st.integers(0, 99), tail=st.integers(1, 40))
def test_reuse_is_reuse_of_tokens(wordings, kind, shared, one, other, tail):
    """Equal blocks are equal tokens up to their seam, and another block is another at once."""
    wording, block = wordings[kind], 16
    prompts, fresh = Prompts("x", block, wording), Prompts("x", block, wording)
    tokens = block * (len(shared) + 1) + tail
    first = pieces(wording, prompts.text(row(tokens, [*shared, one], "a")))
    second = pieces(wording, fresh.text(row(tokens, [*shared, other], "b")))
    same = block * (len(shared) + (one == other))
    assert first[:same] == second[:same]
    leading = wording.vocabulary.leading
    assert first[same : same + leading] != second[same : same + leading]
    if one != other:
        assert first[same] != second[same]


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_whole_tokens_that_keep_apart(wordings, kind):
    """A power of two of different words, each one token, alone and behind any other."""
    vocabulary = wordings[kind].vocabulary
    assert len(set(vocabulary.words)) == len(vocabulary.words) == 1 << vocabulary.bits
    assert vocabulary.bits * vocabulary.leading >= 48
    count = wordings[kind].tokenizer.count
    assert {count(word) for word in vocabulary.words} == {1}
    assert {count(f"{a} {b}") for a in vocabulary.words[:40] for b in vocabulary.words[-40:]} == {2}


def test_a_token_across_two_words_is_never_met(tmp_path, wordings):
    """Words that a token reaches into from the one before are left out, the others serve."""
    content = json.loads(Path(wordings["whole_text"].tokenizer.path).read_text())
    before, behind = wordings["whole_text"].vocabulary.words[3:5]
    model = content["model"]
    model["vocab"][f"▁{before}▁{behind}"] = len(model["vocab"])
    model["merges"].append([f"▁{before}", f"▁{behind}"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    changed = load(str(tmp_path))
    assert changed.count(f"{before} {behind}") == 1
    words = of(changed).words
    assert before in words
    assert behind not in words
    text = Prompts("", 16, Wording.exact(changed)).text(row(5000, list(range(300))))
    assert changed.count(text) == 5000


def test_a_vocabulary_without_words_is_refused(tmp_path):
    """Where tokens reach over any seam no prompt can be made, and that is said."""
    tokenizer = load(str(saved("across_words", tmp_path)))
    with pytest.raises(UsageError, match="too few to make prompts of: write --tokens-per-word X"):
        of(tokenizer)


def test_the_rule_and_the_file_name_the_text(wordings):
    """What decides on a prompt's bytes is told: the rule, and with a tokenizer its sha256."""
    exact = wordings["unigram"]
    assert Wording().full_rule == "words/1"
    assert exact.rule == "tokens/1"
    assert exact.full_rule == f"tokens/1 {exact.tokenizer.sha256}"
    assert exact.vocabulary is exact.vocabulary
    assert Wording().vocabulary is plain()


def digest(path):
    """Of some prompts made with the tokenizer at a path."""
    prompts = Prompts("s", 16, Wording.exact(load(path)))
    texts = [prompts.text(row(50 + n, [n, n + 1], f"r{n}")) for n in range(20)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


@pytest.mark.parametrize("seed", ["0", "12345"])
def test_no_process_makes_other_bytes(wordings, seed):
    """Another process with another hash seed makes the same bytes of the same file."""
    path = wordings["byte_level"].tokenizer.path
    code = f"import test_vocabulary; print(test_vocabulary.digest({path!r}))"
    paths = os.pathsep.join(map(str, (Path(__file__).parent, ROOT)))
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(path)
