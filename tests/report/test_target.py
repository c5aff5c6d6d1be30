"""Promises of the words on a target."""

from __future__ import annotations

import pytest

from sagellm_benchmark.report import target

TOKENS = {"per_word": 1.0, "template": 0, "source": "tokenizer", "why": None, "counts": []}


def counts(*pairs):
    """Two prompts, counted by the target and by the tokenizer."""
    told = [{"words": 1, "tokens": told, "by_tokenizer": own} for told, own in pairs]
    return {**TOKENS, "counts": told}


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (counts((41, 41), (700, 700)), "a token a word of --tokenizer"),
        (
            counts((50, 41), (709, 700)),
            "a token a word of --tokenizer, and 9 more by the target for its template",
        ),
        (
            counts((32, 41), (544, 700)),
            "a token a word of --tokenizer, and the target counts otherwise",
        ),
        (
            {**TOKENS, "why": "its replies carry no usage"},
            "a token a word of --tokenizer, unchecked: its replies carry no usage",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_whose_tokens_prompts_are_made_of(tokens, words):
    """The tokenizer's, and whether the target counts as it does."""
    assert target.wording(tokens) == words


def test_a_tokenizer_that_nobody_checked_is_said():
    """Without a question to the target nobody knows whether it is the model's."""
    assert target.wording(TOKENS, asked=False).endswith("unchecked: the target was not asked")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (counts((50, 41), (709, 700)), None),
        (counts((50, 41), (710, 700)), (710, 700)),
        (counts((40, 41), (699, 700)), (699, 700)),
        (TOKENS, None),
    ],
    ids=str,
)
def test_another_tokenizer_than_the_models(tokens, expected):
    """A template adds as much to any text, and takes nothing away; else it is another one."""
    assert target.otherwise(tokens) == expected


def test_models_are_told_with_their_rows():
    """The frequent ones first, with the names that they are sent under."""
    named = target.models({"a": 2, "b": 1000, "c": 2}, {"a": "x"})
    assert named == ["b (1,000)", "a as x (2)", "c (2)"]
