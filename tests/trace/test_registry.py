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
        ('{"chat_id": 0, "timestamp": 0.1, "hash_ids": [0]}', "JSON lines with the keys chat_id"),
        ("Timestamp,Model,Request tokens", "columns Timestamp, Model, Request tokens"),
        ('[{"id": 1}]', "a JSON document with the keys id"),
        ('[\n {\n  "id": 1,\n  "cut', "a JSON document with the keys id"),
        ('{\n "log": {"version": "1.2", "entries": [{"req', "a JSON document with the keys log"),
        ("[25/Feb/2026] GET /", r"'\[25/Feb/2026\] GET /' in its first line"),
        ("\x7fELF", "in its first line"),
        ('{"a\\u001b[31m": 1}', r"keys 'a\\x1b\[31m'"),
    ],
)
def test_unknown_files_are_refused_with_what_was_seen(tmp_path, text, seen):
    """A file of no known format names what it has, the formats, and what to write."""
    path = tmp_path / "file"
    path.write_text(text + "\n")
    with pytest.raises(InputError, match=seen) as caught:
        open_trace(path)
    said = str(caught.value)
    assert "Formats are native, mooncake, azure, burstgpt" in said
    assert ("--format columns --map" in said) == (
        "lines with" in seen or "columns" in seen or "a\\" in seen
    )
    assert said.isprintable()


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
    with pytest.raises(UsageError, match=r"there are native, mooncake, azure, .*, columns$"):
        open_trace(DEMO, format="other")


OURS = {
    "native": (),
    "mooncake": ("mooncake", "handmade/mooncake_ext.jsonl", "handmade/agentic_mooncake.jsonl"),
    "azure": ("azure", "handmade/azure_dirty.csv"),
    "burstgpt": ("burstgpt/BurstGPT_1", "burstgpt/BurstGPT_3_head4", "handmade/burstgpt"),
    "bailian": ("handmade/bailian",),
    "ragpulse": ("ragpulse",),
    "sharegpt": ("sharegpt", "handmade/sharegpt"),
    "openai-batch": ("handmade/openai_batch",),
    "otel": ("otel", "handmade/otlp"),
    "litellm": ("handmade/litellm",),
}


def test_real_slices_are_told_apart():
    """Each real slice is found to be what it is, and those of other formats are refused."""
    folder = real_slices()
    endings = (".csv", ".json", ".jsonl", ".har", ".log")
    paths = [path for path in folder.rglob("*") if path.suffix in endings]
    assert len(paths) > 40
    for path in paths:
        name = str(path.relative_to(folder))
        want = [form for form, starts in OURS.items() if name.startswith(starts)]
        if want:
            assert registry.sniffed(path).name == want[0], name
            list(open_trace(path, skip_bad=True).rows())
        else:
            with pytest.raises(InputError, match="no known trace format"):
                registry.sniffed(path)
