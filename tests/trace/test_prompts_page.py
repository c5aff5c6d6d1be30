"""Promises of docs/prompts.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagellm_benchmark.config.options import BY_KEY
from sagellm_benchmark.trace import vocabulary
from sagellm_benchmark.trace.prompts import PROMPT_RULE, TOKEN_RULE
from sagellm_benchmark.wire import speech
from sagellm_benchmark.wire.states import SHORT_BY_CHUNKS

PAGE = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")


def test_every_option_on_the_page_exists():
    """Each flag is one of ours, or Locust's host."""
    flags = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", PAGE)) - {"--host"}
    assert flags == {BY_KEY[flag[2:].replace("-", "_")].flag for flag in flags}


@pytest.mark.parametrize(
    "words",
    [
        f"`{PROMPT_RULE}`",
        f"`{TOKEN_RULE}`",
        f"{len(vocabulary.plain().words):,} common words",
        f"fewer than {1 << vocabulary._LEAST_BITS} such words",
        f"a number of {vocabulary._NUMBER_BITS} bits",
        f"under {SHORT_BY_CHUNKS:.0%} of".replace("%", " %"),
    ],
)
def test_the_page_has_the_programs_numbers(words):
    """Rules, sizes and limits are those of the code."""
    assert words in PAGE


def test_the_bound_on_texts_is_a_million():
    """So the page says."""
    assert 1e6 <= speech.ROOM < 1.1e6
