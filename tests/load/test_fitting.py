"""Prompts have the length that the trace asks for, by the target's own count."""

from __future__ import annotations

import pytest
from tests.load.model_server import model_server
from tests.load.processes import came_out, load, made

from sagellm_benchmark.load.fitting import fit
from sagellm_benchmark.trace.prompts import Wording


@pytest.mark.parametrize(
    ("short", "long", "wording"),
    [
        ((32, 51), (544, 716), Wording(1.299, 9, "fitted")),
        ((32, 32), (544, 544), Wording(1.0, 0, "fitted")),
        ((32, 20), (544, 404), Wording(0.75, 0, "fitted")),
        ((32, 9), (544, 9), None),
        ((32, 51), (544, 10), None),
        ((32, 51), (544, 900_000), None),
    ],
    ids=str,
)
def test_the_line_through_two_counts(short, long, wording):
    """Slope and constant, rounded; counts that no tokenizer gives are none."""
    assert fit(short, long) == wording


MADE = made(requests=20, rate=50, input_tokens=1000, output_tokens=5)
WAYS = {
    "fitted": ((), 1000, "1.299 tokens a word and 9 for its template, as the target counts"),
    "option": (("--tokens-per-word", 1.3), 1009, "1.3 tokens a word (--tokens-per-word)"),
    "assumed": (("--no-preflight",), 1309, "1 token a word, assumed: the target was not asked"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs side by side against a tokenizer of 1.3 tokens a word and 9 more."""
    folder = tmp_path_factory.mktemp("runs")
    with model_server(per_word=1.3, template=9) as whom:
        options = ("--headless", *MADE, "--host", whom.url, "--model", "m")
        one, two, three = (
            load(folder / name, *options, *more) for name, (more, _, _) in WAYS.items()
        )
        with one as fitted, two as option, three as assumed:
            for each in (fitted, option, assumed):
                came_out(each, 0)
            yield {"fitted": fitted, "option": option, "assumed": assumed}


@pytest.mark.parametrize("way", WAYS)
def test_input_asked_and_got(runs, way):
    """With the ratio known the server counts what was asked; without it, that is said and seen."""
    _, expected, words = WAYS[way]
    tokens = runs[way].run.summary["fidelity"]["input_tokens"]
    assert tokens["asked"] == 20 * 1000
    assert tokens["got"] == pytest.approx(20 * expected, rel=0.002)
    assert words in " ".join(runs[way].out.split())
    told = runs[way].run.manifest["server"]
    assert told["tokens"]["source"] == way
    assert told["asked"] == (way != "assumed")


def test_the_questions_are_no_part_of_the_run(runs):
    """Neither records nor counts know of the preflight's requests."""
    for each in runs.values():
        assert len(each.run.records) == each.run.summary["counts"]["planned"] == 20
