"""The declared system: known keys, checked values, and YAML without its surprises."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sagellm_benchmark.config.system import KEYS, Kind, declared, missing, read_system, to_write
from sagellm_benchmark.errors import InputError

PAGE = (Path(__file__).parents[2] / "docs" / "system.md").read_text(encoding="utf-8")


def read(folder, text):
    """What a file with this text declares."""
    path = folder / "system.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_system(str(path))


def others(folder, text):
    """What a file declares with these lines under `other`, where anything may stand."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return read(folder, f"other:\n{lines}")["other"]


def test_nothing_declared():
    """No file, no declaration."""
    assert read_system(None) is None


def test_a_declaration(tmp_path):
    """Mappings, lists and JSON's values; comments and anchors nobody refers to are no matter."""
    text = """\
gpu: H100  # eight of them
count: 8
driver: "550.54"
ratio: -0.5
small: 1.5e-3
flags: [--tp, 8, true, null]
nested: {engine: &e {version: 1.2.3}}
empty:
"""
    assert others(tmp_path, text) == {
        "gpu": "H100",
        "count": 8,
        "driver": "550.54",
        "ratio": -0.5,
        "small": 0.0015,
        "flags": ["--tp", 8, True, None],
        "nested": {"engine": {"version": "1.2.3"}},
        "empty": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        *("NO", "no", "Yes", "on", "Off", "True", "NULL", "1:30", "12:30:45", "012", "0x1F", "0o7"),
        *(
            "1_000",
            "1e3",
            ".5",
            "+5",
            ".inf",
            ".nan",
            "2026-01-01",
            "1.0e999",
            "9" * 5000,
            "=",
            "<<",
        ),
    ],
    ids=lambda text: text[:10],
)
def test_what_stays_text(text, tmp_path):
    """Country codes, clock times, versions and dates are what they look like."""
    assert others(tmp_path, f"a: {text}") == {"a": text}


def test_keys_are_text(tmp_path):
    """A key is what is written, so that the JSON of it has the same keys."""
    found = others(tmp_path, "1: a\ntrue: b\n~: c\nNO: d\n<<: {x: 1}\n")
    assert found == {"1": "a", "true": "b", "~": "c", "NO": "d", "<<": {"x": 1}}
    assert json.loads(json.dumps(found)) == found


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tags are refused"),
        *((f"a: !!{tag}\n", 1, "tags are refused") for tag in ("binary aGk=", "set {x}", "int x")),
        *(("a: !mine 5\n", 1, "leave !mine out"), ("a: ! 5\n", 1, "tags are refused")),
        ("a: &x 1\nb: *x\n", 2, "aliases are refused: write the value out"),
        (BOMB, 2, "aliases are refused"),
        ("a: &x [*x]\n", 1, "aliases are refused"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice"),
        ("x:\n  a: 1\n  'a': 2\n", 3, "the key 'a' stands twice"),
        ("1: a\n'1': b\n", 2, "the key '1' stands twice"),
        *(("? [a, b]\n: 1\n", 1, "a key must be"), ("? {a: 1}\n: 1\n", 1, "a key must be")),
        ("a: " + "[" * 20_000, 1, "nested deeper than 50"),
        ("a: " + "{a: " * 20_000, 1, "nested deeper than 50"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: [1, 2\n", 2, "expected"),
        ("a: 'x\n", 2, "unexpected end"),
        ("\ta: 1\n", 1, "cannot start any token"),
        ("a: \x00\n", None, "special characters are not allowed"),
        (b"a: \xff\n", None, "no UTF-8"),
        *((text, None, "must be a YAML mapping") for text in ("", "- a\n", "5\n", "text\n", "~\n")),
    ],
    ids=lambda part: repr(part)[:30],
)
def test_what_is_refused(text, line, words, tmp_path):
    """One line with the file, where it is known the line of it, and what is wrong."""
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    said = str(refused.value)
    assert words in said
    assert "--system" in said
    assert refused.value.line == line
    assert said.startswith(str(tmp_path / "system.yaml") + (f":{line}: " if line else ": "))
    assert "\n" not in said


def test_a_file_that_is_none(tmp_path):
    """Missing, or a folder: said so."""
    with pytest.raises(InputError, match="--system cannot be read: No such file or directory"):
        read_system(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="--system cannot be read: Is a directory"):
        read_system(str(tmp_path))


def test_the_page_has_a_file_to_copy(tmp_path):
    """The example of the documentation is taken as it stands, and shows every key there is."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    found = read(tmp_path, example)
    assert list(found) == list(KEYS)
    for section, keys in KEYS.items():
        if not isinstance(keys, Kind):
            assert list(found[section]) == list(keys)


def test_a_key_may_stay_empty(tmp_path):
    """What stands there without a value is not declared."""
    assert read(tmp_path, "hardware:\nmodel: {quantization: }\n") == {
        "hardware": None,
        "model": {"quantization": None},
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("gpu: H100\n", 1, "unknown key 'gpu': there are hardware, model, engine, cluster, ver"),
        ("model:\n  nam: x\n", 2, "unknown key 'model.nam': there are name, parameters, prec"),
        ("cluster:\n  parallelism:\n    tp: 8\n", 3, "unknown key 'cluster.parallelism.tp'"),
        ("hardware: H100\n", 1, "hardware must be a mapping of vendor, chip_model, chip_count"),
        ("hardware:\n  vendor: nvidia\n", 2, "vendor must be one of Intel, AMD, NVIDIA, Huawei"),
        ("hardware:\n\n  chip_count: 0\n", 3, "chip_count must be a whole number of at least 1"),
        ("hardware: {chip_count: true}\n", 1, "chip_count must be a whole number"),
        ("hardware: {chip_count: 2.0}\n", 1, "chip_count must be a whole number"),
        ("hardware: {total_memory_gb: -1}\n", 1, "total_memory_gb must be a number of at least 0"),
        ("hardware: {chip_model: ' '}\n", 1, "chip_model must be text"),
        ("environment: {cuda_version: 12.4}\n", 1, "must be text (in quotes where it looks like"),
        ("cluster: {node_count: 1}\n", 1, "node_count must be a whole number of at least 2"),
        ("versions: {sagellm: N/A}\n", 1, "versions.sagellm must be a version such as 0.5.4"),
        ("versions: {core: 0.5}\n", 1, "versions.core must be a version such as 0.5.4 or 0.5.4.2"),
        ("versions: {core: 0.5.4-rc}\n", 1, "versions.core must be a version"),
        ("metrics: {peak_mem_mb: 1.5}\n", 1, "peak_mem_mb must be a whole number of at least 0"),
        ("metrics: {ttft_ms: 1}\n", 1, "unknown key 'metrics.ttft_ms': there are peak_mem_mb"),
    ],
)
def test_a_mistake_has_its_line(text, line, words, tmp_path):
    """A key that nobody knows, or a value of another kind: one line that says what to write."""
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert refused.value.line == line
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_missing_can_be_written(tmp_path):
    """Keys that are not declared are named, and the YAML for them is one line that is read."""
    system = read(tmp_path, "hardware: {vendor: AMD, chip_count: }\n")
    names = ["hardware.vendor", "hardware.chip_count", "model.name", "cluster.parallelism"]
    assert declared(system, "hardware.vendor") == "AMD"
    assert missing(system, names) == names[1:]
    assert missing(None, names) == names
    line = to_write(["hardware.vendor", "hardware.chip_count", "model.name"])
    assert line == (
        "hardware: {vendor: Intel|AMD|NVIDIA|Huawei|Unknown|Other, chip_count: N}, "
        "model: {name: TEXT}"
    )
    for name in ("model.name", "hardware.chip_count"):
        assert declared(read(tmp_path, f"{to_write([name])}".replace(": N}", ": 8}")), name)
