"""YAML files with line numbers; what YAML is refused is tested with the declared system."""

from __future__ import annotations

import pytest

from sagellm_benchmark.document import read_document
from sagellm_benchmark.errors import InputError

TEXT = """\
name: x
list:
  - a: 1
    b: [2,
        3]
"""


def test_each_value_has_its_line(tmp_path):
    """Keys and list items are found on the line that they begin on."""
    path = tmp_path / "d.yaml"
    path.write_text(TEXT)
    document = read_document(path)
    assert document.value == {"name": "x", "list": [{"a": 1, "b": [2, 3]}]}
    places = [("name",), ("list",), ("list", 0), ("list", 0, "a"), ("list", 0, "b", 1)]
    assert [document.lines[place] for place in places] == [1, 2, 3, 3, 5]


def test_an_error_names_the_nearest_line(tmp_path):
    """What is missing is told on the line of what it is missing from."""
    path = tmp_path / "d.yaml"
    path.write_text(TEXT)
    document = read_document(path)
    assert str(document.error("no", ("list", 0, "c"))) == f"{path}:3: no"
    assert str(document.error("no", ("elsewhere",))) == f"{path}:1: no"


@pytest.mark.parametrize(("text", "line"), [("a: 1\na: 2\n", 2), ("a: !t 1\n", 1), ("a: [\n", 2)])
def test_what_is_refused_is_told_with_its_line(tmp_path, text, line):
    """A document that cannot be read is one error with file and line."""
    path = tmp_path / "d.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"d\.yaml:{line}: \S"):
        read_document(path)


def test_an_empty_file_says_nothing(tmp_path):
    """No content is None, on no line."""
    path = tmp_path / "d.yaml"
    path.write_text("# nothing\n")
    assert (read_document(path).value, dict(read_document(path).lines)) == (None, {})
