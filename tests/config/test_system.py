"""The declared system: YAML without its surprises."""

from __future__ import annotations

import json

import pytest

from sagellm_benchmark.config.system import read_system
from sagellm_benchmark.errors import InputError


def read(folder, text):
    """What a file with this text declares."""
    path = folder / "system.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_system(str(path))


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
    assert read(tmp_path, text) == {
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
    assert read(tmp_path, f"a: {text}\n") == {"a": text}


def test_keys_are_text(tmp_path):
    """A key is what is written, so that the JSON of it has the same keys."""
    found = read(tmp_path, "1: a\ntrue: b\n~: c\nNO: d\n<<: {x: 1}\n")
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
