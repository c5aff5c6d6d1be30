"""All options: declared once, for argparse, Locust, the environment and the page alike."""

from __future__ import annotations

import argparse

import pytest

from sagellm_benchmark.config.options import (
    BY_KEY,
    GROUPS,
    OPTIONS,
    add_options,
    arguments,
    parse_values,
)
from sagellm_benchmark.errors import UsageError

NEVER_FROM_THE_PAGE = (
    *("trace", "format", "map", "out", "run_id", "system", "trace_dir"),
    *("api_key_env", "header", "insecure", "cacert", "extra_body", "model_map", "no_preflight"),
    *("tokenizer", "token_source", "allow_host", "scrape"),
)


def test_each_option_is_declared_once():
    """No flag twice, every group known, every option found by its key."""
    assert len({option.flag for option in OPTIONS}) == len(OPTIONS) == len(BY_KEY)
    assert {option.group for option in OPTIONS} == set(GROUPS)
    assert all(BY_KEY[option.key] is option for option in OPTIONS)


def test_what_the_page_may_never_set():
    """Keys, files, headers, TLS and where results go: the form takes posts of any origin."""
    assert not any(BY_KEY[key].page for key in NEVER_FROM_THE_PAGE)
    assert all(option.parse is not None for option in OPTIONS if option.page)


def test_every_default_is_a_value():
    """What stands where nothing is given would also be taken if it were given."""
    found = parse_values({})
    assert found.keys() == BY_KEY.keys()
    for option in OPTIONS:
        default = found[option.key]
        assert default == (False if option.parse is None else option.default)
        if option.choices and default is not None:
            assert default in option.choices
        if isinstance(default, int | float | str) and not isinstance(default, bool):
            assert option.value(str(default)) == default


@pytest.mark.parametrize(
    "option", [o for o in OPTIONS if o.default not in (None, ())], ids=lambda option: option.flag
)
def test_the_help_names_the_default(option):
    """`(default X)` in the help is the default in force."""
    shown = option.help.partition("(default")[2].split(")")[0].strip(" :")
    value = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
    assert shown.split(":")[0].split(",")[0].strip() == value


def test_the_help_can_be_printed():
    """No percent sign or metavar breaks argparse; every option stands in it."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    text = parser.format_help()
    for option in OPTIONS:
        assert option.flag in text
        assert option.help


def test_argparse_leaves_text_alone():
    """Values stay text, absent stays None, repeated ones are a list."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--limit", "x", "--no-stream", "--slo", "a", "--slo", "b"])
    assert (given.limit, given.no_stream, given.slo) == ("x", True, ["a", "b"])
    assert {key for key, value in vars(given).items() if value is not None} == {
        *("limit", "no_stream", "slo"),
    }


def test_choices_stand_in_the_help_only():
    """A wrong choice is refused by our one line and not by argparse's usage."""
    assert "choices" not in arguments(BY_KEY["endpoint"])
    assert arguments(BY_KEY["endpoint"])["metavar"] == "chat|completions|embeddings"
    with pytest.raises(UsageError, match="--endpoint must be one of"):
        parse_values({"endpoint": "chats"})


def test_unknown_keys_are_nobodys():
    """A source may know more than we do: Locust's own options are left alone."""
    assert "run_time" not in parse_values({"run_time": "60s", "limit": "3"})
