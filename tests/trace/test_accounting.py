"""Every format: found by its content, every row accounted for, nothing but one-line errors."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lookalikes import EVERY

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.formats import registry
from sagellm_benchmark.trace.formats.native import lines
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect

MADE = {name: make() for name, make in EVERY.items()}
every = pytest.mark.parametrize("name", MADE)


def _file(folder, data):
    path = folder / "trace"
    path.write_bytes(data)
    return path


def test_every_format_has_a_lookalike():
    """No format that is found by its content goes without the checks below."""
    assert {name.split()[0] for name in MADE} == {
        each.name for each in registry.FORMATS if each.name != "columns"
    }


@every
def test_content_decides_and_every_row_counts(tmp_path, name):
    """Each form is found, plain and gzipped; rows read are rows given and rows dropped."""
    trace = open_trace(_file(tmp_path, MADE[name]))
    rows = list(trace.rows())
    assert trace.format == name.split()[0]
    assert rows
    assert trace.rows_read == len(rows) + sum(trace.drops.values())
    assert len({row.request_id for row in rows}) == len(rows)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(MADE[name]))
    assert list(open_trace(packed).rows()) == rows


@every
def test_conversion_keeps_every_row(tmp_path, name):
    """A converted trace reads back as the same rows, and its header accounts for all of them."""
    path, native = _file(tmp_path, MADE[name]), tmp_path / "native.jsonl"
    trace = open_trace(path)
    rows = list(trace.rows())
    assert main(["trace", "convert", str(path), str(native)]) == 0
    copy = open_trace(native)
    assert list(copy.rows()) == rows
    assert copy.header.rows_read == len(rows) + sum(copy.header.drops.values())
    kept = ("rows", "span_s", "input_tokens", "output_tokens", "sessions", "prefix_hit")
    before, after = inspect(trace), inspect(copy)
    assert [before[key] for key in kept] == [after[key] for key in kept]


@every
def test_what_is_no_data_is_named_whatever_the_format(tmp_path, name):
    """A Git LFS pointer and a cut download are named as such, by content and by --format."""
    pointer = _file(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(MADE[name])[:-9])
    for chosen in (None, name.split()[0]):
        with pytest.raises(UsageError, match="git lfs pull"):
            list(open_trace(pointer, format=chosen).rows())
        with pytest.raises(UsageError, match="cut download"):
            list(open_trace(cut, format=chosen).rows())


@every
def test_a_time_of_no_use_is_a_line_and_a_field(tmp_path, name):
    """With a format named, a line that is none of its rows is an error at that line."""
    data = MADE[name]
    at = data.index(b"\n") + 1 if not data.startswith(b"[") else len(data)
    path = _file(tmp_path, data[:at] + b'{"unknown": 1}\n' + data[at:])
    with pytest.raises(UsageError) as caught:
        list(open_trace(path, format=name.split()[0]).rows())
    assert str(path) in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).split("\n  "))


edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["cut", "drop", "put", "swap"]),
        st.one_of(
            st.binary(min_size=1, max_size=3),
            st.sampled_from(
                [b"\n", b",", b'"', b"[", b"]", b"{", b"}", b"null", b"-1", b"1e99", b"\xff",
                 b"\x00", b"\r", b"true", b"[]", b"{}", b'""', b"9" * 30, b"\\ud800", b"0.5"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def _mutated(data, edits):
    for share, kind, text in edits:
        at = int(share * len(data))
        if kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + len(text) :]
        elif kind == "put":
            data = data[:at] + text + data[at:]
        else:
            data = data[:at] + text + data[at + len(text) :]
    return data


@every
@settings(derandomize=True, deadline=None, max_examples=60)
@given(edits=edits)
@example(edits=[(0.0, "cut", b" ")])
def test_no_bytes_break_a_reader(tmp_path_factory, name, edits):
    """Whatever happens to a file, it is read, or refused in words; what is read adds up."""
    path = _file(tmp_path_factory.getbasetemp(), _mutated(MADE[name], edits))
    for skip_bad in (False, True):
        try:
            trace = open_trace(path, format=name.split()[0], skip_bad=skip_bad)
            rows = list(trace.rows())
        except UsageError as error:
            assert str(path) in str(error)
            continue
        assert trace.rows_read == len(rows) + sum(trace.drops.values())
        assert all(row.arrival_time_s is not None or row.depends_on for row in rows)
    try:
        registry.sniffed(path)
    except UsageError as error:
        assert str(path) in str(error)


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just([]),
    st.just({}), st.lists(st.integers(), max_size=2), st.just("1"), st.just("[{}]"),
    st.just('[{"parts": [{"type": "text"}]}]'), st.just([{"parts": "x"}]), st.just([None]),
)  # fmt: skip


def _places(value, place=()):
    yield place
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else [])
    )
    for key, each in parts:
        yield from _places(each, (*place, key))


def _replaced(value, place, new):
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _replaced(value[place[0]], place[1:], new)
    return copy


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("azure", "burstgpt")])
@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_no_value_breaks_a_reader(tmp_path_factory, name, data):
    """Any JSON value in the place of any other is read, or refused in words."""
    whole = MADE[name].startswith((b"[", b"{\n"))
    texts = [MADE[name]] if whole else MADE[name].splitlines()[:6]
    number = data.draw(st.integers(0, len(texts) - 1))
    value = json.loads(texts[number])
    place = data.draw(st.sampled_from(list(_places(value))))
    texts[number] = json.dumps(_replaced(value, place, data.draw(leaves))).encode()
    path = _file(tmp_path_factory.getbasetemp(), b"\n".join(texts))
    try:
        trace = open_trace(path, format=name.split()[0], skip_bad=True)
        rows = list(trace.rows())
    except UsageError as error:
        assert str(path) in str(error)
    else:
        assert trace.rows_read == len(rows) + sum(trace.drops.values())
        list(lines(trace.header, rows))
