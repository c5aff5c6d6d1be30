"""Several targets of one run serve the same, or a line says what differs."""

from __future__ import annotations

import pytest

from sagellm_benchmark.load.agreement import agreed
from sagellm_benchmark.load.server import Engine, RefusalError, Server
from sagellm_benchmark.load.target import resolve

ONE, TWO = (resolve(f"http://127.0.0.1:{port}") for port in (1001, 1002))
VLLM = Server(asked=True, dialect="openai", models=("llama",), context_tokens=8192)


def test_one_speaks_for_itself():
    """A single target needs to agree with nobody."""
    assert agreed([ONE], [VLLM]) is VLLM


def test_alike_is_one_with_the_others_in_it():
    """The first speaks for all; the shortest context that is known holds for all."""
    short = Server(asked=True, dialect="openai", models=("llama",), context_tokens=4096)
    quiet = Server(asked=True, dialect="openai", models=("llama",))
    found = agreed([ONE, TWO, TWO], [VLLM, short, quiet])
    assert (found.context_tokens, found.models, found.others) == (4096, ("llama",), (short, quiet))
    told = found.describe()
    assert [other["context_tokens"] for other in told["others"]] == [4096, None]
    assert told["others"][0]["others"] == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Server(dialect="sagellm"), "one is openai, the other sagellm; load them apart"),
        (Server(), "one is openai, the other of unknown dialect"),
        (Server(dialect="openai", models=("qwen",)), "one serves llama, the other qwen; load them"),
        (Server(dialect="openai"), "one serves llama, the other none that it lists"),
    ],
    ids=str,
)
def test_a_difference_is_one_line(other, words):
    """Which two, and in what; a run against both would tell of neither."""
    with pytest.raises(RefusalError) as refused:
        agreed([ONE, TWO], [VLLM, other])
    said = str(refused.value)
    assert said.startswith(f"--host: {ONE.url} and {TWO.url} are not alike: ")
    assert words in said
    assert "\n" not in said
    assert refused.value.server.others == (other,)


def test_engines_that_are_ready_decide():
    """Behind a gateway the healthy engines' models count, whatever their number and order."""
    up, down = Engine("a", "llama", True), Engine("b", "qwen", False)
    first = Server(dialect="sagellm", engines=(up, down), models=("llama", "qwen"))
    second = Server(dialect="sagellm", engines=(up, up), models=("llama",))
    assert agreed([ONE, TWO], [first, second]).ready == ("llama",)
