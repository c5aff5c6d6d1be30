"""Text becomes a value, or a line that says what was expected."""

from __future__ import annotations

import math

import pytest

from sagellm_benchmark.config import values

GOOD = [
    *((values.text, "a b", "a b"), (values.text, " ☃ ", " ☃ ")),
    *((values.name, "run-1.a_B", "run-1.a_B"), (values.name, "x" * 64, "x" * 64)),
    *((values.count, "1", 1), (values.count, " 12 ", 12), (values.whole, "0", 0)),
    *((values.positive, "0.5", 0.5), (values.positive, "1e3", 1000.0)),
    *((values.seconds, "0", 0.0), (values.seconds, "1.5", 1.5)),
    *((values.burstiness, "inf", math.inf), (values.burstiness, " INF ", math.inf)),
    *((values.burstiness, "0.3", 0.3), (values.temperature, "0", 0.0)),
    (values.temperature, "2", 2.0),
    *((values.tokens_per_word, "0.1", 0.1), (values.tokens_per_word, "1.304", 1.304)),
    *(
        (values.json_object, "{}", {}),
        (values.json_object, '{"a":[1,null,"ü"]}', {"a": [1, None, "ü"]}),
    ),
    (values.json_object, f'{{"seed": {2**70}}}', {"seed": 2**70}),
    *((values.header, "X-A=b", ("X-A", "b")), (values.header, "X=a=b: c", ("X", "a=b: c"))),
    *(
        (values.header, "X=", ("X", "")),
        (values.header, "a!#$%&'*+.^_`|~-=1", ("a!#$%&'*+.^_`|~-", "1")),
    ),
    *((values.pairs, "A=x", {"A": "x"}), (values.pairs, " A = x , B=y=z ", {"A": "x", "B": "y=z"})),
    *((values.warmup, "30s", ("s", 30.0)), (values.warmup, "0.5s", ("s", 0.5))),
    (values.warmup, " 200req ", ("req", 200.0)),
    *((values.share, "0", 0.0), (values.share, "1", 1.0), (values.share, "0.25", 0.25)),
    *((values.patience, " 20tok ", ("tok", 20.0)), (values.patience, "1.5s", ("s", 1.5))),
]

BAD = [
    *((values.text, ""), (values.text, "  \n"), (values.text, "a\udcffb")),
    *((values.name, text) for text in ("", "a/b", "..", ".", "a b", "ü", "x" * 65, "a\n", "../x")),
    *((values.count, text) for text in ("0", "-1", "1.5", "many", "", "1e3", "9" * 5000)),
    *((values.whole, text) for text in ("-1", "0.0", "nan")),
    *((values.positive, text) for text in ("0", "-1", "nan", "inf", "1e999", "x", "")),
    *((values.seconds, text) for text in ("-0.1", "nan", "inf", "10s")),
    *((values.burstiness, text) for text in ("0", "-inf", "nan", "x")),
    *((values.temperature, text) for text in ("-0.1", "2.1", "nan", "hot")),
    *((values.tokens_per_word, text) for text in ("0", "0.09", "101", "inf", "nan", "one")),
    *((values.json_object, text) for text in ("", "[]", "1", "null", "{", "{'a':1}", '{"a":1}}')),
    *((values.json_object, text) for text in ('{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}')),
    *((values.json_object, text) for text in ('{"a":"\\ud800"}', '{"\\udfff":1}', "[" * 100_000)),
    *((values.header, text) for text in ("", "X", "=a", "X Y=a", "X:=a", "ü=a", "X: a")),
    *((values.header, text) for text in ("X=a\r\nY: b", "X=\x00", "X=\x7f", "X=ü")),
    *((values.pairs, text) for text in ("", "A", "A=", "=x", "A=x,", "A=x,,B=y", "A=x,A=y")),
    *((values.share, text) for text in ("-0.1", "1.1", "10%", "nan", "")),
    *(
        (values.patience, text)
        for text in ("", "20", "tok", "0tok", "0.0s", "1.5tok", "2 s", "1e3s")
    ),
    *((values.warmup, text) for text in ("", "30", "s", "-1s", "30 s", "1e3s", "30m", "1.req")),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD, ids=lambda part: str(part)[:20])
def test_what_is_taken(parse, text, value):
    """Each of these is a value."""
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text"), BAD, ids=lambda part: str(part)[:20])
def test_what_is_refused(parse, text):
    """Each of these is none, and one line says what would be."""
    with pytest.raises(ValueError, match=r"must|names") as refused:
        parse(text)
    assert "\n" not in str(refused.value)
    assert str(refused.value).encode()


@pytest.mark.parametrize("text", ["Authorization: Bearer sk-12345", "Bearer sk-12345"])
def test_a_refused_header_is_not_repeated(text):
    """It may be a key, and refusals stand in logs."""
    with pytest.raises(ValueError, match="NAME=VALUE") as refused:
        values.header(text)
    assert "12345" not in str(refused.value)
