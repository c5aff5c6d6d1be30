"""The error codes."""

from __future__ import annotations

from sagellm_benchmark.protocol import ErrorCode


def test_there_are_23_codes() -> None:
    """The Protocol knows 23 codes, each worth its own name in lower case."""
    assert len(ErrorCode) == 23
    assert all(code.value == code.name.lower() for code in ErrorCode)


def test_a_code_is_its_text() -> None:
    """A code equals its text, is found by it, and is written as it in JSON."""
    assert ErrorCode.COMM_TIMEOUT == "comm_timeout"
    assert ErrorCode("comm_timeout") is ErrorCode.COMM_TIMEOUT
