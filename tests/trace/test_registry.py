"""Formats by name and by content."""

from __future__ import annotations

import gzip

import pytest
from files import DEMO, TRACES, real_slices

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.formats import registry
from sagellm_benchmark.trace.source import open_trace


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (DEMO, "native"),
        (TRACES / "mooncake_lookalike.jsonl", "mooncake"),
        (TRACES / "azure_lookalike.csv", "azure"),
    ],
)
def test_formats_are_recognised_by_content(tmp_path, path, name):
    """The content decides, under any name, gzipped or not."""
    packed = tmp_path / "trace.bin"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert registry.sniffed(path).name == registry.sniffed(packed).name == name
    assert list(open_trace(path).rows()) == list(open_trace(packed).rows())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"chat_id": 0, "timestamp": 0.1, "input_length": 5, "hash_ids": [0]}', "keys chat_id"),
        ('{"timestamp": "82", "input_length": 5, "hash_ids": {"history": []}}', "keys timestamp"),
        ("Timestamp,Model,Request tokens", "columns Timestamp, Model, Request tokens"),
        ('[{"id": 1}]', r"'\[\{\"id\": 1\}\]' in its first line"),
        ("PK\x03\x04", "in its first line"),
        ('{"a\\u001b[31m": 1}', r"keys 'a\\x1b\[31m'"),
    ],
)
def test_unknown_files_are_refused_with_what_was_seen(tmp_path, text, seen):
    """A file of no known format names what it has and what to write."""
    path = tmp_path / "file"
    path.write_text(text + "\n")
    with pytest.raises(InputError, match=seen) as caught:
        open_trace(path)
    assert "--format columns --map" in str(caught.value)


def test_empty_files_are_refused(tmp_path):
    """A file without a line is named as empty."""
    path = tmp_path / "file"
    path.write_text("\n\n")
    with pytest.raises(InputError, match="empty"):
        open_trace(path)


def test_ambiguous_files_are_refused(monkeypatch):
    """Where two formats recognise a file the user has to say which; nothing is guessed."""
    twin = registry.native.FORMAT
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, twin))
    with pytest.raises(InputError, match="could be native, native: say which with --format"):
        open_trace(DEMO)


def test_a_named_format_overrides_the_content(tmp_path):
    """--format is obeyed, and an unknown name lists the known ones."""
    with pytest.raises(UsageError, match="needs exactly one of"):
        list(open_trace(DEMO, format="mooncake").rows())
    with pytest.raises(UsageError, match="there are native, mooncake, azure, columns"):
        open_trace(DEMO, format="other")


def test_other_real_formats_are_not_mistaken():
    """Real slices of formats that are not read yet are refused, not read as something else."""
    folder = real_slices()
    for name in ("ragpulse/0_trace_head500.jsonl", "handmade/bailian_lookalike.jsonl",
                 "burstgpt/BurstGPT_1_head3.csv", "handmade/chat.har"):  # fmt: skip
        with pytest.raises(InputError, match="no known trace format"):
            registry.sniffed(folder / name)
