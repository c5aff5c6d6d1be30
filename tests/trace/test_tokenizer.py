"""A model's tokenizer from its file: what is counted, what is cut, what is refused."""

from __future__ import annotations

import hashlib
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocabularies import KINDS, saved

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.tokenizer import load

fixed = settings(derandomize=True, deadline=None)
TEXTS = st.text(st.sampled_from("abc süß☃日\n.") | st.characters(codec="utf-8"), max_size=40)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Tokenizers by their kind."""
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: load(str(saved(kind, folder / kind))) for kind in KINDS}


def test_a_directory_or_its_file(tmp_path):
    """Both name the same tokenizer, told by the bytes of its file."""
    file = saved("byte_level", tmp_path / "model")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for path in (file, file.parent):
        found = load(str(path))
        assert (found.path, found.sha256) == (str(file), digest)


def test_the_text_alone_is_counted(known):
    """No beginning-of-sequence token, no padding, nothing cut off, whatever the file asks for."""
    assert known["byte_level"].count("") == 0
    assert known["byte_level"].count("x" * 100) > 16


@pytest.mark.parametrize("kind", KINDS)
@fixed
@given(text=TEXTS, limit=st.integers(0, 12))
def test_a_clipped_text_is_its_beginning(known, kind, text, limit):
    """At most so many tokens of it, cut from the end; what is short enough stays as it is."""
    tokenizer = known[kind]
    cut = tokenizer.clip(text, limit)
    assert text.startswith(cut)
    assert tokenizer.count(cut) <= limit or cut == ""
    if tokenizer.count(text) <= limit:
        assert cut == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_ends_somewhere(known, kind):
    """One end a token, in order, the last at the text's end."""
    text = "several words of a text"
    ends = known[kind].ends(text)
    assert ends == sorted(ends)
    assert (len(ends), ends[-1]) == (known[kind].count(text), len(text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "tokenizer.json: No such file or directory; name a model's tokenizer.json, or"),
        (b"{}", "tokenizer.json: no tokenizer: "),
        (b"\xff not json", "tokenizer.json: no tokenizer: "),
    ],
    ids=["none", "empty", "noise"],
)
def test_what_is_no_tokenizer_is_refused(tmp_path, content, words):
    """One line that names the file."""
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(UsageError, match=words) as refused:
        load(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"--tokenizer {tmp_path}")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    """Without the package the line says how to install it."""
    file = saved("byte_level", tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"pip install 'isagellm-benchmark\[tokenizers\]'"):
        load(str(file))
