"""Where an option's value came from."""

from __future__ import annotations

import pytest
from locust.argument_parser import get_parser

from sagellm_benchmark.load import plugin  # noqa: F401  (declares the options)
from sagellm_benchmark.load.sources import sources_of


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """Parse a command line as Locust does, and tell the sources."""
    monkeypatch.chdir(tmp_path)  # Locust reads locust.conf of the current directory

    def parse(*options):
        parser = get_parser()
        parser.parse_args(list(options))
        return sources_of(parser)

    return parse


def test_the_command_line(sources):
    """Options that were written, in any of their forms, came from `cli`; the others are absent."""
    found = sources("--rate", "5", "--limit=3", "-t", "10s", "-H", "http://x", "--insecure")
    given = {"rate", "limit", "run_time", "host", "insecure"}
    assert {key for key, word in found.items() if word == "cli"} == given
    assert set(found) == given


def test_the_environment(sources, monkeypatch):
    """An environment variable, ours or Locust's, is `env`; the command line goes before it."""
    monkeypatch.setenv("SAGELLM_BENCHMARK_RATE", "5")
    monkeypatch.setenv("SAGELLM_BENCHMARK_LIMIT", "5")
    monkeypatch.setenv("LOCUST_RUN_TIME", "5s")
    found = sources("--rate", "7")
    assert (found["rate"], found["limit"], found["run_time"]) == ("cli", "env", "env")


def test_a_file(sources, tmp_path):
    """What stands in a configuration file came from `file`."""
    (tmp_path / "locust.conf").write_text("rate = 5\nstop-timeout = 7\n")
    found = sources("--limit", "7")
    assert found == {"limit": "cli", "rate": "file", "stop_timeout": "file"}


def test_a_value_is_no_option(sources):
    """A value that looks like another option's name is not taken for it."""
    assert set(sources("--model=--rate")) == {"model"}
