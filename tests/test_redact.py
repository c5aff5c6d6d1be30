"""Promises of `redact`."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.redact import forms, mask, printable, redact, snippet


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
        "/etc/passwd: hunter2secret",
        "passwd: cannothunter2secret",
        "Bearer token-hunter2secret",
        "Authorization: Token hunter2secret",
        'said \\"api_key\\": \\"hunter2secret\\"',
        "api_key&quot;: &quot;hunter2secret&quot;",
        "?next=/&Authorization%3A%20Bearer%20hunter2secret",
        "cookie: theme=dark; session=hunter2secret; x=1",
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
        "/etc/passwd: no directory: name a run's, as in runs/latest",
        "/etc/passwd: no such directory",
        "/etc/passwd: cannot be read: Permission denied",
        "/etc/passwd: exists; choose another name or remove it",
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


WRITTEN = [
    str,
    quote,
    quote_plus,
    lambda key: re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
    lambda key: json.dumps(key),
    lambda key: json.dumps(key).replace("/", "\\/"),
    html.escape,
    lambda key: html.escape(key, quote=False),
    repr,
    lambda key: key.encode().hex(),
    lambda key: f"… {key[:12]} is unknown",
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    lambda key: base64.urlsafe_b64encode(f"ab{key}!".encode()).decode(),
]


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(WRITTEN),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60),
)
def test_a_secret_is_known_in_every_form(write, key):
    """However a server writes a key back, no eight characters in a row of it are left."""
    said = write(key)
    left = mask(f"({said})", forms([key]))
    assert "***" in left
    assert all(said[n : n + 8] not in left for n in range(len(said) - 8) if said[n : n + 8] in key)
    assert key not in left


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Bearer hunter2secret", "key hunter2secret is wrong"),
        ("session=hunter2secret; theme=dark", "session hunter2secret has ended"),
        ("Basic " + base64.b64encode(b"me:hunter2secret").decode(), "me, hunter2secret"),
        ("two  hunter2secret", "two hunter2secret"),
    ],
)
def test_the_parts_of_a_header_are_secrets_too(value, said):
    """The token without its scheme, the cookie without its name, the password without its user."""
    assert "hunter2" not in snippet(said, secrets=forms([value]))


def test_what_is_too_short_is_no_secret():
    """A header of one character does not blot the text."""
    assert forms(["1", None, "", "abc"]) == ()


def test_model_text_is_masked_by_value_only():
    """What looks like a credential in a reply stays: it is the model's."""
    assert mask("password: hunter2, key-12345678", forms(["key-12345678"])) == (
        "password: hunter2, ***"
    )


def test_our_own_lines_stay_lines():
    """A message of several lines keeps them and their indent, and nothing that moves a terminal."""
    text = "bad rows:\n  line 1: \x1b[2J'x\u202e'\n  line 2: " + "y" * 2000
    first, second, third = printable(text).split("\n")
    assert (first, second) == ("bad rows:", "  line 1: 'x'")
    assert len(third) == 1000
    assert third.startswith("  line 2: yyy")
