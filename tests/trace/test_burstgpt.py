"""BurstGPT traces: sessions, failures, and columns by name."""

from __future__ import annotations

import pytest
from files import real_slices, rows_of
from lookalikes import burstgpt

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.source import open_trace

OLD = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
NEW = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
)
CHAT = "Conversation log"


def _file(tmp_path, text):
    path = tmp_path / "b.csv"
    path.write_text(text)
    return path


def test_the_first_form(tmp_path):
    """Without sessions: seconds from the first row on, model and kind of request."""
    trace = open_trace(_file(tmp_path, OLD + f"5,ChatGPT,472,18,490,{CHAT}\n45.0,GPT-4,10,2,12,\n"))
    first, second = trace.rows()
    assert (trace.format, trace.header.time_resolution_s) == ("burstgpt", 1.0)
    assert (first.arrival_time_s, second.arrival_time_s) == (0.0, 40.0)
    assert (first.model, first.request_class, first.session_id) == ("ChatGPT", CHAT, None)
    assert (first.input_tokens, first.output_tokens, first.recorded) == (472, 18, None)
    assert second.request_class is None


def test_turns_wait_for_one_another(tmp_path):
    """A later turn waits for the one before it, for the gap less what that one took, 0 at least."""
    sent = ((0, "a", 43), (51, "b", 2), (60, "a", 30), (70, "a", 1))
    rows = [f"{19440110 + at}.0,{who},{took},GPT-4,9,5,14,{CHAT}\n" for at, who, took in sent]
    first, other, second, third = rows_of(_file(tmp_path, NEW + "".join(rows)))
    assert (first.turn_index, first.depends_on, first.think_time_s) == (0, [], None)
    assert (second.turn_index, second.depends_on, second.think_time_s) == (1, ["row-1"], 17.0)
    assert (third.turn_index, third.depends_on, third.think_time_s) == (2, ["row-3"], 0.0)
    assert (other.session_id, other.turn_index, second.relation) == ("b", 0, "continue")
    assert (second.arrival_time_s, first.recorded) == (60.0, {"e2e_latency_s": 43.0})


def test_turns_go_by_time_not_by_place(tmp_path):
    """Rows of a session that the file has out of order are linked in order of time."""
    rows = [f"{at},s,1,GPT-4,9,5,14,{CHAT}\n" for at in (20, 10, 30)]
    made = rows_of(_file(tmp_path, NEW + "".join(rows)))
    assert [row.source_row for row in made] == [2, 1, 3]
    assert [row.depends_on for row in made] == [[], ["row-2"], ["row-1"]]


def test_failures_are_kept_and_flagged(tmp_path):
    """A reply of nothing is a failed request; a request of nothing is a drop of its own."""
    text = NEW + "10,,3,ChatGPT,300,0,300,API log\n11,,0,GPT-4,0,0,0,API log\n"
    trace = open_trace(_file(tmp_path, text))
    (row,) = trace.rows()
    assert row.recorded == {"e2e_latency_s": 3.0, "failed": True}
    assert (row.output_tokens, trace.drops) == (0, {"zero_input": 1})


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("x,,1,GPT-4,9,5,14,API log", "Timestamp"),
        ("-1,,1,GPT-4,9,5,14,API log", "Timestamp"),
        ("1,,x,GPT-4,9,5,14,API log", "Elapsed time"),
        ("1,,1,GPT-4,9.5,5,14,API log", "Request tokens"),
        ("1,,1,GPT-4,9,,14,API log", "Response tokens"),
        ("1,a\x07b,1,GPT-4,9,5,14,API log", "Session ID"),
        ("1,,1,GPT-4,9,5,14", "columns"),
    ],
)
def test_bad_rows_name_line_and_field(tmp_path, row, field):
    """Each unusable value is an error at its line and column."""
    with pytest.raises(UsageError, match=rf"b\.csv:2: {field}: "):
        open_trace(_file(tmp_path, NEW + row + "\n"))


def test_names_match_to_the_letter(tmp_path):
    """Other spaces or case are another column; the missing one is named with those there are."""
    path = _file(tmp_path, OLD.replace("Request tokens", "request tokens"))
    with pytest.raises(InputError, match="no column Request tokens; there are Timestamp, Model"):
        open_trace(path, format="burstgpt")


def test_the_lookalike_has_what_the_files_have(tmp_path):
    """Sessions of several turns, failures and ties are all in the look-alike."""
    path = tmp_path / "b.csv"
    path.write_bytes(burstgpt())
    rows = rows_of(path)
    assert max(row.turn_index or 0 for row in rows) >= 3
    assert any((row.recorded or {}).get("failed") for row in rows)
    assert len({row.arrival_time_s for row in rows}) < len(rows)


def test_the_real_dirty_look():
    """The hand-made dirty file fails at its bad row; without it, the rest is in order of time."""
    path = real_slices() / "handmade/burstgpt_dirty.csv"
    with pytest.raises(UsageError, match=":5: Elapsed time"):
        rows_of(path)
    trace = open_trace(path, skip_bad=True)
    assert [row.source_row for row in trace.rows()] == [3, 2]
    assert trace.rows_read == 2 + sum(trace.drops.values())
