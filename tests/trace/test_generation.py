"""Traces made from specifications."""

from __future__ import annotations

import hashlib
import math
import time
import tracemalloc
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from files import TRACES, native

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.formats.native import lines, write
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.workload.clients import FIRST_TOKEN_S, TOKEN_S
from sagellm_benchmark.trace.workload.generation import workload_trace

EVERYTHING = """\
schema: sagellm.workload/1
name: everything
seed: 11
duration_s: 120
clients:
  - name: chat
    count: 4
    skew: 1.2
    rate: {points: [[0, 1], [60, 6], [120, 1]]}
    arrivals: {gamma: {cv: 2.5}}
    sessions: {turns: {geometric: {mean: 3}, max: 9}, think_s: {lognormal: {p50: 5, p99: 60}}}
    prefix: [{tokens: 256, count: 3, skew: 1.0}, {tokens: 64, count: 2}]
    input_tokens:
      mix:
        - {share: 9, lognormal: {mean: 90, cv: 1.1}}
        - {share: 1, pareto: {least: 300, alpha: 1.4}}
      max: 2000
    output_tokens: {exponential: {mean: 120}, max: 700}
    context_tokens: 6000
    model: {mix: {small: 3, large: 1}}
    tenant: {zipf: {name: t, count: 7, skew: 1.0}}
    lora: {mix: {none: 2, a: 1}}
    class: interactive
    priority: {mix: {0: 1, -3: 1}}
  - name: tools
    rate: {steps: [[0, 2], [30, 0], [60, 4]], repeat: false}
    arrivals: {weibull: {cv: 3}}
    input_tokens: {zipf: {skew: 1.1, ranks: 500, unit: 4}}
    output_tokens: {normal: {mean: 40, sd: 15}, min: 1}
  - name: day
    rate: {diurnal: {mean: 2, peak_to_trough: 4, period_s: 60, peak_at_s: 20}}
    pairs: [[10, 20], [30, 40]]
  - name: clock
    rate: 1
    arrivals: constant
    input_tokens: {empirical: {16: 1, 32: 2.5}}
    output_tokens: {uniform: {min: 3, max: 9}}
"""


def _trace(folder, text, seed=None):
    path = folder / "w.yaml"
    path.write_text(text)
    return workload_trace(path, seed)


def _one(folder, keys, top="duration_s: 100\n", seed=None):
    body = "".join(f"    {line}\n" for line in keys.splitlines())
    text = f"schema: sagellm.workload/1\n{top}clients:\n  - name: one\n{body}"
    return _trace(folder, text, seed)


LENGTHS = "\ninput_tokens: 5\noutput_tokens: 5"


def _digest(trace):
    made = hashlib.sha256()
    for line in lines(trace.header, trace.rows()):
        made.update(line + b"\n")
    return made.hexdigest()


def test_a_specification_gives_these_very_bytes(tmp_path):
    """One seed gives the same trace on any machine, Python and numpy: every law is in this one."""
    digest = _digest(_trace(tmp_path, EVERYTHING))
    assert digest == "0e34252903bcf0080a78f197bec8834def8d62a2dd120574e12b81613b3fb7b4"


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("chat", "b79fa97abfbb78008ce3f46b7b3d884f635ceca2ab5a30180aa68f77e8c7a6bc"),
        ("day", "6e2d4caa5137e11fdc52aa05aa140559f8ec66d4f70ed58dd6c9733aa69fb627"),
        (
            "servegen_lookalike",
            "3759f327dd6b17c7c59cb22ba339e0dd4dc7e3d4b75765d91983e987db7d90a0",
        ),
    ],
)
def test_the_repositorys_specifications_give_these_very_bytes(name, digest):
    """So do the larger ones in traces/, sessions, waves and measured clients among them."""
    assert _digest(workload_trace(TRACES / f"{name}.yaml")) == digest


def test_passes_are_alike_and_seeds_are_not(tmp_path):
    """A trace can be read again and again; another seed makes another, and the header says so."""
    trace = _trace(tmp_path, EVERYTHING)
    first = list(trace.rows())
    assert list(trace.rows()) == first
    other = _trace(tmp_path, EVERYTHING, seed=12)
    assert list(other.rows()) != first
    assert [each.header.transforms[0]["seed"] for each in (trace, other)] == [11, 12]


def test_what_is_made_is_a_sound_trace(tmp_path):
    """Written and read back it is the same: in order, ids once, blocks that cover the prompt."""
    trace = _trace(tmp_path, EVERYTHING)
    write(tmp_path / "t.jsonl", trace.header, trace.rows())
    rows = list(open_trace(tmp_path / "t.jsonl").rows())
    assert rows == list(trace.rows())
    assert len({row.request_id for row in rows}) == len(rows)
    assert all(round(row.arrival_time_s * 1e6) / 1e6 == row.arrival_time_s for row in rows)


def test_a_change_to_one_client_leaves_the_others(tmp_path):
    """What one client draws does not depend on the rest of the specification."""
    before = [row for row in _trace(tmp_path, EVERYTHING).rows() if row.user_id == "day"]
    changed = EVERYTHING.replace("rate: 1\n", "rate: 9\n")
    after = [row for row in _trace(tmp_path, changed).rows() if row.user_id == "day"]
    assert [row.arrival_time_s for row in before] == [row.arrival_time_s for row in after]


@pytest.mark.parametrize("law", ["poisson", "{gamma: {cv: 3}}", "{weibull: {cv: 3}}"])
def test_the_rate_is_kept(tmp_path, law):
    """As many requests arrive as the rate says, within three standard errors, from the start on."""
    counts = [
        sum(1 for _ in _one(tmp_path, f"rate: 2\narrivals: {law}{LENGTHS}", seed=seed).rows())
        for seed in range(30)
    ]
    cv = 1 if law == "poisson" else 3
    assert abs(np.mean(counts) - 200) < 3 * cv * math.sqrt(200 / 30)


def test_a_changing_rate_is_followed(tmp_path):
    """Each part of a curve gets its share of the requests, within three standard errors."""
    keys = "rate: {points: [[0, 0], [40, 100], [40, 20], [100, 20]]}" + LENGTHS
    times = np.array([row.arrival_time_s for row in _one(tmp_path, keys).rows()])
    for start, end, expected in ((0, 20, 500), (20, 40, 1500), (40, 70, 600), (70, 100, 600)):
        count = int(((times >= start) & (times < end)).sum())
        assert abs(count - expected) < 3 * math.sqrt(expected)


def test_bursts_survive_a_changing_rate(tmp_path):
    """Seen at the rate of the moment, arrivals have the variation that was asked for."""
    keys = "rate: {points: [[0, 10], [100, 90]]}\narrivals: {gamma: {cv: 2}}" + LENGTHS
    times = np.array([row.arrival_time_s for row in _one(tmp_path, keys).rows()])
    gaps = np.diff(10 * times + 0.4 * times**2)
    assert gaps.std() / gaps.mean() == pytest.approx(2, rel=3 * math.sqrt(5 / 2 / len(gaps)))


def test_shares_of_alike_clients(tmp_path):
    """Of several alike the k-th sends k**-skew of what the first sends; together the rate."""
    keys = "count: 4\nskew: 1\nrate: 40" + LENGTHS
    users = Counter(row.user_id for row in _one(tmp_path, keys).rows())
    total = 1 + 1 / 2 + 1 / 3 + 1 / 4
    for rank in (1, 2, 3, 4):
        expected = 4000 / total / rank
        assert abs(users[f"one-{rank}"] - expected) < 3 * math.sqrt(expected)


def test_sessions(tmp_path):
    """Turns wait for one another, resend what was said, share its full blocks, fit the context."""
    trace = _trace(tmp_path, EVERYTHING)
    sessions = defaultdict(list)
    for row in trace.rows():
        if row.session_id is not None:
            sessions[row.session_id].append(row)
    assert sum(len(rows) > 1 for rows in sessions.values()) > 50
    for rows in sessions.values():
        assert [row.turn_index for row in rows] == list(range(len(rows)))
        assert (
            len({(row.model, row.tenant_id, row.lora_adapter, row.priority) for row in rows}) == 1
        )
        for before, row in pairwise(rows):
            assert (row.depends_on, row.relation) == ([before.request_id], "continue")
            said = before.input_tokens + before.output_tokens
            assert row.input_tokens > said
            assert row.input_tokens + row.output_tokens <= 6000
            full = before.input_tokens // 64
            assert row.prefix_block_ids[:full] == before.prefix_block_ids[:full]
            assert not set(row.prefix_block_ids[full:]) & set(before.prefix_block_ids)
            replied_s = before.arrival_time_s + FIRST_TOKEN_S + TOKEN_S * before.output_tokens
            assert row.arrival_time_s == pytest.approx(replied_s + row.think_time_s, abs=2e-6)


def test_prefix_trees(tmp_path):
    """First turns begin with one of the roots and one of its children; the rest is their own."""
    rows = [row for row in _trace(tmp_path, EVERYTHING).rows() if row.turn_index == 0]
    roots = Counter(tuple(row.prefix_block_ids[:4]) for row in rows)
    assert len(roots) == 3 and len({row.prefix_block_ids[4] for row in rows}) == 6
    shares = [count / len(rows) for _, count in roots.most_common()]
    assert shares == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.08)
    own = [block for row in rows for block in row.prefix_block_ids[5:]]
    assert len(own) == len(set(own))


def test_mixes(tmp_path):
    """Models, adapters and priorities come by their weights; `none` is no adapter."""
    keys = (
        "rate: 60\nmodel: {mix: {a: 3, b: 1}}\nlora: {mix: {none: 1, x: 1}}\n"
        "priority: {mix: {0: 1, 5: 4}}\nclass: c\ntenant: acme" + LENGTHS
    )
    rows = list(_one(tmp_path, keys).rows())
    for name, value, share in (
        ("model", "a", 0.75), ("lora_adapter", None, 0.5), ("priority", 5, 0.8),
        ("request_class", "c", 1.0), ("tenant_id", "acme", 1.0), ("user_id", None, 1.0),
    ):  # fmt: skip
        found = sum(getattr(row, name) == value for row in rows)
        error = math.sqrt(len(rows) * share * (1 - share))
        assert abs(found - share * len(rows)) <= 3 * error


def test_pairs_of_a_trace(tmp_path):
    """Lengths drawn from another trace come in its pairs."""
    rows = ({"input_tokens": 10 * n, "output_tokens": n} for n in (1, 2, 3))
    native(tmp_path / "lengths.jsonl", *rows, {"input_tokens": 7})
    made = list(_one(tmp_path, "rate: 5\npairs_of: lengths.jsonl").rows())
    assert {(row.input_tokens, row.output_tokens) for row in made} == {(10, 1), (20, 2), (30, 3)}
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read"):
        _one(tmp_path, "rate: 5\npairs_of: none.jsonl")


def test_requests_end_a_trace(tmp_path):
    """`requests` is exact, with sessions under way too."""
    keys = "rate: 9\nsessions: {turns: 4, think_s: 1}" + LENGTHS
    assert len(list(_one(tmp_path, keys, top="requests: 123\n").rows())) == 123


def test_without_a_rate_all_come_at_once(tmp_path):
    """For a closed loop rows have no times; each is of a client drawn by its share."""
    text = (
        "schema: sagellm.workload/1\nrequests: 3000\nclients:\n"
        "  - {share: 3, input_tokens: 5, output_tokens: 1}\n"
        "  - {share: 1, input_tokens: 9, operation: embeddings}\n"
    )
    trace = _trace(tmp_path, text)
    rows = list(trace.rows())
    assert {row.arrival_time_s for row in rows} == {0.0}
    assert trace.header.rows_emitted == len(rows) == 3000
    few = [row for row in rows if row.input_tokens == 9]
    assert abs(len(few) - 750) < 3 * math.sqrt(3000 * 3 / 16)
    assert {(row.output_tokens, row.operation) for row in few} == {(None, "embeddings")}


def test_a_long_prompt_is_cut_to_the_context(tmp_path):
    """A first turn that would not fit is cut: input first, and a token of it is left."""
    keys = "rate: 1\ncontext_tokens: 100\ninput_tokens: 500\noutput_tokens: 60"
    assert {(row.input_tokens, row.output_tokens) for row in _one(tmp_path, keys).rows()} == {
        (40, 60)
    }


@pytest.mark.speed
def test_a_million_rows_would_take_under_20_s_and_no_memory(tmp_path):
    """50,000 rows take less than a second of CPU, and no more memory than a few thousand."""
    keys = (
        "rate: 50\narrivals: {gamma: {cv: 2}}\n"
        "input_tokens: {lognormal: {p50: 200, p99: 2000}}\n"
        "output_tokens: {exponential: {mean: 120}}"
    )
    trace = _one(tmp_path, keys, top="requests: 50000\n")
    start = time.process_time()
    for _ in lines(trace.header, trace.rows()):
        pass
    assert time.process_time() - start < 1.0
    tracemalloc.start()
    try:
        for number, _ in enumerate(trace.rows()):
            if number == 5000:
                early = tracemalloc.get_traced_memory()[0]
        late, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert late < early + 200_000
    assert peak < 4e6


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_specification_in_traces_gives_a_trace(path):
    """What the repository shows can be made, and says how it was made."""
    trace = workload_trace(path)
    rows = sum(1 for _ in trace.rows())
    assert rows == trace.rows_read > 0
    assert trace.header.transforms[0]["op"] == "workload"
    assert trace.header.source.name == path.stem
