"""What a user did wrong, in one line that says where."""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.errors import InputError, UsageError


def test_a_file_and_its_line():
    """`file:line: what`, as editors and people read it."""
    error = InputError("no number", "a/b.jsonl", 3)
    assert str(error) == "a/b.jsonl:3: no number"
    assert (error.path, error.line) == ("a/b.jsonl", 3)


def test_a_file_as_a_whole():
    """Without a line the file alone; a Path will do."""
    error = InputError("is empty", Path("a") / "b.jsonl")
    assert str(error) == "a/b.jsonl: is empty"
    assert (error.path, error.line) == ("a/b.jsonl", None)


def test_one_kind_to_catch():
    """The command line's edge catches every one of them as a UsageError."""
    assert issubclass(InputError, UsageError)
