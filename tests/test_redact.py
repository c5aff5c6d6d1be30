"""Promises of `redact`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.redact import redact, snippet


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2secret",
        "authorization: bearer hunter2secret",
        '{"headers":{"Authorization":"Bearer hunter2secret"}}',
        "sent Bearer hunter2secret, got 401",
        "Proxy-Authorization: Basic dXNlcjpodW50ZXIyc2VjcmV0",
        "http://user:hunter2secret@example.org/v1",
        "Incorrect API key provided: sk-proj-hunter2secret",
        "hf_hunter2secretabc is not valid",
        "x-api-key: hunter2secret",
        '{"api_key": "hunter2secret"}',
        "https://host/?api_key=hunter2secret&x=1",
        "password=hunter2secret",
        "Bearer token-hunter2secret",
    ],
)
def test_credentials_of_known_shapes_are_masked(text):
    """What looks like a credential does not come out."""
    masked = redact(text)
    assert "hunter2secret" not in masked
    assert "dXNlcjpodW50ZXIyc2VjcmV0" not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "Missing API key. Please provide a valid Bearer token.",
        "max_tokens: Input should be greater than 0",
        "Connection failed: All connection attempts failed (code: ErrorCode.UNAVAILABLE)",
        "completion_tokens=17 of 20 tokens at http://127.0.0.1:8889/v1",
        "Basic validation failed",
    ],
)
def test_ordinary_messages_stay_as_they_are(text):
    """Masking leaves alone what is no secret."""
    assert redact(text) == text


def test_given_secrets_are_masked_whatever_they_look_like():
    """A secret that is known by value never comes out, the longer one first."""
    assert redact("keys key1 and key12", ["key1", "key12", ""]) == "keys *** and ***"


def test_the_cut_leaves_no_half_of_a_secret():
    """Masking comes before capping."""
    cut = snippet("x" * 290 + " my-very-secret-key", 300, ["my-very-secret-key"])
    assert "my-very" not in cut
    assert len(cut) <= 300


def test_terminal_escapes_and_controls_are_stripped():
    """A server cannot move the terminal, not even by hiding a secret behind an escape."""
    hostile = (
        b"\x1b[2J\x1b]0;owned\x07red \x1b[31mse\x1b[0mcret\x00\r\n\tend \xe2\x80\xae\xc2\x9b1m"
    )
    assert snippet(hostile, secrets=["secret"]) == "red *** end"


def test_bytes_that_are_no_utf8_become_replacement_characters():
    """Any bytes give text."""
    assert snippet(b"a\xff\xfeb") == "a��b"


def test_whitespace_is_folded_and_long_text_capped():
    """A snippet is one line of at most the limit."""
    assert snippet("a\n\n  b\u2028c") == "a b c"
    assert snippet("x" * 500, 20) == "x" * 19 + "…"


@settings(derandomize=True, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_a_snippet_is_always_one_short_printable_line(data):
    """Whatever comes in: no control character goes out, and never more than the limit."""
    text = snippet(data, 50)
    assert len(text) <= 50
    assert all(ord(character) >= 32 and not 127 <= ord(character) < 160 for character in text)
    text.encode("utf-8")
