"""The command that runs a run again reads back to its words, and says what it lacks."""

from __future__ import annotations

import subprocess

import pytest

from record.directories import manifest
from sagellm_benchmark.report.rerun import quoted, rerun

OPTIONS = {
    "trace": "my trace.jsonl",
    "model": "m",
    "slo": ["ttft_ms<=500", "error_rate<=0.01"],
    "header": ["X-Key=secret"],
    "api_key_env": "KEY",
    "warmup": "5s",
}


def test_it_is_wrapped_between_options():
    """Each line is short, ends in a backslash, and no option is parted from its value."""
    told = rerun(manifest(options=OPTIONS, salt="s")).command
    lines = told.split("\n")
    assert len(lines) > 1
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert all(line.startswith("  --") for line in lines[1:])
    assert "secret" not in told


def test_it_says_what_to_fill_in():
    """Secrets, the key's variable, the salt."""
    told = " ".join(rerun(manifest(options=OPTIONS, salt="s")).remarks)
    assert "***" in told
    assert "KEY" in told
    assert "--salt s " in told


def test_tasks_of_ones_own_are_told_so():
    """A locustfile is not kept: its name is to be filled in."""
    told = manifest(options={"trace": "chat.jsonl"}, salt="s")
    told["settings"]["trace"]["value"] = None
    (remark,) = rerun(told).remarks
    assert "locustfile" in remark


@pytest.mark.parametrize(
    "text", ["a b", "it's", "$(x) `y` !", "\x1b[31m\\'\n\x9b", "\u202eabc", "日本", ""]
)
def test_a_shell_takes_every_word_as_it_is(text):
    """Bash reads back the very text, and what is written can be printed."""
    written = quoted(text)
    assert written.isprintable()
    command = ["bash", "-c", f"printf %s {written}"]
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert done.stdout.decode() == text
