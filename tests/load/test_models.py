"""Rows go to models that the target has, and the map is about the rows that there are."""

from __future__ import annotations

import pytest

from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.models import check_models
from sagellm_benchmark.load.server import Engine, Server

ROWS = {"gpt": 5, "claude": 12}
LISTS = Server(asked=True, dialect="openai", models=("llama", "qwen"))
ENGINES = (Engine("e1", "llama", True), Engine("e2", "qwen", False))
GATEWAY = Server(asked=True, dialect="sagellm", models=("llama", "qwen"), engines=ENGINES)


def check(recorded, server=LISTS, **raw):
    """Check the rows of a plan."""
    check_models(recorded, make_settings({"trace": "t.jsonl", **raw}, host="http://h:1"), server)


@pytest.mark.parametrize(
    ("recorded", "server", "raw"),
    [
        (ROWS, LISTS, {"model": "anything"}),
        ({None: 3, **ROWS}, LISTS, {"model": "anything"}),
        (ROWS, LISTS, {"model_map": "gpt=llama,claude=qwen"}),
        ({"llama": 1, "gpt": 1}, LISTS, {"model_map": "gpt=qwen"}),
        (ROWS, GATEWAY, {"model_map": "gpt=llama,claude=default"}),
        (ROWS, Server(), {}),
        (ROWS, Server(), {"model_map": "gpt=x"}),
    ],
    ids=range(7),
)
def test_what_can_be_sent(recorded, server, raw):
    """One model for all, names that are listed, aliases; who lists none is trusted."""
    check(recorded, server, **raw)


@pytest.mark.parametrize(
    ("recorded", "server", "raw", "words"),
    [
        ({None: 3, **ROWS}, LISTS, {}, "--model is missing: 3 of 20 rows name no model"),
        (
            ROWS,
            LISTS,
            {},
            "the target does not list the models of 17 of 17 rows, claude (12), gpt (5); it has "
            "llama, qwen: write --model M, or --model-map gpt=M",
        ),
        (
            ROWS,
            LISTS,
            {"model_map": "gpt=llama,claude=other"},
            "the models of 12 of 17 rows, claude as other (12); it has llama, qwen",
        ),
        (ROWS, GATEWAY, {"model_map": "gpt=llama,claude=qwen"}, "qwen (12); it has llama: write"),
        (
            ROWS,
            Server(),
            {"model_map": "gpt=a,gtp=b,cluade=c"},
            "--model-map: no row names gtp, cluade; the rows name claude (12), gpt (5)",
        ),
    ],
    ids=lambda part: part[:40] if isinstance(part, str) else "",
)  # fmt: skip
def test_what_cannot(recorded, server, raw, words):
    """Rows without a model, names that nobody has, entries of the map that nobody needs."""
    with pytest.raises(UsageError) as refused:
        check(recorded, server, **raw)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
