"""The start of a file, and files that are a single JSON document."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from files import jsonl

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.jsonl import read_lines
from sagellm_benchmark.trace.formats import document
from sagellm_benchmark.trace.formats.head import read_head
from sagellm_benchmark.trace.source import open_trace


def _said(*words):
    return [{"from": "human" if n % 2 == 0 else "gpt", "value": w} for n, w in enumerate(words)]


def _written(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    return path


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_shows_its_first_elements(tmp_path, indent):
    """The first objects of an array are seen, on one line or on many."""
    path = _written(tmp_path, json.dumps([{"id": n, "x": [n]} for n in range(99)], indent=indent))
    head = read_head(path)
    assert head.document
    assert head.objects[:2] == ({"id": 0, "x": [0]}, {"id": 1, "x": [1]})


def test_an_object_that_goes_on_shows_its_keys(tmp_path):
    """Of a value that is longer than what is looked at, the keys before it and its own are seen."""
    text = '{\n "trace_id": "t",\n "n": null,\n "spans": [' + '{"a": 1}, ' * 400_000
    head = read_head(_written(tmp_path, text))
    assert (head.document, head.objects) == (True, ({"trace_id": "t", "n": None, "spans": None},))


def test_a_long_first_line_is_a_line(tmp_path):
    """A JSON line of several MiB is still a line, not a document."""
    path = jsonl(tmp_path / "f", {"a": "x" * (6 << 20)}, {"a": 1})
    head = read_head(path)
    assert not head.document
    assert list(head.objects[0]) == ["a"]


def test_endless_lines_cost_little(tmp_path):
    """What is held of a document on one line is a bounded start of it."""
    path = _written(tmp_path, '[{"id": "' + "x" * (40 << 20))
    tracemalloc.start()
    try:
        head = read_head(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (head.document, head.objects) == (True, ({"id": None},))
    assert peak < 45 << 20


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[1, 2", '{"a" 1}', "[", "{"])
def test_what_is_no_json_shows_nothing_of_use(tmp_path, text):
    """Nesting without end and broken JSON are seen as a document, and break nothing."""
    assert read_head(_written(tmp_path, text)).document


def test_elements_name_their_lines(tmp_path):
    """A bad element of a document is an error at the line where it begins."""
    good = {"id": 1, "conversations": _said("a", "b")}
    alien = {"id": 2, "conversations": [{"from": "alien", "value": "x"}]}
    made = [good, alien, alien, {"id": []}]
    path = _written(tmp_path, json.dumps(made, indent=1))
    starts = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line == " {"]
    with pytest.raises(UsageError) as caught:
        open_trace(path, format="sharegpt")
    for place in (1, 2):
        assert f"file:{starts[place]}: conversations[0].from: 'alien'" in str(caught.value)
    assert f"file:{starts[3]}: id: Expected" in str(caught.value)


def test_lines_and_arrays_are_the_same_trace(tmp_path):
    """The same conversations give the same rows as an array and as JSON lines."""
    made = [{"id": f"c{n}", "conversations": _said("a", "b", "c")} for n in range(3)]
    array = _written(tmp_path, json.dumps(made))
    lines = jsonl(tmp_path / "lines", *made)
    assert list(open_trace(array).rows()) == list(open_trace(lines).rows())


def test_a_document_that_is_too_big_is_refused(tmp_path, monkeypatch):
    """Above the bound the user is told how to make JSON lines of it."""
    monkeypatch.setattr(document, "MAX_BYTES", 1000)
    made = [{"id": f"c{n}", "conversations": _said("a", "b")} for n in range(100)]
    with pytest.raises(InputError, match=r"over 0 MB; JSON lines are streamed.*jq -c '\.\[\]'"):
        open_trace(_written(tmp_path, json.dumps(made)))
    assert len(list(open_trace(jsonl(tmp_path / "lines", *made)).rows())) == 100


def test_a_broken_document_is_refused(tmp_path):
    """A document that is cut is named as no JSON, with --skip-bad too: there are no rows in it."""
    text = json.dumps([{"id": 1, "conversations": _said("a", "b")}] * 3)
    path = _written(tmp_path, text[:-5])
    for skip_bad in (False, True):
        with pytest.raises(InputError, match="not JSON"):
            open_trace(path, skip_bad=skip_bad)


def test_lines_are_not_read_for_a_document(tmp_path):
    """A document on one line of over 16 MiB is read, though no line may be as long."""
    made = [{"id": n, "conversations": _said("x" * (9 << 20))} for n in range(2)]
    path = _written(tmp_path, json.dumps(made))
    with pytest.raises(InputError, match="16 MiB"):
        list(read_lines(path))
    assert len(list(open_trace(path).rows())) == 2
