"""Any table by its columns."""

from __future__ import annotations

import pytest
from files import jsonl, rows_of

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.formats.columns import parse_map
from sagellm_benchmark.trace.source import open_trace

MAP = {"arrival": "ts", "input_tokens": "p", "output_tokens": "c"}


def _table(tmp_path, text, unit="s", mapping=MAP):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return rows_of(path, format="columns", mapping=mapping, time_unit=unit)


def test_a_map_is_parsed():
    """FIELD=COLUMN pairs become a mapping; a column's spaces are its own."""
    assert parse_map("arrival=Time stamp, input_tokens=p=q") == {
        "arrival": "Time stamp",
        "input_tokens": "p=q",
    }


@pytest.mark.parametrize("text", ["", "arrival", "arrival=", "when=ts", "arrival=a,arrival=b", ","])
def test_a_bad_map_is_refused(text):
    """Another form, an unknown field and a field named twice are each refused in one line."""
    with pytest.raises(UsageError, match="--map"):
        parse_map(text)


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("s", ("1700000000.1234567", "1700000000.1234568")),
        ("ms", ("1700000000123.4567", "1700000000123.4568")),
        ("rfc3339", ("2024-05-12T00:00:00.1234567Z", "2024-05-12 00:00:00.1234568+00:00")),
    ],
)
def test_times_far_from_zero_are_exact(tmp_path, unit, texts):
    """Epoch times 100 ns apart stay 100 ns apart, which floats alone would lose."""
    rows = _table(tmp_path, "ts,p,c\n" + "".join(f"{text},5,1\n" for text in texts), unit)
    gap_s = rows[1].arrival_time_s - rows[0].arrival_time_s
    assert gap_s == 1e-7


def test_times_in_json_are_exact(tmp_path):
    """JSON numbers are taken from their text, not through a float."""
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"ts": 1700000000.1234567, "p": 5, "x": [1]}\n{"p": 6, "ts": "1700000000.1234568"}\n'
    )
    first, second = rows_of(
        path, format="columns", mapping={"arrival": "ts", "input_tokens": "p"}, time_unit="s"
    )
    assert (first.arrival_time_s, second.arrival_time_s) == (0.0, 1e-7)
    assert (first.input_tokens, first.output_tokens) == (5, None)


def test_every_field_can_be_mapped(tmp_path):
    """Ids, counts and texts land in their fields; an empty cell is absent."""
    mapping = parse_map(
        "arrival=a,request_id=b,session_id=c,turn_index=d,input_tokens=e,output_tokens=f,"
        "max_tokens=g,model=h,tenant_id=i,user_id=j,request_class=k"
    )
    text = "a,b,c,d,e,f,g,h,i,j,k\n1,id,s,0,10.0,2,3,m,t,u,api\n2,id2,,,11,,,,,,\n"
    first, second = _table(tmp_path, text, mapping=mapping)
    assert (first.request_id, first.session_id, first.turn_index) == ("id", "s", 0)
    assert (first.input_tokens, first.output_tokens, first.max_tokens) == (10, 2, 3)
    assert (first.model, first.tenant_id, first.user_id, first.request_class) == (
        "m",
        "t",
        "u",
        "api",
    )
    assert (second.session_id, second.output_tokens, second.model) == (None, None, None)


def test_quoted_cells_hold_anything(tmp_path):
    """Separators, quotes and line ends inside quotes belong to the cell; lines stay right."""
    text = 'ts,prompt\n1,"a, ""b""\n\nc"\n2,\n'
    path = tmp_path / "t.csv"
    path.write_text(text)
    options = {
        "format": "columns",
        "mapping": {"arrival": "ts", "prompt": "prompt"},
        "time_unit": "s",
    }
    with pytest.raises(UsageError, match=r"t\.csv:5: input_tokens: missing"):
        rows_of(path, **options)
    (row,) = rows_of(path, skip_bad=True, **options)
    assert row.prompt == 'a, "b"\n\nc'


def test_messages_are_json(tmp_path):
    """A messages column holds a JSON list, in a table and in JSON lines."""
    path = jsonl(tmp_path / "t.jsonl", {"ts": 1, "m": [{"role": "user", "content": "é"}]})
    mapping = {"arrival": "ts", "messages": "m"}
    (row,) = rows_of(path, format="columns", mapping=mapping, time_unit="s")
    assert row.messages == [{"role": "user", "content": "é"}]


def test_vidur_tables_are_read(tmp_path):
    """The derived seconds of other tools, float noise and all, come out to the nanosecond."""
    mapping = parse_map(
        "arrival=arrived_at,input_tokens=num_prefill_tokens,output_tokens=num_decode_tokens"
    )
    text = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n5.8926549999999995,9,1\n"
    rows = _table(tmp_path, text, mapping=mapping)
    assert rows[1].arrival_time_s == 5.892655


def test_far_out_of_order_is_refused(tmp_path):
    """Rows out of order by more than the window are refused with the row, never held in memory."""
    rows = [f"{n},5,1\n" for n in range(1, 50_000)] + ["0,5,1\n"]
    with pytest.raises(InputError, match=r"row 50000 is earlier .* sort the file"):
        _table(tmp_path, "ts,p,c\n" + "".join(rows))


@pytest.mark.parametrize("bad", ["-1", "nan", "inf", "", "x"])
def test_bad_times_are_refused(tmp_path, bad):
    """Negative, NaN, infinite, missing and other times are errors with their line."""
    with pytest.raises(UsageError, match=r"t\.csv:3: arrival: "):
        _table(tmp_path, f"ts,p,c\n1,5,1\n{bad},5,1\n")


def test_options_must_be_whole(tmp_path):
    """Without a mapping or a time unit the user is told what to write; a wrong column is named."""
    path = tmp_path / "t.csv"
    path.write_text("ts,p,c\n1,5,1\n")
    for mapping, unit, what in (
        (None, "s", "must name arrival"),
        ({"arrival": "ts"}, "s", "must name arrival"),
        (MAP, None, r"--time-unit s\|ms\|rfc3339"),
        ({**MAP, "arrival": "Ts"}, "s", "no column Ts; there are ts, p, c"),
    ):
        with pytest.raises(UsageError, match=what):
            open_trace(path, format="columns", mapping=mapping, time_unit=unit)


def test_other_formats_take_no_map(tmp_path):
    """A mapping that would be ignored is refused."""
    path = jsonl(tmp_path / "m.jsonl", {"timestamp": 0, "input_length": 5, "output_length": 1})
    with pytest.raises(UsageError, match="--map and --time-unit are for --format columns"):
        open_trace(path, mapping=MAP)
