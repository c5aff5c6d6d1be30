"""Pages of metrics, from anybody: what is read, what is refused, and how long either takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics import openmetrics
from sagellm_benchmark.metrics.openmetrics import (
    UnreadableError,
    labels_of,
    name_of,
    numbers,
    samples,
)

PAGE = """\
# HELP a words of "any" kind
# TYPE a counter
a 1
a{x="1"} 2.5e3
a{x="1",y="q\\"}{\\\\\\n",} 4 1395066363000

  b:c_total { x = "é" , y="" } +.5
h_bucket{le="+Inf"} 8 # {trace_id="0a"} 0.067 1520879607.789
h_sum NaN
h_count -Inf
d{x="1"}5
# EOF
what follows the end is not read
"""


def test_a_page_is_read_as_it_is_written():
    """Names with labels stay as written; values are numbers, NaN and infinities are left out."""
    assert list(samples(PAGE)) == [
        ("a", 1.0),
        ('a{x="1"}', 2500.0),
        ('a{x="1",y="q\\"}{\\\\\\n",}', 4.0),
        ('b:c_total{ x = "é" , y="" }', 0.5),
        ('h_bucket{le="+Inf"}', 8.0),
        ('d{x="1"}', 5.0),
    ]


def test_escapes_of_labels_are_undone():
    """A quote, a backslash and a line break in a label's value; braces and commas are plain."""
    series = 'a{x="1",y="q\\"},{\\\\\\n"}'
    assert name_of(series) == "a"
    assert labels_of(series) == {"x": "1", "y": 'q"},{\\\n'}
    assert labels_of("a") == {}


@pytest.mark.parametrize(
    "line",
    [
        *("a", "a b", "a 1 2 3", "12", "a1", "<html>", "a 1_000", "a 0x10", "a ١", "a 1\x00"),
        *("a{x=1} 2", 'a{x="1" y="2"} 1', "a{,} 1", '{x="1"} 1', 'a{x="1} 1', "a{x='1'} 1"),
        'a{x="1"} 1 # {y="2"}',
    ],
)
def test_a_line_that_is_no_sample_spoils_the_page(line):
    """As for Prometheus: half a page is none; the text says which line."""
    with pytest.raises(UnreadableError, match="line 2 is no metric"):
        list(samples(f"good 1\n{line}\n"))


def test_a_page_has_an_end(monkeypatch):
    """Too many lines, a line too long, or too many numbers in a document are refused."""
    monkeypatch.setattr(openmetrics, "MOST_LINES", 10)
    assert len(list(samples("a 1\n" * 10))) == 10
    with pytest.raises(UnreadableError, match="more than 10 lines"):
        list(samples("a 1\n" * 11))
    with pytest.raises(UnreadableError, match="no metric"):
        list(samples('a{x="' + "y" * 70_000 + '"} 1'))
    with pytest.raises(UnreadableError, match="more than 10 values"):
        list(numbers(b"[1,2,3,4,5,6,7,8,9,10,11]"))


def test_hostile_lines_cost_no_more_than_long_ones(monkeypatch):
    """No line makes the reader try the same characters again and again."""
    monkeypatch.setattr(openmetrics, "_LONGEST", 1 << 30)
    blanks = " " * 200_000
    for line in (
        *(f"a{{{blanks}x", f"a{blanks}x", f"a 1{blanks}#{blanks}x", f'a{{x="1"{blanks}z'),
        *('a{x="' + "\\" * 200_001, "a{" + 'x="1",' * 30_000 + "!", "a " + "1" * 200_000 + "x"),
    ):
        with pytest.raises(UnreadableError):
            list(samples(line))  # minutes, were it not linear


NAMES = st.text("aZ_:9", max_size=8).map("a{}".format)
LABELS = st.dictionaries(
    st.text("aZ_9", max_size=8).map("_{}".format),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8),
    max_size=3,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(NAMES, LABELS, st.floats())
def test_what_an_exporter_writes_comes_back(name, labels, value):
    """Any name, labels and value, written by the rules of the format, are read as they were."""
    escaped = {
        key: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for key, text in labels.items()
    }
    inside = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    found = list(samples(f"{name}{{{inside}}} {value!r}\n"))
    if not math.isfinite(value):
        assert found == []
    else:
        ((series, read),) = found
        assert (name_of(series), labels_of(series), read) == (name, labels, value)


def test_the_numbers_of_a_document_have_their_way_in_their_names():
    """Objects and lists are walked; text, truth and null are no numbers."""
    found = dict(numbers(b'{"a":1,"b":[1.5,{"c":2}],"d":"3","e":true,"f":null}'))
    assert found == {"a": 1.0, "b.0": 1.5, "b.1.c": 2.0}


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":NaN}', b"\xff", b"[" * 100_000, b'{"a":1e999}'])
def test_what_is_no_document_is_refused(text):
    """Broken, endless or deep: one kind of error."""
    with pytest.raises(UnreadableError, match="no JSON"):
        list(numbers(text))
