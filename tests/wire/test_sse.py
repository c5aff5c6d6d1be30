"""Promises of `wire.sse`."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.wire.sse import FRAME_LIMIT, EventStream, FrameTooLarge


def events(*reads: bytes) -> list[tuple[bytes, str]]:
    """Data and type of each event."""
    stream = EventStream()
    return [(one.data, one.event) for read in reads for one in stream.feed(read)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"data: a\rdata: b\r\n\n", [b"a\nb"]),
        (b"data: {\ndata: }\n\n", [b"{\n}"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: x\n\n\xef\xbb\xbfdata: a\n\n", [b"x"]),
        (b": comment\n\n:\n\ndata: a\n\n", [b"a"]),
        (b"id: 7\nretry: 10\nother: x\ndata: a\n\n", [b"a"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"event: x\n\n", []),
        (b"data: a\n", []),
        (b"\n\n\n", []),
        ('data: "a\u2028b\u2029c\x85d"\n\n'.encode(), ['"a\u2028b\u2029c\x85d"'.encode()]),
        (b'data: {"a":1}\n\ndata: {"b":2}\n\n', [b'{"a":1}', b'{"b":2}']),
        (b'data: {"a":\r1}\n\n', [b'{"a":']),
    ],
)
def test_events_are_those_of_the_standard(data, expected):
    """Line ends, BOM, comments and fields count as the WHATWG rules say."""
    assert [got for got, _ in events(data)] == expected


def test_the_type_is_the_last_named_one_and_falls_back():
    """An event's name lasts for one event."""
    data = b"event: ping\nevent: error\ndata: a\n\ndata: b\n\n"
    assert events(data) == [(b"a", "error"), (b"b", "message")]


def test_offsets_say_where_an_event_began():
    """The offset is a byte of the body, counted over all reads."""
    stream = EventStream()
    stream.feed(b'data: {"a":1}\n\n: hi\r\n')
    (one,) = stream.feed(b"\ndata: b\n\n")
    assert one.offset == 22
    (two,) = stream.feed(b'data: {"c":3}\n\n')
    assert two.offset == 31


WORDS = st.sampled_from(
    b'data: |data:|{|}|{"a":1}|:|event: x|\xff| |id|\xe2\x80\xa8|\xef\xbb\xbf|\n|\r|\r\n|\n\n'
    b'|data: {"b":[]}\n\n'.split(b"|")
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=30), st.lists(st.integers(0, 200), max_size=12))
def test_any_cutting_of_the_bytes_gives_the_same_events(words, cuts):
    """Where the reads were cut makes no difference, to offsets neither."""
    data = b"".join(words)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    single = [bytes([byte]) for byte in data]
    whole = EventStream()
    expected = whole.feed(data)
    for reads in ([data[start:end] for start, end in pairwise(edges)], words, single):
        stream = EventStream()
        assert [one for read in reads for one in stream.feed(read)] == expected
        assert stream.pending == whole.pending


@pytest.mark.parametrize("step", [FRAME_LIMIT * 2, 65_536])
def test_a_frame_over_the_limit_stops_the_stream_and_keeps_what_came_before(step):
    """Too large is too large in one read or in many, and earlier events are not lost."""
    data = b"data: a\n\ndata: " + b"x" * FRAME_LIMIT
    stream, got = EventStream(), []
    with pytest.raises(FrameTooLarge) as caught:
        for start in range(0, len(data), step):
            got += stream.feed(data[start : start + step])
    assert [one.data for one in got + caught.value.events] == [b"a"]
    assert caught.value.offset == 9


def test_a_frame_of_the_limit_passes_and_many_data_lines_add_up():
    """The limit is of the event, however many lines it has."""
    line = b"data: " + b"x" * (FRAME_LIMIT - 6)
    assert len(events(line + b"\n\n")) == 1
    with pytest.raises(FrameTooLarge):
        events(*[b"data: " + b"x" * 1000 + b"\n"] * 1100)


def test_comments_for_ever_fill_nothing():
    """Comment lines without a blank line between do not add up."""
    stream = EventStream()
    for _ in range(200):
        assert stream.feed(b": " + b"k" * 10_000 + b"\n") == []
    assert stream.pending == 0


def test_empty_lines_by_the_million_take_no_time():
    """A flood of line breaks between events is passed over, and offsets still count them."""
    stream = EventStream()
    start = time.process_time()
    for flood in (b"\n", b"\r\n", b"\r"):
        assert stream.feed(flood * (5 << 20)) == []
    assert time.process_time() - start < 2
    (event,) = stream.feed(b"\n\ndata: a\n\n")
    assert (event.data, event.offset) == (b"a", 4 * (5 << 20) + 2)


def test_a_large_frame_byte_by_byte_takes_linear_time():
    """What waits is not scanned again: 16 times the bytes take nowhere near 256 times as long."""

    def spent(size: int) -> float:
        stream = EventStream()
        start = time.process_time()
        stream.feed(b"data: ")
        for _ in range(size):
            stream.feed(b"x")
        assert len(stream.feed(b"\n\n")) == 1
        return time.process_time() - start

    small = min(spent(4_000) for _ in range(3))
    assert spent(64_000) < 16 * 6 * small
