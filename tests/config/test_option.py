"""One option: its names, and its value from whatever a source hands in."""

from __future__ import annotations

import pytest

from sagellm_benchmark.config import values
from sagellm_benchmark.config.option import Option
from sagellm_benchmark.errors import UsageError

NUMBER = Option("--max-in-flight", "", values.count, 8)
SWITCH = Option("--no-stream", "")
CHOICE = Option("--endpoint", "", values.text, "chat", choices=("chat", "completions"))
MANY = Option("--header", "", values.header, (), repeat=True)


def told(value):
    """What a test is called by: an option by its flag."""
    return value.flag if isinstance(value, Option) else str(value)


def test_the_names_of_an_option():
    """The key in code and the environment variable follow from the flag."""
    assert NUMBER.key == "max_in_flight"
    assert NUMBER.env == "SAGELLM_BENCHMARK_MAX_IN_FLIGHT"


@pytest.mark.parametrize(
    ("option", "raw", "value"),
    [
        *((NUMBER, None, 8), (NUMBER, "", 8), (NUMBER, "3", 3), (NUMBER, 3, 3)),
        *((CHOICE, "completions", "completions"), (CHOICE, None, "chat")),
        *((SWITCH, True, True), (SWITCH, False, False), (SWITCH, "true", True)),
        *((SWITCH, "TRUE", True), (SWITCH, "0", False), (SWITCH, "no", False), (SWITCH, 1, True)),
        *((MANY, None, ()), (MANY, "A=1", (("A", "1"),)), (MANY, [], ())),
        *((MANY, ["A=1", "A=2"], (("A", "1"), ("A", "2"))), (MANY, ("A=1",), (("A", "1"),))),
    ],
    ids=told,
)
def test_values(option, raw, value):
    """Text, what argparse made, or what a page hands in: the same value."""
    assert option.value(raw) == value
    assert type(option.value(raw)) is type(value)


@pytest.mark.parametrize(
    ("option", "raw", "words"),
    [
        (NUMBER, "many", "--max-in-flight must be a whole number, not 'many'"),
        (NUMBER, True, "--max-in-flight must be a whole number"),
        (NUMBER, ["3"], "--max-in-flight must be a whole number"),
        (NUMBER, {"a": 1}, "--max-in-flight must be a whole number"),
        (NUMBER, 2.5, "--max-in-flight must be a whole number"),
        (CHOICE, "chats", "--endpoint must be one of chat, completions, not 'chats'"),
        (SWITCH, "maybe", "--no-stream is a switch: true or false, not 'maybe'"),
        (SWITCH, None, "--no-stream is a switch"),
        (SWITCH, [True], "--no-stream is a switch"),
        (MANY, ["A=1", "A"], "--header must be NAME=VALUE"),
        (MANY, [None], "--header must be NAME=VALUE"),
    ],
    ids=told,
)
def test_what_is_no_value(option, raw, words):
    """Whatever its type, one line that names the option."""
    with pytest.raises(UsageError) as refused:
        option.value(raw)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)
