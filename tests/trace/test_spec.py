"""Specifications: each mistake is one line with file, line and key."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.workload.spec import read_workload

TOP = "schema: sagellm.workload/1\nduration_s: 10\nclients:\n  - name: a\n"
LENGTHS = "    input_tokens: 5\n    output_tokens: 5\n"
GOOD = TOP + "    rate: 2\n" + LENGTHS


def _error(folder, text):
    path = folder / "w.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_workload(path)
    message = str(refused.value)
    assert "\n" not in message
    return message.removeprefix(str(path))


def test_a_good_one_is_read(tmp_path):
    """The file's digest comes with it."""
    path = tmp_path / "w.yaml"
    path.write_text(GOOD)
    workload, sha256 = read_workload(path)
    assert (workload.clients[0].rate, workload.block_size, len(sha256)) == (2, 64, 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": expected a mapping, got `null`"),
        ("a", ":1: expected a mapping, got `str`"),
        ("schema: x\nclients: []\n", ":1: schema: invalid enum value 'x'"),
        (GOOD + "extra: 1\n", ":8: no such key: `extra`"),
        (GOOD + "    extra: 1\n", ":8: clients[0]: no such key: `extra`"),
        (GOOD.replace("rate: 2", "rate: fast"), ":5: clients[0].rate: expected `float | mapping`"),
        (GOOD.replace("rate: 2", "rate: 0"), ":5: clients[0].rate: expected `float` > 0.0"),
        (GOOD + "    arrivals: {gamma: {cv: 0}}\n", ":8: clients[0].arrivals.gamma.cv: expected"),
        (GOOD + "    arrivals: {}\n", ":8: clients[0].arrivals: needs exactly one of gamma"),
        (GOOD + "    model: {mix: {}}\n", ":8: clients[0].model.mix: expected a mapping of"),
        (GOOD + "    model: {mix: {a: 0}}\n", ":8: clients[0].model: mix: no value has a weight"),
        (GOOD + "    priority: {mix: {high: 1}}\n", ":8: clients[0].priority.mix: expected `int`"),
        (GOOD + "    prefix: [{tokens: 100}]\n", ":8: clients[0].prefix[0].tokens: 100 is not"),
        (GOOD + "    prefix: [{tokens: 64}]\n    context_tokens: 64\n", ":9: clients[0].context_"),
        (GOOD + "    share: 2\n", ":8: clients[0].share: is for clients without a rate"),
        (GOOD + "    pairs: [[1, 2]]\n", ":4: clients[0]: needs exactly one of input_tokens"),
        (GOOD + "    servegen: {path: x}\n", ":5: clients[0].rate: is what servegen brings"),
        (GOOD + "  - name: a\n    rate: 1\n" + LENGTHS, ":8: clients[1].name: 'a' stands twice"),
        (GOOD + "  - name: b\n" + LENGTHS, ":8: clients[1]: needs a rate, as other clients have"),
        (GOOD + "concurrency: 3\n", ":8: concurrency: is a closed loop"),
        (GOOD.replace("duration_s: 10", "seed: 1"), ":1: needs duration_s, requests, or both"),
        (TOP + LENGTHS, ":1: needs requests: N"),
        (TOP + LENGTHS + "requests: 5\n", ":2: duration_s: has no meaning"),
        (TOP + "    rate: 1\n    input_tokens: 5\n", ":4: clients[0]: needs output_tokens beside"),
        (TOP + "    rate: 1\n    pairs: [[1, 2]]\n    output_tokens: 3\n", ":7: clients[0].output"),
        (
            "schema: sagellm.workload/1\nrequests: 2\nclients:\n  - count: 3\n" + LENGTHS,
            ":4: clients[0].count: needs a rate",
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line(tmp_path, text, message):
    """Unknown keys, wrong types, values out of range and contradictions name key and line."""
    assert _error(tmp_path, text).startswith(message)
