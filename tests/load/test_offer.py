"""What the page may choose: files of one directory by name, and nothing else."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.offer import MOST, Offer


@pytest.fixture
def folder(tmp_path):
    """A directory with traces, and what is none of them."""
    inside = tmp_path / "traces"
    inside.mkdir()
    (inside / "a.jsonl").write_text("{}")
    (inside / "b c.csv").write_text("x")
    (inside / ".hidden").write_text("x")
    (inside / "deeper").mkdir()
    (inside / "deeper" / "d.jsonl").write_text("{}")
    (tmp_path / "secret").write_text("x")
    (inside / "out").symlink_to(tmp_path / "secret")
    (inside / "in").symlink_to(inside / "a.jsonl")
    (inside / "loop").symlink_to(inside / "loop")
    return inside


def test_files_of_the_directory_are_offered(folder):
    """Its own files, and links that stay inside."""
    offer = Offer(str(folder), ())
    assert offer.open
    assert offer.traces() == ["a.jsonl", "b c.csv", "in"]
    assert offer.path("b c.csv") == str(folder / "b c.csv")
    assert offer.path("in") == str(folder / "a.jsonl")


@pytest.mark.parametrize(
    "name",
    [
        *("out", "loop", "../secret", "/etc/passwd", "..", ".", "", ".hidden", "deeper/d.jsonl"),
        *("deeper", "a.jsonl\0", "no.jsonl", "a.jsonl/"),
    ],
)
def test_no_name_leads_out(folder, name):
    """Links are followed and end outside, names climb: none is a trace of the directory."""
    with pytest.raises(UsageError, match="is no file of --trace-dir"):
        Offer(str(folder), ()).path(name)


def test_without_a_directory_nothing_is_offered():
    """The trace is fixed."""
    offer = Offer(None, ())
    assert (offer.open, offer.traces()) == (False, [])
    with pytest.raises(UsageError):
        offer.path("a.jsonl")


def test_the_list_is_bounded(tmp_path):
    """A directory of thousands of files fills no page."""
    for number in range(MOST + 5):
        (tmp_path / f"{number:04}.jsonl").touch()
    assert len(Offer(str(tmp_path), ()).traces()) == MOST


def test_wrong_choices_are_said(tmp_path):
    """A directory that is none, and a host that is none, end the start with their option."""
    with pytest.raises(UsageError, match=r"--trace-dir .*: no such directory"):
        Offer(str(tmp_path / "no"), ())
    with pytest.raises(UsageError, match=r"^--allow-host ftp://x"):
        Offer(None, ("ftp://x",))
    assert Offer(None, ("http://a:1/v1/",)).hosts == ("http://a:1",)
