"""Rows that are too long are found, left out or shortened while planning, and never sent."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocabularies import saved

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.lengths import Lengths
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.prompts import Wording
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tokenizer import load
from sagellm_benchmark.trace.transforms import Pace, Selection

fixed = settings(derandomize=True, deadline=None)
EVERYTHING, AS_IT_IS = Selection(), Pace()


def trace_of(*rows):
    """A trace of rows: (tokens in, tokens out) or fields."""
    header = Header(schema=SCHEMA, source=Source(name="t"), block_size=16)

    def start(tally):
        for number, row in enumerate(rows):
            tally.rows_read += 1
            if isinstance(row, tuple):
                row = {"input_tokens": row[0], "output_tokens": row[1]}
            yield Row(**{"request_id": f"r{number}", "arrival_time_s": float(number), **row})

    return Trace(header, start, path=None, format="made")


def plan(*rows, selection=EVERYTHING, pace=AS_IT_IS, **limits):
    """The plan of these rows under these limits."""
    return make_plan(trace_of(*rows), selection, pace, lengths=Lengths(**limits))


def inputs(planned):
    """The prompts' lengths, in order."""
    return [each.row.input_tokens for each in planned.planned()]


ROWS = ((10, 5), (100, 5), (40, 70), (300, 5))


def test_too_long_is_refused_with_all_that_helps():
    """How many, which limit, the longest, and what to write."""
    with pytest.raises(UsageError) as refused:
        plan(*ROWS, context_tokens=105)
    assert str(refused.value) == (
        "--too-long fail: 2 of 4 requests are too long for the model's context of 105 tokens; the "
        "longest, r3, has 300 tokens in and 5 out: leave them out with --too-long drop, or shorten "
        "made prompts with --too-long clip"
    )
    with pytest.raises(UsageError, match="--max-input-tokens 99; the longest, r3, has 300"):
        plan(*ROWS, input_tokens=99)


@pytest.mark.parametrize(
    ("limits", "kept", "clipped"),
    [
        ({"input_tokens": 100}, [10, 100, 40], [10, 100, 40, 100]),
        ({"context_tokens": 105}, [10, 100], [10, 100, 35, 100]),
        ({"context_tokens": 105, "reply_tokens": 0}, [10, 100, 40], [10, 100, 40, 105]),
        ({"context_tokens": 105, "input_tokens": 20}, [10], [10, 20, 20, 20]),
        ({"context_tokens": 1000, "input_tokens": 1000}, [10, 100, 40, 300], [10, 100, 40, 300]),
        ({}, [10, 100, 40, 300], [10, 100, 40, 300]),
    ],
    ids=str,
)
def test_drop_and_clip(limits, kept, clipped):
    """Left out, or shortened to what the limit leaves beside the reply; numbers stay dense."""
    dropping = plan(*ROWS, too_long="drop", **limits)
    assert inputs(dropping) == kept
    assert dropping.rows == len(kept)
    assert dropping.drops == ({"too_long": 4 - len(kept)} if len(kept) < 4 else {})
    assert [each.seq for each in dropping.planned()] == list(range(len(kept)))
    clipping = plan(*ROWS, too_long="clip", **limits)
    assert inputs(clipping) == clipped
    assert clipping.drops == {}
    assert clipping.too_long == sum(
        a != b for a, b in zip((10, 100, 40, 300), clipped, strict=True)
    )
    assert clipping.input_tokens == sum(clipped)


@fixed
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=30),
    st.none() | st.integers(1, 60), st.none() | st.integers(52, 90),
)  # fmt: skip
def test_nothing_too_long_is_left(rows, most, context):
    """Whatever the rows: after drop or clip each fits, and all are accounted for."""
    limits = {"input_tokens": most, "context_tokens": context}
    for policy in ("drop", "clip"):
        try:
            planned = plan(*rows, too_long=policy, **limits)
        except UsageError as error:
            assert policy == "drop"
            assert "no rows to send" in str(error)
            continue
        sent = [each.row for each in planned.planned()]
        assert len(sent) + sum(planned.drops.values()) == len(rows)
        for row in sent:
            assert most is None or row.input_tokens <= most
            assert context is None or row.input_tokens + (row.output_tokens or 1) <= context


def test_only_what_is_selected_counts():
    """Rows outside of the part that is sent may be as long as they like."""
    part = Selection(limit=1)
    assert plan(*ROWS, selection=part, context_tokens=20).rows == 1


def test_a_rate_is_that_of_the_rows_sent():
    """Rows left out are left out before the pace is found."""
    rows = [(10, 5), (900, 5)] * 20
    planned = plan(*rows, pace=Pace(rate=5.0), too_long="drop", input_tokens=100)
    assert planned.rate_per_s == pytest.approx(5.0)


def test_the_schedule_tells_clipped_from_whole():
    """A shortened prompt is another request, and so another digest."""
    whole, clipped = plan(*ROWS), plan(*ROWS, too_long="clip", input_tokens=50)
    assert whole.digest != clipped.digest


def test_recorded_content_cannot_be_clipped():
    """Without the model's tokenizer nobody knows where to cut: said, with the way out."""
    said = {"messages": [{"role": "user", "content": "x"}], "input_tokens": 90}
    with pytest.raises(
        UsageError, match=r"content of 90 tokens.*write --tokenizer PATH, or --too-long drop"
    ):
        plan(said, too_long="clip", input_tokens=50)
    assert plan(said, (5, 5), too_long="drop", input_tokens=50).rows == 1


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A model's."""
    return load(str(saved("byte_level", tmp_path_factory.mktemp("model"))))


def test_content_is_as_long_as_the_tokenizer_says(tokenizer):
    """With the model's tokenizer recorded lengths do not matter: what is sent is counted."""
    text = "words that nobody counted " * 20
    said = {"messages": [{"role": "user", "content": text}]}
    room = tokenizer.count(text) - 1
    with pytest.raises(UsageError, match=rf"r0, has {room + 1} tokens.*or shorten prompts with"):
        plan(said, input_tokens=room, tokenizer=tokenizer)
    assert plan({**said, "input_tokens": 9}, input_tokens=room + 1, tokenizer=tokenizer).rows == 1
    assert plan({**said, "input_tokens": 9999}, input_tokens=room + 1, tokenizer=tokenizer).rows
    clipped = plan(said, too_long="clip", input_tokens=room, tokenizer=tokenizer)
    (sent,) = [each.row for each in clipped.planned()]
    assert sent.input_tokens == tokenizer.count(sent.messages[0]["content"]) == room
    assert clipped.too_long == 1


def test_more_texts_than_room(tokenizer):
    """Every message keeps a token; where that is too many it is said."""
    said = {"messages": [{"role": "user", "content": "several words"}] * 5}
    with pytest.raises(UsageError, match=r"r0 has more texts than .* write --too-long drop"):
        plan(said, too_long="clip", input_tokens=4, tokenizer=tokenizer)


def test_the_models_of_the_rows_are_counted():
    """Every name with its rows, and those that name none."""
    rows = [{"input_tokens": 5, "output_tokens": 5, "model": name} for name in ("a", "b", "a", "")]
    assert plan(*rows, (5, 5)).models == {"a": 2, "b": 1, None: 2}


def test_the_digest_names_the_tokenizer(tokenizer):
    """Prompts of another rule are another load."""
    exact = make_plan(trace_of(*ROWS), EVERYTHING, AS_IT_IS, wording=Wording.exact(tokenizer))
    assert exact.digest != plan(*ROWS).digest


def test_content_of_unknown_length_is_sent():
    """A row that does not say how long its prompt is is nobody's to judge."""
    said = {"prompt": "x", "input_tokens": None}
    assert plan(said, input_tokens=1, context_tokens=5).rows == 1


def test_a_reply_that_fills_the_context_cannot_be_helped():
    """No prompt fits beside it: refused in words, or left out."""
    with pytest.raises(UsageError, match="leave no room for a prompt in the model's context of 50"):
        plan((10, 60), too_long="clip", context_tokens=50)
    assert plan((10, 60), (5, 5), too_long="drop", context_tokens=50).drops == {"too_long": 1}


def test_all_rows_too_long():
    """Nothing left to send is an error that says where the rows went."""
    with pytest.raises(UsageError, match=r"no rows to send \(4 read, dropped: {'too_long': 4}\)"):
        plan(*ROWS, too_long="drop", input_tokens=5)


@pytest.mark.parametrize("policy", ["fail", "drop", "clip"])
def test_no_rows_are_kept(policy):
    """10,000 rows, all too long but one, pass through in little memory."""
    rows = [(100, 5)] * 10_000 + [(10, 5)]
    traced = trace_of(*rows)
    tracemalloc.start()
    try:
        lengths = Lengths(input_tokens=50, too_long=policy)
        make_plan(traced, EVERYTHING, AS_IT_IS, lengths=lengths)
    except UsageError:
        assert policy == "fail"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2e6


@pytest.mark.parametrize("with_tokenizer", [False, True])
def test_token_ids_are_counted_and_cut(tokenizer, with_tokenizer):
    """They are as long as they are many: left out or cut to the id, with a tokenizer or without."""
    rows = [{"prompt_token_ids": list(range(many)), "input_tokens": many} for many in (3, 9)]
    limits = {"input_tokens": 4, "tokenizer": tokenizer if with_tokenizer else None}
    assert inputs(plan(*rows, too_long="drop", **limits)) == [3]
    cut = [each.row for each in plan(*rows, too_long="clip", **limits).planned()]
    assert [row.prompt_token_ids for row in cut] == [[0, 1, 2], [0, 1, 2, 3]]
    assert [row.input_tokens for row in cut] == [3, 4]
