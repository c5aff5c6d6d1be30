"""What runs say against being compared."""

from __future__ import annotations

import pytest

from sagellm_benchmark.report.comparison.comparability import SHAPING, findings

from .runs import sides, write_run

OTHER = {
    "trace": {"path": "u.jsonl", "sha256": "b" * 64},
    "seed": 1,
    "schedule_digest": "e" * 64,
    "prompt_rule": "words/2",
    "tokenizer": {"sha256": "c" * 64},
    "version": "2",
    "machine": {"system": "Linux", "cpus": 64},
    "system_declared": {"gpu": "H200"},
}
NAMES = {
    "schedule_digest": "schedule",
    "prompt_rule": "prompt rule",
    "version": "version of sagellm-benchmark",
    "machine": "load generator's machine",
    "system_declared": "declared system",
}


def _found(*groups):
    return [(one.level, one.text) for one in findings(sides(*groups))]


def _pair(tmp_path, **other):
    return [write_run(tmp_path / "x")], [write_run(tmp_path / "y", started=60, **other)]


def test_runs_that_agree_raise_nothing(tmp_path):
    """Silence means that the target is all that may differ."""
    assert _found(*_pair(tmp_path)) == []


@pytest.mark.parametrize("key", OTHER)
def test_what_differs_in_the_manifest_is_a_warning(tmp_path, key):
    """Each is named with both values."""
    found = _found(*_pair(tmp_path, manifest={key: OTHER[key]}))
    assert [level for level, _ in found] == ["warning"]
    assert found[0][1].startswith(f"{NAMES.get(key, key)} differs: A ")
    assert "; B " in found[0][1]


@pytest.mark.parametrize(
    "key", ["speed", "rate", "concurrency", "output_length", "model", "warmup"]
)
def test_options_that_shape_the_load_are_warnings(tmp_path, key):
    """Two values of one option are two loads."""
    pair = (
        [write_run(tmp_path / "x", settings={key: "one"})],
        [write_run(tmp_path / "y", settings={key: "two"})],
    )
    assert _found(*pair) == [
        ("warning", f"--{key.replace('_', '-')} differs: A one; B two. It shapes the load.")
    ]


def test_where_files_go_shapes_no_load():
    """Names of files and runs may differ between any two runs."""
    assert not {"out", "run_id", "system", "keep_content", "trace", "salt", "slo"} & set(SHAPING)


def test_other_counts_of_tokens_and_requests(tmp_path):
    """A rate of chunks is none of tokens, and a run cut short had another load."""
    x = write_run(tmp_path / "x")
    y = write_run(
        tmp_path / "y",
        changes={"tokens": {"input": 1, "output": 1, "source": "chunks"}, "counts": {"planned": 7}},
    )
    names = [text.partition(" differs")[0] for _, text in _found([x], [y])]
    assert names == ["requests that fell due", "source of token counts"]


def test_an_invalid_run_comes_first(tmp_path):
    """Whatever else differs, nobody reads on before that."""
    verdict = {"state": "invalid", "reasons": ["dispatch lag p99 80 ms is over 10 ms"]}
    found = _found(*_pair(tmp_path, manifest={"seed": 1}, changes={"verdict": verdict}))
    assert found[0] == (
        "invalid",
        "run y of B is INVALID, its figures are not the target's:"
        " dispatch lag p99 80 ms is over 10 ms",
    )
    assert [level for level, _ in found] == ["invalid", "warning"]


def test_a_warned_run_is_named(tmp_path):
    """It counts, and a reader looks closer."""
    verdict = {"state": "warned", "reasons": ["loop lag"]}
    assert _found(*_pair(tmp_path, changes={"verdict": verdict})) == [
        ("warning", "run y of B is warned: loop lag")
    ]


def test_equal_salts_meet_in_a_prefix_cache(tmp_path):
    """The same prompts to the same server: the later run lives off the earlier one."""
    salted = {"salt": "none"}
    later = write_run(tmp_path / "x", started=60, manifest=salted)
    earlier = write_run(tmp_path / "y", manifest=salted)
    found = _found([later], [earlier])
    assert [level for level, _ in found] == ["warning"]
    assert found[0][1].startswith("run y of B and run x of A sent the same prompts (equal salt)")


@pytest.mark.parametrize("key", ["target", "seed", "trace"])
def test_equal_salts_of_other_prompts_or_servers_do_not(tmp_path, key):
    """A cache holds only what was sent to it."""
    other = {"target": {"url": "http://two", "dialect": "openai"}} | OTHER
    x = write_run(tmp_path / "x", manifest={"salt": "s"})
    y = write_run(tmp_path / "y", manifest={"salt": "s", key: other[key]})
    assert not any("salt" in text for _, text in _found([x], [y]))


def test_another_target_is_what_is_compared(tmp_path):
    """It is named, and no warning."""
    target = {"url": "http://two", "dialect": "openai"}
    assert _found(*_pair(tmp_path, manifest={"target": target})) == [
        ("note", "target differs: A http://one; B http://two.")
    ]


def test_runs_of_a_side_must_repeat_each_other(tmp_path):
    """Two targets pooled into one side make its mean mean nothing."""
    x = write_run(tmp_path / "x")
    y = write_run(tmp_path / "y", manifest={"target": {"url": "http://two", "dialect": "openai"}})
    z = write_run(tmp_path / "z")
    found = _found([x, y], [z])
    assert found[0] == (
        "warning",
        "target differs: A http://one and http://two; B http://one."
        " Runs of A do not repeat each other.",
    )


def test_sides_that_came_one_after_the_other(tmp_path):
    """A drift looks like a difference unless the sides take turns."""
    x, y = (
        [write_run(tmp_path / f"{name}{n}", started=start + n) for n in range(3)]
        for name, start in (("x", 0), ("y", 100))
    )
    assert [level for level, _ in _found(x, y)] == ["note"]
    turns = [write_run(tmp_path / f"t{n}", started=200 + n) for n in range(6)]
    assert _found(turns[::2], turns[1::2]) == []


def test_hostile_values_are_cut_and_plain(tmp_path):
    """A name that moves a terminal or goes on for ever does neither in a finding."""
    found = _found(*_pair(tmp_path, manifest={"system_declared": {"gpu": "\x1b[2J" + "x" * 999}}))
    assert "\x1b" not in found[0][1]
    assert len(found[0][1]) < 300
